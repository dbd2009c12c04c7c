"""The compiled kernel on PyTorch, as operations of `torch.library`.

Their arithmetic is called by ctypes on the tensors' memory. Gradients of gradients are
those of a loop over PyTorch's own functions (`loop`). None of the operations may get
into an exported program: `place_declines` refuses there.
"""

import array
import ctypes
import pathlib

import torch
from torch import Tensor

from kerasrnn.kernels.device import on_gpu
from kerasrnn.kernels.recurrence import Recurrence
from kerasrnn.kernels.torch_blocks import Blocks

CPU = torch.device("cpu")
# As the library numbers them.
TYPES = {torch.float32: 0, torch.float64: 1, torch.bool: 2}
OTHER = 3
MESSAGE_BYTES = 512


class Call(ctypes.Structure):
    """`KerasrnnCall` of native/c_interface.h."""

    _fields_ = (
        ("operation", ctypes.c_char_p),
        ("family", ctypes.c_char_p),
        ("instructions", ctypes.c_char_p),
        ("go_backwards", ctypes.c_int64),
        ("zero_output_for_mask", ctypes.c_int64),
        ("return_sequences", ctypes.c_int64),
        ("keep_residuals", ctypes.c_int64),
        ("threads", ctypes.c_int64),
        ("inputs", ctypes.c_int64),
        ("outputs", ctypes.c_int64),
        ("arrays", ctypes.c_void_p),
        ("message_bytes", ctypes.c_int64),
        ("message", ctypes.c_void_p),
    )


class Library:
    """The library's operations, as PyTorch's.

    Those of each: x (B, T, D), h0, c0 (B, U), kernel, recurrent_kernel, bias, mask
    (B, T), where what there is not has no elements, and after all arrays
    `family, instructions, go_backwards, zero_output_for_mask, threads`.
    """

    def __init__(self, path: pathlib.Path):
        library = ctypes.CDLL(str(path))
        self.run, self.count = library.kerasrnn_call, library.kerasrnn_record_floats
        self.run.restype, self.run.argtypes = ctypes.c_bool, [ctypes.POINTER(Call)]
        self.count.restype = ctypes.c_int64
        self.count.argtypes = [*[ctypes.c_char_p] * 2, *[ctypes.c_int64] * 2]
        self.instructions = "best"
        self.blocks = Blocks()
        self.definitions = torch.library.Library("kerasrnn", "FRAGMENT")
        self.forward = self.operation(
            "forward", self.forward_on_cpu, self.forward_shapes
        )
        torch.library.register_autograd(
            "kerasrnn::forward",
            self.gradients,
            setup_context=keep,
            lib=self.definitions,
        )
        # The same without gradients, which PyTorch calls in half the time.
        self.infer = self.operation("infer", self.forward_on_cpu, self.forward_shapes)
        self.backward = self.operation(
            "backward", self.backward_on_cpu, self.backward_shapes
        )
        self.input_gradient = self.operation(
            "input_gradient", self.input_gradient_on_cpu, self.input_gradient_shapes
        )

    def operation(self, name, on_cpu, shapes):
        """An operation of PyTorch's that changes none of its inputs."""
        schema = torch.library.infer_schema(on_cpu, mutates_args=())
        full, lib = f"kerasrnn::{name}", self.definitions
        # Less time a call than `torch.library.custom_op`, which is made of these.
        torch.library.define(full, schema, lib=lib, tags=torch.Tag.pt2_compliant_tag)
        torch.library.impl(full, "cpu", on_cpu, lib=lib)
        torch.library.register_fake(full, shapes, lib=lib)
        return getattr(torch.ops.kerasrnn, name).default

    def call(self, operation, inputs, outputs, attributes, flags=(False, False)):
        """Computes `outputs` of `inputs`.

        Raises:
            ValueError: The arrays do not fit together.
            MemoryError: There is no memory for it.
        """
        inputs = [tensor.contiguous() for tensor in inputs]
        arrays = described((*inputs, *outputs))
        message = ctypes.create_string_buffer(MESSAGE_BYTES)
        family, instructions, go_backwards, zero_output_for_mask, threads = attributes
        call = Call(
            *(operation.encode(), family.encode(), instructions.encode()),
            *(go_backwards, zero_output_for_mask, *flags, threads),
            *(len(inputs), len(outputs), arrays.buffer_info()[0]),
            *(MESSAGE_BYTES, ctypes.addressof(message)),
        )
        if not self.run(call):
            text = message.value.decode()
            raise (MemoryError if "no memory" in text else ValueError)(text)
        return outputs

    def record_floats(self, family, instructions, dtype, units):
        """How many numbers one step of a row leaves for the backward pass."""
        names = family.encode(), instructions.encode()
        return self.count(*names, TYPES.get(dtype, OTHER), units)

    # PyTorch reads the types of an operation from what computes it.
    def forward_shapes(self, x, h0, c0, kernel, recurrent_kernel, *others):
        """Unfilled: the last output, all outputs, h, c, what backward needs."""
        _, _, family, instructions, *_, return_sequences, keep_residuals = others
        batch, steps, _ = x.shape
        units = recurrent_kernel.shape[0]
        floats = self.record_floats(family, instructions, x.dtype, units)
        state = batch, units
        shown = return_sequences or keep_residuals
        return (
            x.new_empty(state),
            x.new_empty((batch, steps, units) if shown else (0,)),
            x.new_empty(state),
            x.new_empty(state if family == "lstm" else (0, 0)),
            x.new_empty(batch * steps * floats if keep_residuals else 0),
        )

    def forward_on_cpu(
        self,
        x: Tensor,
        h0: Tensor,
        c0: Tensor,
        kernel: Tensor,
        recurrent_kernel: Tensor,
        bias: Tensor,
        mask: Tensor,
        family: str,
        instructions: str,
        go_backwards: bool,
        zero_output_for_mask: bool,
        threads: int,
        return_sequences: bool,
        keep_residuals: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The last output, all outputs, h, c, what backward needs."""
        inputs = x, h0, c0, kernel, recurrent_kernel, bias, mask
        attributes = family, instructions, go_backwards, zero_output_for_mask, threads
        flags = return_sequences, keep_residuals
        *outputs, residuals = self.forward_shapes(*inputs, *attributes, *flags)
        outputs.append(self.blocks.empty(residuals.numel(), x.dtype))
        return tuple(self.call("forward", inputs, outputs, attributes, flags))

    def backward_shapes(
        self, x, h0, c0, kernel, recurrent_kernel, bias, mask, outputs, residuals, *_
    ):
        """Unfilled: the gradients of h0, c0, the weights and the gates."""
        like = h0, c0, kernel, recurrent_kernel, bias, residuals
        return tuple(one.new_empty(one.shape) for one in like)

    def backward_on_cpu(
        self,
        x: Tensor,
        h0: Tensor,
        c0: Tensor,
        kernel: Tensor,
        recurrent_kernel: Tensor,
        bias: Tensor,
        mask: Tensor,
        outputs: Tensor,
        residuals: Tensor,
        d_last: Tensor,
        d_outputs: Tensor,
        d_h: Tensor,
        d_c: Tensor,
        family: str,
        instructions: str,
        go_backwards: bool,
        zero_output_for_mask: bool,
        threads: int,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The gradients of h0, c0, the weights and the gates."""
        arrays = x, h0, c0, kernel, recurrent_kernel, bias, mask
        kept = outputs, residuals, d_last, d_outputs, d_h, d_c
        attributes = family, instructions, go_backwards, zero_output_for_mask, threads
        *found, records = self.backward_shapes(*arrays, *kept, *attributes)
        found.append(self.blocks.empty(records.numel(), x.dtype))
        return tuple(self.call("backward", (*arrays, *kept), found, attributes))

    def input_gradient_shapes(self, x, *_):
        """Unfilled: the gradient of x."""
        return x.new_empty(x.shape)

    def input_gradient_on_cpu(
        self,
        x: Tensor,
        h0: Tensor,
        c0: Tensor,
        kernel: Tensor,
        recurrent_kernel: Tensor,
        bias: Tensor,
        mask: Tensor,
        records: Tensor,
        family: str,
        instructions: str,
        go_backwards: bool,
        zero_output_for_mask: bool,
        threads: int,
    ) -> Tensor:
        """The gradient of x, of the gradients of the gates."""
        inputs = x, h0, c0, kernel, recurrent_kernel, bias, mask, records
        attributes = family, instructions, go_backwards, zero_output_for_mask, threads
        d_x = self.input_gradient_shapes(*inputs, *attributes)
        self.call("input_gradient", inputs, [d_x], attributes)
        return d_x

    def gradients(self, ctx, d_last, d_outputs, d_h, d_c, _):
        """The gradients of what `forward` took."""
        *arrays, outputs, residuals = ctx.saved_tensors
        x, h0, c0, *_ = arrays
        upstream = [
            h0.new_zeros(h0.shape) if d_last is None else d_last,
            x.new_empty(0) if d_outputs is None else d_outputs,
            h0.new_zeros(h0.shape) if d_h is None else d_h,
            c0.new_zeros(c0.shape) if d_c is None else d_c,
        ]
        if torch.is_grad_enabled():  # Those gradients will be differentiated.
            found = gradients_by_loop(
                arrays, ctx.attributes, upstream, ctx.needs_input_grad
            )
        else:
            *found, records = self.backward(
                *arrays, outputs, residuals, *upstream, *ctx.attributes
            )
            d_x = None
            if ctx.needs_input_grad[0]:
                d_x = self.input_gradient(*arrays, records, *ctx.attributes)
            found = [d_x, *found]
        # The mask, the attributes and two flags.
        return *found, None, *(None for _ in ctx.attributes), None, None


def keep(ctx, inputs, output):
    """Keeps what `Library.gradients` needs."""
    _, outputs, _, _, residuals = output
    ctx.save_for_backward(*inputs[:7], outputs, residuals)
    ctx.attributes = inputs[7:12]
    ctx.mark_non_differentiable(residuals)
    # None in place of zeros as large as what is kept.
    ctx.set_materialize_grads(False)


def described(tensors):
    """Type, rank, sizes and address of each tensor, one after the other."""
    numbers = array.array("q")
    for tensor in tensors:
        shape = tensor.shape
        numbers.extend((TYPES.get(tensor.dtype, OTHER), len(shape), *shape))
        numbers.append(tensor.data_ptr())
    return numbers


def place_declines(sequences) -> str | None:
    """Why the kernel cannot run where the tensors are, or None."""
    if on_gpu(sequences) or getattr(sequences, "device", CPU).type != "cpu":
        return "it runs on the CPU"
    if torch.compiler.is_exporting() or torch.jit.is_tracing():
        return "an exported program must not contain it"
    return None


def threads() -> int:
    """The threads that PyTorch is set to use."""
    return torch.get_num_threads()


def run(library, options, recurrence: Recurrence, sequences, initial_state, mask):
    """Runs `recurrence`: the last output, all outputs or None, the final states."""
    lstm, bias = recurrence.family == "lstm", recurrence.bias
    dtype = sequences.dtype
    no_state = torch.empty((0, 0), dtype=dtype)
    h0, c0 = initial_state if lstm else (*initial_state, no_state)
    arrays = [sequences, h0, c0, recurrence.kernel, recurrence.recurrent_kernel]
    arrays.append(torch.empty(0, dtype=dtype) if bias is None else bias)
    keep_residuals = torch.is_grad_enabled() and any(a.requires_grad for a in arrays)
    operation = library.forward if keep_residuals else library.infer
    last, outputs, h, c, _ = operation(
        *arrays,
        torch.empty(0, dtype=torch.bool) if mask is None else mask,
        options["family"],
        options["instructions"],
        options["go_backwards"],
        options["zero_output_for_mask"],
        options["threads"],
        recurrence.return_sequences,
        keep_residuals,
    )
    outputs = outputs if recurrence.return_sequences else None
    return last, outputs, [h, c] if lstm else [h]


# ------------------------------------------------- gradients of gradients


def gradients_by_loop(arrays, attributes, upstream, needed):
    """The gradients of x, the states and the weights, to be differentiated again."""
    family, _, go_backwards, zero_output_for_mask, _ = attributes
    *arrays, mask = arrays
    with torch.enable_grad():
        last, outputs, h, c = loop(
            family, arrays, mask, go_backwards, zero_output_for_mask
        )
        results = [(last, upstream[0]), (h, upstream[2])]
        if upstream[1].numel():
            results.append((outputs, upstream[1]))
        if family == "lstm":
            results.append((c, upstream[3]))
        wanted = [k for k in range(len(arrays)) if needed[k]]
        found = torch.autograd.grad(
            [result[0] for result in results],
            [arrays[k] for k in wanted],
            [result[1] for result in results],
            create_graph=True,
            allow_unused=True,
        )
    gradients = dict(zip(wanted, found, strict=True))
    return [gradients.get(k) for k in range(len(arrays))]


def loop(family, arrays, mask, go_backwards, zero_output_for_mask):
    """The last output, all outputs and the final states, step by step."""
    x, h, c, kernel, recurrent_kernel, bias = arrays
    steps = range(x.shape[1])
    both = bias.dim() == 2
    b_x = (bias[0] if both else bias) if bias.numel() else 0.0
    b_h = bias[1] if both else 0.0
    if mask.numel():
        x = torch.where(mask[:, :, None], x, 0.0)
    y, outputs = torch.zeros_like(h), []
    for t in reversed(steps) if go_backwards else steps:
        z = x[:, t] @ kernel + b_x
        new_h, new_c = step(family, z, h, c, recurrent_kernel, b_h)
        if mask.numel():
            m = mask[:, t, None]
            y = torch.where(
                m, new_h, torch.zeros_like(y) if zero_output_for_mask else y
            )
            h = torch.where(m, new_h, h)
            c = torch.where(m, new_c, c) if family == "lstm" else c
        else:
            y, h, c = new_h, new_h, new_c
        outputs.append(y)
    return y, torch.stack(outputs, 1), h, c


def step(family, z, h, c, u, b_h):
    """h' and c' of z = x W + b."""
    if family == "lstm":
        i, f, g, o = (z + h @ u).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
    if family == "simple_rnn_tanh":
        return (z + h @ u).tanh(), c
    if family == "simple_rnn_relu":
        return (z + h @ u).relu(), c
    z_z, z_r, z_g = z.chunk(3, dim=-1)
    if family == "gru_reset_after":
        a_z, a_r, a_g = (h @ u + b_h).chunk(3, dim=-1)
        r = (z_r + a_r).sigmoid()
        g = (z_g + r * a_g).tanh()
    else:
        u_z, u_r, u_g = u.chunk(3, dim=-1)
        a_z, r = h @ u_z, (z_r + h @ u_r).sigmoid()
        g = (z_g + (r * h) @ u_g).tanh()
    z = (z_z + a_z).sigmoid()
    return z * h + (1 - z) * g, c
