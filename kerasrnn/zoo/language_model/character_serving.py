"""What an exported character language model offers."""

import functools

from keras import ops

from kerasrnn.zoo.language_model.character_loop import write_characters
from kerasrnn.zoo.language_model.character_texts import start


def serving_signatures(model):
    """Signatures of a `CharLanguageModel`: generate, score, step.

    generate: text (B,), length, temperature and seed give what comes after each text.
    score: text (B,) gives log-probabilities (B, T), zeros after a text's end, and
        lengths (B,).
    step: character (B,), of which the first character counts, "" before the first of
        a text; and the states, zeros then. Gives log_probabilities (B, V) of what
        comes next, the characters (V,), and the new states.
    """
    import tensorflow as tf

    def spec(name, dtype=tf.string, shape=(None,)):
        return tf.TensorSpec(shape, dtype, name=name)

    generate_specs = [
        spec("text"),
        spec("length", tf.int32, ()),
        spec("temperature", tf.float32, ()),
        spec("seed", tf.int32, ()),
    ]
    states = [
        [
            spec(f"state_{i}_{j}", tf.as_dtype(state.dtype), (None, *state.shape[1:]))
            for j, state in enumerate(of_layer)
        ]
        for i, of_layer in enumerate(model.initial_states(1))
    ]
    names = [[state.name for state in of_layer] for of_layer in states]
    # Padding and unknown are never written.
    shown = tf.constant(model.preprocessor.get_vocabulary()[2:])

    def generate(text, length, temperature, seed):
        ids, lengths = ids_of(text)
        states, last = start(model, ids, lengths)
        shape = [tf.shape(ids)[0], length]
        uniforms = tf.random.stateless_uniform(shape, tf.stack([seed, 0]))
        step = functools.partial(model.step, remember=False)
        written, _ = write_characters(step, states, last, uniforms, temperature)
        return {"text": model.preprocessor.detokenize(written)}

    def score(text):
        ids, lengths = ids_of(text)
        before = tf.pad(ids, [[0, 0], [1, 0]])[:, :-1]
        logits, _ = model.run(before, model.initial_states(tf.shape(ids)[0]))
        found = tf.gather(tf.nn.log_softmax(logits), ids, batch_dims=2)
        there = tf.sequence_mask(lengths, tf.shape(ids)[1])
        return {
            "log_probabilities": tf.where(there, found, 0.0),
            "lengths": lengths,
        }

    def step(character, *states):
        states = iter(states)
        states = [[next(states) for _ in of_layer] for of_layer in names]
        ids, _ = ids_of(character)
        logits, states = model.step(ids[:, 0], states)
        after = {
            name: state
            for of_layer, of_state in zip(names, states, strict=True)
            for name, state in zip(of_layer, of_state, strict=True)
        }
        found = ops.log_softmax(logits)[:, 2:]
        return {"log_probabilities": found, "characters": shown, **after}

    def ids_of(text):
        ids = model.preprocess(text)
        return ids, tf.cast(tf.math.count_nonzero(ids, axis=1), tf.int32)

    return {
        "serving_default": (generate, generate_specs),
        "generate": (generate, generate_specs),
        "score": (score, [spec("text")]),
        "step": (step, [spec("character"), *tf.nest.flatten(states)]),
    }
