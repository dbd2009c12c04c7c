"""A cell, applied to every step of a sequence."""

from typing import Any

import keras
from keras import ops, tree

from kerasrnn.kernels import Recurrence, choose_kernel, reason_for_no_cudnn
from kerasrnn.layers.any_cell import (
    as_list,
    cell_input_size,
    cell_output_size,
    check_is_cell,
    draw_dropout_masks,
    initial_states,
    reset_dropout_masks,
    run_step,
    takes,
    takes_vectors,
)
from kerasrnn.layers.arguments import (
    Shape,
    States,
    Tensor,
    flag,
    is_integer,
)
from kerasrnn.layers.attention_cell import AttentionCell
from kerasrnn.layers.call_checks import (
    as_tensor,
    check_initial_state,
    check_not_inside_sequential,
    check_real,
    check_sequences,
    standardize_mask,
    tensor_of_ours,
    with_features,
)
from kerasrnn.layers.gru_cell import GRUCell
from kerasrnn.layers.lstm_cell import LSTMCell
from kerasrnn.layers.simple_rnn_cell import SimpleRNNCell
from kerasrnn.layers.stacked_rnn_cells import StackedRNNCells
from kerasrnn.layers.state_variables import StateVariables


@keras.saving.register_keras_serializable(package="kerasrnn")
class RNN(keras.layers.Layer):
    """A cell, applied to every step of a sequence.

    y_t, s_t = cell(x_t, s_{t-1})        t = 1 … T

    Args:
        cell: A cell, or a list of cells to stack. A cell has
            `call(inputs, states) -> (output, new_states)`, `state_size` (an integer,
            or a list of one for each state), and may have `output_size` and
            `get_initial_state(batch_size)`. Cells of `keras.layers` are welcome.
            A cell whose `call` takes `memory`, such as `AttentionCell`, is given
            that of the layer's call at every step.
        return_sequences: Whether to return the outputs of all steps, (B, T, U), in
            place of the last one, (B, U).
        return_state: Whether to return the final states too.
        go_backwards: Whether to go from the last step to the first. Outputs come in
            that order.
        stateful: Whether a batch starts from the states that the batch before left,
            row by row. The number of rows is that of `keras.Input` or of the first
            call. A smaller last batch in `fit`, `evaluate` or `predict` uses and
            updates the first of them; called directly with fewer rows, the layer
            takes it for a mistake, as Keras does. Saved in `.keras` files.
        unroll: Whether to lay the steps out one by one in the graph: faster for a
            few steps, slow to build for many.
        zero_output_for_mask: Whether the output of a masked step is zeros in place
            of the output of the step before.
        **kwargs: `name`, `dtype`, `trainable`, `activity_regularizer`.

    Call arguments:
        sequences: (B, T, D).
        initial_state: The states before the first step, in the cell's structure;
            `get_initial_state` by default.
        mask: (B, T) booleans, True where a step counts; of any kind.
        training: Whether dropout applies.
        memory: (B, S, M), what a cell with attention looks at.
        memory_mask: (B, S) booleans, True where the memory counts; by default the
            mask that the layer before attached to `memory`.
        sequences_mask: As `mask`. Keras passes the attached mask by this name where a
            call has several tensors, such as initial states.

    Output shape:
        (B, U), or (B, T, U) with `return_sequences`. With more to return, a tuple:
        that output, the alignments (B, S) or (B, T, S) of an `AttentionCell` with
        `return_alignments`, and with `return_state` the final states.

    Masking:
        At a masked step the state stays as it was and the output is the one of the
        step before (zeros if there is none). The mask goes on to the next layer
        with `return_sequences`.

    Raises:
        ValueError: A wrong rank, size, state or mask; the message names it.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import GRUCell, LSTMCell, RNN
    >>> layer = RNN([GRUCell(3), LSTMCell(4)], return_sequences=True)
    >>> layer(np.ones((2, 5, 8), "float32")).shape
    TensorShape([2, 5, 4])

    Reference: `keras.layers.RNN`, whose arguments and numbers these are.
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell, dtype=kwargs.get("dtype"))
        check_is_cell("cell", cell)
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = flag("return_sequences", return_sequences)
        self.return_state = flag("return_state", return_state)
        self.go_backwards = flag("go_backwards", go_backwards)
        self.stateful = flag("stateful", stateful)
        self.unroll = flag("unroll", unroll)
        self.zero_output_for_mask = flag("zero_output_for_mask", zero_output_for_mask)
        self.supports_masking = True
        sizes = cell.state_size
        if not isinstance(sizes, (list, tuple)) and not is_integer(sizes):
            raise ValueError(
                "`state_size` of the cell must be an integer, or a list or tuple of "
                f"one integer for each state; got {sizes!r}."
            )
        self.single_state = is_integer(sizes)
        self.state_size = [int(sizes)] if self.single_state else sizes
        self._carried = StateVariables()
        self._leave_xla_for_cudnn()

    def build(
        self,
        sequences_shape: Shape,
        initial_state_shape: Any = None,
        memory_shape: Shape | None = None,
    ) -> None:
        step_shape = (sequences_shape[0], *sequences_shape[2:])
        if isinstance(self.cell, keras.layers.Layer) and not self.cell.built:
            if self.takes_memory:
                self.cell.build(step_shape, memory_shape)
            else:
                self.cell.build(step_shape)
            self.cell.built = True
        if self.stateful and self.states is None:
            if sequences_shape[0] is None:
                raise ValueError(
                    "When using `stateful=True` in a RNN, the batch size must be "
                    "static: its rows carry over to the next batch. Pass "
                    "`batch_shape=(batch, steps, features)` to `keras.Input`. Found "
                    f"dynamic batch size: sequence.shape={sequences_shape}"
                )
            self._carried.create(
                self.get_initial_state(sequences_shape[0]), self.variable_dtype
            )

    @property
    def states(self) -> States | None:
        """The variables that a stateful layer carries over, or None."""
        return self._carried.variables

    @property
    def variables(self) -> list:
        # Not weights, as in Keras, so that weight files fit both libraries. But a
        # trainer must know them, or JAX forgets their updates.
        return [*super().variables, *tree.flatten(self.states or [])]

    @property
    def output_size(self) -> int:
        """Size of one step's output."""
        size: Any = cell_output_size(self.cell)
        size = size[0] if self.returns_alignments else size
        if not is_integer(size):
            raise ValueError(
                f"`output_size` of the cell must be an integer; got {size!r}."
            )
        return int(size)

    @property
    def takes_memory(self) -> bool:
        """Whether the cell looks at a memory at every step."""
        return takes(self.cell, "memory")

    @property
    def returns_alignments(self) -> bool:
        """Whether alignments come beside the outputs."""
        return getattr(self.cell, "return_alignments", False)

    @property
    def state_dtype(self) -> str:
        """The dtype in which the cell computes, which may not be the layer's."""
        dtype: Any = getattr(self.cell, "compute_dtype", self.compute_dtype)
        return dtype

    def get_initial_state(self, batch_size: int | Tensor) -> States:
        """The states before the first step of `batch_size` rows: zeros, mostly."""
        return as_list(initial_states(self.cell, batch_size, self.compute_dtype))

    def reset_state(self, states: States | None = None, rows: Any = None) -> None:
        """Sets what a stateful layer carries over.

        Before the first call, when the number of rows is not known yet, they are kept
        for it.

        Args:
            states: The new states, in the structure of `states`; None for zeros.
            rows: Indices of the rows to set; None for all. `states` has one row for
                each of them.

        Raises:
            ValueError: The layer is not stateful, or the states or rows do not fit.
        """
        if self.stateful:
            self._carried.set_rows(states, rows)
        elif states is not None:
            raise ValueError(
                f"Layer {self.name!r} has stateful=False and so carries no `states` "
                "over. Pass them as `initial_state`, or create it with stateful=True."
            )

    reset_states = reset_state

    def compute_output_shape(
        self,
        sequences_shape: Shape,
        initial_state_shape: Any = None,
        memory_shape: Shape | None = None,
    ) -> Any:
        batch, steps = sequences_shape[:2]
        rows = (batch, steps) if self.return_sequences else (batch,)
        output_shape = (*rows, self.output_size)
        places = None if memory_shape is None else memory_shape[1]
        alignments = [(*rows, places)] if self.returns_alignments else []
        if not self.return_state:
            return (output_shape, *alignments) if alignments else output_shape
        states = tree.map_structure(lambda n: (batch, n), list(self.state_size))
        return (output_shape, *alignments, *states)

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = tree.flatten(mask)[0]
        output_mask = mask if self.return_sequences else None
        others = len(tree.flatten(self.state_size)) if self.return_state else 0
        others += self.returns_alignments
        return [output_mask] + others * [None] if others else output_mask

    def __call__(self, sequences: Tensor, *args: Any, **kwargs: Any) -> Any:
        self._check_sequences(sequences)
        if self.return_state:
            check_not_inside_sequential(self)
        return super().__call__(sequences, *args, **kwargs)

    def call(
        self,
        sequences: Tensor,
        initial_state: States | None = None,
        mask: Tensor | None = None,
        training: bool = False,
        memory: Tensor | dict | None = None,
        memory_mask: Tensor | None = None,
        sequences_mask: Tensor | None = None,
    ) -> Any:
        sequences = with_features(sequences, cell_input_size(self.cell))
        mask = standardize_mask(sequences_mask if mask is None else mask, sequences)
        memory = self._prepare_memory(memory, memory_mask)
        if isinstance(self.cell, AttentionCell):
            self.cell.check_rows(sequences, memory)
        batch = ops.shape(sequences)[0]
        if initial_state is None and self.stateful:
            initial_state = self._carried.rows(
                sequences.shape[0], batch, may_be_partial=is_traced(sequences)
            )
        initial_state = self._checked_states(initial_state, sequences, batch)
        last_output, outputs, states = self._run(
            sequences, initial_state, mask, training, memory
        )
        if self.stateful:
            self._carried.update(states, sequences.shape[0], batch)
        output = outputs if self.return_sequences else last_output
        alignments = []
        if self.returns_alignments:
            alignments = [output[..., self.output_size :]]
            output = output[..., : self.output_size]
        if self.return_state or alignments:
            return (output, *alignments, *(states if self.return_state else []))
        return output

    def step(
        self,
        inputs: Tensor,
        states: States | None = None,
        memory: Any = None,
    ) -> tuple[Tensor | list, States]:
        """One step with the state in the caller's hands.

        The same numbers as the sequence gives at once: on TensorFlow's CPU kernels
        bit by bit, on cuDNN, JAX and torch to rounding.

        Args:
            inputs: (B, D).
            states: The list of states that the step before returned; None before
                the first.
            memory: What a cell with attention looks at: (B, S, M), or better what
                `cell.prepare_memory` gave, which is not computed anew at each step.

        Returns:
            `(output, states)`: the output, (B, U), and the list of new states. With
            alignments the output is `[output, alignments]`.

        Example:

        >>> import numpy as np
        >>> from kerasrnn.layers import GRU
        >>> layer, x = GRU(4), np.ones((2, 3, 8), "float32")
        >>> state = None
        >>> for t in range(3):
        ...     y, state = layer.step(x[:, t], state)
        >>> bool(np.all(y == layer(x)))
        True
        """
        check_real(self, "inputs", inputs)
        sequences = ops.expand_dims(
            ops.convert_to_tensor(inputs, dtype=self.compute_dtype), 1
        )
        self._check_sequences(sequences)
        if not self.built:
            shape = None if memory is None else memory.shape
            self.build(sequences.shape, memory_shape=shape)
        memory = self._prepare_memory(memory, None)
        states = self._checked_states(states, sequences, ops.shape(sequences)[0])
        output, _, states = self._run(sequences, states, None, False, memory)
        if self.returns_alignments:
            size = self.output_size
            return [output[..., :size], output[..., size:]], states
        return output, states

    def explain(self, training: bool = True) -> str:
        """Which kernel runs this layer, and why not a faster one.

        Args:
            training: Whether to ask about training or inference.

        Example:

        >>> from kerasrnn.layers import LSTM
        >>> print(LSTM(4, activation="softplus").explain().splitlines()[0])
        kernel: tensorflow
        """
        lines = []
        for cell in run_in_turn(self.cell, None):
            recurrence = self._recurrence(cell, training)
            kernel, declined = choose_kernel(recurrence, None, None)
            lines += [
                f"kernel: {kernel.__name__.rpartition('.')[2]}",
                f"how: {kernel.describe(recurrence)}",
            ]
            lines += [f"not {name}: {reason}" for name, reason in declined.items()]
        return "\n".join(lines)

    def _leave_xla_for_cudnn(self):
        """Tells Keras's trainer not to compile by XLA what runs on cuDNN.

        On TensorFlow, where XLA cannot contain cuDNN's operations.
        """
        if keras.backend.backend() == "tensorflow":
            self.supports_jit = not any(
                type(cell) in FAMILIES
                and reason_for_no_cudnn(self._recurrence(cell, False), None, None)
                is None
                for cell in run_in_turn(self.cell, None)
            )

    def _check_sequences(self, sequences):
        features = cell_input_size(self.cell) if self.built else None
        rank_known = self.input_spec is not None or takes_vectors(self.cell)
        check_sequences(self, sequences, rank_known=rank_known, features=features)

    def _checked_states(self, states, sequences, batch):
        """`states` as the cell wants them, those before the first step if None."""
        if states is None:
            states = self.get_initial_state(batch)
            own = type(self).get_initial_state is RNN.get_initial_state
            if own and type(self.cell) in FAMILIES:
                return states  # No need to look at them: they are ours.
        return check_initial_state(self, states, sequences)

    def _prepare_memory(self, memory, memory_mask):
        """`memory` as the cell wants it at every step, computed once."""
        if not self.takes_memory:
            if memory is not None:
                raise ValueError(
                    f"The cell of layer {self.name!r} looks at no memory, but `memory` "
                    "was passed. Put the cell into an AttentionCell."
                )
            return None
        if memory is None:
            raise ValueError(
                f"The cell of layer {self.name!r} looks at a memory: `memory` must be "
                "(batch, places, features); got None."
            )
        if isinstance(memory, dict) or not hasattr(self.cell, "prepare_memory"):
            return memory
        return self.cell.prepare_memory(memory, memory_mask)

    def _run(self, sequences, initial_state, mask, training, memory=None):
        if self.unroll and sequences.shape[1] is None:
            raise ValueError(
                "Cannot unroll a RNN if the time dimension is undefined. \n"
                "- If using a Sequential model, specify the time dimension by passing "
                "an `Input()` as your first layer.\n"
                "- If using the functional API, specify the time dimension by passing "
                "a `shape` or `batch_shape` argument to your `Input()`."
            )
        changes = {}
        if self.go_backwards and run_in_turn(self.cell, mask) != [self.cell]:
            # Only the first of several loops would find the last step at the end.
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
            changes = {"go_backwards": False}
        try:
            if training:
                # Drawn before the loop: a seed generator cannot be drawn from inside
                # it on JAX, and every step of a sequence drops the same units.
                draw_dropout_masks(self.cell, sequences[:, 0])
            results = self._run_cell(
                self.cell, sequences, initial_state, mask, training, memory, **changes
            )
        finally:
            reset_dropout_masks(self.cell)
        return cast_all(results, self.compute_dtype)

    def _run_cell(self, cell, sequences, states, mask, training, memory, **changes):
        """Last output, outputs and states of a cell, by the fastest way there is.

        A stack is run cell by cell, each over all steps, and an attention that
        nothing feeds back looks with the queries of all steps at once.
        """
        if run_in_turn(cell, mask) == [cell]:
            return self._run_kernel(
                cell, sequences, states, mask, training, memory, **changes
            )
        all_steps = {**changes, "return_sequences": True}
        if isinstance(cell, AttentionCell):
            _, queries, states = self._run_cell(
                cell.cell, sequences, states, mask, training, None, **all_steps
            )
            outputs = cell.attend_to(queries, memory)
            outputs = side_by_side(outputs) if cell.return_alignments else outputs
            return outputs[:, -1], outputs, states
        new_states = []
        for place, (inner, state) in enumerate(zip(cell.cells, states, strict=True), 1):
            options = changes if place == len(cell.cells) else all_steps
            last_output, outputs, new = self._run_cell(
                inner, sequences, as_list(state), mask, training, None, **options
            )
            new_states.append(tree.pack_sequence_as(state, tree.flatten(new)))
            sequences = outputs
        return last_output, outputs, new_states

    def _run_kernel(self, cell, sequences, states, mask, training, memory, **changes):
        if type(cell) in FAMILIES:  # other cells may take integers
            sequences = as_tensor(sequences, self.compute_dtype)
        if training and hoists_dropout(cell) and cell.dropout:
            dropout_mask = cell.get_dropout_mask(sequences[:, 0])
            if dropout_mask is not None:
                sequences = sequences * ops.expand_dims(dropout_mask, 1)
        recurrence = self._recurrence(cell, training, memory, **changes)
        kernel, _ = choose_kernel(recurrence, sequences, mask)
        return kernel.run(recurrence, sequences, states, mask)

    def _recurrence(self, cell, training, memory=None, **changes) -> Recurrence:
        """What a kernel has to run."""
        known = self._known_to_kernels(cell, training)
        if isinstance(cell, AttentionCell):
            attention = cell.fed_attention(memory)
            if attention and type(cell.cell) in FAMILIES:
                drops = cell.cell.dropout or cell.cell.recurrent_dropout
                known = self._known_to_kernels(cell.cell, training)
                known |= {"attention": attention, "gate_dropout": training and drops}
        step_arguments = {}
        if takes(cell, "training"):
            step_arguments["training"] = training and not hoists_dropout(cell)
        output_size = self.output_size if cell is self.cell else cell_output_size(cell)
        returns_alignments = getattr(cell, "return_alignments", False)
        if memory is not None:
            # Held by `step`, not carried by the loop, which would copy it.
            step_arguments["memory"] = memory
            if returns_alignments:
                output_size += ops.shape(memory["memory"])[1]

        def step(inputs, states):
            output, new_states = run_step(cell, inputs, states, **step_arguments)
            if returns_alignments:
                output = side_by_side(output)
            dtype = self.state_dtype
            new_states = tree.map_structure(lambda s: ops.cast(s, dtype), new_states)
            return ops.cast(output, dtype), new_states

        options = {
            "go_backwards": self.go_backwards,
            "return_sequences": self.return_sequences,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
            "use_cudnn": getattr(self, "use_cudnn", "auto"),
        }
        return Recurrence(
            step=step,
            output_size=output_size,
            training=bool(training),
            dtype=self.compute_dtype,
            layer=self.name,
            **{**options, **changes},
            **known,
        )

    def _known_to_kernels(self, cell, training) -> dict:
        """Arguments of `Recurrence` that say what a cell of ours computes."""
        if type(cell) not in FAMILIES:
            return {}
        known = {
            "family": FAMILIES[type(cell)],
            "activation": activation_name(cell.activation),
            "recurrent_activation": activation_name(cell.recurrent_activation),
            "reset_after": getattr(cell, "reset_after", False),
        }
        if training and cell.has_gate_dropout:
            known |= {"gate_dropout": True, **cell.drawn_masks()}
        if cell.built:
            known |= {
                name: None if w is None else tensor_of_ours(w.value, self.compute_dtype)
                for name, w in cell.named_weights().items()
            }
        return known

    def save_assets(self, dir_path: str) -> None:
        if self.states is not None:
            self._carried.save(dir_path)

    def load_assets(self, dir_path: str) -> None:
        if self.states is not None:
            self._carried.load(dir_path)

    def get_config(self) -> dict:
        config = {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
            "cell": keras.saving.serialize_keras_object(self.cell),
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "RNN":
        config = dict(config)
        cell = keras.saving.deserialize_keras_object(
            config.pop("cell"), custom_objects=custom_objects
        )
        return cls(cell, **config)


def is_traced(x) -> bool:
    """Whether `x` is traced into a compiled function rather than computed now.

    torch has no such difference, so that every call may be a trainer's.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return not tf.executing_eagerly()
    if keras.backend.backend() == "jax":
        import jax

        return isinstance(x, jax.core.Tracer)
    return True


def run_in_turn(cell, mask) -> list:
    """The cells that one loop each over all steps can run, one after the other.

    Only `[cell]` where the loop cannot be parted.
    """
    if isinstance(cell, StackedRNNCells):
        parts = [run_in_turn(inner, mask) for inner in cell.cells]
        # A stack of cells that no fast kernel knows is one loop as well as several.
        if all(type(c) in FAMILIES for part in parts for c in part):
            return [c for part in parts for c in part]
    # A masked step would repeat the output of the step before.
    if isinstance(cell, AttentionCell) and cell.looks_at_once and mask is None:
        return run_in_turn(cell.cell, mask)
    return [cell]


def hoists_dropout(cell) -> bool:
    """Whether all that `step` would drop are inputs, dropped before the loop."""
    return type(cell) in FAMILIES and not cell.has_gate_dropout


def cast_all(tensors, dtype):
    """Lists of tensors in `dtype`; None stays None."""
    if isinstance(tensors, (list, tuple)):
        return type(tensors)([cast_all(tensor, dtype) for tensor in tensors])
    return None if tensors is None else tensor_of_ours(tensors, dtype)


def side_by_side(output_and_alignments):
    """Both in one tensor, to be parted after the loop."""
    return ops.concatenate(output_and_alignments, axis=-1)


FAMILIES = {SimpleRNNCell: "simple_rnn", LSTMCell: "lstm", GRUCell: "gru"}


def activation_name(activation) -> str:
    """Keras's name of an activation that kernels may know, or "custom"."""
    for name in ("tanh", "sigmoid", "relu", "linear"):
        if activation is getattr(keras.activations, name):
            return name
    return "custom"
