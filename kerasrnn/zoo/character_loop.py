"""The loop in which a language model writes, one character after the other."""

from keras import ops

from kerasrnn.decoding.carried_state import CarriedState, call_step, while_loop
from kerasrnn.decoding.sampling import choose_token

# The first ids are padding and unknown, which are never written.
FIRST = 2


def write_characters(step, state, ids, uniforms, temperature, top_k=None):
    """Ids of the next characters, one for each number to draw with.

    y_t ~ softmax(logits_t / temperature)

    Args:
        step: `step(ids (B,), state) -> (logits (B, V), state)`.
        state: Nested lists of tensors, what the model knows of all that came before
            `ids`.
        ids: (B,), the character before the first that is written.
        uniforms: (B, n) numbers from 0 to below 1.
        temperature: A number or a scalar tensor; 0 takes the likeliest.
        top_k: How many of the likeliest may be drawn, or None for all.

    Returns:
        Their ids (B, n), and the state before the last one of them was read.
    """
    uniforms = ops.transpose(ops.convert_to_tensor(uniforms, "float32"))  # (n, B)
    carried = CarriedState(state)
    ids = ops.cast(ids, "int32")

    def body(t, ids, written, *tensors):
        logits, _, tensors = call_step(step, ids, carried, tensors)
        logits = logits[:, FIRST:]
        numbers = ops.take(uniforms, t, axis=0)
        chosen = choose_token(logits, numbers, temperature, top_k)
        ids = ops.cast(chosen, "int32") + FIRST
        written = ops.scatter_update(written, ops.reshape(t, (1, 1)), ids[None])
        return [t + 1, ids, written, *tensors]

    count = ops.shape(uniforms)[0]
    _, _, written, *tensors = while_loop(
        lambda t, *_: t < count,
        body,
        [
            ops.convert_to_tensor(0, "int32"),
            ids,
            ops.zeros(ops.shape(uniforms), "int32"),
            *carried.tensors,
        ],
    )
    return ops.transpose(written), carried.pack(tensors)
