"""What BahdanauAttention and LuongAttention share."""

import keras
from keras import ops

from kerasrnn.layers.call_checks import attached_mask, shapes_agree


class AttentionLayer(keras.layers.Layer):
    """Looks at a memory with queries, by scores that a subclass defines.

    A subclass has `project_memory(memory)`, which gives the keys k, all of the score
    that no query changes, `score(query, keys)`, and `score_weights()` for kernels.

    α_s = softmax_s score(q, k_s)        over the places s that the mask shows
    c = Σ_s α_s m_s
    """

    supports_masking = True

    def call(self, query, memory, memory_mask=None, keys=None):
        check_query_and_memory(self, query, memory)
        mask = standardize_memory_mask(memory_mask, memory)
        if keys is None:
            keys = self.project_memory(memory)
        one_query = len(query.shape) == 2
        if one_query:
            query = ops.expand_dims(query, 1)  # (B, 1, Q)
        scores = self.score(query, keys)  # (B, T, S)
        alignments = masked_softmax(scores, mask)
        context = ops.matmul(alignments, memory)  # (B, T, M)
        if one_query:
            return ops.squeeze(context, 1), ops.squeeze(alignments, 1)
        return context, alignments

    def compute_output_shape(self, query_shape, memory_shape):
        context_shape = (*query_shape[:-1], memory_shape[-1])
        return context_shape, (*query_shape[:-1], memory_shape[1])

    def compute_mask(self, inputs, previous_mask):
        return previous_mask, None

    def check_built(self):
        """Raises where there are no weights yet to project a memory with."""
        if not self.built:
            raise ValueError(
                f"Layer {self.name!r} has no weights yet. Call it once, or "
                "`build(query_shape, memory_shape)`."
            )


def unseen(initializer):
    """The initializer, with other random numbers than it gives to other weights."""
    return initializer.clone() if hasattr(initializer, "clone") else initializer


def masked_softmax(scores, mask):
    """Softmax over the last axis of `scores` (B, T, S), where `mask` (B, S) holds.

    Zeros elsewhere, and so all zeros where a row of the mask has no place at all.
    """
    # In half precision the sum over a long memory would be too coarse.
    dtype = scores.dtype
    scores = ops.cast(scores, keras.backend.result_type(dtype, "float32"))
    if mask is not None:
        mask = ops.expand_dims(mask, 1)  # (B, 1, S)
        # Finite, so that a row without a place has gradients of 0 and not NaN.
        scores = ops.where(mask, scores, -1e30)
    # Not ops.softmax, which warns where a memory has one place.
    alignments = ops.exp(scores - ops.logsumexp(scores, axis=-1, keepdims=True))
    if mask is not None:
        alignments = ops.where(mask, alignments, 0.0)
    return ops.cast(alignments, dtype)


def standardize_memory_mask(memory_mask, memory):
    """`memory_mask`, or else the mask that is attached to `memory`, as booleans."""
    mask = attached_mask(memory) if memory_mask is None else memory_mask
    if mask is None:
        return None
    mask = ops.cast(ops.convert_to_tensor(mask), "bool")
    expected, found = tuple(memory.shape[:2]), tuple(mask.shape)
    if not shapes_agree(found, expected):
        raise ValueError(
            f"`memory_mask` must be (batch, places)={expected}; got {found}."
        )
    return mask


def check_query_and_memory(layer, query, memory):
    """`query` must be (B, Q) or (B, T, Q) and `memory` (B, S, M) of the same batch."""
    found, expected = tuple(memory.shape), (query.shape[0], None, None)
    if not shapes_agree(found, expected):
        raise ValueError(
            f"`memory` of layer {layer.name!r} must be (batch, places, features)="
            f"{expected}; got {found}."
        )
    if len(query.shape) not in (2, 3):
        raise ValueError(
            f"`query` of layer {layer.name!r} must be (batch, features) or (batch, "
            f"steps, features); got {tuple(query.shape)}."
        )
