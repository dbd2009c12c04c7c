import keras
import numpy as np

from kerasrnn.export import saved_model
from kerasrnn.zoo import catalogue, preset


class _Presets:
    """A property of the class itself: `SentimentClassifier.presets`."""

    def __get__(self, instance, owner):
        name = None if owner is Task else owner.__name__
        return catalogue.list_presets(name)


class _Untracked:
    """Keeps an object out of Keras's tracking: it has no weights to train or save."""

    def __init__(self, value):
        self.value = value


class Task(keras.Model):
    """A model together with what turns raw input into numbers.

    With a `preprocessor`, `fit`, `evaluate` and `predict` take raw strings in a list,
    a NumPy array, a pandas Series or a `tf.data.Dataset` of batches, and `predict`
    gives probabilities. With `preprocessor=None` they take token ids, and `predict`
    gives logits. Batches of token ids are accepted either way.

    Calling the model, `model(ids)`, is always ids in, logits out.

    A subclass builds its layers in `__init__`, and defines `call` and
    `postprocess`.

    Args:
        preprocessor: Callable from strings (B,) to ids (B, T), such as
            `kerasrnn.text.WordTokenizer`, or None.
    """

    presets = _Presets()

    def __init__(self, *, preprocessor=None, **kwargs):
        super().__init__(**kwargs)
        if preprocessor is not None and not callable(preprocessor):
            raise TypeError(
                "`preprocessor` must be callable on strings, such as a WordTokenizer; "
                f"got {type(preprocessor).__name__}."
            )
        self._preprocessor = _Untracked(preprocessor)
        self._traced_preprocessor = _Untracked(None)

    @property
    def preprocessor(self):
        return self._preprocessor.value

    @preprocessor.setter
    def preprocessor(self, preprocessor):
        self._preprocessor.value = preprocessor
        self._traced_preprocessor.value = None

    def __setattr__(self, name, value):
        if name == "preprocessor":
            # Past Keras, which allows no new layer in a model that is built.
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def preprocess(self, strings):
        """Token ids (B, T) of strings (B,), both tensors of TensorFlow."""
        if isinstance(self.preprocessor, keras.layers.Layer):
            # Calling the layer would first make tensors of Keras's backend of the
            # strings, and only TensorFlow's may hold strings.
            return self.preprocessor.call(strings)
        return self.preprocessor(strings)

    def postprocess(self, outputs):
        """What `predict` makes of the model's outputs where there is a preprocessor."""
        return outputs

    def check_targets(self, y):
        """Raise a ValueError where the targets `y` cannot be meant."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        **kwargs,
    ):
        """Train, as `keras.Model.fit` does, on raw strings or on token ids.

        `x` may also be a dataset of `(strings, labels)` batches.
        """
        if validation_split and validation_data is None:
            x, y, sample_weight, validation_data = _split(
                x, y, sample_weight, validation_split
            )
        dataset = self._as_dataset(
            x, y, sample_weight, batch_size, shuffle=shuffle, name="x"
        )
        if y is None and not _has_targets(dataset):
            raise ValueError("`y` must hold the labels to learn; got None.")
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)):
                validation_data = (validation_data,)
            validation_data = self._as_dataset(
                *(*validation_data, None, None)[:3], batch_size, name="validation_data"
            )
        if not self.optimizer.built:  # Or TensorFlow traces the first step twice.
            self.optimizer.build(self.trainable_variables)
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
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        **kwargs,
    ):
        """Loss and metrics, as `keras.Model.evaluate`, on raw strings or token ids."""
        dataset = self._as_dataset(x, y, sample_weight, batch_size, name="x")
        return super().evaluate(dataset, verbose=verbose, **kwargs)

    def predict(self, x, batch_size=None, verbose="auto", **kwargs):
        """Probabilities of raw strings; logits where `preprocessor` is None."""
        dataset = self._as_dataset(x, None, None, batch_size, name="x")
        outputs = super().predict(dataset, verbose=verbose, **kwargs)
        if self.preprocessor is None:
            return outputs
        return keras.ops.convert_to_numpy(self.postprocess(outputs))

    def _as_dataset(self, x, y, sample_weight, batch_size, *, shuffle=False, name):
        import tensorflow as tf

        if isinstance(x, tf.data.Dataset):
            if y is not None or sample_weight is not None or batch_size is not None:
                raise ValueError(
                    f"`{name}` is a dataset, which holds its labels, weights and "
                    "batches; `y`, `sample_weight` and `batch_size` must be None."
                )
            _check_element(x.element_spec, name)
            dataset = x
        else:
            inputs = _as_array(x, name)
            columns = [inputs]
            for column, label in ((y, "y"), (sample_weight, "sample_weight")):
                if column is not None:
                    columns.append(_as_column(column, len(inputs), label))
            if y is not None:
                self.check_targets(columns[1])
            dataset = tf.data.Dataset.from_tensor_slices(
                tuple(columns) if len(columns) > 1 else columns[0]
            )
            if shuffle:
                # Keras draws the order of arrays from its global seed; so does this.
                seed = int(keras.random.randint((), 0, 2**31 - 1))
                dataset = dataset.shuffle(len(inputs), seed=seed)
            dataset = dataset.batch(batch_size or 32)
        if _inputs_of(dataset.element_spec).dtype != tf.string:
            return dataset
        if self.preprocessor is None:
            raise ValueError(
                f"`{name}` holds strings, but this {type(self).__name__} has "
                "`preprocessor=None` and takes token ids. Attach a tokenizer: "
                "`model.preprocessor = tokenizer`."
            )
        if self._traced_preprocessor.value is None:
            # Traced once, not for every dataset: a tokenizer is hundreds of operations.
            self._traced_preprocessor.value = tf.function(
                self.preprocess, input_signature=[tf.TensorSpec((None,), tf.string)]
            )
        return dataset.map(
            self._map_batch, num_parallel_calls=tf.data.AUTOTUNE
        ).prefetch(tf.data.AUTOTUNE)

    def _map_batch(self, strings, *labels_and_weights):
        ids = self._traced_preprocessor.value(strings)  # (B, T)
        return (ids, *labels_and_weights) if labels_and_weights else ids

    @classmethod
    def from_preset(cls, preset_name, load_weights=True, **kwargs):
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
        from kerasrnn.zoo.models import MODELS

        folder, config = preset.read_preset(preset_name)
        model_class = MODELS.get(config["task"])
        if model_class is None:
            raise ValueError(catalogue.unknown_name("task", config["task"], [*MODELS]))
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

    def save_to_preset(self, folder):
        """Write architecture, vocabularies and half-precision weights to a folder."""
        preset.save_preset(self, folder)

    def export(self, filepath, *, version: int | None = None):
        """Write a SavedModel that takes raw strings and needs only TensorFlow.

        Args:
            filepath: The folder to write; made where it is missing.
            version: Writes to `filepath/version`, the layout of TensorFlow Serving.

        Returns:
            The folder that was written.
        """
        return saved_model.write(self, filepath, version=version)

    def compile_from_config(self, config):
        # As in keras.Model, which leaves this out where `compile` has own defaults.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def get_config(self):
        config = {"name": self.name, "preprocessor": None}
        config["dtype"] = keras.dtype_policies.serialize(self.dtype_policy)
        if self.preprocessor is not None:
            config["preprocessor"] = keras.saving.serialize_keras_object(
                self.preprocessor
            )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for key, deserialize in (
            ("preprocessor", keras.saving.deserialize_keras_object),
            ("dtype", keras.dtype_policies.deserialize),
        ):
            if isinstance(config.get(key), dict):
                config[key] = deserialize(config[key])
        return cls(**config)


def _as_array(x, name):
    """Strings as an array of bytes (N,), or token ids (N, T)."""
    if x is None:
        raise ValueError(f"`{name}` must hold texts or token ids; got None.")
    if isinstance(x, (str, bytes)):
        raise ValueError(
            f"`{name}` must be a list of strings; got one string. "
            "Put it in a list: [text]."
        )
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    elif hasattr(x, "numpy"):
        x = x.numpy()
    if not isinstance(x, np.ndarray):
        if not isinstance(x, (list, tuple)):
            raise TypeError(
                f"`{name}` must be a list, an array or a tf.data.Dataset of strings; "
                f"got {type(x).__name__}."
            )
        holds_text = any(item is None or isinstance(item, (str, bytes)) for item in x)
        try:
            x = np.array(x, dtype=object if holds_text else None)
        except ValueError as error:
            raise ValueError(
                f"`{name}` must hold strings, or rows of token ids of one length; got "
                "rows of different lengths."
            ) from error
    if x.ndim and len(x) == 0:
        raise ValueError(f"`{name}` must hold at least one example; got none.")
    if x.dtype.kind in "OSU":
        return _as_bytes(x, name)
    if x.dtype.kind not in "iu":
        raise TypeError(
            f"`{name}` must hold strings or integer token ids; got {x.dtype} values."
        )
    if x.ndim != 2:
        raise ValueError(
            f"`{name}` must hold token ids of shape (batch, steps); "
            f"got shape {x.shape}."
        )
    return x


def _as_bytes(x, name):
    if x.ndim != 1:
        raise ValueError(
            f"`{name}` must be a flat list of strings, shape (batch,); got shape "
            f"{x.shape}."
        )
    texts = np.empty(len(x), dtype=object)
    for index, text in enumerate(x):
        if isinstance(text, str):
            # A lone surrogate has no UTF-8 form.
            text = text.encode("utf-8", errors="replace")
        if not isinstance(text, bytes):
            raise TypeError(
                f"`{name}` must hold strings; item {index} is {text!r} "
                f"({type(text).__name__})."
            )
        texts[index] = text
    return texts


def _as_column(values, length, name):
    column = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
    if column.ndim == 0 or len(column) != length:
        raise ValueError(
            f"`{name}` must hold one value for each of the {length} examples of `x`; "
            f"got shape {column.shape}."
        )
    return column


def _inputs_of(element_spec):
    return element_spec[0] if isinstance(element_spec, tuple) else element_spec


def _has_targets(dataset):
    return isinstance(dataset.element_spec, tuple) and len(dataset.element_spec) > 1


def _check_element(element_spec, name):
    inputs = _inputs_of(element_spec)
    if not hasattr(inputs, "dtype") or isinstance(inputs, dict):
        raise ValueError(
            f"`{name}` must be a dataset of (strings, labels) batches; its elements "
            f"are {element_spec}. With tfds.load, pass as_supervised=True."
        )
    rank = 1 if inputs.dtype.name == "string" else 2
    if inputs.shape.rank is not None and inputs.shape.rank != rank:
        hint = " Batch it: dataset.batch(32)." if inputs.shape.rank < rank else ""
        raise ValueError(
            f"`{name}` must be a dataset whose inputs have rank {rank}, the first axis "
            f"the batch; got shape {inputs.shape}.{hint}"
        )


def _split(x, y, sample_weight, fraction):
    """The last `fraction` of the arrays becomes the validation data, as in Keras."""
    if not 0 < fraction < 1:
        raise ValueError(
            f"`validation_split` must be between 0 and 1; got {fraction!r}."
        )
    if hasattr(x, "element_spec"):
        raise ValueError(
            "`validation_split` needs arrays or lists; `x` is a dataset. Pass "
            "`validation_data` instead."
        )
    x = _as_array(x, "x")
    at = int(len(x) * (1 - fraction))
    if at in (0, len(x)):
        raise ValueError(
            f"`validation_split`={fraction} leaves one part of the {len(x)} examples "
            "empty."
        )
    columns = [
        None if column is None else _as_column(column, len(x), name)
        for column, name in ((y, "y"), (sample_weight, "sample_weight"))
    ]
    first = [None if c is None else c[:at] for c in columns]
    last = [None if c is None else c[at:] for c in columns]
    return x[:at], *first, (x[at:], *last)
