import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from kerasrnn.decoding.checks import check_integer
from kerasrnn.layers.arguments import Shape, Tensor
from kerasrnn.vision import PictureReader
from kerasrnn.zoo.arguments import (
    check_choice,
    check_fraction,
    check_real,
    check_size,
    of_preprocessor,
)
from kerasrnn.zoo.class_labels import (
    check_labels,
    checked_names,
    compile_arguments,
    numbered_labels,
    served_classes,
)
from kerasrnn.zoo.glimpses.first_look import FirstLook
from kerasrnn.zoo.glimpses.glimpse_sensor import GlimpseSensor
from kerasrnn.zoo.model_inputs import inputs_of
from kerasrnn.zoo.recurrent_layers import CELLS
from kerasrnn.zoo.task import Task

WINDOW_KERNEL, WINDOW_STRIDE = 3, 2  # of the convolution


class Glimpses(NamedTuple):
    """Where a model looked, and what it saw there.

    Args:
        locations: (B, T, 2), row and column of each glimpse, -1 and 1 at the edges.
        windows: (B, T, scales, G, G, C), what the windows showed, 0 to 1.
        probabilities: (B, T, classes), what it would have said after each glimpse.
        attention: (B, P), what drew its eye in the first look, over P places.
    """

    locations: np.ndarray
    windows: np.ndarray
    probabilities: np.ndarray
    attention: np.ndarray


