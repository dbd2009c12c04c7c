"""The inputs of a model that is exported: names, shapes, and values to try it on."""

import collections
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import tree

from kerasrnn.export.arguments import check_built
from kerasrnn.export.own_layers import inner_layers, is_graph
from kerasrnn.export.sample_inputs import drawn_inputs, given_inputs


class ModelInputs:
    """The inputs of `model`, with rows and steps as they are to be in a file.

    Args:
        model: A built Keras model.
        batch_size: Rows of every input; None: as the model has them.
        steps: Steps of every input whose second axis the model leaves open; None
            leaves them open.
        sample: Arrays (rows, …) in the structure of the model's inputs, which a
            functional or `Sequential` model can do without.

    Raises:
        ValueError: The model is not built, or `steps` or `sample` do not fit it.
    """

    def __init__(
        self,
        model: keras.Model,
        batch_size: int | None,
        steps: int | None,
        sample: Any,
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
        check_built(model)
        found = [shape[1:2] for shape in shapes]
        if steps is not None and not {(None,), (steps,)} & {*found}:
            of_inputs = zip(self.names, found, strict=True)
            fixed = [f"{n} of {name!r}" for name, of in of_inputs for n in of]
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
        if self.batch_size is not None and rows not in (None, self.batch_size):
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
        return (self.batch_size or rows, *rest)

    def arrays(self, argument: str, values: Any) -> list[np.ndarray]:
        """`values` as arrays in the order of the inputs.

        Raises:
            ValueError: They do not fit the inputs.
        """
        shapes = self.shapes
        if self.batch_size is not None:  # Any number of rows makes batches.
            shapes = [(None, *shape[1:]) for shape in shapes]
        specs = self._specs(shapes)
        arrays = given_inputs(argument, values, specs)
        if len({len(array) for array in arrays}) != 1:
            raise ValueError(
                f"`{argument}` must be arrays of one number of rows; got the shapes "
                f"{[a.shape for a in arrays]}."
            )
        return arrays

    def random(self) -> list[np.ndarray]:
        """Inputs of one batch: normal numbers, and ids that all embeddings know."""
        most = min(rows_of_embeddings(self.model), default=2)
        ids = [n for n, d in zip(self.names, self.dtypes, strict=True) if "int" in d]
        if most > 2 and not ids:  # They are given as floats.
            ids = self.names
        return drawn_inputs(
            self._specs(self.shapes), self.names, dict.fromkeys(ids, most)
        )

    def _specs(self, shapes):
        """The inputs as symbolic tensors of these shapes."""
        return [
            keras.KerasTensor(shape, dtype, name=name)
            for shape, dtype, name in zip(shapes, self.dtypes, self.names, strict=True)
        ]

    def batches(self, arrays: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
        """`arrays` in batches; the last one begins anew where rows are lacking."""
        rows = len(arrays[0])
        of_batch = self.batch_size or rows
        for start in range(0, rows, of_batch):
            places = np.arange(start, start + of_batch) % rows
            yield [a[places] for a in arrays]

    def packed(self, tensors: list) -> Any:
        """Tensors in the order of the inputs, in the structure the model takes."""
        return tree.pack_sequence_as(self.structure, tensors)


def structure_of(model):
    """The inputs of a functional or `Sequential` model: nested, and as a list.

    Raises:
        ValueError: A `Sequential` model has none yet.
    """
    check_built(model)
    if isinstance(model, keras.Sequential):
        return model.inputs[0], model.inputs
    return model.input, tree.flatten(model.input)


def output_names(model: keras.Model) -> list[str]:
    """A name for each of a graph's outputs: its keys in dictionaries, or its layer's.

    Where one has the name already, the others get a number.
    """
    if isinstance(model, keras.Sequential):
        return [name_of(model.layers[-1].name)]
    names = model.output_names
    if isinstance(model.output, dict):  # Of one alone Keras tells the layer's name.
        paths = collections.defaultdict(list)
        for path, output in tree.flatten_with_path(model.output):
            paths[id(output)].append("_".join(map(str, path)))
        names = [paths[id(output)].pop(0) for output in model.outputs]
    taken: set[str] = set()
    return [numbered(name_of(name), taken) for name in names]


def named_outputs(model: keras.Model, outputs: Any) -> dict[str, Any]:
    """What a model gave, by name: of no graph, by the places in the structure."""
    leaves = tree.flatten(outputs)
    if is_graph(model):
        return dict(zip(output_names(model), leaves, strict=True))
    paths = [path for path, _ in tree.flatten_with_path(outputs)]
    names = [name_of("_".join(map(str, path)) or "output") for path in paths]
    return dict(zip(names, leaves, strict=True))


def numbered(wish: str, names: set[str]) -> str:
    """`wish`, with a number where it is among `names`, to which it is added."""
    name, number = wish, 1
    while name in names:
        name, number = f"{wish}_{number}", number + 1
    names.add(name)
    return name


def name_of(name: str) -> str:
    """`name` as an identifier that every runtime takes."""
    return re.sub(r"\W+", "_", name).strip("_") or "input"


def rows_of_embeddings(layer) -> Iterator[int]:
    """How many ids each embedding inside a layer or model knows."""
    if isinstance(layer, keras.layers.Embedding):
        yield layer.input_dim
    for inner in inner_layers(layer):
        yield from rows_of_embeddings(inner)
