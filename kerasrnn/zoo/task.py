import os
from typing import Any

import keras
import numpy as np

from kerasrnn import catalogue
from kerasrnn.export import saved_model
from kerasrnn.layers.arguments import Tensor
from kerasrnn.zoo import preset
from kerasrnn.zoo.export_parts import FORMATS, export_parts
from kerasrnn.zoo.grown_model import grown_model
from kerasrnn.zoo.model_inputs import (
    as_array,
    as_column,
    check_element,
    checked_ids,
    checked_labels,
    has_targets,
    holds_strings,
    in_own_words,
    inputs_of,
    is_of_lines,
    split_off,
)


class _Presets:
    """A property of the class itself: `SentimentClassifier.presets`."""

    def __get__(self, instance, owner):
        name = None if owner is Task else owner.__name__
        return catalogue.list_presets(name)


class Untracked:
    """Keeps an object out of Keras's tracking: it has no weights to train or save."""

    def __init__(self, value):
        self.value = value


class Task(keras.Model):
    """A model together with what turns raw input into numbers.

    With a `preprocessor`, `fit`, `evaluate` and `predict` take raw strings in a list,
    a NumPy array, a pandas Series or a `tf.data.Dataset` of batches or of single
    strings, and `predict` gives probabilities. With `preprocessor=None` they take token
    ids, and `predict` gives logits. Batches of token ids are accepted either way.

    Calling the model, `model(ids)`, is always ids in, logits out.

    A subclass builds its layers in `__init__`, and defines `call` and
    `postprocess`.

    Args:
        preprocessor: Callable from strings (B,) to ids (B, T), such as
            `kerasrnn.text.WordTokenizer`, or None.
    """

    presets = _Presets()

    def __init__(self, *, preprocessor: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if preprocessor is not None:
            self.check_kind_of_preprocessor(preprocessor)
        self._preprocessor = Untracked(preprocessor)
        self._traced_preprocessor = Untracked(None)

    @property
    def preprocessor(self) -> Any:
        return self._preprocessor.value

    @preprocessor.setter
    def preprocessor(self, preprocessor: Any) -> None:
        if preprocessor is not None:
            self.check_kind_of_preprocessor(preprocessor)
        self._preprocessor.value = preprocessor
        self._traced_preprocessor.value = None

    def __setattr__(self, name, value):
        if name == "preprocessor":
            # Past Keras, which allows no new layer in a model that is built.
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def needs_preprocessor(self) -> bool:
        """Whether what users have must be made into numbers for it, such as texts."""
        return True

    def check_kind_of_preprocessor(self, preprocessor: Any) -> None:
        """Raise a TypeError where the object is no preprocessor for this model."""
        if not callable(preprocessor):
            raise TypeError(
                "`preprocessor` must be callable on strings, such as a WordTokenizer; "
                f"got {type(preprocessor).__name__}."
            )

    def preprocess(self, strings: Tensor) -> Tensor:
        """Token ids (B, T) of strings (B,), both tensors of TensorFlow."""
        if isinstance(self.preprocessor, keras.layers.Layer):
            # Calling the layer would first make tensors of Keras's backend of the
            # strings, and only TensorFlow's may hold strings.
            return self.preprocessor.call(strings)
        return self.preprocessor(strings)

    def postprocess(self, outputs: Tensor) -> Tensor:
        """What `predict` makes of the model's outputs where there is a preprocessor."""
        return outputs

    def numbered(self, y: Any) -> Any:
        """The targets `y`, an array, with numbers in the place of names."""
        return y

    def check_targets(self, y: Any) -> None:
        """Raise a ValueError where the targets `y` cannot be meant."""

    def class_names(self) -> tuple[str, ...] | None:
        """The classes that integer targets number, or None: targets are no classes."""

    def vocabulary_sizes(self) -> tuple[int | None, int | None]:
        """Below which number token ids are, of inputs and targets; None: no ids."""
        return getattr(self, "vocabulary_size", None), None

    def token_weights(self) -> list[tuple[keras.Variable, int, str]]:
        """The weights that have a row for each token or label.

        Returns:
            Of each the variable, the axis of the rows, and what they stand for: "text"
            for the preprocessor's vocabulary, "source" or "target" for one of two,
            "label" for the classes.
        """
        return []

    def grow_vocabulary(
        self, *texts: Any, most: int | None = None, **kwargs: Any
    ) -> Any:
        """A model that goes on from this one, and knows the words of other texts, too.

        It has this model's weights and tokens. New tokens begin at the mean of the
        known ones, with a little noise (a tenth of their standard deviation); `fit`
        teaches them. The model itself stays as it is.

        Args:
            *texts: What to learn from, a list, an array or a `tf.data.Dataset` of
                strings; of a translator the sources and then the targets.
            most: How many tokens may be new, of each vocabulary. None: all words or
                characters that are, and 1,000 pieces of words.
            **kwargs: Arguments of the class that replace those of the model, such as
                `dropout`, or a classifier's `labels`: known ones keep their weights.

        Raises:
            ValueError: There is no preprocessor, or it has no `grown`; or other
                arguments than such make other weights.

        Example:

        >>> from kerasrnn.zoo import SentimentClassifier
        >>> model = SentimentClassifier.from_preset("sentiment-movies")
        >>> texts = ["the phablet is meh", "a brilliant phablet"]
        >>> grown = model.grow_vocabulary(texts, labels=["meh", "positive"])
        >>> grown.vocabulary_size - model.vocabulary_size
        1
        >>> history = grown.fit(texts, ["meh", "positive"], verbose=0)
        >>> grown.predict(["a phablet"], verbose=0).shape
        (1, 2)
        """
        if not hasattr(self.preprocessor, "grown"):
            raise ValueError(
                "`preprocessor` must be a tokenizer whose vocabulary can grow, such as "
                f"a WordTokenizer; got {type(self.preprocessor).__name__}."
            )
        options = {} if most is None else {"most": most}
        return grown_model(self, self.preprocessor.grown(*texts, **options), **kwargs)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict | None = None,
        sample_weight: Any = None,
        *,
        validation_batch_size: int | None = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train, as `keras.Model.fit` does, on raw strings or on token ids.

        `x` may also be a dataset of `(strings, labels)` batches, or of lines, one
        `(string, label)` an element, which are read in batches of `batch_size` in the
        order in which they come.
        """
        if validation_split and validation_data is None:
            x, y, sample_weight, validation_data = split_off(
                x, y, sample_weight, validation_split, self._as_inputs
            )
        dataset = self._as_dataset(
            x, y, sample_weight, batch_size, shuffle=shuffle, name="x"
        )
        if y is None and not has_targets(dataset):
            raise ValueError("`y` must hold the labels to learn; got None.")
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)):
                validation_data = (validation_data,)
            inputs, labels, weights = (*validation_data, None, None)[:3]
            # A dataset has its batches, where it is none of lines.
            has_batches = hasattr(inputs, "element_spec") and not is_of_lines(inputs)
            size = None if has_batches else validation_batch_size or batch_size
            validation_data = self._as_dataset(
                inputs, labels, weights, size, name="validation_data"
            )
        if not self.optimizer.built:  # Or TensorFlow traces the first step twice.
            self.optimizer.build(self.trainable_variables)
        with in_own_words():
            return super().fit(
                dataset,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_data=validation_data,
                shuffle=False,  # The dataset is shuffled already.
                class_weight=class_weight,
                **kwargs,
            )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics, as `keras.Model.evaluate`, on raw strings or token ids."""
        dataset = self._as_dataset(x, y, sample_weight, batch_size, name="x")
        with in_own_words():
            return super().evaluate(dataset, verbose=verbose, **kwargs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        **kwargs: Any,
    ) -> Any:
        """Probabilities of raw strings; logits where `preprocessor` is None."""
        dataset = self._as_dataset(x, None, None, batch_size, name="x")
        with in_own_words():
            outputs = super().predict(dataset, verbose=verbose, **kwargs)
        return self._answer(outputs)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """As `keras.Model.compute_loss`; of a list, what each member says, the mean."""
        if not isinstance(y_pred, list):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        losses = [self.compute_loss(x, y, p, sample_weight, training) for p in y_pred]
        return sum(losses) / len(losses)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """As `keras.Model.compute_metrics`; of a list, those of its first member.

        In training: so as not to mix what the members say for it.
        """
        one = y_pred[0] if isinstance(y_pred, list) else y_pred
        return super().compute_metrics(x, y, one, sample_weight)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """One step, as `keras.Model.train_on_batch`, on raw strings or token ids."""
        if holds_strings(x):
            x, y, sample_weight = self._as_batch(x, y, sample_weight)
        return super().train_on_batch(x, y, sample_weight, **kwargs)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """Loss and metrics of one batch of raw strings, or of token ids."""
        if holds_strings(x):
            x, y, sample_weight = self._as_batch(x, y, sample_weight)
        return super().test_on_batch(x, y, sample_weight, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Probabilities of a batch of raw strings; logits without a preprocessor."""
        if holds_strings(x):
            # Without a dataset, which would take longer than the model.
            x = self._compiled_preprocessor("x")(self._as_inputs(x, "x"))
        return self._answer(super().predict_on_batch(x))

    def _as_batch(self, x, y, sample_weight):
        """The numbers that a batch of strings is to the model."""
        dataset = self._as_dataset(x, y, sample_weight, len(x), name="x")
        batch = next(iter(dataset))
        if y is None:
            return batch, None, None
        return keras.utils.unpack_x_y_sample_weight(batch)

    def _answer(self, outputs):
        if self.preprocessor is None:
            return outputs
        return keras.ops.convert_to_numpy(self.postprocess(outputs))

    def _as_dataset(self, x, y, sample_weight, batch_size, *, shuffle=False, name):
        import tensorflow as tf

        if isinstance(x, tf.data.Dataset):
            of_lines = is_of_lines(x)
            if (
                y is not None
                or sample_weight is not None
                or (batch_size is not None and not of_lines)
            ):
                raise ValueError(
                    f"`{name}` is a dataset, which holds its labels, weights and "
                    "batches; `y`, `sample_weight` and `batch_size` must be None, but "
                    "`batch_size` where it is a dataset of lines."
                )
            if of_lines:
                x = x.batch(batch_size or 32)
            self._check_element(x.element_spec, name)
            dataset = self._checked_targets(x, name)
            dataset = checked_ids(dataset, self.vocabulary_sizes(), name)
        else:
            inputs = self._as_inputs(x, name)
            columns = [inputs]
            for column, label in ((y, "y"), (sample_weight, "sample_weight")):
                if column is not None:
                    columns.append(as_column(column, len(inputs), label))
            if y is not None:
                columns[1] = self.numbered(columns[1])
                self.check_targets(columns[1])
            dataset = tf.data.Dataset.from_tensor_slices(
                tuple(columns) if len(columns) > 1 else columns[0]
            )
            if shuffle:
                # Keras draws the order of arrays from its global seed; so does this.
                seed = int(keras.random.randint((), 0, 2**31 - 1))
                dataset = dataset.shuffle(len(inputs), seed=seed)
            dataset = dataset.batch(batch_size or 32)
        if inputs_of(dataset.element_spec).dtype != tf.string:
            return dataset
        self._compiled_preprocessor(name)
        return dataset.map(
            self._map_batch, num_parallel_calls=tf.data.AUTOTUNE
        ).prefetch(tf.data.AUTOTUNE)

    def _compiled_preprocessor(self, name):
        """What makes ids of strings, traced once for a vocabulary, not for every call.

        A tokenizer is hundreds of operations.
        """
        import tensorflow as tf

        if self.preprocessor is None:
            raise ValueError(
                f"`{name}` holds strings, but this {type(self).__name__} has "
                "`preprocessor=None` and takes token ids. Attach a tokenizer: "
                "`model.preprocessor = tokenizer`."
            )
        key = getattr(self.preprocessor, "trace_key", None)
        traced = self._traced_preprocessor.value
        if traced is None or traced[0] != key:
            function = tf.function(
                self.preprocess, input_signature=[tf.TensorSpec((None,), tf.string)]
            )
            traced = self._traced_preprocessor.value = (key, function)
        return traced[1]

    # What a model that reads no text has otherwise.
    def _as_inputs(self, x, name):
        inputs = as_array(x, name)
        most, _ = self.vocabulary_sizes()
        if inputs.ndim == 2 and most is not None:
            if inputs.min() < 0 or inputs.max() >= most:
                raise ValueError(
                    f"`{name}` must hold token ids from 0 to {most - 1}; got "
                    f"{inputs.min()} to {inputs.max()}."
                )
        return inputs

    def _check_element(self, element_spec, name):
        check_element(element_spec, name)

    def _checked_targets(self, dataset, name):
        return checked_labels(dataset, self.class_names(), name)

    def _map_batch(self, strings, *labels_and_weights):
        ids = self._traced_preprocessor.value[1](strings)  # (B, T)
        return (ids, *labels_and_weights) if labels_and_weights else ids

    @classmethod
    def from_preset(
        cls, preset_name: str | os.PathLike, load_weights: bool = True, **kwargs: Any
    ) -> Any:
        """Load a trained model, without network.

        Args:
            preset_name: A name in `cls.presets`, or a folder that `save_to_preset`
                or `kerasrnn train` wrote.
            load_weights: False gives the architecture and the vocabularies with new
                weights.
            **kwargs: Arguments of the class that replace those of the preset.

        Raises:
            ValueError: There is no such preset, it holds another class, or its
                weights do not fit.
        """
        folder, config = preset.read_preset(preset_name)
        model_class = preset.registered_class("task", config["task"], Task)
        if not issubclass(model_class, cls):
            raise ValueError(
                f"The preset {str(preset_name)!r} holds a {config['task']}, not a "
                f"{cls.__name__}. Load it with {config['task']}.from_preset."
            )
        arguments = preset.architecture_of(config)
        if "preprocessor" not in kwargs:
            arguments["preprocessor"] = preset.read_preprocessor(
                folder, config["preprocessor"]
            )
        model = model_class(**{**arguments, **kwargs})
        if load_weights:
            preset.load_weights(model, folder)
        return model

    def save_to_preset(self, folder: str | os.PathLike) -> None:
        """Write architecture, vocabularies and half-precision weights to a folder."""
        preset.save_preset(self, folder)

    def export(
        self,
        filepath: str | os.PathLike,
        *,
        format: str = "saved_model",
        version: int | None = None,
        verbose: bool = False,
        **options: Any,
    ) -> Any:
        """Write the model for production.

        Args:
            filepath: The folder to write; made where it is missing.
            format: "saved_model": a SavedModel that takes raw strings and needs only
                TensorFlow. "onnx" or "litert": the model's `parts` from token ids on,
                with files to make these of texts in Python and JavaScript.
            version: Writes to `filepath/version`, the layout of TensorFlow Serving.
            verbose: Whether to print what became of the model: size, operators, and
                of ONNX and LiteRT the largest difference from the model. Of these two
                it stands in the folder's `model.json` too.
            **options: Of ONNX and LiteRT: more of `kerasrnn.export.to_onnx` or
                `to_litert`, such as `quantize="dynamic"`.

        Returns:
            The folder that was written.

        Raises:
            ValueError: `format` is another one, or `options` are not its.
        """
        if format not in FORMATS:
            raise ValueError(
                f"`format` must be one of {', '.join(FORMATS)}; got {format!r}."
            )
        if format != "saved_model":
            report = export_parts(
                self, filepath, format=format, version=version, **options
            )
        elif options:
            raise ValueError(
                "`options` are those of the formats onnx and litert; a SavedModel has "
                f"none; got {', '.join(sorted(options))}."
            )
        else:
            folder = saved_model.write(self, filepath, version=version)
            report = saved_model.report(folder)
        if verbose:
            print(report)
        return report.path

    def serving_variables(self) -> list:
        """All variables that the functions of `serving_signatures` read."""
        return self.variables

    def parts(self) -> dict[str, keras.Model]:
        """What of the model runs elsewhere: functional models of tensors, by name.

        They share the weights of this one, and leave texts to their users.
        """
        raise NotImplementedError(f"{type(self).__name__} has no parts.")

    def random_source(self, steps: int) -> np.ndarray:
        """What the model may read, drawn at random: token ids (4, steps).

        The last row has padding at its end.
        """
        most, _ = self.vocabulary_sizes()
        ids = np.random.default_rng(0).integers(1, most, (4, steps), "int32")
        ids[-1, (steps + 1) // 2 :] = 0
        return ids

    def source_of(self, x: Any) -> np.ndarray:
        """Token ids of strings, a list or an array; what are ids already stays."""
        x = as_array(x, "calibration")
        if x.dtype.kind in "OSU":
            x = self.preprocess(x)
        return keras.ops.convert_to_numpy(x).astype("int32")

    def compile_from_config(self, config: dict) -> None:
        # As in keras.Model, which leaves this out where `compile` has own defaults.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def get_config(self) -> dict:
        config = {"name": self.name, "preprocessor": None}
        config["dtype"] = keras.dtype_policies.serialize(self.dtype_policy)
        if self.preprocessor is not None:
            config["preprocessor"] = keras.saving.serialize_keras_object(
                self.preprocessor
            )
        return config

    @classmethod
    def from_config(cls, config: dict) -> Any:
        config = dict(config)
        for key, deserialize in (
            ("preprocessor", keras.saving.deserialize_keras_object),
            ("dtype", keras.dtype_policies.deserialize),
        ):
            if isinstance(config.get(key), dict):
                config[key] = deserialize(config[key])
        return cls(**config)