@keras.saving.register_keras_serializable(package="kerasrnn")
class GlimpseClassifier(Task):
    """A sequence out of what is none: looks at an image piece by piece, says its class.

    l_1, c = look(image)                        from far: where first, and what is there
    h_0 = tanh(W_0 c + b_0)                     for each state of each layer
    s_t = relu(conv(ρ(image, l_t)))             strokes in the windows at l_t
    x_t = relu(W_x s_t + W_l l_t + b)           what they are, and where
    h_t = cell(x_t, h_{t-1})
    l_{t+1} = l_t + δ tanh(W_m h_t + b_m)       where next
    p   = softmax(W h_T + b)                    after the last glimpse

    It reads little of a large image: a coarse copy of it once, and of the image itself
    a few small windows. Where to look is learned by back-propagation, through the
    interpolation between pixels and through the attention of the first look. Each place
    depends on the step before: its `cells` are called step by step, without a kernel.

    Args:
        image_shape: (H, W, C) of the images. None: as the preprocessor makes them.
        preprocessor: A `kerasrnn.vision.PictureReader`, or None (arrays of that shape
            in, logits out).
        labels: Names of the classes, in the order of the integer labels.
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        num_layers: Recurrent layers on top of each other.
        units: Size of the state of each.
        glimpses: T, how many places it looks at.
        glimpse_size: G, side of the windows.
        scales: A window for each, of G × G means of k × k pixels: (1, 2) are two.
        window_filters: Features that a convolution of 3 × 3 makes of the windows.
        glimpse_units: Size of x_t.
        max_move: δ, how far apart two places may be, of half the image's sides.
        look_reduction: The first look is at the means of so many × so many pixels.
        look_filters: Size of the features of the first look.
        dropout: Rate between recurrent layers, and before the classes.

    Call arguments:
        images: (B, H, W, C), or (B, H, W) where C is 1; 0 to 255.
        training: Whether dropout is on.

    Output shape: (B, number of labels), logits.

    Raises:
        ValueError: An argument is out of its range, or images have another shape.

    Example:

    >>> import numpy as np
    >>> model = GlimpseClassifier((20, 30, 1), labels=["no", "yes"], units=4)
    >>> images = np.zeros((2, 20, 30), "uint8")
    >>> history = model.fit(images, ["no", "yes"], verbose=0)
    >>> model.look(images).locations.shape
    (2, 3, 2)

    Reference: Mnih et al. 2014, "Recurrent Models of Visual Attention"; a place that is
    learned by back-propagation: Gregor et al. 2015, "DRAW", section 3.2.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        *,
        preprocessor: Any = None,
        labels: Sequence[str] = tuple("0123456789"),
        cell: str = "lstm",
        num_layers: int = 1,
        units: int = 96,
        glimpses: int = 3,
        glimpse_size: int = 14,
        scales: Sequence[int] = (1, 2),
        window_filters: int = 8,
        glimpse_units: int = 96,
        max_move: float = 0.3,
        look_reduction: int = 4,
        look_filters: int = 24,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(preprocessor=preprocessor, **kwargs)
        if image_shape is None:
            image_shape = of_preprocessor("image_shape", preprocessor)
        self.image_shape = checked_shape(image_shape)
        if preprocessor is not None:
            self._check_same_shape(preprocessor)
        check_choice("cell", cell, CELLS)
        for name, value in (
            ("num_layers", num_layers),
            ("units", units),
            ("glimpses", glimpses),
            ("window_filters", window_filters),
            ("glimpse_units", glimpse_units),
            ("look_reduction", look_reduction),
            ("look_filters", look_filters),
        ):
            check_size(name, value, 1)
        check_size("glimpse_size", glimpse_size, WINDOW_KERNEL)
        check_real("max_move", max_move)
        if not 0 < max_move <= 2:
            raise ValueError(
                f"`max_move` must be above 0, at most 2; got {max_move!r}."
            )
        check_fraction("dropout", dropout)
        self.labels = checked_names(labels)
        self.cell = cell
        self.num_layers = num_layers
        self.units = units
        self.glimpses = glimpses
        self.glimpse_size = glimpse_size
        self.scales = checked_scales(scales)
        self.window_filters = window_filters
        self.glimpse_units = glimpse_units
        self.max_move = max_move
        self.look_reduction = look_reduction
        self.look_filters = look_filters
        self.dropout = dropout

        dtype = self.dtype_policy
        self.first_look = FirstLook(
            look_reduction, look_filters, dtype=dtype, name="first_look"
        )
        self.sensor = GlimpseSensor(
            glimpse_size, self.scales, dtype=dtype, name="sensor"
        )
        self.strokes = keras.layers.Conv2D(
            window_filters,
            WINDOW_KERNEL,
            strides=WINDOW_STRIDE,
            activation="relu",
            dtype=dtype,
            name="strokes",
        )
        self.what = keras.layers.Dense(glimpse_units, dtype=dtype, name="what")
        self.where = keras.layers.Dense(
            glimpse_units, use_bias=False, dtype=dtype, name="where"
        )
        self.cells = [
            CELLS[cell](units, dtype=dtype, name=f"cell_{i}") for i in range(num_layers)
        ]
        self.bridges = [
            keras.layers.Dense(units, activation="tanh", dtype=dtype, name=name)
            for name in self._names_of_states()
        ]
        self.dropouts = [
            keras.layers.Dropout(dropout, dtype=dtype, name=f"dropout_{i}")
            for i in range(num_layers)
        ]
        # It stays where it is until it has learned where to go.
        self.move = None
        if glimpses > 1:
            self.move = keras.layers.Dense(
                2, kernel_initializer="zeros", dtype=dtype, name="move"
            )
        # Logits in float32 keep the loss exact under mixed precision.
        self.classes = keras.layers.Dense(
            len(self.labels), dtype="float32", name="classes"
        )
        self.build((None, *self.image_shape))
        self.compile()

    def _names_of_states(self):
        states = 2 if self.cell == "lstm" else 1
        return [
            f"bridge_{i}_{n}" for i in range(self.num_layers) for n in range(states)
        ]

    def check_kind_of_preprocessor(self, preprocessor: Any) -> None:
        if not isinstance(preprocessor, PictureReader):
            raise TypeError(
                "`preprocessor` must be a kerasrnn.vision.PictureReader; got "
                f"{type(preprocessor).__name__}."
            )
        if hasattr(self, "image_shape"):
            self._check_same_shape(preprocessor)

    def _check_same_shape(self, preprocessor):
        if preprocessor.image_shape != self.image_shape:
            raise ValueError(
                "`preprocessor` must make images of the model's shape "
                f"{self.image_shape}; got one that makes {preprocessor.image_shape}."
            )

    def token_weights(self) -> list[tuple[keras.Variable, int, str]]:
        return [(self.classes.kernel, 1, "label"), (self.classes.bias, 0, "label")]

    def build(self, input_shape: Shape | None = None) -> None:
        channels = self.image_shape[2]
        self.first_look.build((None, *self.image_shape))
        self.sensor.build((None, *self.image_shape))
        side = self.glimpse_size
        window_shape = (None, side, side, len(self.scales) * channels)
        self.strokes.build(window_shape)
        self.strokes_size = math.prod(
            self.strokes.compute_output_shape(window_shape)[1:]
        )
        self.what.build((None, self.strokes_size))
        self.where.build((None, 2))
        for index, cell in enumerate(self.cells):
            cell.build((None, self.units if index else self.glimpse_units))
        for bridge in self.bridges:
            bridge.build((None, self.look_filters))
        if self.move is not None:
            self.move.build((None, self.units))
        self.classes.build((None, self.units))
        self.built = True

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        *_, outputs, _ = self._glimpse(images, training)
        return self._class(outputs[-1], training)  # (B, classes)

    def _glimpse(self, images, training=False, place=None):
        """Locations, windows and outputs of each glimpse, and the first attention.

        `place` makes the location that is looked at of the one that was meant.
        """
        images = self._as_units(images)
        location, content, attention = self.first_look(images)
        states = self._first_states(content)
        pyramid = self.sensor.pyramid(images)
        locations, windows, outputs = [], [], []
        output = None
        for _ in range(self.glimpses):
            if output is not None:
                move = ops.cast(self.move(output), "float32")
                location = location + self.max_move * ops.tanh(move)
                location = ops.clip(location, -1.0, 1.0)  # (B, 2)
            location = location if place is None else place(location)
            window = self.sensor(pyramid, location)  # (B, G, G, scales · C)
            strokes = self.strokes(window)  # (B, G', G', F)
            seen = ops.reshape(strokes, (-1, self.strokes_size))
            output = ops.relu(self.what(seen) + self.where(location))
            for index, cell in enumerate(self.cells):
                if index:
                    output = self.dropouts[index - 1](output, training=training)
                output, states[index] = cell(output, states[index], training=training)
            locations.append(location)
            windows.append(window)
            outputs.append(output)
        return locations, windows, outputs, attention

    def _as_units(self, images):
        """Images (B, H, W, C), 0 to 1, or an error that says what came."""
        shape = tuple(images.shape)
        if len(shape) == 3 and self.image_shape[2] == 1:
            images, shape = images[..., None], (*shape, 1)
        fits = len(shape) == 4 and all(
            side in (None, expected)
            for side, expected in zip(shape[1:], self.image_shape, strict=True)
        )
        if not fits:
            raise ValueError(f"`images` must be {self._expected()}; got shape {shape}.")
        return ops.cast(images, self.compute_dtype) / 255

    def _expected(self):
        height, width, channels = self.image_shape
        return f"(batch, {height}, {width}, {channels})"

    def _first_states(self, content):
        states = [bridge(content) for bridge in self.bridges]
        each = len(states) // self.num_layers
        return [states[at : at + each] for at in range(0, len(states), each)]

    def _class(self, output, training=False):
        return self.classes(self.dropouts[-1](output, training=training))

    def look(self, images: Any, batch_size: int = 256) -> Glimpses:
        """Where the model looks in images, and what it sees there.

        Args:
            images: As `predict` takes them.
            batch_size: How many are looked at at a time.
        """
        images = self._as_inputs(images, "images")
        parts = []
        for at in range(0, len(images), batch_size):
            batch = ops.convert_to_tensor(images[at : at + batch_size])
            locations, windows, outputs, attention = self._glimpse(batch)
            found = Glimpses(
                ops.stack(locations, axis=1),
                self._by_scale(ops.stack(windows, axis=1)),
                ops.softmax(ops.stack([*map(self._class, outputs)], axis=1), axis=-1),
                attention,
            )
            parts.append([ops.convert_to_numpy(x).astype("float32") for x in found])
        return Glimpses(*map(np.concatenate, zip(*parts, strict=True)))

    def _by_scale(self, windows):
        """Windows (B, T, G, G, scales · C) as (B, T, scales, G, G, C)."""
        shape = (*windows.shape[:4], len(self.scales), self.image_shape[2])
        return ops.transpose(ops.reshape(windows, shape), (0, 1, 4, 2, 3, 5))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], len(self.labels))

    def parts(self) -> dict[str, keras.Model]:
        """The whole, from images (B, H, W, C) to probabilities and locations."""
        images = keras.Input(self.image_shape, dtype="float32", name="images")
        locations, _, outputs, _ = self._glimpse(images)
        found = {
            "probabilities": self.postprocess(self._class(outputs[-1])),
            "locations": ops.stack(locations, axis=1),
        }
        return {"model": keras.Model(images, found, name="model")}

    def random_source(self, steps: int) -> np.ndarray:
        """Images (4, H, W, C), drawn at random."""
        shape = (4, *self.image_shape)
        return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")

    def source_of(self, x: Any) -> np.ndarray:
        return self._as_inputs(x, "calibration")

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        metrics: Any = "auto",
        **kwargs: Any,
    ) -> None:
        """Compile; `"auto"` is Adam, cross-entropy on logits, and accuracy.

        The names of Keras's cross-entropies mean those of logits, which the model puts
        out.
        """
        super().compile(**compile_arguments(optimizer, loss, metrics), **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Probabilities of a batch of pictures; logits without a preprocessor."""
        return super().predict_on_batch(self._as_inputs(x, "x"))

    def _as_inputs(self, x, name):
        """Pictures, as files or arrays, made into an array (B, H, W, C)."""
        if self.preprocessor is not None:
            return self.preprocessor.read(x, name)
        shape = getattr(x, "shape", None)
        if shape is None and isinstance(x, (list, tuple)) and len(x):
            if isinstance(x[0], (str, bytes)):
                raise ValueError(
                    f"`{name}` holds files, but this {type(self).__name__} has "
                    "`preprocessor=None` and takes arrays. Attach a reader: "
                    "`model.preprocessor = PictureReader(...)`."
                )
            x = np.stack([np.asarray(image) for image in x])
        reader = PictureReader(*self.image_shape)
        sides = np.shape(x)[1:]
        if sides not in {self.image_shape, self.image_shape[: 3 - (sides[2:] == ())]}:
            raise ValueError(
                f"`{name}` must be images {self._expected()}; got shape {np.shape(x)}."
            )
        return reader.read(x, name)

    def _check_element(self, element_spec, name):
        images = inputs_of(element_spec)
        shape = getattr(images, "shape", None)
        if getattr(images, "dtype", None) == "string" and shape.rank == 1:
            return
        sides = None if shape is None or shape.rank is None else tuple(shape[1:])
        if sides is not None and len(sides) == 2 and self.image_shape[2] == 1:
            sides = (*sides, 1)
        expected = self.image_shape
        if (
            sides is None
            or len(sides) != 3
            or any(
                side not in (None, wanted)
                for side, wanted in zip(sides, expected, strict=True)
            )
        ):
            raise ValueError(
                f"`{name}` must be a dataset of (images, labels) batches, images "
                f"{self._expected()} or the bytes of files; its elements are "
                f"{element_spec}."
            )

    def postprocess(self, outputs: Tensor) -> Tensor:
        return ops.softmax(outputs, axis=-1)

    def class_names(self) -> tuple[str, ...] | None:
        return self.labels

    def numbered(self, y: Any) -> Any:
        return numbered_labels(y, self.labels)

    def check_targets(self, y: Any) -> None:
        check_labels(y, self.labels)

    def serving_signatures(self) -> dict:
        """What an exported model offers: name to (function, input specifications)."""
        import tensorflow as tf

        pixels = tf.TensorSpec((None, *self.image_shape), tf.float32, name="images")
        if self.preprocessor is None:
            return {"serving_default": (self._serve, [pixels])}
        files = tf.TensorSpec((None,), tf.string, name="image_bytes")
        return {
            "serving_default": (self._serve_files, [files]),
            "pixels": (self._serve, [pixels]),
        }

    def _serve_files(self, image_bytes):
        return self._serve(self.preprocessor(image_bytes))

    def _serve(self, images):
        import tensorflow as tf

        locations, _, outputs, _ = self._glimpse(images)
        probabilities = self.postprocess(self._class(outputs[-1]))
        return {
            **served_classes(probabilities, self.labels),
            "locations": tf.stack(locations, axis=1),
        }

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "image_shape": list(self.image_shape),
            "labels": list(self.labels),
            "cell": self.cell,
            "num_layers": self.num_layers,
            "units": self.units,
            "glimpses": self.glimpses,
            "glimpse_size": self.glimpse_size,
            "scales": list(self.scales),
            "window_filters": self.window_filters,
            "glimpse_units": self.glimpse_units,
            "max_move": self.max_move,
            "look_reduction": self.look_reduction,
            "look_filters": self.look_filters,
            "dropout": self.dropout,
        }


def checked_shape(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """(H, W, C), or a ValueError."""
    if isinstance(image_shape, (str, int)) or len(image_shape) != 3:
        raise ValueError(
            f"`image_shape` must be (height, width, channels); got {image_shape!r}."
        )
    height, width, channels = image_shape
    for name, side in (("height", height), ("width", width)):
        check_integer(f"image_shape, {name}", side, 1)
    if channels not in (1, 3):
        raise ValueError(f"`image_shape` must have 1 or 3 channels; got {channels!r}.")
    return int(height), int(width), int(channels)


def checked_scales(scales: Sequence[int]) -> tuple[int, ...]:
    """The scales of windows, one or more, all different."""
    if isinstance(scales, (str, int)) or not scales or len({*scales}) < len(scales):
        raise ValueError(
            "`scales` must be one or more different integers, such as (1, 2); got "
            f"{scales!r}."
        )
    for scale in scales:
        check_integer("scales", scale, 1)
    return tuple(int(scale) for scale in scales)
