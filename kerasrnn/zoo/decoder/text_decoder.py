import itertools
from typing import Any, NamedTuple

import keras
from keras import ops

from kerasrnn.layers import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    LuongAttention,
    StackedRNNCells,
)
from kerasrnn.layers.arguments import Tensor
from kerasrnn.zoo.arguments import check_choice
from kerasrnn.zoo.decoder.word_dropout import WordDropout
from kerasrnn.zoo.recurrent_layers import CELLS

ATTENTIONS = ("bahdanau", "luong")


class Encoding(NamedTuple):
    """What an encoder tells a decoder of its source, or the shapes of that.

    Args:
        vectors: For each layer of the decoder, for each of its states, a tensor (B, ·)
            that the first state is made of.
        memory: (B, S, M), to attend to, or None.
        memory_mask: (B, S), which places of the memory count; None: all.
    """

    vectors: list
    memory: Tensor | None = None
    memory_mask: Tensor | None = None


class Decoded(NamedTuple):
    """What a decoder says, at every step or at one.

    Args:
        logits: (B, T, V) or (B, V), of the token that comes next.
        outputs: (B, T, ·) or (B, ·), of the recurrent layers.
        alignments: (B, T, S) or (B, S), where it looked; None without attention.
    """

    logits: Tensor
    outputs: Tensor
    alignments: Tensor | None = None


def states_of(cell: str) -> int:
    """How many states a layer of this cell has."""
    return 2 if cell == "lstm" else 1


@keras.saving.register_keras_serializable(package="kerasrnn")
class TextDecoder(keras.Model):
    """Writes a text token by token: token vectors, cells, attention or none, output.

    d_0 = tanh(W_d v)                  first states, for each layer
    d_t = cell(E y_{t-1}, d_{t-1})     recurrent layers
    o_t = tanh(W_o d_t)                output; with attention the a_t of `AttentionCell`
    p(y_t) = softmax(E o_t + b)        with `tie_embeddings`; else of W o_t + b

    Args:
        target_vocabulary_size: V, how many tokens there are; 0 is padding.
        cell: "simple_rnn", "lstm" or "gru".
        num_layers: How many recurrent layers.
        units: U, size of each of them.
        embedding_dim: Size of the token vectors, and of o_t.
        dropout: Fraction to drop of the token vectors, between layers, and of o_t.
        word_dropout: In training, share of the tokens taken for unknown.
        tie_embeddings: Whether the output's matrix is that of the token vectors.
        attention: "bahdanau", "luong" or None.
        attention_units: Size in which query and memory meet, of "bahdanau". None: U.
        attend: "after" the cell's step, or "before" it.
        input_feeding: Whether a_{t-1} enters the cell; with `attend="after"`.
        gated: Whether a gate scales the context; with `attend="before"`.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        target_ids: (B, T), what it is to have said before each step, the start token
            first.
        vectors: For each layer, for each of its states, what d_0 is made of (B, ·).
        memory: (B, S, M), to attend to.
        memory_mask: (B, S), which places of it count.
        training: Whether dropout applies.

    Output shape:
        A named tuple `Decoded`: logits (B, T, V), outputs (B, T, ·), alignments
        (B, T, S) or None.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.zoo.decoder.text_decoder import TextDecoder
    >>> decoder = TextDecoder(30, units=8, embedding_dim=8, attention="bahdanau")
    >>> vectors, memory = [[np.ones((2, 4))]], np.ones((2, 5, 6), "float32")
    >>> decoder(np.ones((2, 3), int), vectors, memory=memory).logits.shape
    TensorShape([2, 3, 30])

    Step by step:

    >>> state, prepared = decoder.initial_state(vectors), decoder.prepare(memory)
    >>> decoded, state = decoder.step(np.ones(2, int), state, prepared)
    >>> decoded.logits.shape, decoded.alignments.shape
    (TensorShape([2, 30]), TensorShape([2, 5]))

    Reference: Bahdanau et al. 2015; Luong et al. 2015, section 3.3 (input feeding);
    Press and Wolf 2017, "Using the Output Embedding to Improve Language Models".
    """

    def __init__(
        self,
        target_vocabulary_size: int,
        *,
        cell: str = "gru",
        num_layers: int = 1,
        units: int = 256,
        embedding_dim: int = 256,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        tie_embeddings: bool = True,
        attention: str | None = None,
        attention_units: int | None = None,
        attend: str = "after",
        input_feeding: bool = False,
        gated: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_choice("cell", cell, CELLS)
        if attention not in (None, *ATTENTIONS):
            raise ValueError(
                f"`attention` must be one of {', '.join(ATTENTIONS)}, or None; got "
                f"{attention!r}."
            )
        self.target_vocabulary_size = target_vocabulary_size
        self.cell = cell
        self.num_layers = num_layers
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.word_dropout = word_dropout
        self.tie_embeddings = tie_embeddings
        self.attention = attention
        self.attention_units = attention_units
        self.attend = attend
        self.input_feeding = input_feeding
        self.gated = gated
        policy = self.dtype_policy
        # Keras's own vectors are so small that the cell would see next to nothing for
        # the first epochs; those that logits are made of too must not be as large.
        deviation = 0.1 if tie_embeddings else 1.0
        self.embedding = keras.layers.Embedding(
            target_vocabulary_size,
            embedding_dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=deviation),
            dtype=policy,
            name="target_embedding",
        )
        # One after the other: Keras 3.12 saves nothing of lists in lists.
        self.bridge = [
            keras.layers.Dense(
                units, activation="tanh", dtype=policy, name=f"bridge_{k}_{n}"
            )
            for k in range(num_layers)
            for n in range(states_of(cell))
        ]
        self.recurrent = RNN(
            self._make_cell(), return_sequences=True, dtype=policy, name="recurrent"
        )
        self.drop = keras.layers.Dropout(dropout, dtype=policy, name="drop")
        self.drop_words = WordDropout(word_dropout, name="drop_words")
        if attention is None:
            self.output_layer = keras.layers.Dense(
                embedding_dim, activation="tanh", dtype=policy, name="output"
            )
        if tie_embeddings:
            self.output_bias = self.add_weight(
                shape=(target_vocabulary_size,), name="output_bias", initializer="zeros"
            )
        else:
            self.projection = keras.layers.Dense(
                target_vocabulary_size, dtype=policy, name="projection"
            )

    def _make_cell(self):
        """One step of the recurrent layers, with attention where there is one."""
        policy = self.dtype_policy
        cells = [
            CELLS[self.cell](
                self.units, dropout=self.dropout if k else 0.0, dtype=policy
            )
            for k in range(self.num_layers)
        ]
        cell = StackedRNNCells(cells, dtype=policy) if len(cells) > 1 else cells[0]
        if self.attention is None:
            return cell
        if self.attention == "bahdanau":
            units = self.attention_units or self.units
            attention = BahdanauAttention(units, dtype=policy)
        else:
            attention = LuongAttention("general", dtype=policy)
        return AttentionCell(
            cell,
            attention,
            attend=self.attend,
            input_feeding=self.input_feeding,
            gated=self.gated,
            attention_layer_size=self.embedding_dim,
            return_alignments=True,
            dtype=policy,
        )

    @property
    def attends(self) -> bool:
        """Whether it looks at a memory."""
        return self.attention is not None

    def build(
        self,
        target_ids_shape: tuple,
        vectors_shape: list,
        memory_shape: tuple | None = None,
    ) -> None:
        shapes = itertools.chain.from_iterable(vectors_shape)
        for dense, shape in zip(self.bridge, shapes, strict=True):
            dense.build(shape)
        x_shape = (*target_ids_shape, self.embedding_dim)
        for layer in (self.drop_words, self.embedding):
            layer.build(target_ids_shape)
        self.drop.build(x_shape)
        memory = {"memory_shape": memory_shape} if self.attends else {}
        self.recurrent.build(x_shape, **memory)
        if not self.attends:
            self.output_layer.build((*target_ids_shape, self.units))
        if not self.tie_embeddings:
            self.projection.build(x_shape)
        self.built = True

    def token_weights(self) -> list[tuple[keras.Variable, int, str]]:
        """The weights that have a row for each token: variable, axis and "target"."""
        read = (self.embedding.embeddings, 0, "target")
        if self.tie_embeddings:
            return [read, (self.output_bias, 0, "target")]
        of_output = (self.projection.kernel, 1), (self.projection.bias, 0)
        return [read, *((weight, axis, "target") for weight, axis in of_output)]

    @property
    def output_shape(self) -> tuple:
        """Of the logits: what `summary` shows."""
        return (None, None, self.target_vocabulary_size)

    def initial_state(self, vectors: list) -> list:
        """The first states d_0.

        Args:
            vectors: For each layer, for each of its states, what it is made of (B, ·).
        """
        bridge = iter(self.bridge)
        states = [[next(bridge)(v) for v in of_layer] for of_layer in vectors]
        first = states[0][0]
        states = states if self.num_layers > 1 else states[0]
        if self.input_feeding:
            fed = ops.zeros_like(first[:, :1], dtype=self.compute_dtype)
            states = [*states, ops.repeat(fed, self.embedding_dim, axis=1)]
        return states

    def call(
        self,
        target_ids: Tensor,
        vectors: list,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        training: bool = False,
    ) -> Decoded:
        if training:
            target_ids = self.drop_words(target_ids, training=True)
        x = self.drop(self.embedding(target_ids), training=training)
        state = self.initial_state(vectors)
        arguments = {"initial_state": state, "training": training}
        if not self.attends:
            outputs = self.recurrent(x, **arguments)  # (B, T, U)
            return Decoded(self._logits(outputs, training), outputs)
        outputs, alignments = self.recurrent(
            x, memory=memory, memory_mask=memory_mask, **arguments
        )
        return Decoded(self._logits(outputs, training), outputs, alignments)

    def prepare(
        self, memory: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> dict:
        """What every `step` needs, computed once.

        Args:
            memory: (B, S, M), to attend to.
            memory_mask: (B, S), which places of it count.
        """
        prepared = {}
        if self.attends:
            prepared["memory"] = self.recurrent.cell.prepare_memory(memory, memory_mask)
        if self.tie_embeddings:
            prepared["output_vectors"] = self._output_vectors()
        return prepared

    def step(
        self, token_ids: Tensor, state: list, prepared: dict
    ) -> tuple[Decoded, list]:
        """One step: what is said after one more token, and the states after it.

        Args:
            token_ids: (B,), the token before.
            state: The states before it.
            prepared: What `prepare` gave.

        Returns:
            A `Decoded` of one step, and the new states.
        """
        x = self.embedding(token_ids)
        cell, vectors = self.recurrent.cell, prepared.get("output_vectors")
        if not self.attends:
            outputs, state = cell(x, state)
            return Decoded(self._logits(outputs, vectors=vectors), outputs), state
        (outputs, seen), state = cell(x, state, memory=prepared["memory"])
        return Decoded(self._logits(outputs, vectors=vectors), outputs, seen), state

    def _logits(self, outputs, training=False, vectors=None):
        """Logits (..., V) of the recurrent layers' outputs."""
        if not self.attends:
            outputs = self.output_layer(outputs)
        outputs = self.drop(outputs, training=training)
        if not self.tie_embeddings:
            return self.projection(outputs)
        vectors = self._output_vectors() if vectors is None else vectors
        bias = ops.cast(self.output_bias, self.compute_dtype)
        return ops.matmul(outputs, vectors) + bias

    def _output_vectors(self):
        """The token vectors as the columns of a matrix (embedding_dim, V)."""
        vectors = ops.cast(self.embedding.embeddings, self.compute_dtype)
        return ops.transpose(vectors)

    def get_config(self) -> dict:
        names = (
            *("target_vocabulary_size", "cell", "num_layers", "units"),
            *("embedding_dim", "dropout", "word_dropout", "tie_embeddings"),
            *("attention", "attention_units", "attend", "input_feeding", "gated"),
        )
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}
