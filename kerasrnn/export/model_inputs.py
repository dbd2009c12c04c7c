"""The inputs of a model that is exported: names, shapes, and values to try it on."""

import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import tree

from kerasrnn.export.own_layers import inner_layers, is_graph


class ModelInputs:
    """The inputs of `model`, with rows and steps as they are to be in a file.

    Args:
        model: A built Keras model.
        batch_size: Rows of every input.
        steps: Steps of every input whose second axis the model leaves open; None
            leaves them open.
        sample: Arrays (rows, …) in the structure of the model's inputs, which a
            functional or `Sequential` model can do without.

    Raises:
        ValueError: The model is not built, or `steps` or `sample` do not fit it.
    """

    def __init__(
        self, model: keras.Model, batch_size: int, steps: int | None, sample: Any
    ):
        self.batch_size = batch_size
        self.model = model
        if is_graph(model):
            self.structure, tensors = structure_of(model)
            self.names = [name_of(tensor.name) for tensor in tensors]
            self.dtypes = [tensor.dtype for tensor in tensors]
            shapes = [tuple(tensor.shape) for tensor in tensors]
        elif sample is None:
            raise ValueError(
                "`sample` must be inputs of the model where it is neither functional "
                f"nor Sequential; got None for {model.name!r}."
            )
        else:
            self.structure = sample
            paths = tree.flatten_with_path(sample)
            self.names = [
                name_of("_".join(map(str, path)) or "inputs") for path, _ in paths
            ]
            arrays = [np.asarray(array) for _, array in paths]
            self.dtypes = [array.dtype.name for array in arrays]
            shapes = [(None, *array.shape[1:]) for array in arrays]
        if not model.built:
            raise ValueError(
                f"`model` must be built; call {model.name!r} on some inputs first."
            )
        found = [shape[1:2] for shape in shapes]
        if steps is not None and not {(None,), (steps,)} & {*found}:
            fixed = zip(self.names, found, strict=True)
            fixed = [f"{n} of {name!r}" for name, of in fixed for n in of]
            raise ValueError(
                "`steps` must be those of the model's inputs where they are fixed, "
                f"{', '.join(fixed) or 'none'}, or None; got {steps}."
            )
        self.shapes = [
            self._fixed(name, shape, steps)
            for name, shape in zip(self.names, shapes, strict=True)
        ]
        self.sample = None if sample is None else self.arrays("sample", sample)

    def _fixed(self, name, shape, steps):
        rows, *rest = shape
        if rows not in (None, self.batch_size):
            raise ValueError(
                f"`batch_size` must be {rows}, which the model's input {name!r} has; "
                f"got {self.batch_size}."
            )
        if rest and steps is not None and rest[0] is None:
            rest[0] = steps
        if None in rest[1:]:
            raise ValueError(
                "`model` must know the sizes of its inputs but for rows and steps; got "
                f"the shape {shape} of {name!r}."
            )
        return (self.batch_size, *rest)

    def arrays(self, argument: str, values: Any) -> list[np.ndarray]:
        """`values` as arrays in the order of the inputs.

        Raises:
            ValueError: They do not fit the inputs.
        """
        if isinstance(values, dict) and not isinstance(self.structure, dict):
            by_name = {name_of(name): value for name, value in values.items()}
            if set(by_name) == set(self.names):
                values = [by_name[name] for name in self.names]
        arrays = [np.asarray(a) for a in tree.flatten(values)]
        expected = ", ".join(
            f"{name} {(None, *shape[1:])}"
            for name, shape in zip(self.names, self.shapes, strict=True)
        )
        fit = len(arrays) == len(self.shapes) and all(
            array.ndim == len(shape)
            and len(array) == len(arrays[0]) > 0
            and all(
                n in (None, m) for n, m in zip(shape[1:], array.shape[1:], strict=True)
            )
            for array, shape in zip(arrays, self.shapes, strict=True)
        )
        if not fit:
            raise ValueError(
                f"`{argument}` must be arrays of one number of rows for {expected}; "
                f"got the shapes {[a.shape for a in arrays]}."
            )
        return [a.astype(d) for a, d in zip(arrays, self.dtypes, strict=True)]

    def random(self) -> list[np.ndarray]:
        """Inputs of one batch: normal numbers, and ids of all embeddings' rows."""
        generator = np.random.default_rng(0)
        most = min(rows_of_embeddings(self.model), default=2)
        # Some steps, but few enough for what is laid out step by step.
        shapes = [[n or 12 for n in shape] for shape in self.shapes]
        if any("int" in dtype for dtype in self.dtypes) or most > 2:
            return [
                generator.integers(0, most, shape).astype(dtype)
                for shape, dtype in zip(shapes, self.dtypes, strict=True)
            ]
        return [
            generator.normal(size=shape).astype(dtype)
            for shape, dtype in zip(shapes, self.dtypes, strict=True)
        ]

    def batches(self, arrays: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
        """`arrays` in batches; the last one begins anew where rows are lacking."""
        rows = len(arrays[0])
        for start in range(0, rows, self.batch_size):
            places = np.arange(start, start + self.batch_size) % rows
            yield [a[places] for a in arrays]

    def packed(self, tensors: list) -> Any:
        """Tensors in the order of the inputs, in the structure the model takes."""
        return tree.pack_sequence_as(self.structure, tensors)


def structure_of(model):
    """The inputs of a functional or `Sequential` model: nested, and as a list.

    Raises:
        ValueError: A `Sequential` model has none yet.
    """
    if not model.built:
        raise ValueError(
            f"`model` must be built; call {model.name!r} on some inputs first."
        )
    if isinstance(model, keras.Sequential):
        return model.inputs[0], model.inputs
    return model.input, tree.flatten(model.input)


def output_names(model: keras.Model) -> list[str]:
    """The names of the layers that the outputs of a graph of layers come from."""
    if isinstance(model, keras.Sequential):
        return [model.layers[-1].name]
    return list(model.output_names)


def name_of(name: str) -> str:
    """`name` as an identifier that every runtime takes."""
    return re.sub(r"\W+", "_", name).strip("_") or "input"


def rows_of_embeddings(layer) -> Iterator[int]:
    """How many ids each embedding inside a layer or model knows."""
    if isinstance(layer, keras.layers.Embedding):
        yield layer.input_dim
    for inner in inner_layers(layer):
        yield from rows_of_embeddings(inner)
