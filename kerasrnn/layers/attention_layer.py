"""What BahdanauAttention and LuongAttention share."""

from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import (
    Shape,
    Tensor,
)
from kerasrnn.layers.call_checks import (
    as_tensor,
    attached_mask,
    check_real,
    shapes_agree,
    static_shape,
)


class AttentionLayer(keras.layers.Layer):
    """Looks at a memory with queries, by scores that a subclass defines.

    A subclass has `keys_of(memory)`, which gives the keys k, all of the score that no
    query changes, `score(query, keys)`, and `score_weights()` for kernels.

    α_s = softmax_s score(q, k_s)        over the places s that the mask shows
    c = Σ_s α_s m_s

    Places that the mask hides count as zeros, whatever they hold, also NaN.
    """

    supports_masking = True
    query_size: Any = None
    memory_size: Any = None  # known when the layer is built

    def __call__(self, query: Tensor, memory: Tensor, *args: Any, **kwargs: Any):
        check_real(self, "query", query)
        check_real(self, "memory", memory)
        return super().__call__(query, memory, *args, **kwargs)

    def build(self, query_shape: Shape, memory_shape: Shape) -> None:
        self.query_size, self.memory_size = query_shape[-1], memory_shape[-1]
        self.add_score_weights()
        self.built = True

    def call(
        self,
        query: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
        masked_is_finite: bool = False,
    ) -> tuple[Tensor, Tensor]:
        if masked_is_finite:
            mask = memory_mask
        else:
            check_query_and_memory(self, query, memory)
            memory, mask = standardize_memory(
                self, memory, memory_mask, features=self.memory_size
            )
            if keys is not None:
                check_keys(self, keys, memory)
                keys = hide(keys, mask)
        if keys is None:
            keys = self.keys_of(memory)
        one_query = len(query.shape) == 2
        if one_query:
            query = ops.expand_dims(query, 1)  # (B, 1, Q)
        scores = self.score(query, keys)  # (B, T, S)
        alignments = masked_softmax(scores, mask)
        context = ops.matmul(alignments, memory)  # (B, T, M)
        if one_query:
            return ops.squeeze(context, 1), ops.squeeze(alignments, 1)
        return context, alignments

    def project_memory(
        self, memory: Tensor, memory_mask: Tensor | None = None
    ) -> Tensor:
        """All of the score that no query changes, of every place: the keys.

        Args:
            memory: (B, S, M).
            memory_mask: (B, S) booleans, True where the memory counts; by default
                the mask attached to `memory`.
        """
        if not self.built:
            raise ValueError(
                f"Layer {self.name!r} has no weights yet. Call it once, or "
                "`build(query_shape, memory_shape)`."
            )
        memory, _ = standardize_memory(
            self, memory, memory_mask, features=self.memory_size
        )
        return self.keys_of(ops.cast(memory, self.compute_dtype))

    def compute_output_shape(
        self, query_shape: Shape, memory_shape: Shape
    ) -> tuple[Shape, Shape]:
        context_shape = (*query_shape[:-1], memory_shape[-1])
        return context_shape, (*query_shape[:-1], memory_shape[1])

    def compute_mask(self, inputs: Any, previous_mask: Any) -> tuple:
        return previous_mask, None


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


def hide(values, mask):
    """`values` (B, S, ·), zeros where `mask` (B, S) does not hold."""
    return values if mask is None else ops.where(ops.expand_dims(mask, -1), values, 0)


def standardize_memory(layer, memory, memory_mask, features):
    """The memory, with zeros where it is masked, and its mask as booleans, or None.

    Zeros, so that nothing that hidden places hold, such as NaN, comes into sums and
    gradients: 0 · NaN is NaN.

    Args:
        layer: The layer that looks.
        memory: (B, S, M).
        memory_mask: (B, S), or None: the mask that is attached to `memory`, if any.
        features: M where it is known, else None.
    """
    check_real(layer, "memory", memory)
    found = static_shape(memory)
    if not hasattr(memory, "shape") or not shapes_agree(found, (None, None, features)):
        size = "features" if features is None else f"features={features}"
        raise ValueError(
            f"`memory` of layer {layer.name!r} must be (batch, places, {size}); got "
            f"{found if hasattr(memory, 'shape') else memory}."
        )
    mask = attached_mask(memory) if memory_mask is None else memory_mask
    memory = as_tensor(memory)
    if mask is None:
        return memory, None
    mask = ops.cast(as_tensor(mask), "bool")
    expected, found = tuple(memory.shape[:2]), tuple(mask.shape)
    if not shapes_agree(found, expected):
        raise ValueError(
            f"`memory_mask` must be (batch, places)={expected}; got {found}."
        )
    return hide(memory, mask), mask


def check_keys(layer, keys, memory):
    """`keys` must be of the same places as `memory`."""
    found, expected = static_shape(keys), (*memory.shape[:2], None)
    if not shapes_agree(found, expected):
        raise ValueError(
            f"`keys` of layer {layer.name!r} must be (batch, places, size)={expected}, "
            f"what `project_memory(memory)` gives; got {found}."
        )


def check_query_and_memory(layer, query, memory):
    """`query` must be (B, Q) or (B, T, Q) and `memory` (B, S, M) of the same batch."""
    found, expected = static_shape(memory), (query.shape[0], None, None)
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
    if query.shape[-1] not in (None, layer.query_size):
        raise ValueError(
            f"`query` of layer {layer.name!r} must have {layer.query_size} features, "
            f"as when it was built; got the shape {tuple(query.shape)}."
        )
