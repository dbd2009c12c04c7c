"""Operations of `keras.ops` as ONNX operators.

Keras has no public classes for them, so that the table goes by their names, and each
function reads the attributes that the operation was made with. `ChainLoop` is of
`kerasrnn.layers`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.export.layer_graph import symbolic_leaves
from kerasrnn.export.onnx.writer import Value, exported_dtype


def dtype_of(outputs: Any) -> str:
    """The dtype of an operation's only output."""
    return exported_dtype(symbolic_leaves(outputs)[0].dtype)


def common_dtype(*values: Any) -> str:
    """The dtype in which Keras compares values."""
    dtypes = [getattr(v, "dtype", type(v)) for v in values]
    dtype = exported_dtype(keras.backend.result_type(*dtypes))
    # ONNX Runtime compares no booleans and no small integers.
    return dtype if dtype in ("float32", "int64") else "int32"


def as_axes(axis: Any, rank: int) -> list[int]:
    """`axis` as a list of what is not negative; None: all."""
    if axis is None:
        return list(range(rank))
    axes = [axis] if isinstance(axis, int) else list(axis)
    return [a % rank for a in axes]


def _unary(op_type: str, c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.writer.op(op_type, c.name(x, dtype_of(outputs)))


BOOLEAN = {"Add": "Or", "Mul": "And", "Max": "Or", "Min": "And"}


def _binary(op_type: str, c: Any, op: Any, outputs: Any, x1: Any, x2: Any) -> str:
    dtype = dtype_of(outputs)
    op_type = BOOLEAN.get(op_type, op_type) if dtype == "bool" else op_type
    return c.writer.op(op_type, c.name(x1, dtype), c.name(x2, dtype))


def _compare(op_type: str, c: Any, op: Any, outputs: Any, x1: Any, x2: Any) -> str:
    dtype = common_dtype(x1, x2)
    return c.writer.op(op_type, c.name(x1, dtype), c.name(x2, dtype))


def _not_equal(c: Any, op: Any, outputs: Any, x1: Any, x2: Any) -> str:
    return c.writer.op("Not", _compare("Equal", c, op, outputs, x1, x2))


def _logical(op_type: str, c: Any, op: Any, outputs: Any, x1: Any, x2: Any) -> str:
    return c.writer.op(op_type, c.name(x1, "bool"), c.name(x2, "bool"))


def _floor_divide(c: Any, op: Any, outputs: Any, x1: Any, x2: Any) -> str:
    w, dtype = c.writer, dtype_of(outputs)
    x1, x2 = c.name(x1, dtype), c.name(x2, dtype)
    if dtype == "float32":
        return w.op("Floor", w.op("Div", x1, x2))
    return w.op("Div", w.op("Sub", x1, w.op("Mod", x1, x2)), x2)


def _modulo(c: Any, op: Any, outputs: Any, x1: Any, x2: Any) -> str:
    w, dtype = c.writer, dtype_of(outputs)
    x1, x2 = c.name(x1, dtype), c.name(x2, dtype)
    if dtype != "float32":
        return w.op("Mod", x1, x2)
    return w.op("Sub", x1, w.op("Mul", w.op("Floor", w.op("Div", x1, x2)), x2))


def _where(c: Any, op: Any, outputs: Any, condition: Any, x1: Any, x2: Any) -> str:
    dtype = dtype_of(outputs)
    return c.writer.op(
        "Where", c.name(condition, "bool"), c.name(x1, dtype), c.name(x2, dtype)
    )


def reduced(c: Any, op_type: str, name: str, rank: int, op: Any) -> str:
    """A reduction; only ReduceSum takes its axes as an input in this opset."""
    axes, keep = as_axes(op.axis, rank), int(bool(op.keepdims))
    if op_type == "ReduceSum":
        return c.writer.op(op_type, name, c.writer.integers(axes), keepdims=keep)
    return c.writer.op(op_type, name, axes=axes, keepdims=keep)


def _reduction(op_type: str, c: Any, op: Any, outputs: Any, x: Value) -> str:
    dtype = dtype_of(outputs)
    computed = "int32" if dtype == "bool" else dtype
    result = reduced(c, op_type, c.name(x, computed), len(x.shape), op)
    if getattr(op, "initial", None) is not None:
        larger = "Max" if op_type == "ReduceMax" else "Min"
        result = c.writer.op(larger, result, c.name(op.initial, computed))
    return result if computed == dtype else c.writer.cast(result, dtype)


def _any_or_all(op_type: str, c: Any, op: Any, outputs: Any, x: Value) -> str:
    flags = c.writer.cast(c.name(x, "bool"), "int32")
    return c.writer.cast(reduced(c, op_type, flags, len(x.shape), op), "bool")


def _variance(root: bool, c: Any, op: Any, outputs: Any, x: Value) -> str:
    w, name = c.writer, c.name(x, dtype_of(outputs))
    axes = as_axes(op.axis, len(x.shape))
    away = w.op("Sub", name, w.op("ReduceMean", name, axes=axes, keepdims=1))
    result = reduced(c, "ReduceMean", w.op("Mul", away, away), len(x.shape), op)
    return w.op("Sqrt", result) if root else result


def _arg_reduction(op_type: str, c: Any, op: Any, outputs: Any, x: Value) -> str:
    w = c.writer
    name = c.name(x, "int32" if x.dtype == "bool" else x.dtype)
    axis, rank = op.axis, len(x.shape)
    if axis is None:
        name, axis, rank = w.op("Reshape", name, w.integers([-1])), 0, 1
    keep = int(bool(op.keepdims))
    found = w.op(op_type, name, axis=axis % rank, keepdims=keep)
    return w.cast(found, dtype_of(outputs))


def _logsumexp(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return reduced(c, "ReduceLogSumExp", c.name(x, "float32"), len(x.shape), op)


def _matmul(c: Any, op: Any, outputs: Any, x1: Any, x2: Any) -> str:
    dtype = dtype_of(outputs)
    return c.writer.op("MatMul", c.name(x1, dtype), c.name(x2, dtype))


def _dot(c: Any, op: Any, outputs: Any, x1: Any, x2: Any) -> str:
    if min(len(x1.shape), len(x2.shape)) == 0:
        return _binary("Mul", c, op, outputs, x1, x2)
    if len(x2.shape) > 2:
        raise c.error("`ops.dot` goes to ONNX with a vector or a matrix only.")
    return _matmul(c, op, outputs, x1, x2)


def _einsum(c: Any, op: Any, outputs: Any, operands: Sequence) -> str:
    dtype = dtype_of(outputs)
    names = [c.name(o, dtype) for o in operands]
    return c.writer.op("Einsum", *names, equation=op.subscripts.replace(" ", ""))


def _cast(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.name(x, exported_dtype(op.dtype))


def _same(c: Any, op: Any, outputs: Any, **arguments: Any) -> str:
    return next(iter(arguments.values())).name  # Its name is not always x.


def _concatenate(c: Any, op: Any, outputs: Any, xs: Sequence) -> str:
    dtype = dtype_of(outputs)
    return c.writer.op("Concat", *[c.name(x, dtype) for x in xs], axis=op.axis)


def _chain_loop(
    c: Any, op: Any, outputs: Any, x: Value, first: Value, follows: Value
) -> str:
    """Steps of which each needs the one before it: the only loop there is."""
    body = c.writer.body()
    rows = first.shape[0] or body.unique("rows")

    def entering(name, value, rest):
        name = body.input(name, [rows, *rest], value.dtype)
        return Value(name, (first.shape[0], *rest), value.dtype)

    def step(given):
        state, x, follows = given
        return ops.where(follows[:, None], op.step(x, state), state)

    inside = [
        entering("state", first, first.shape[1:]),
        entering("step", x, x.shape[2:]),
        entering("follows", follows, ()),
    ]
    new = type(c)(body).run(step, inside)
    for name in ("next_state", "state_of_step"):
        body.output(name, new.name, [rows, *new.shape[1:]], new.dtype)
    _, states = c.writer.node(
        "Scan",
        [value.name for value in (first, x, follows)],
        outputs=2,
        body=body.graph("step"),
        num_scan_inputs=2,
        scan_input_axes=[1, 1],
        scan_output_axes=[1],
    )
    return states


def _stack(c: Any, op: Any, outputs: Any, x: Sequence) -> str:
    dtype, w = dtype_of(outputs), c.writer
    axis = op.axis % len(symbolic_leaves(outputs)[0].shape)
    parts = [w.op("Unsqueeze", c.name(v, dtype), w.integers([axis])) for v in x]
    return w.op("Concat", *parts, axis=axis)


def _expand_dims(c: Any, op: Any, outputs: Any, x: Value) -> str:
    axes = as_axes(op.axis, len(symbolic_leaves(outputs)[0].shape))
    return c.writer.op("Unsqueeze", x.name, c.writer.integers(axes))


def _squeeze(c: Any, op: Any, outputs: Any, x: Value) -> str:
    axes = op.axis
    if axes is None:
        axes = [k for k, size in enumerate(x.shape) if size == 1]
    return c.writer.op(
        "Squeeze", x.name, c.writer.integers(as_axes(axes, len(x.shape)))
    )


def _reshape(c: Any, op: Any, outputs: Any, x: Value) -> str:
    shape = [-1 if size is None else size for size in op.newshape]
    known = symbolic_leaves(outputs)[0].shape
    for k, size in enumerate(shape):
        if size != -1:
            continue
        if known[k] is not None:
            shape[k] = known[k]
        elif shape.count(-1) > 1 and k < len(x.shape) and x.shape[k] is None:
            shape[k] = 0  # as it is
    return c.writer.op("Reshape", x.name, c.writer.integers(shape))


def _ravel(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.writer.op("Reshape", x.name, c.writer.integers([-1]))


def _transpose(c: Any, op: Any, outputs: Any, x: Value) -> str:
    rank = len(x.shape)
    axes = list(range(rank))[::-1] if op.axes is None else as_axes(op.axes, rank)
    return c.writer.op("Transpose", x.name, perm=axes)


def _swap_axes(c: Any, op: Any, outputs: Any, x: Value) -> str:
    axes = list(range(len(x.shape)))
    a, b = op.axis1, op.axis2
    axes[a], axes[b] = axes[b], axes[a]
    return c.writer.op("Transpose", x.name, perm=axes)


def _move_axis(c: Any, op: Any, outputs: Any, x: Value) -> str:
    order = list(range(len(x.shape)))
    source = as_axes(op.source, len(order))
    destination = as_axes(op.destination, len(order))
    axes = [a for a in order if a not in source]
    for place, axis in sorted(zip(destination, source, strict=True)):
        axes.insert(place, axis)
    return c.writer.op("Transpose", x.name, perm=axes)


def _flip(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w, axes = c.writer, as_axes(op.axis, len(x.shape))
    back = w.integers([-1] * len(axes))
    end = w.integers([np.iinfo(np.int64).min] * len(axes))
    return w.op("Slice", x.name, back, end, w.integers(axes), back)


def _get_item(c: Any, op: Any, outputs: Any, x: Value, key: Any) -> str:
    key = list(key) if isinstance(key, (tuple, list)) else [key]
    places = [k for k, part in enumerate(key) if part is Ellipsis]
    place = places[0] if places else len(key)
    taken = sum(part is not None and part is not Ellipsis for part in key)
    key[place : place + 1] = [slice(None)] * (len(x.shape) - taken)
    w, slices, gone, new = c.writer, [], [], []
    axis = kept = 0
    for part in key:
        if part is None:
            new.append(kept)
            kept += 1
            continue
        if isinstance(part, (int, np.integer)):
            end = part + 1 if part != -1 else np.iinfo(np.int64).max
            slices.append((axis, part, end, 1))
            gone.append(axis)
        elif isinstance(part, slice):
            if part != slice(None):
                slices.append((axis, *ends_of(part)))
            kept += 1
        else:
            raise c.error("tensors as indices go to ONNX by `ops.take` only.")
        axis += 1
    name = x.name
    if len(slices) == 1 and gone:
        name = w.op("Gather", name, w.integers(slices[0][1]), axis=gone[0])
    elif slices:
        axes, starts, stops, steps = (w.integers(v) for v in zip(*slices, strict=True))
        name = w.op("Slice", name, starts, stops, axes, steps)
        if gone:
            name = w.op("Squeeze", name, w.integers(gone))
    return w.op("Unsqueeze", name, w.integers(new)) if new else name


def ends_of(part: slice) -> tuple[int, int, int]:
    """Start, end and step of a slice, as ONNX writes them."""
    step = 1 if part.step is None else part.step
    limits = np.iinfo(np.int64)
    first, last = (0, limits.max) if step > 0 else (-1, limits.min)
    start = first if part.start is None else part.start
    return start, last if part.stop is None else part.stop, step


def _slice(c: Any, op: Any, outputs: Any, inputs: Value, start_indices: Any) -> str:
    starts = [int(s) for s in start_indices]
    ends = [s + n for s, n in zip(starts, op.shape, strict=True)]
    w = c.writer
    axes = w.integers(range(len(starts)))
    return w.op("Slice", inputs.name, w.integers(starts), w.integers(ends), axes)


def _pad(c: Any, op: Any, outputs: Any, x: Value, constant_values: Any = None) -> str:
    widths = np.broadcast_to(np.asarray(op.pad_width), (len(x.shape), 2))
    w, modes = c.writer, {"constant": "constant", "reflect": "reflect"}
    if op.mode not in modes:
        raise c.error(f"`ops.pad` goes to ONNX with {list(modes)}; got {op.mode!r}.")
    name = c.name(x, "int32" if x.dtype == "bool" else x.dtype)
    dtype = "int32" if x.dtype == "bool" else x.dtype
    inputs = [name, w.integers(np.transpose(widths).reshape(-1))]
    if op.mode == "constant":
        inputs.append(c.name(constant_values or 0, dtype))
    result = w.op("Pad", *inputs, mode=op.mode)
    return result if dtype == x.dtype else w.cast(result, x.dtype)


def _repeat(c: Any, op: Any, outputs: Any, x: Value) -> str:
    if op.axis is None or not isinstance(op.repeats, int):
        raise c.error("`ops.repeat` goes to ONNX with an axis and one number only.")
    w, rank = c.writer, len(x.shape)
    axis = op.axis % rank
    apart = w.op("Unsqueeze", x.name, w.integers([axis + 1]))
    times = [op.repeats if k == axis + 1 else 1 for k in range(rank + 1)]
    tiled = w.op("Tile", apart, w.integers(times))
    sizes = [
        *([w.op("Shape", x.name, start=0, end=axis)] if axis else []),
        w.integers([-1]),
        *([w.op("Shape", x.name, start=axis + 1)] if axis + 1 < rank else []),
    ]
    return w.op("Reshape", tiled, w.op("Concat", *sizes, axis=0))


def _tile(c: Any, op: Any, outputs: Any, x: Value) -> str:
    repeats = op.repeats if isinstance(op.repeats, (tuple, list)) else [op.repeats]
    missing = len(x.shape) - len(repeats)
    if missing < 0:
        raise c.error("`ops.tile` goes to ONNX without new axes only.")
    return c.writer.op("Tile", x.name, c.writer.integers([1] * missing + [*repeats]))


def _filled_like(number: float, c: Any, op: Any, outputs: Any, x: Value) -> str:
    return filled(c, x, number, dtype_of(outputs))


def _full_like(c: Any, op: Any, outputs: Any, x: Value, fill_value: Any) -> str:
    return filled(c, x, fill_value, dtype_of(outputs))


def filled(c: Any, x: Value, number: Any, dtype: str) -> str:
    """`number` in the shape of `x`."""
    return c.writer.op("Expand", c.name(number, dtype), c.writer.op("Shape", x.name))


def _broadcast_to(c: Any, op: Any, outputs: Any, x: Value) -> str:
    shape = [1 if size is None else size for size in op.shape]
    return c.writer.op("Expand", x.name, c.writer.integers(shape))


def _take(c: Any, op: Any, outputs: Any, x: Any, indices: Any) -> str:
    w, axis = c.writer, op.axis
    name = c.name(x, dtype_of(outputs))
    if axis is None:
        name, axis = w.op("Reshape", name, w.integers([-1])), 0
    return w.op("Gather", name, c.name(indices, integer_dtype(indices)), axis=axis)


def _take_along_axis(c: Any, op: Any, outputs: Any, x: Value, indices: Value) -> str:
    if op.axis is None:
        raise c.error("`ops.take_along_axis` goes to ONNX with an axis only.")
    w, rank = c.writer, len(x.shape)
    axis = op.axis % rank
    name, index = x.name, c.name(indices, integer_dtype(indices))

    def others(shape):
        return (*shape[:axis], *shape[axis + 1 :])

    if others(x.shape) != others(indices.shape) or None in others(x.shape):
        # Of the axis alone sizes may differ: Expand leaves it where it is told 1.
        is_axis = w.constant(np.arange(rank) == axis)

        def sizes_of(tensor):
            return w.op("Where", is_axis, w.integers(1), w.op("Shape", tensor))

        name, index = (
            w.op("Expand", name, sizes_of(index)),
            w.op("Expand", index, sizes_of(name)),
        )
    return w.op("GatherElements", name, index, axis=axis)


def integer_dtype(indices: Any) -> str:
    """The dtype in which ONNX takes indices."""
    return "int64" if str(getattr(indices, "dtype", "")) == "int64" else "int32"


def _cumsum(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w, name, axis = c.writer, c.name(x, dtype_of(outputs)), op.axis
    if axis is None:
        name, axis = w.op("Reshape", name, w.integers([-1])), 0
    return w.op("CumSum", name, w.integers(axis))


def _clip(c: Any, op: Any, outputs: Any, x: Value) -> str:
    dtype, w = dtype_of(outputs), c.writer
    above = w.op("Max", c.name(x, dtype), c.name(op.x_min, dtype))
    return w.op("Min", above, c.name(op.x_max, dtype))


def _split(c: Any, op: Any, outputs: Any, x: Value) -> list[str]:
    axis, count = op.axis % len(x.shape), len(symbolic_leaves(outputs))
    parts = op.indices_or_sections
    if isinstance(parts, int):  # Parts are equal where no sizes are told.
        return c.writer.node("Split", [x.name], outputs=count, axis=axis)
    if x.shape[axis] is None:
        raise c.error("`ops.split` goes to ONNX along axes of fixed sizes only.")
    sizes = c.writer.integers(np.diff([0, *parts, x.shape[axis]]))
    return c.writer.node("Split", [x.name, sizes], outputs=count, axis=axis)


def _unstack(c: Any, op: Any, outputs: Any, x: Value) -> list[str]:
    count, w = len(symbolic_leaves(outputs)), c.writer
    axis = op.axis % len(x.shape)
    return [w.op("Gather", x.name, w.integers(k), axis=axis) for k in range(count)]


def _one_hot(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w, rank = c.writer, len(x.shape) + 1
    axis = op.axis % rank
    ids = w.op("Unsqueeze", c.name(x, "int32"), w.integers([axis]))
    shape = [op.num_classes if k == axis else 1 for k in range(rank)]
    classes = np.arange(op.num_classes, dtype=np.int32).reshape(shape)
    return w.cast(w.op("Equal", ids, w.constant(classes)), dtype_of(outputs))


def _top_k(c: Any, op: Any, outputs: Any, x: Value) -> list[str]:
    w = c.writer
    values, places = w.node("TopK", [x.name, w.integers([op.k])], outputs=2)
    return [values, w.cast(places, exported_dtype(symbolic_leaves(outputs)[1].dtype))]


def _softmax(op_type: str, c: Any, op: Any, outputs: Any, x: Value) -> str:
    if not isinstance(op.axis, int):
        raise c.error("softmax goes to ONNX over one axis only.")
    return c.writer.op(op_type, c.name(x, "float32"), axis=op.axis)


def relu_with_limits(c: Any, op: Any, outputs: Any, x: Value) -> str:
    """`keras.activations.relu`, which has a slope, a largest value and a threshold."""
    w, name = c.writer, c.name(x, "float32")
    threshold = float(op.threshold or 0)
    result = w.op("Relu", name)
    if threshold:
        passes = w.op("GreaterOrEqual", name, w.floats(threshold))
        result = w.op("Where", passes, name, w.floats(0))
    if op.max_value is not None:
        result = w.op("Min", result, w.floats(op.max_value))
    if op.negative_slope:
        below = w.op("Sub", name, w.floats(threshold))
        below = w.op("Mul", below, w.floats(op.negative_slope))
        is_below = w.op("Less", name, w.floats(threshold))
        result = w.op("Where", is_below, below, result)
    return result


def _leaky_relu(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.writer.op(
        "LeakyRelu", c.name(x, "float32"), alpha=float(op.negative_slope)
    )


def _elu(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.writer.op("Elu", c.name(x, "float32"), alpha=float(op.alpha))


def _hard_sigmoid(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.writer.op("HardSigmoid", c.name(x, "float32"), alpha=1 / 6, beta=0.5)


def _selu(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.writer.op("Selu", c.name(x, "float32"))


def _relu6(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w = c.writer
    return w.op("Min", w.op("Relu", c.name(x, "float32")), w.floats(6))


def _hard_tanh(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w = c.writer
    above = w.op("Max", c.name(x, "float32"), w.floats(-1))
    return w.op("Min", above, w.floats(1))


def _silu(c: Any, op: Any, outputs: Any, x: Value) -> str:
    name = c.name(x, "float32")
    return c.writer.op("Mul", name, c.writer.op("Sigmoid", name))


def _hard_silu(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.writer.op("HardSwish", c.name(x, "float32"))


def _log_sigmoid(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w = c.writer
    return w.op("Neg", w.op("Softplus", w.op("Neg", c.name(x, "float32"))))


def _mish(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w, name = c.writer, c.name(x, "float32")
    return w.op("Mul", name, w.op("Tanh", w.op("Softplus", name)))


def _gelu(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w, name = c.writer, c.name(x, "float32")
    if op.approximate:
        cube = w.op("Mul", name, w.op("Mul", name, name))
        inner = w.op("Add", name, w.op("Mul", cube, w.floats(0.044715)))
        curve = w.op("Tanh", w.op("Mul", inner, w.floats(np.sqrt(2 / np.pi))))
    else:
        curve = w.op("Erf", w.op("Mul", name, w.floats(np.sqrt(0.5))))
    half = w.op("Mul", name, w.floats(0.5))
    return w.op("Mul", half, w.op("Add", curve, w.floats(1)))


def _square(c: Any, op: Any, outputs: Any, x: Value) -> str:
    name = c.name(x, dtype_of(outputs))
    return c.writer.op("Mul", name, name)


def _rsqrt(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w = c.writer
    return w.op("Reciprocal", w.op("Sqrt", c.name(x, "float32")))


def _log1p(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w = c.writer
    return w.op("Log", w.op("Add", c.name(x, "float32"), w.floats(1)))


def _expm1(c: Any, op: Any, outputs: Any, x: Value) -> str:
    w = c.writer
    return w.op("Sub", w.op("Exp", c.name(x, "float32")), w.floats(1))


def _is_nan(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.writer.op("IsNaN", c.name(x, "float32"))


def _logical_not(c: Any, op: Any, outputs: Any, x: Value) -> str:
    return c.writer.op("Not", c.name(x, "bool"))


def _layer_norm(
    c: Any, op: Any, outputs: Any, x: Value, gamma: Any = None, beta: Any = None
) -> str:
    axes = as_axes(op.axis, len(x.shape))
    return normalized(c, x, axes, gamma, beta, op.epsilon, op.rms_scaling)


def normalized(
    c: Any, x: Value, axes: list, gamma: Any, beta: Any, epsilon: Any, rms: bool
) -> str:
    """Layer normalization over the last axes."""
    rank = len(x.shape)
    if sorted(axes) != list(range(rank - len(axes), rank)) or rms:
        raise c.error("layer normalization goes to ONNX over the last axes only.")
    shape = [x.shape[a] for a in sorted(axes)]
    scale = c.name(np.ones(shape) if gamma is None else gamma, "float32")
    inputs = [c.name(x, "float32"), scale]
    if beta is not None:
        inputs.append(c.name(beta, "float32"))
    epsilon = keras.config.epsilon() if epsilon is None else float(epsilon)
    return c.writer.op("LayerNormalization", *inputs, axis=-len(axes), epsilon=epsilon)


def _batch_norm(
    c: Any,
    op: Any,
    outputs: Any,
    x: Value,
    mean: Any,
    variance: Any,
    offset: Any = None,
    scale: Any = None,
) -> str:
    w, shape = c.writer, [1] * len(x.shape)
    shape[op.axis] = -1
    of, spread = (keras.ops.convert_to_numpy(v) for v in (mean, variance))
    factor = 1 / np.sqrt(spread + op.epsilon)
    if scale is not None:
        factor = factor * keras.ops.convert_to_numpy(scale)
    shift = -of * factor
    if offset is not None:
        shift = shift + keras.ops.convert_to_numpy(offset)
    scaled = w.op("Mul", c.name(x, "float32"), w.floats(factor.reshape(shape)))
    return w.op("Add", scaled, w.floats(shift.reshape(shape)))


def _pool(op_type: str, c: Any, op: Any, outputs: Any, inputs: Value) -> str:
    rank = len(inputs.shape) - 2
    size = as_sizes(op.pool_size, rank)
    strides = size if op.strides is None else as_sizes(op.strides, rank)
    return windowed(
        c,
        op_type,
        inputs,
        [],
        op,
        kernel_shape=size,
        strides=strides,
        **padding_of(op.padding),
    )


def _convolution(c: Any, op: Any, outputs: Any, inputs: Value, kernel: Any) -> str:
    return convolved(c, op, inputs, kernel, op.padding)


def _depthwise_convolution(
    c: Any, op: Any, outputs: Any, inputs: Value, kernel: Any
) -> str:
    """A convolution in as many groups as there are channels."""
    weights = keras.ops.convert_to_numpy(kernel)  # (..., channels, multiplier)
    weights = weights.reshape(*weights.shape[:-2], 1, -1)
    return convolved(c, op, inputs, weights, op.padding)


def convolved(c: Any, op: Any, inputs: Value, kernel: Any, padding: Any) -> str:
    """A convolution.

    Args:
        c: What is being written.
        op: A layer or an operation with strides, dilation and data format.
        inputs: What is convolved.
        kernel: (..., channels in / groups, channels out).
        padding: "valid", "same" or "causal".
    """
    rank = len(inputs.shape) - 2
    weights = keras.ops.convert_to_numpy(kernel)
    channels = inputs.shape[1 if op.data_format == "channels_first" else -1]
    turned = np.transpose(weights, (rank + 1, rank, *range(rank)))
    strides = as_sizes(op.strides, rank)
    dilations = as_sizes(op.dilation_rate, rank)
    around = [d * (k - 1) for d, k in zip(dilations, weights.shape, strict=False)]
    if padding == "causal":
        pads = {"pads": [*around, *[0] * rank]}
    elif padding == "same" and set(strides) == {1}:  # it may be dilated
        before = [n // 2 for n in around]
        pads = {
            "pads": [*before, *[n - b for n, b in zip(around, before, strict=True)]]
        }
    else:
        pads = padding_of(padding)
    return windowed(
        c,
        "Conv",
        inputs,
        [c.writer.floats(turned)],
        op,
        strides=strides,
        dilations=dilations,
        group=channels // weights.shape[-2],
        **pads,
    )


def windowed(
    c: Any, op_type: str, inputs: Value, others: list, op: Any, **attributes: Any
) -> str:
    """An operator of images or sequences, for which ONNX wants channels first."""
    w, rank = c.writer, len(inputs.shape)
    last = op.data_format != "channels_first"
    name = c.name(inputs, "float32")
    if last:
        name = w.op("Transpose", name, perm=[0, rank - 1, *range(1, rank - 1)])
    result = w.op(op_type, name, *others, **attributes)
    return w.op("Transpose", result, perm=[0, *range(2, rank), 1]) if last else result


def as_sizes(size: Any, rank: int) -> list[int]:
    """`size` as one number an axis."""
    return [int(size)] * rank if isinstance(size, int) else [int(s) for s in size]


def padding_of(padding: str) -> dict:
    """Keras's padding as an attribute."""
    return {"auto_pad": "SAME_UPPER" if padding == "same" else "VALID"}


def table(function: Callable, **op_types: str) -> dict[str, Callable]:
    """The function, for each of Keras's operations with an ONNX operator."""
    return {name: functools.partial(function, op) for name, op in op_types.items()}


# Keras's name of an operation: what writes it.
OPERATIONS: dict[str, Callable] = {
    **table(
        _unary,
        Tanh="Tanh",
        Sigmoid="Sigmoid",
        Relu="Relu",
        Softplus="Softplus",
        Softsign="Softsign",
        Exp="Exp",
        Log="Log",
        Sqrt="Sqrt",
        Absolute="Abs",
        Abs="Abs",
        Negative="Neg",
        Sign="Sign",
        Floor="Floor",
        Ceil="Ceil",
        Sin="Sin",
        Cos="Cos",
        Erf="Erf",
        Reciprocal="Reciprocal",
    ),
    **table(
        _binary,
        Add="Add",
        Subtract="Sub",
        Multiply="Mul",
        Divide="Div",
        TrueDivide="Div",
        Maximum="Max",
        Minimum="Min",
        Power="Pow",
    ),
    **table(
        _compare,
        Equal="Equal",
        Greater="Greater",
        GreaterEqual="GreaterOrEqual",
        Less="Less",
        LessEqual="LessOrEqual",
    ),
    **table(_logical, LogicalAnd="And", LogicalOr="Or", LogicalXor="Xor"),
    **table(
        _reduction,
        Sum="ReduceSum",
        Mean="ReduceMean",
        Max="ReduceMax",
        Amax="ReduceMax",
        Min="ReduceMin",
        Amin="ReduceMin",
        Prod="ReduceProd",
    ),
    **table(_any_or_all, Any="ReduceMax", All="ReduceMin"),
    **table(_arg_reduction, Argmax="ArgMax", Argmin="ArgMin"),
    **table(_softmax, Softmax="Softmax", LogSoftmax="LogSoftmax"),
    **table(_pool, MaxPool="MaxPool", AveragePool="AveragePool"),
    "BatchNorm": _batch_norm,
    "BroadcastTo": _broadcast_to,
    "Cast": _cast,
    "ChainLoop": _chain_loop,
    "Clip": _clip,
    "Concatenate": _concatenate,
    "Conv": _convolution,
    "ConvertToTensor": _same,
    "Copy": _same,
    "Cumsum": _cumsum,
    "DepthwiseConv": _depthwise_convolution,
    "Dot": _dot,
    "Einsum": _einsum,
    "Elu": _elu,
    "ExpandDims": _expand_dims,
    "Expm1": _expm1,
    "Flip": _flip,
    "FloorDivide": _floor_divide,
    "FullLike": _full_like,
    "Gelu": _gelu,
    "GetItem": _get_item,
    "HardSigmoid": _hard_sigmoid,
    "HardSilu": _hard_silu,
    "HardTanh": _hard_tanh,
    "Isnan": _is_nan,
    "LayerNorm": _layer_norm,
    "LeakyRelu": _leaky_relu,
    "Log1p": _log1p,
    "LogicalNot": _logical_not,
    "LogSigmoid": _log_sigmoid,
    "Logsumexp": _logsumexp,
    "Matmul": _matmul,
    "Mish": _mish,
    "Mod": _modulo,
    "Moveaxis": _move_axis,
    "NotEqual": _not_equal,
    "OneHot": _one_hot,
    "OnesLike": functools.partial(_filled_like, 1),
    "Pad": _pad,
    "Ravel": _ravel,
    "ReLU": relu_with_limits,
    "Relu6": _relu6,
    "Repeat": _repeat,
    "Reshape": _reshape,
    "Rsqrt": _rsqrt,
    "Selu": _selu,
    "Silu": _silu,
    "Slice": _slice,
    "Split": _split,
    "Square": _square,
    "Squeeze": _squeeze,
    "Stack": _stack,
    "Std": functools.partial(_variance, True),
    "StopGradient": _same,
    "Swapaxes": _swap_axes,
    "Take": _take,
    "TakeAlongAxis": _take_along_axis,
    "Tile": _tile,
    "TopK": _top_k,
    "Transpose": _transpose,
    "Unstack": _unstack,
    "Var": functools.partial(_variance, False),
    "Where": _where,
    "ZerosLike": functools.partial(_filled_like, 0),
}
