"""How a language model writes, one character after the other."""

from typing import Any

from keras import ops

from kerasrnn.decoding import KerasHubSearch, sample

# The first ids are padding and unknown, which are never written.
FIRST = 2


def write_characters(
    step, state, ids, uniforms, temperature, top_k=None, top_p=None
) -> tuple[Any, Any]:
    """Ids of the next characters, one for each number to draw with.

    y_t ~ softmax(logits_t / temperature)        restricted by `top_k` and `top_p`

    Args:
        step: `step(ids (B,), state) -> (logits (B, V), state)`.
        state: Nested lists of tensors, what the model knows of all that came before
            `ids`.
        ids: (B,), the character before the first that is written.
        uniforms: (B, n) numbers from 0 to below 1.
        temperature: A number or a scalar tensor; 0 takes the likeliest.
        top_k: How many of the likeliest may be drawn, or None for all.
        top_p: The likeliest may be drawn that together first have this probability;
            None for all.

    Returns:
        Their ids (B, n), and the state before the last one of them was read.
    """
    decoded, state = sample(
        step_of_characters(step),
        state,
        ops.cast(ids, "int32") - FIRST,
        max_length=ops.shape(uniforms)[1],
        end_id=None,
        pad_id=-FIRST,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        uniforms=uniforms,
        return_state=True,
    )
    return decoded.token_ids + FIRST, state


def write_with_sampler(sampler, step, state, ids, length: int):
    """Ids (B, length) of the next characters, as a sampler of KerasHub chooses them.

    Args:
        sampler: Such as `keras_hub.samplers.TopPSampler()`.
        step: `step(ids (B,), state) -> (logits (B, V), state)`.
        state: Nested lists of tensors, what the model knows of all that came before
            `ids`.
        ids: (B,), the character before the first that is written.
        length: How many characters to write.
    """
    found = KerasHubSearch(sampler)(
        step_of_characters(step),
        state,
        ops.cast(ids, "int32") - FIRST,
        max_length=length,
        end_id=None,
        pad_id=-FIRST,
    )
    token_ids = found.token_ids
    # Of several beams the first is the best.
    return (token_ids[:, 0] if len(token_ids.shape) == 3 else token_ids) + FIRST


def step_of_characters(step):
    """`step` with numbers from 0 for the characters, without padding and unknown."""

    def step_of(numbers, state):
        logits, state = step(numbers + FIRST, state)
        return logits[:, FIRST:], state

    return step_of
