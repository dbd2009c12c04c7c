from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import (
    Constraint,
    Initializer,
    Regularizer,
    Tensor,
    flag,
    keras_object,
    positive_integer,
)
from kerasrnn.layers.attention_layer import AttentionLayer, unseen


@keras.saving.register_keras_serializable(package="kerasrnn")
class BahdanauAttention(AttentionLayer):
    """Additive attention: a small network scores every place of the memory.

    score(q, m_s) = vᵀ tanh(W_1 q + W_2 m_s + b)
    α_s = softmax_s score(q, m_s)
    c = Σ_s α_s m_s

    Query and memory may differ in size. W_2 m_s is the same for every query: a
    decoder computes it once, with `project_memory`, and passes it on as `keys`.

    Args:
        units: Positive integer, the size U in which query and memory meet.
        use_bias: Whether there is a bias b.
        kernel_initializer: Initializer of W_1, W_2 and v.
        bias_initializer: Initializer of b.
        kernel_regularizer: Regularizer of W_1, W_2 and v.
        kernel_constraint: Constraint on W_1, W_2 and v.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        query: (B, Q), one query for each row, or (B, T, Q).
        memory: (B, S, M), such as the outputs of an encoder.
        memory_mask: (B, S) booleans, True where the memory counts; by default the
            mask that the layer before attached to `memory`.
        keys: (B, S, U), what `project_memory(memory)` gave; None to project here.
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
        ValueError: A wrong rank or size, or a mask of another shape.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import BahdanauAttention
    >>> attention = BahdanauAttention(16)
    >>> memory = np.ones((2, 5, 8), "float32")
    >>> context, alignments = attention(np.ones((2, 3), "float32"), memory)
    >>> context.shape, alignments.shape
    (TensorShape([2, 8]), TensorShape([2, 5]))
    >>> keys = attention.project_memory(memory)
    >>> again, _ = attention(np.ones((2, 3), "float32"), memory, keys=keys)
    >>> bool(np.all(again == context))
    True

    Reference: Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning
    to Align and Translate", section A.1.2 (there W_a, U_a and v_a, without bias).
    """

    def __init__(
        self,
        units: int,
        *,
        use_bias: bool = False,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        **kwargs: Any,
    ) -> None:
        units = positive_integer("units", units)
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = flag("use_bias", use_bias)
        self.kernel_initializer = keras_object("kernel_initializer", kernel_initializer)
        self.bias_initializer = keras_object("bias_initializer", bias_initializer)
        self.kernel_regularizer = keras_object("kernel_regularizer", kernel_regularizer)
        self.kernel_constraint = keras_object("kernel_constraint", kernel_constraint)

    def add_score_weights(self) -> None:
        def kernel(name, shape):
            return self.add_weight(
                shape=shape,
                name=name,
                initializer=unseen(self.kernel_initializer),
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )

        self.query_kernel = kernel("query_kernel", (self.query_size, self.units))
        self.memory_kernel = kernel("memory_kernel", (self.memory_size, self.units))
        self.score_kernel = kernel("score_kernel", (self.units, 1))
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,), name="bias", initializer=self.bias_initializer
            )

    def keys_of(self, memory: Tensor) -> Tensor:
        """W_2 m + b of every place, (B, S, U)."""
        keys = ops.matmul(memory, ops.cast(self.memory_kernel, self.compute_dtype))
        if self.bias is None:
            return keys
        return keys + ops.cast(self.bias, self.compute_dtype)

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """Scores (B, T, S) of queries (B, T, Q) and keys (B, S, U)."""
        query = ops.matmul(query, self.query_kernel)  # (B, T, U)
        z = ops.expand_dims(query, 2) + ops.expand_dims(keys, 1)  # (B, T, S, U)
        return ops.squeeze(ops.dot(ops.tanh(z), self.score_kernel), -1)

    def score_weights(self) -> dict:
        """W_1 and v, the weights of the score that queries meet."""
        return {"query_kernel": self.query_kernel, "score_kernel": self.score_kernel}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }
