"""What SimpleRNNCell, LSTMCell and GRUCell share."""

import threading
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasrnn.kernels import KERNELS
from kerasrnn.layers.any_cell import KerasDropoutProtocol
from kerasrnn.layers.arguments import (
    Activation,
    Constraint,
    Initializer,
    Regularizer,
    Shape,
    States,
    Tensor,
    flag,
    fraction,
    is_integer,
    keras_object,
    positive_integer,
    seed_or_none,
)


class _DropoutMasks(threading.local):
    """The masks of the sequence that a thread is in; each thread has its own."""

    of_inputs = None
    of_states = None


class RecurrentCell(keras.layers.Layer, KerasDropoutProtocol):
    """A cell with a kernel W, a recurrent kernel U, a bias b and dropout.

    The arguments are those of `SimpleRNNCell`, `LSTMCell` and `GRUCell`. Dropout masks
    are drawn once a sequence and kept until they are reset. With `implementation=1`,
    and always with `recurrent_dropout`, each gate has a mask of its own.
    """

    family = "cell"
    gates = 1

    def __init__(
        self,
        units: int,
        *,
        activation: Activation,
        use_bias: bool,
        kernel_initializer: Initializer,
        recurrent_initializer: Initializer,
        bias_initializer: Initializer,
        kernel_regularizer: Regularizer,
        recurrent_regularizer: Regularizer,
        bias_regularizer: Regularizer,
        kernel_constraint: Constraint,
        recurrent_constraint: Constraint,
        bias_constraint: Constraint,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        recurrent_activation: Activation = "linear",
        implementation: int = 2,
        **kwargs: Any,
    ):
        units = positive_integer("units", units)
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras_object("activation", activation)
        self.recurrent_activation = keras_object(
            "recurrent_activation", recurrent_activation
        )
        self.use_bias = flag("use_bias", use_bias)
        self.kernel_initializer = keras_object("kernel_initializer", kernel_initializer)
        self.recurrent_initializer = keras_object(
            "recurrent_initializer", recurrent_initializer
        )
        self.bias_initializer = keras_object("bias_initializer", bias_initializer)
        self.kernel_regularizer = keras_object("kernel_regularizer", kernel_regularizer)
        self.recurrent_regularizer = keras_object(
            "recurrent_regularizer", recurrent_regularizer
        )
        self.bias_regularizer = keras_object("bias_regularizer", bias_regularizer)
        self.kernel_constraint = keras_object("kernel_constraint", kernel_constraint)
        self.recurrent_constraint = keras_object(
            "recurrent_constraint", recurrent_constraint
        )
        self.bias_constraint = keras_object("bias_constraint", bias_constraint)
        self.dropout = fraction("dropout", dropout)
        self.recurrent_dropout = fraction("recurrent_dropout", recurrent_dropout)
        if not is_integer(implementation) or implementation not in (0, 1, 2):
            raise ValueError(
                f"`implementation` must be 0, 1 or 2; got {implementation!r}."
            )
        self.implementation = 1 if self.recurrent_dropout else int(implementation)
        self.seed = seed_or_none(seed)
        self.seed_generator = keras.random.SeedGenerator(seed=self.seed)
        self.state_size: Any = self.units
        self.output_size = self.units
        self._masks = _DropoutMasks()

    def build(self, input_shape: Shape) -> None:
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.gates * self.units),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.gates * self.units),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias: Any = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=self.bias_shape,
                name="bias",
                initializer=self.initialize_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    @property
    def input_size(self) -> int | None:
        """Size of one step's input, None before the cell is built."""
        return self.kernel.shape[0] if self.built else None

    @property
    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    @property
    def initialize_bias(self) -> Callable | None:
        return self.bias_initializer

    def get_initial_state(self, batch_size: int | None = None) -> States:
        """Zeros: one (B, U) tensor for each state."""
        sizes, dtype = self.state_size, self.compute_dtype
        sizes = sizes if isinstance(sizes, (list, tuple)) else [sizes]
        return [ops.zeros((batch_size, n), dtype=dtype) for n in sizes]

    @property
    def has_gate_dropout(self) -> bool:
        """Whether each gate's dropout mask differs, so that none can be hoisted."""
        return bool(
            self.recurrent_dropout or (self.dropout and self.implementation == 1)
        )

    def named_weights(self) -> dict:
        """The weights by their names, None where there is no bias."""
        return {
            "kernel": self.kernel,
            "recurrent_kernel": self.recurrent_kernel,
            "bias": self.bias,
        }

    def explain(self, training: bool = True) -> str:
        """How a call of the cell by itself runs, and why no kernel does it.

        Of a cell inside a layer, the layer's `explain` says which kernel runs both.

        Args:
            training: Whether to ask about training or inference, which are the same.

        Example:

        >>> from kerasrnn.layers import GRUCell
        >>> print(GRUCell(4).explain().splitlines()[0])
        kernel: none
        """
        why = "it runs the loop over a sequence; a call of a cell is one step of it"
        return "\n".join(
            [
                "kernel: none",
                f"how: the cell's equations in operations of {keras.config.backend()}, "
                "one step a call",
                *(f"not {name}: {why}" for name in KERNELS),
            ]
        )

    def project(self, inputs: Tensor, training: bool) -> Tensor:
        """x W: (B, gates · U)."""
        masks = self.get_dropout_mask(inputs) if training else None
        return self._masked_product(inputs, self.kernel, masks)

    def recur(self, h: Tensor, training: bool) -> Tensor:
        """h U: (B, gates · U)."""
        masks = self.get_recurrent_dropout_mask(h) if training else None
        return self._masked_product(h, self.recurrent_kernel, masks)

    def _masked_product(self, x, kernel, masks):
        if masks is None:
            return ops.matmul(x, kernel)
        if not isinstance(masks, list):
            return ops.matmul(x * masks, kernel)
        parts = ops.split(kernel, self.gates, axis=1)
        products = [ops.matmul(x * m, w) for m, w in zip(masks, parts, strict=True)]
        return ops.concatenate(products, axis=-1)

    def _draw(self, step_input, rate):
        # Keras's cells with gates drop nothing where the rate is 1.
        if rate == 0.0 or (rate == 1.0 and self.gates > 1):
            return None
        if rate == 1.0:  # Not every Keras draws for it.
            return ops.zeros_like(step_input)
        ones = ops.ones_like(step_input)
        masks = [
            keras.random.dropout(ones, rate=rate, seed=self.seed_generator)
            for _ in range(self.gates if self.implementation == 1 else 1)
        ]
        return masks if self.implementation == 1 and self.gates > 1 else masks[0]

    def get_dropout_mask(self, step_input: Tensor) -> Tensor | list | None:
        """The mask or masks of this sequence's inputs, drawn at the first call."""
        if self._masks.of_inputs is None:
            self._masks.of_inputs = self._draw(step_input, self.dropout)
        return self._masks.of_inputs

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Tensor | list | None:
        """The mask or masks of this sequence's states, drawn at the first call."""
        if self._masks.of_states is None:
            self._masks.of_states = self._draw(step_input, self.recurrent_dropout)
        return self._masks.of_states

    def drawn_masks(self) -> dict:
        """The masks as drawn, one for each gate, or None; for `Recurrence`."""
        drawn = {
            "dropout_masks": self._masks.of_inputs,
            "recurrent_dropout_masks": self._masks.of_states,
        }
        return {
            name: masks if masks is None or isinstance(masks, list) else [masks]
            for name, masks in drawn.items()
        }

    def reset_dropout_mask(self) -> None:
        self._masks.of_inputs = None

    def reset_recurrent_dropout_mask(self) -> None:
        self._masks.of_states = None

    def get_config(self) -> dict:
        config = {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "implementation": self.implementation,
            "seed": self.seed,
        }
        if self.gates > 1:
            config["recurrent_activation"] = keras.activations.serialize(
                self.recurrent_activation
            )
        for kind in ("initializer", "regularizer", "constraint"):
            serialize = getattr(keras, f"{kind}s").serialize
            for weight in ("kernel", "recurrent", "bias"):
                name = f"{weight}_{kind}"
                config[name] = serialize(getattr(self, name))
        return {**super().get_config(), **config}
