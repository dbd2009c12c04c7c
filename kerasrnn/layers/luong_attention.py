from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import (
    Constraint,
    Initializer,
    Regularizer,
    Tensor,
    keras_object,
    positive_integer,
)
from kerasrnn.layers.attention_layer import AttentionLayer, unseen

SCORES = ("dot", "general", "concat")


@keras.saving.register_keras_serializable(package="kerasrnn")
class LuongAttention(AttentionLayer):
    """Multiplicative attention: products of query and memory are the scores.

    score(q, m_s) = qᵀ m_s                      "dot", where Q = M
    score(q, m_s) = qᵀ W m_s                    "general"
    score(q, m_s) = vᵀ tanh(W [q; m_s])         "concat"
    α_s = softmax_s score(q, m_s)
    c = Σ_s α_s m_s

    Args:
        score: "dot", "general" or "concat".
        units: Size U of tanh(W [q; m]) in "concat"; by default that of the query.
            None in the others.
        kernel_initializer: Initializer of W and v.
        kernel_regularizer: Regularizer of W and v.
        kernel_constraint: Constraint on W and v.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        query: (B, Q), one query for each row, or (B, T, Q).
        memory: (B, S, M), such as the outputs of an encoder.
        memory_mask: (B, S) booleans, True where the memory counts; by default the
            mask that the layer before attached to `memory`.
        keys: What `project_memory(memory)` gave; None to project here.
        masked_is_finite: Whether masked places of `memory` and `keys` are known to
            hold finite numbers, so that they need not be replaced by zeros.

    Output shape:
        The context c, (B, M) or (B, T, M), and the alignments α, (B, S) or
        (B, T, S).

    Masking:
        Masked places get an alignment of 0 and count as zeros, also if they hold
        NaN. A row whose places are all masked has
        alignments and context of zeros.

    Raises:
        ValueError: A score of another name, a wrong rank or size, or a mask of
            another shape.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LuongAttention
    >>> queries, memory = np.ones((2, 4, 3), "float32"), np.ones((2, 5, 8), "float32")
    >>> context, alignments = LuongAttention("general")(queries, memory)
    >>> context.shape, alignments.shape
    (TensorShape([2, 4, 8]), TensorShape([2, 4, 5]))

    Reference: Luong et al. 2015, "Effective Approaches to Attention-based Neural
    Machine Translation", eq. 8.
    """

    def __init__(
        self,
        score: str = "general",
        *,
        units: int | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        **kwargs: Any,
    ) -> None:
        if score not in SCORES:
            raise ValueError(f"`score` must be one of {SCORES}; got {score!r}.")
        if units is not None and score != "concat":
            raise ValueError(
                f"`units` is the size inside score='concat'; got units={units!r} with "
                f"score={score!r}."
            )
        if units is not None:
            units = positive_integer("units", units)
        super().__init__(**kwargs)
        # Not `score`, which is the method.
        self.score_name = score
        self.units = units
        self.kernel_initializer = keras_object("kernel_initializer", kernel_initializer)
        self.kernel_regularizer = keras_object("kernel_regularizer", kernel_regularizer)
        self.kernel_constraint = keras_object("kernel_constraint", kernel_constraint)

    def add_score_weights(self) -> None:
        memory_size = self.memory_size
        units = self.units or self.query_size
        shapes = {
            "dot": {},
            "general": {"kernel": (self.query_size, memory_size)},
            "concat": {
                "kernel": (self.query_size + memory_size, units),
                "score_kernel": (units, 1),
            },
        }
        if self.score_name == "dot" and self.query_size != memory_size:
            raise ValueError(
                "score='dot' needs a query and a memory of one size; got "
                f"{self.query_size} and {memory_size}. Use score='general'."
            )
        for name, shape in shapes[self.score_name].items():
            weight = self.add_weight(
                shape=shape,
                name=name,
                initializer=unseen(self.kernel_initializer),
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
            setattr(self, name, weight)

    def keys_of(self, memory: Tensor) -> Tensor:
        """W m, or m itself for "dot", of every place, (B, S, ·)."""
        if self.score_name == "dot":
            return memory
        kernel = ops.cast(self.kernel, self.compute_dtype)
        if self.score_name == "general":
            return ops.matmul(memory, ops.transpose(kernel))  # (B, S, Q)
        return ops.matmul(memory, kernel[self.query_size :])  # (B, S, U)

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """Scores (B, T, S) of queries (B, T, Q) and keys (B, S, ·)."""
        if self.score_name != "concat":
            return ops.matmul(query, ops.transpose(keys, (0, 2, 1)))
        # W [q; m] = W_q q + W_m m, of which the keys are the second part.
        query = ops.matmul(query, self.kernel[: self.query_size])  # (B, T, U)
        z = ops.expand_dims(query, 2) + ops.expand_dims(keys, 1)  # (B, T, S, U)
        return ops.squeeze(ops.dot(ops.tanh(z), self.score_kernel), -1)

    def score_weights(self) -> dict:
        """The weights of the score that queries meet; none where it is a product."""
        if self.score_name != "concat":
            return {}
        query_kernel = self.kernel[: self.query_size]
        return {"query_kernel": query_kernel, "score_kernel": self.score_kernel}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "score": self.score_name,
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }
