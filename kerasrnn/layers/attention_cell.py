import math
from typing import Any

import keras
from keras import ops, tree

from kerasrnn.kernels import Attention
from kerasrnn.layers.any_cell import (
    KerasDropoutProtocol,
    as_list,
    cell_output_size,
    check_is_cell,
    draw_dropout_masks,
    initial_states,
    reset_dropout_masks,
    run_step,
    takes,
)
from kerasrnn.layers.arguments import (
    Initializer,
    Regularizer,
    Shape,
    States,
    Tensor,
    flag,
    keras_object,
    positive_integer,
)
from kerasrnn.layers.attention_layer import AttentionLayer, standardize_memory


@keras.saving.register_keras_serializable(package="kerasrnn")
class AttentionCell(keras.layers.Layer, KerasDropoutProtocol):
    """A cell that looks at a memory at every step: the decoder of a translator.

    With `attend="after"` the cell's own output h_t asks (Luong et al.):

    h_t, s_t = cell(x_t, s_{t-1})        or cell([x_t; a_{t-1}], s_{t-1}), fed back
    c_t = Σ_s α_{ts} m_s                 α_t = attention(h_t, m)
    a_t = tanh(W_c [c_t; h_t])           or [c_t; h_t], without `attention_layer_size`

    With `attend="before"` the state before the step asks (Bahdanau et al.):

    c_t = Σ_s α_{ts} m_s                 α_t = attention(h_{t-1}, m)
    h_t, s_t = cell([x_t; c_t], s_{t-1})
    a_t = tanh(W_c [c_t; h_t])           or [c_t; h_t]

    With `gated` too, where c_t is not needed, such as for the word "of", the state
    turns it down (Xu et al.):

    c_t = σ(w_g · h_{t-1} + b_g) Σ_s α_{ts} m_s

    The memory is an argument of the call, not a part of the state: a loop over time
    neither copies it from step to step, nor projects it more than once.

    Args:
        cell: Any cell, of kerasrnn, of Keras or your own; `StackedRNNCells` for
            several, the last one of which asks.
        attention: A `BahdanauAttention` or a `LuongAttention`.
        attend: "after" the cell's step, or "before" it.
        input_feeding: Whether a_{t-1} enters the cell beside x_t; with
            `attend="after"` only. It becomes the last of the states.
        attention_layer_size: Size of a_t; None for [c_t; h_t].
        gated: Whether a gate scales the context; with `attend="before"` only.
        return_alignments: Whether a step's output is `[a_t, α_t]`. An `RNN` then
            returns the alignments (B, T, S) beside the outputs.
        kernel_initializer: Initializer of W_c.
        kernel_regularizer: Regularizer of W_c.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        inputs: (B, D), one step.
        states: The list of the cell's states; with `input_feeding` a_{t-1} is one
            more, the last.
        memory: (B, S, M); or what `prepare_memory(memory, memory_mask)` gave, which
            spares the projection. The inputs may have K times as many rows as the
            memory: K rows in turn then look at one row of it, as the beams of a
            sentence do.
        training: Whether dropout applies.

    Output shape:
        a_t as (B, attention_layer_size) or (B, M + U), and the list of new states.

    Raises:
        ValueError: `input_feeding` without `attention_layer_size` or with
            `attend="before"`; `gated` with `attend="after"`; no memory.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import RNN, AttentionCell, BahdanauAttention, GRUCell
    >>> cell = AttentionCell(
    ...     GRUCell(6), BahdanauAttention(4), attention_layer_size=5, input_feeding=True
    ... )
    >>> decoder = RNN(cell, return_sequences=True)
    >>> encoded, targets = np.ones((2, 7, 8)), np.ones((2, 3, 4))
    >>> decoder(targets, memory=encoded).shape
    TensorShape([2, 3, 5])

    Step by step, with the memory projected once:

    >>> memory = cell.prepare_memory(encoded)
    >>> state = decoder.get_initial_state(2)
    >>> for t in range(3):
    ...     y, state = decoder.step(targets[:, t], state, memory=memory)
    >>> y.shape
    TensorShape([2, 5])

    Reference: Bahdanau et al. 2015, section 3.1; Luong et al. 2015, eq. 5 and
    section 3.3 (input feeding); Xu et al. 2015, "Show, Attend and Tell", section 4.2.1
    (gate).
    """

    def __init__(
        self,
        cell: Any,
        attention: AttentionLayer,
        *,
        attend: str = "after",
        input_feeding: bool = False,
        attention_layer_size: int | None = None,
        gated: bool = False,
        return_alignments: bool = False,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_is_cell("cell", cell)
        if not isinstance(attention, AttentionLayer):
            raise ValueError(
                "`attention` must be a BahdanauAttention or a LuongAttention; got "
                f"{attention}."
            )
        if attend not in ("after", "before"):
            raise ValueError(f"`attend` must be 'after' or 'before'; got {attend!r}.")
        gated = flag("gated", gated)
        input_feeding = flag("input_feeding", input_feeding)
        if attention_layer_size is not None:
            attention_layer_size = positive_integer(
                "attention_layer_size", attention_layer_size
            )
        if input_feeding and attend == "before":
            raise ValueError(
                "`input_feeding` goes with attend='after'; with attend='before' the "
                "context enters the cell already."
            )
        if input_feeding and attention_layer_size is None:
            raise ValueError(
                "`input_feeding` needs `attention_layer_size`, the size of what is "
                "fed back; got None."
            )
        if gated and attend == "after":
            raise ValueError(
                "`gated` goes with attend='before', where the context enters the cell; "
                "got attend='after'."
            )
        self.cell = cell
        self.attention = attention
        self.gated = gated
        self.attend = attend
        self.input_feeding = input_feeding
        self.attention_layer_size = attention_layer_size
        self.return_alignments = flag("return_alignments", return_alignments)
        self.kernel_initializer = keras_object("kernel_initializer", kernel_initializer)
        self.kernel_regularizer = keras_object("kernel_regularizer", kernel_regularizer)
        self._memory_size: Any = None  # known when the cell is built
        self.input_size: Any = None  # of a step, known when the cell is built

    @property
    def state_size(self) -> list:
        fed = [self.attention_layer_size] if self.input_feeding else []
        return [*as_list(self.cell.state_size), *fed]

    @property
    def output_size(self) -> int | list:
        size = self.attention_layer_size
        if size is None:
            self._check_built()
            size = self._memory_size + cell_output_size(self.cell)
        # As many alignments as the memory has places.
        return [size, None] if self.return_alignments else size

    def build(self, input_shape: Shape, memory_shape: Shape | None = None) -> None:
        if memory_shape is None:
            raise ValueError(
                f"Cell {self.name!r} attends to a memory, so that it must be built "
                "with a `memory_shape`, and called with `memory`."
            )
        batch, size = input_shape[0], cell_output_size(self.cell)
        self._memory_size = memory_shape[-1]
        self.input_size = input_shape[-1]
        self._step_size = self.input_size
        if self.input_feeding:
            self._step_size += self.attention_layer_size
        if self.attend == "before":
            self._step_size += self._memory_size
        if isinstance(self.cell, keras.layers.Layer) and not self.cell.built:
            self.cell.build((batch, self._step_size))
            self.cell.built = True
        if not self.attention.built:
            self.attention.build((batch, size), memory_shape)
            self.attention.built = True
        if self.attention_layer_size is not None:
            self.kernel = self.add_weight(
                shape=(self._memory_size + size, self.attention_layer_size),
                name="kernel",
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
            )
        if self.gated:
            self.gate_kernel = self.add_weight(
                shape=(size, 1),
                name="gate_kernel",
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
            )
            self.gate_bias = self.add_weight(
                shape=(1,), name="gate_bias", initializer="zeros"
            )
        self.built = True

    def get_initial_state(self, batch_size: int | None = None) -> States:
        """The cell's initial states, and zeros for what is fed back."""
        states = as_list(initial_states(self.cell, batch_size, self.compute_dtype))
        if self.input_feeding:
            shape = (batch_size, self.attention_layer_size)
            states = [*states, ops.zeros(shape, dtype=self.compute_dtype)]
        return states

    def prepare_memory(self, memory: Tensor, memory_mask: Tensor | None = None) -> dict:
        """What every step needs of a memory, computed once.

        Args:
            memory: (B, S, M).
            memory_mask: (B, S) booleans, True where the memory counts; by default
                the mask attached to `memory`.

        Returns:
            A dictionary of `memory`, `keys` and, where there is one, `mask`: the
            `memory` of a step.
        """
        self._check_built()
        memory, mask = standardize_memory(
            self, memory, memory_mask, features=self._memory_size
        )
        memory = ops.cast(memory, self.attention.compute_dtype)
        prepared = {"memory": memory, "keys": self.attention.project_memory(memory)}
        return prepared if mask is None else {**prepared, "mask": mask}

    def call(
        self,
        inputs: Tensor,
        states: States,
        memory: Tensor | dict | None = None,
        training: bool = False,
    ) -> tuple[Tensor | list, States]:
        if memory is None:
            raise ValueError(
                f"Cell {self.name!r} attends to a memory: `memory` must be (batch, "
                "places, features); got None."
            )
        if not isinstance(memory, dict):
            memory = self.prepare_memory(memory)
        self.check_rows(inputs, memory)
        if self.attend == "before":
            query = self._query(states)
            context, alignments = self._look(query, memory)
            if self.gated:
                gate = ops.matmul(query, self.gate_kernel) + self.gate_bias  # (B, 1)
                context = ops.sigmoid(gate) * context
            inputs = ops.concatenate([inputs, context], axis=-1)
            h, states = self._step(inputs, states, training)
        else:
            if self.input_feeding:
                *states, fed = states
                inputs = ops.concatenate([inputs, fed], axis=-1)
            h, states = self._step(inputs, states, training)
            context, alignments = self._look(h, memory)
        output = self._attentional(context, h)
        if self.input_feeding:
            states = [*states, output]
        return ([output, alignments] if self.return_alignments else output), states

    def compute_output_spec(
        self,
        inputs: Tensor,
        states: States,
        memory: Tensor | dict | None = None,
        training: bool = False,
    ) -> tuple[Tensor | list, States]:
        """Shapes of the output and the new states, which JAX cannot trace."""
        looked_at: Any = memory["memory"] if isinstance(memory, dict) else memory
        shapes = (inputs.shape, looked_at.shape)
        if not self.built:
            self.build(*shapes)
        rows, places = (shape[:-1] for shape in shapes)
        size = as_list(self.output_size)[0]

        def tensor(*shape):
            return keras.KerasTensor(shape, dtype=self.compute_dtype)

        output = tensor(*rows, size)
        new_states = tree.map_structure(
            lambda state: tensor(*state.shape), list(states)
        )
        if self.return_alignments:
            return [output, tensor(*rows, places[1])], new_states
        return output, new_states

    def check_rows(self, inputs: Tensor, memory: dict) -> None:
        """Raises where `inputs` have not K rows for each of the memory."""
        rows, batch = inputs.shape[0], memory["memory"].shape[0]
        if rows and batch and rows % batch:
            raise ValueError(
                f"`memory` of cell {self.name!r} must have a row for each of the "
                f"{rows} rows of the inputs, or for K of them; got {batch} rows."
            )

    @property
    def looks_at_once(self) -> bool:
        """Whether all steps can be run before the first look at the memory."""
        return self.attend == "after" and not self.input_feeding

    def fed_attention(self, memory: dict | None) -> Attention | None:
        """What a kernel needs of it where a_t is fed back, else None.

        Args:
            memory: What `prepare_memory` gave, or None to ask only whether.
        """
        if not self.input_feeding or not self.built:
            return None
        memory = memory or {}
        weights = {"output_kernel": self.kernel, **self.attention.score_weights()}
        return Attention(
            memory=memory.get("memory"),
            keys=memory.get("keys"),
            mask=memory.get("mask"),
            returns_alignments=self.return_alignments,
            **{name: ops.cast(w, self.compute_dtype) for name, w in weights.items()},
        )

    def attend_to(self, outputs: Tensor, memory: dict) -> Tensor | list:
        """What `call` makes of the inner cell's outputs, of all steps at once.

        Args:
            outputs: (B, T, U), the inner cell's.
            memory: What `prepare_memory` gave.

        Returns:
            a (B, T, ·), or `[a, alignments]` with alignments (B, T, S).
        """
        outputs = ops.cast(outputs, self.compute_dtype)
        context, alignments = self._look(outputs, memory)
        output = self._attentional(context, outputs)
        return [output, alignments] if self.return_alignments else output

    def _attentional(self, context, h):
        """a = tanh(W_c [c; h]), or [c; h]."""
        output = ops.concatenate([context, h], axis=-1)  # (..., M + U)
        if self.attention_layer_size is None:
            return output
        return ops.tanh(ops.matmul(output, self.kernel))

    def _look(self, query, memory):
        """Context (B, ..., M) and alignments (B, ..., S) of `query` (B, ..., U)."""
        rows, size = ops.shape(query)[:-1], query.shape[-1]
        batch, places, features = ops.shape(memory["memory"])
        # TensorFlow may know the sizes of a trace only when it runs.
        if not ops.is_tensor(batch) and rows[0] == batch:
            found = self.attention(
                query,
                memory["memory"],
                memory_mask=memory.get("mask"),
                keys=memory["keys"],
                masked_is_finite=True,
            )
            return tuple(ops.cast(x, self.compute_dtype) for x in found)
        # Steps, and beams of one sentence, are queries of one row of the memory.
        queries = math.prod(rows)
        queries = queries // (max if isinstance(batch, int) else ops.maximum)(batch, 1)
        context, alignments = self.attention(
            ops.reshape(query, (batch, queries, size)),
            memory["memory"],
            memory_mask=memory.get("mask"),
            keys=memory["keys"],
            masked_is_finite=True,
        )
        context = ops.reshape(context, (*rows, features))
        return (
            ops.cast(context, self.compute_dtype),
            ops.cast(ops.reshape(alignments, (*rows, places)), self.compute_dtype),
        )

    def _query(self, states):
        """The state h of the cell, or of the last of several."""
        cell = self.cell
        while hasattr(cell, "cells"):
            states, cell = states[len(cell.cells) - 1], cell.cells[-1]
        return tree.flatten(states)[0]

    def _step(self, inputs, states, training):
        arguments = {"training": training} if takes(self.cell, "training") else {}
        output, states = run_step(self.cell, inputs, list(states), **arguments)
        states = tree.map_structure(lambda s: ops.cast(s, self.compute_dtype), states)
        return ops.cast(output, self.compute_dtype), states

    def get_dropout_mask(self, step_input: Tensor) -> None:
        """Draws the inner cell's masks: how an `RNN` asks for them."""
        shape = (ops.shape(step_input)[0], self._step_size)
        draw_dropout_masks(self.cell, ops.ones(shape, dtype=step_input.dtype))

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> None:
        """Drawn by `get_dropout_mask`."""

    def reset_dropout_mask(self) -> None:
        reset_dropout_masks(self.cell)

    def reset_recurrent_dropout_mask(self) -> None:
        """Reset by `reset_dropout_mask`."""

    def _check_built(self):
        if self._memory_size is None:
            raise ValueError(
                f"Cell {self.name!r} is not built yet: call it, or the RNN round it, "
                "once; or `build(input_shape, memory_shape)`."
            )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "attention": keras.saving.serialize_keras_object(self.attention),
            "attend": self.attend,
            "input_feeding": self.input_feeding,
            "attention_layer_size": self.attention_layer_size,
            "gated": self.gated,
            "return_alignments": self.return_alignments,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }

    @classmethod
    def from_config(
        cls, config: dict, custom_objects: dict | None = None
    ) -> "AttentionCell":
        config = dict(config)
        for name in ("cell", "attention"):
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects=custom_objects
            )
        return cls(**config)
