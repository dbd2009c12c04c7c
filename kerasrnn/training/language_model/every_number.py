"""All numbers of a small language model, as on a slide."""

import itertools

import numpy as np
from keras import ops

# Padding and unknown.
SPECIAL = 2


def every_number(model, text) -> list[str]:
    """Lines that show what a `CharLanguageModel` computes at each step of a text.

    Args:
        model: The model; its vocabulary and its layers should be small.
        text: What it reads. Its last character is a target only.

    Example:

    >>> from kerasrnn.text import CharacterTokenizer
    >>> from kerasrnn.zoo import CharLanguageModel
    >>> tokenizer = CharacterTokenizer("helo")
    >>> model = CharLanguageModel(preprocessor=tokenizer, num_layers=1, units=3)
    >>> for line in every_number(model, "hello")[:2]:
    ...     print(line)
                      e     h     l     o
    step 1 input    0.00  1.00  0.00  0.00   'h'
    """
    tokenizer = model.preprocessor
    characters = tokenizer.get_vocabulary()[SPECIAL:]
    ids = tokenizer.encode(text).astype("int32")
    states = model.initial_states(1)
    # What is learned of a text's first character comes before it.
    _, states = model.step(np.zeros(1, "int32"), states)
    lines = [" " * 13 + "".join(f"{name_of(c):>6}" for c in characters)]
    for step, (read, target) in enumerate(itertools.pairwise(ids), 1):
        logits, states = model.step(np.array([read]), states)
        p = ops.convert_to_numpy(ops.softmax(logits))[0, SPECIAL:]
        one_hot = np.eye(len(characters))[read - SPECIAL]
        read, target = (tokenizer.decode([number]) for number in (read, target))
        lines.append(f"step {step} input  {row(one_hot)}   {read!r}")
        for layer, state in enumerate(states):
            number = f" {layer}" if len(states) > 1 else ""
            hidden = ops.convert_to_numpy(state[0])[0]
            lines.append(f"       hidden{number} {row(hidden)}")
        lines.append(f"       logits {row(ops.convert_to_numpy(logits)[0, SPECIAL:])}")
        chosen = characters.index(target)
        lines.append(f"       p      {row(p)}   {target!r} is right: {p[chosen]:.2f}")
    return lines


def row(numbers):
    """Numbers side by side."""
    return "".join(f"{number:6.2f}" for number in numbers)


def name_of(character):
    """A character as it is, or the name of one that cannot be seen."""
    return character if character.strip() else repr(character).strip("'")
