"""Recurrent layers as LSTM, GRU and RNN operators, one a layer."""

import dataclasses
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import tree

from kerasrnn import layers as ours
from kerasrnn.export.onnx.writer import GraphWriter, Value, as_array

FAMILIES = {
    ours.SimpleRNNCell: "RNN",
    ours.LSTMCell: "LSTM",
    ours.GRUCell: "GRU",
    keras.layers.SimpleRNNCell: "RNN",
    keras.layers.LSTMCell: "LSTM",
    keras.layers.GRUCell: "GRU",
}
STACKS = (ours.StackedRNNCells, keras.layers.StackedRNNCells)
# For each gate of Keras's, in the order of the operator's, its place: LSTM i f c o to
# i o f c, GRU z r h as it is.
GATES = {"RNN": [0], "LSTM": [0, 3, 1, 2], "GRU": [0, 1, 2]}
FLOAT = "float32"
STATES = {"RNN": "h", "LSTM": "hc", "GRU": "h"}

# ONNX's name, alpha and beta.
ACTIVATIONS = {
    "tanh": ("Tanh", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "relu": ("Relu", None, None),
    "linear": ("Affine", 1.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "softsign": ("Softsign", None, None),
    "softplus": ("Softplus", None, None),
    "elu": ("Elu", 1.0, None),
    "leaky_relu": ("LeakyRelu", 0.2, None),
}


class Cell(NamedTuple):
    """A cell as an operator wants it.

    Args:
        operator: "LSTM", "GRU" or "RNN".
        units: U.
        kernel: W, (gates · U, D).
        recurrent_kernel: R, (gates · U, U).
        bias: Of the inputs, then of the state, (2 · gates · U,).
        activations: Names in `keras.activations`, as many as the operator takes.
        reset_after: Of a GRU, `linear_before_reset`.
    """

    operator: str
    units: int
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    activations: list[str]
    reset_after: bool | None


class Reading(NamedTuple):
    """A sequence as recurrent operators read it.

    Args:
        steps: (T, B, D).
        lengths: (B,), how many steps of each row count; "" for all.
        mask: (B, T) booleans, or None.
        batch: The size of the batch where it is fixed, or None.
    """

    steps: str
    lengths: str
    mask: str | None
    batch: int | None


@dataclasses.dataclass
class Carried:
    """A state that is an input, and as it is after the last step an output.

    Args:
        name: The input's name; the output's is this and "_next".
        layer: The stateful layer that carries it; None: no layer does.
        index: Which of the layer's states it is.
        shape: (B, U), B None where it is free.
        final: What the state is after the last step.
    """

    name: str
    layer: Any
    index: int
    shape: tuple
    final: str = ""


class Run(NamedTuple):
    """What came of one direction, steps first and in the order of the inputs.

    Args:
        steps: (T, B, U), zeros where the mask hides.
        last: (B, U), after the last step that the mask shows.
        states: The final states, each (B, U).
    """

    steps: str
    last: str
    states: list[str]


def write_recurrent(
    conversion: Any,
    layer: Any,
    outputs: Any,
    sequences: Value,
    initial_state: Any = None,
    mask: Value | None = None,
    memory: Any = None,
    memory_mask: Value | None = None,
    **_: Any,
) -> list[str]:
    """A `SimpleRNN`, `LSTM` or `GRU`, or an `RNN` of such cells, of both libraries."""
    writer = conversion.writer
    if isinstance(layer, ours.RNN):  # Ours reads it beside an initial state too.
        mask = mask or sequences.mask
    reading = read(conversion, sequences, mask)
    attends = isinstance(layer.cell, ours.AttentionCell)
    if attends:
        check_attention(conversion, layer, mask)
    cells = cells_of(conversion, layer.cell.cell if attends else layer.cell)
    states = given_states(conversion, initial_state)
    run = run_cells(conversion, layer, cells, reading, states, conversion.layer_name)
    conversion.became[layer.name] = name_operators(cells)
    results = run.states if layer.return_state else []
    if attends:
        steps = flipped(writer, run.steps) if layer.go_backwards else run.steps
        queries = Value(
            writer.batch_first(steps), (*sequences.shape[:2], cells[-1].units), FLOAT
        )
        looked = attend(conversion, layer, queries, memory, memory_mask)
        return [*looked, *results]
    if not layer.return_sequences:
        return [last_output(writer, run, reading, layer), *results]
    steps = shown_steps(writer, run, reading, layer)
    if layer.go_backwards:
        steps = flipped(writer, steps)
    return [writer.batch_first(steps), *results]


def write_bidirectional(
    conversion: Any,
    layer: Any,
    outputs: Any,
    sequences: Value,
    initial_state: Any = None,
    mask: Value | None = None,
    **_: Any,
) -> list[str]:
    """A `Bidirectional` of both libraries, its two directions in one node."""
    writer = conversion.writer
    if isinstance(layer, ours.Bidirectional):
        mask = mask or sequences.mask
    pair = [layer.forward_layer, layer.backward_layer]
    for one in pair:
        if not hasattr(one, "cell"):
            raise conversion.error(
                f"it wraps a {type(one).__name__}, which is no recurrent layer of "
                "kerasrnn or Keras."
            )
    reading = read(conversion, sequences, mask)
    cells = [cells_of(conversion, one.cell) for one in pair]
    sizes = [of_one[-1].units for of_one in cells]
    if sizes[0] != sizes[1]:
        raise conversion.error(
            f"its two layers must have the same size; they have {sizes} units."
        )
    states = given_states(conversion, initial_state)
    halves: list = [None, None]
    if states is not None:
        half = len(states) // 2
        halves = [states[:half], states[half:]]
    names = [f"{conversion.layer_name}_{way}" for way in ("forward", "backward")]
    if fit_one_node(cells):
        runs = run_both(conversion, layer, cells, reading, halves, names)
    else:
        runs = [
            run_cells(conversion, one, of_one, reading, half, name)
            for one, of_one, half, name in zip(pair, cells, halves, names, strict=True)
        ]
    conversion.became[layer.name] = (
        f"{cells[0][0].operator}, both directions in one"
        if fit_one_node(cells)
        else " and ".join(map(name_operators, cells))
    )
    if layer.return_sequences:
        steps = [
            shown_steps(writer, run, reading, one)
            for run, one in zip(runs, pair, strict=True)
        ]
        if layer.forward_layer.go_backwards:
            steps = [flipped(writer, s) for s in steps]
        merged = [writer.batch_first(s) for s in merge(writer, layer.merge_mode, steps)]
    else:
        lasts = [
            last_output(writer, run, reading, one)
            for run, one in zip(runs, pair, strict=True)
        ]
        merged = merge(writer, layer.merge_mode, lasts)
    finals = [*runs[0].states, *runs[1].states] if layer.return_state else []
    return [*merged, *finals]


RECURRENT = {
    ours.SimpleRNN: write_recurrent,
    ours.LSTM: write_recurrent,
    ours.GRU: write_recurrent,
    ours.RNN: write_recurrent,
    ours.Bidirectional: write_bidirectional,
    keras.layers.SimpleRNN: write_recurrent,
    keras.layers.LSTM: write_recurrent,
    keras.layers.GRU: write_recurrent,
    keras.layers.RNN: write_recurrent,
    keras.layers.Bidirectional: write_bidirectional,
}


def cells_of(conversion: Any, cell: Any) -> list[Cell]:
    """The cells of a layer, the first one nearest to the input."""
    if type(cell) in STACKS:
        return [one for inner in cell.cells for one in cells_of(conversion, inner)]
    if type(cell) not in FAMILIES:
        raise conversion.error(
            f"ONNX has no operator for the cell {type(cell).__name__}; it has them for "
            "SimpleRNNCell, LSTMCell, GRUCell and stacks of these."
        )
    if not cell.built:
        raise conversion.error("it has no weights yet; call the model once.")
    operator, units = FAMILIES[type(cell)], cell.units
    gates = len(GATES[operator])

    def in_order(weight):
        parts = np.split(as_array(weight), gates, axis=-1)
        return np.concatenate([parts[k] for k in GATES[operator]], axis=-1)

    bias = np.zeros((2, gates * units), np.float32)
    if cell.use_bias:
        both = in_order(cell.bias)
        bias[: both.shape[0] if both.ndim == 2 else 1] = both
    activations = [activation_name(conversion, cell.activation)]
    if operator != "RNN":
        activations.insert(0, activation_name(conversion, cell.recurrent_activation))
    if operator == "LSTM":
        activations.append(activations[1])
    return [
        Cell(
            operator=operator,
            units=units,
            kernel=in_order(cell.kernel).T,
            recurrent_kernel=in_order(cell.recurrent_kernel).T,
            bias=bias.reshape(-1),
            activations=activations,
            reset_after=bool(cell.reset_after) if operator == "GRU" else None,
        )
    ]


def check_attention(conversion: Any, layer: Any, mask: Value | None) -> None:
    """Raises where an operator cannot run all steps before the first look."""
    if not layer.cell.looks_at_once:
        raise conversion.error(
            "what its AttentionCell saw goes into its next step, which no operator of "
            "ONNX does. Export one step, `layer.step`, and loop over it."
        )
    if mask is not None:
        raise conversion.error(
            "its AttentionCell goes to ONNX without a `mask` of the sequences only."
        )


def attend(
    conversion: Any, layer: Any, queries: Value, memory: Any, memory_mask: Value | None
) -> list[str]:
    """What an `AttentionCell` makes of its inner cell's outputs, all at once."""

    def look(arguments):
        memory = arguments["memory"]
        if not isinstance(memory, dict):
            memory = layer.cell.prepare_memory(memory, arguments["memory_mask"])
        found = layer.cell.attend_to(arguments["queries"], memory)
        found = found if layer.returns_alignments else [found]
        return found if layer.return_sequences else [one[:, -1] for one in found]

    given = {"queries": queries, "memory": memory, "memory_mask": memory_mask}
    return [value.name for value in conversion.run(look, given)]


def activation_name(conversion: Any, activation: Any) -> str:
    """The name of an activation that ONNX's recurrent operators know."""
    for name in ACTIVATIONS:
        if activation is getattr(keras.activations, name):
            return name
    found = getattr(activation, "__name__", repr(activation))
    raise conversion.error(
        f"ONNX's recurrent operators have no activation {found!r}; they have "
        f"{', '.join(ACTIVATIONS)}."
    )


def read(conversion: Any, sequences: Value, mask: Value | None) -> Reading:
    """`sequences` (B, T, D) and `mask` (B, T) as the operators want them.

    A mask that does not pad on the right alone gets a length of -1, which ONNX Runtime
    refuses when it runs: no length says what such a mask means.
    """
    writer = conversion.writer
    steps = writer.steps_first(writer.as_float(sequences))
    batch = sequences.shape[0]
    mask = tree.flatten(mask)[0]
    if mask is None:
        return Reading(steps, "", None, batch)
    if not isinstance(mask, Value):
        raise conversion.error("its `mask` must come from the model's inputs.")
    name = mask.name if mask.dtype == "bool" else writer.cast(mask.name, "bool")
    if len(mask.shape) == 3:
        name = writer.op("Squeeze", name, writer.integers([-1]))
    shown = writer.cast(name, "int32")
    count = writer.op("ReduceSum", shown, writer.integers([1]), keepdims=0)
    size = writer.op("Gather", writer.op("Shape", name), writer.integers(1))
    one = writer.integers(1)
    places = writer.op("Range", one, writer.op("Add", size, one), one)
    places = writer.op("Mul", shown, writer.cast(places, "int32"))
    end = writer.op("ReduceMax", places, axes=[1], keepdims=0)
    refused = writer.constant(np.asarray(-1, np.int32))
    lengths = writer.op("Where", writer.op("Equal", count, end), count, refused)
    return Reading(steps, lengths, name, batch)


def given_states(conversion: Any, initial_state: Any) -> list[str] | None:
    """The names of the states that a call was given, or None."""
    states = [s for s in tree.flatten(initial_state) if s is not None]
    return [conversion.name(s, "float32") for s in states] or None


def run_cells(
    conversion: Any,
    layer: Any,
    cells: list[Cell],
    reading: Reading,
    given: list[str] | None,
    name: str,
) -> Run:
    """One cell on top of the other, a node each, in one direction."""
    finals: list = []
    for k, cell in enumerate(cells):
        own_name = f"{name}_{k}" if len(cells) > 1 else name
        count = len(STATES[cell.operator])
        carried = []
        if given is None:
            carried = carried_states(
                conversion, layer, cell, own_name, reading, len(finals)
            )
            states = [state.name for state in carried] or None
        else:
            states, given = given[:count], given[count:]
        ways = [(cell, layer.go_backwards, states)]
        (run,) = run_node(conversion, reading, ways, own_name)
        if carried:
            leave(carried, run.states)
        finals += run.states
        reading = reading._replace(steps=run.steps)
    return run._replace(states=finals)


def run_both(
    conversion: Any,
    layer: Any,
    cells: list[list[Cell]],
    reading: Reading,
    given: list,
    names: list[str],
) -> list[Run]:
    """Two directions in one node; the results in the order of the arguments."""
    ways, carried = [], []
    pair = (layer.forward_layer, layer.backward_layer)
    for one, (cell,), states, name in zip(pair, cells, given, names, strict=True):
        if states is None:
            own = carried_states(conversion, one, cell, name, reading, 0)
            states = [state.name for state in own] or None
            carried += own
        ways.append((cell, one.go_backwards, states))
    swapped = layer.forward_layer.go_backwards
    ways = ways[::-1] if swapped else ways
    runs = run_node(conversion, reading, ways, conversion.layer_name)
    runs = runs[::-1] if swapped else runs
    if carried:
        leave(carried, [*runs[0].states, *runs[1].states])
    return runs


def run_node(conversion: Any, reading: Reading, ways: list, name: str) -> list[Run]:
    """One LSTM, GRU or RNN node.

    Args:
        conversion: What is being written.
        reading: What the node reads.
        ways: For one or both directions: the cell, whether it goes backwards, and the
            names of its first states or None.
        name: The node's name.
    """
    writer = conversion.writer
    cells = [cell for cell, _, _ in ways]
    operator, units = cells[0].operator, cells[0].units
    (*_, backwards, _), one_way = ways[0], len(ways) == 1
    direction = ("reverse" if backwards else "forward") if one_way else "bidirectional"

    def stacked(field, letter):
        arrays = [getattr(cell, field) for cell in cells]
        return writer.floats(np.stack(arrays), f"{name}_{letter}")

    inputs = [
        reading.steps,
        stacked("kernel", "W"),
        stacked("recurrent_kernel", "R"),
        stacked("bias", "B"),
        reading.lengths,
    ]
    initial = [states for _, _, states in ways]
    if initial[0] is not None:
        axis = writer.integers([0])
        for of_ways in zip(*initial, strict=True):
            rows = [writer.op("Unsqueeze", state, axis) for state in of_ways]
            whole = rows[0] if one_way else writer.op("Concat", *rows, axis=0)
            inputs.append(whole)
    while inputs[-1] == "":
        inputs.pop()
    states = len(STATES[operator])
    steps, *finals = writer.node(
        operator,
        inputs,
        outputs=1 + states,
        name=f"{name} (masks must pad on the right)" if reading.mask else name,
        hidden_size=units,
        direction=direction,
        linear_before_reset=None if operator != "GRU" else int(cells[0].reset_after),
        **activation_attributes(cells),
    )
    runs = []
    for way, of_way in enumerate(initial):
        if one_way:
            own_steps = writer.op("Squeeze", steps, writer.integers([1]))
            own = [writer.op("Squeeze", f, writer.integers([0])) for f in finals]
        else:
            index = writer.integers(way)
            own_steps = writer.op("Gather", steps, index, axis=1)
            own = [writer.op("Gather", f, index, axis=0) for f in finals]
        last = own[0]
        if reading.mask and of_way is not None:
            # ONNX Runtime gives zeros for the states of a row without a step.
            own = [
                writer.op("Where", any_step(writer, reading), final, first)
                for final, first in zip(own, of_way, strict=True)
            ]
        runs.append(Run(own_steps, last, own))
    return runs


def any_step(writer: GraphWriter, reading: Reading) -> str:
    """(B, 1), whether a row has any step."""
    lengths = writer.op("Unsqueeze", reading.lengths, writer.integers([1]))
    return writer.op("Greater", lengths, writer.constant(np.asarray(0, np.int32)))


def activation_attributes(cells: list[Cell]) -> dict:
    """The attributes that name activations, where they are not the default ones."""
    defaults = {"RNN": ["tanh"], "LSTM": ["sigmoid", "tanh", "tanh"]}
    default = defaults.get(cells[0].operator, ["sigmoid", "tanh"])
    if all(cell.activations == default for cell in cells):
        return {}
    known = [ACTIVATIONS[name] for cell in cells for name in cell.activations]
    return {
        "activations": [name for name, _, _ in known],
        "activation_alpha": [alpha for _, alpha, _ in known if alpha is not None],
        "activation_beta": [beta for _, _, beta in known if beta is not None],
    }


def shown_steps(writer: GraphWriter, run: Run, reading: Reading, layer: Any) -> str:
    """All outputs (T, B, U), also of the steps that the mask hides."""
    zeros = getattr(layer, "zero_output_for_mask", False)
    # Backwards the padding comes first, and there is no output to repeat.
    if not reading.mask or zeros or layer.go_backwards:
        return run.steps
    mask = writer.op("Transpose", reading.mask, perm=[1, 0])
    mask = writer.op("Unsqueeze", mask, writer.integers([2]))
    return writer.op("Where", mask, run.steps, run.last)


def last_output(writer: GraphWriter, run: Run, reading: Reading, layer: Any) -> str:
    """(B, U), the output of the last step, also where the mask hides it."""
    zeros = getattr(layer, "zero_output_for_mask", False)
    if not reading.mask or not zeros or layer.go_backwards:
        return run.last
    at_end = writer.op("Gather", reading.mask, writer.integers([-1]), axis=1)
    return writer.op("Where", at_end, run.last, writer.floats(0))


def flipped(writer: GraphWriter, steps: str) -> str:
    """`steps` (T, B, ·) from the last to the first."""
    first, end = writer.integers([-1]), writer.integers([np.iinfo(np.int64).min])
    return writer.op("Slice", steps, first, end, writer.integers([0]), first)


def merge(writer: GraphWriter, mode: str | None, pair: list[str]) -> list[str]:
    """Two directions as `Bidirectional` merges them."""
    if mode is None:
        return pair
    if mode == "concat":
        return [writer.op("Concat", *pair, axis=-1)]
    merged = writer.op("Mul" if mode == "mul" else "Add", *pair)
    return [writer.op("Mul", merged, writer.floats(0.5)) if mode == "ave" else merged]


def fit_one_node(cells: list[list[Cell]]) -> bool:
    """Whether two directions can be one node."""
    if any(len(of_one) > 1 for of_one in cells):
        return False
    (forward,), (backward,) = cells
    return (forward.operator, forward.units, forward.reset_after) == (
        *(backward.operator, backward.units, backward.reset_after),
    )


def name_operators(cells: list[Cell]) -> str:
    """What a layer became, for the report."""
    return " and ".join(cell.operator for cell in cells)


def carried_states(
    conversion: Any, layer: Any, cell: Cell, name: str, reading: Reading, first: int
) -> list[Carried]:
    """The states of a cell that are inputs and outputs, if they are.

    Args:
        conversion: What is being written.
        layer: The recurrent layer.
        cell: One of its cells.
        name: What inputs and outputs are named after.
        reading: What the layer reads.
        first: How many states the layer's cells before this one have.
    """
    if not (conversion.states or layer.stateful):
        return []
    writer, batch = conversion.writer, reading.batch
    found = []
    for k, letter in enumerate(STATES[cell.operator], first):
        name_in = writer.input(
            f"{name}_{letter}", [batch or "batch", cell.units], "float32"
        )
        carrier = layer if layer.stateful else None
        found.append(Carried(name_in, carrier, k, (batch, cell.units)))
    conversion.carried += found
    return found


def leave(carried: list[Carried], finals: list[str]) -> None:
    """Note what the carried states are after the last step."""
    for state, final in zip(carried, finals, strict=True):
        state.final = final
