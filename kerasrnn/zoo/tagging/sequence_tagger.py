from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn import layers
from kerasrnn.layers.arguments import Shape, Tensor
from kerasrnn.layers.linear_chain import argmax
from kerasrnn.metrics import MaskedAccuracy
from kerasrnn.zoo.arguments import check_choice, check_fraction, check_size
from kerasrnn.zoo.compiled_function import compile_function
from kerasrnn.zoo.model_inputs import is_of_lines
from kerasrnn.zoo.recurrent_layers import LAYERS, sequence_layers
from kerasrnn.zoo.tagging.frame_encoder import FrameEncoder
from kerasrnn.zoo.tagging.tagged_inputs import (
    NO_LABEL,
    as_frames,
    as_sentences,
    as_tags,
)
from kerasrnn.zoo.tagging.word_encoder import WordEncoder
from kerasrnn.zoo.task import Task, Untracked

# A batch of `tag` has at most so many steps, padding included.
MOST_STEPS = 16_384
# Of JAX, which compiles a program for each shape, the steps are a multiple of this.
ROUND = 16


@keras.saving.register_keras_serializable(package="kerasrnn")
class SequenceTagger(Task):
    """Many to many, in step: a label for every word, or for every frame.

    x_t = encoder(step_t)                   a word and its spelling, or a frame
    h_t = [→RNN(x_t), ←RNN(x_t)]            one or more recurrent layers
    e_t = W h_t + b                         a score of each label
    p(y | x) = Π_t softmax(e_t)[y_t]        each step by itself
    p(y | x) ∝ exp(Σ_t e_t(y_t) + Σ_t A(y_{t-1}, y_t))          with `crf`

    There are two kinds of encoder. With a `preprocessor` (`SpelledWordTokenizer`) it
    reads sentences: each a list of words, or a string of words with spaces between,
    punctuation marks being words. With `frame_dim` it reads sequences of frames, arrays
    (T, D) of numbers, which `adapt` learns the scale of. What differs in length is
    padded: words by 0, frames by NaN.

    Labels, as `fit` and `evaluate` take them, are for each sequence a list of names or
    of numbers, one for each step, or a string of names with spaces between. -1 is a
    step that does not count.

    Args:
        preprocessor: A `kerasrnn.text.SpelledWordTokenizer`, or None.
        frame_dim: D, how many numbers a frame has; None: it reads words.
        labels: Names of the labels, in the order of their numbers.
        crf: Whether a CRF judges whole sequences of labels.
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        num_layers: Recurrent layers on top of each other.
        units: Size of the state of each, in each direction.
        bidirectional: Read from both ends. Without it, and without a CRF, a label
            depends on what came before only, as in a stream.
        embedding_dim: Size of a word's vector.
        letter_dim: Size of a letter's vector.
        letter_units: Size of the state of the reader of letters, in each direction.
        word_dropout: In training, share of the words taken for unknown ones.
        input_dropout: Rate on what the encoder gives.
        dropout: Rate between recurrent layers, and before the labels.
        recurrent_dropout: Rate on the state inside the recurrent layers.
        embedding_matrix: Word vectors (vocabulary_size, embedding_dim) to start from.
        vocabulary_size: Number of words; None: the preprocessor's.
        letter_count: Number of letters; None: the preprocessor's.

    Call arguments:
        inputs: (B, T, 1 + L) integers of the preprocessor, or frames (B, T, D).
        training: Whether dropout is on.

    Output shape: (B, T, labels): e_t, logits without a CRF, its emissions with one.

    Masking: words with number 0 and frames of NaN alone are no steps.

    Export:
        In every format it gives the labels that `tag` does: in a SavedModel by name, in
        ONNX and LiteRT by number, as `parts` says. Step by step goes, by
        `kerasrnn.export.streaming(model.parts()["model"])`, what is not bidirectional
        and has no CRF, whose labels depend on the steps to come.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> from kerasrnn.text import SpelledWordTokenizer
    >>> tokenizer = SpelledWordTokenizer()
    >>> tokenizer.adapt(["the cat sleeps", "the dog sleeps"])
    >>> model = SequenceTagger(
    ...     preprocessor=tokenizer, labels=["DT", "NN", "VB"], units=8
    ... )
    >>> history = model.fit([["the", "cat", "sleeps"]], ["DT NN VB"], verbose=0)
    >>> [len(tags) for tags in model.tag(["the dog", "a cat sleeps"])]
    [2, 3]

    Reference: Graves and Schmidhuber 2005, "Framewise Phoneme Classification with
    Bidirectional LSTM"; Lample et al. 2016, "Neural Architectures for Named Entity
    Recognition" (spelling and CRF).
    """

    def __init__(
        self,
        *,
        preprocessor: Any = None,
        frame_dim: int | None = None,
        labels: Sequence[str],
        crf: bool = False,
        cell: str = "lstm",
        num_layers: int = 2,
        units: int = 64,
        bidirectional: bool = True,
        embedding_dim: int = 64,
        letter_dim: int = 32,
        letter_units: int = 32,
        word_dropout: float = 0.05,
        input_dropout: float = 0.2,
        dropout: float = 0.4,
        recurrent_dropout: float = 0.0,
        embedding_matrix: Any = None,
        vocabulary_size: int | None = None,
        letter_count: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(preprocessor=preprocessor, **kwargs)
        self.frame_dim = frame_dim
        sizes: dict[str, Any] = {
            "vocabulary_size": vocabulary_size,
            "letter_count": letter_count,
        }
        if frame_dim is None:
            for name, size in sizes.items():
                if size is None and preprocessor is None:
                    raise ValueError(
                        f"`{name}` must be given where `preprocessor` and `frame_dim` "
                        "are None."
                    )
                sizes[name] = getattr(preprocessor, name) if size is None else size
            vocabulary_size, letter_count = sizes.values()
        else:
            check_size("frame_dim", frame_dim, 1)
            if preprocessor is not None:
                raise ValueError(
                    "`preprocessor` must be None for a tagger of frames, which reads "
                    f"numbers; got {type(preprocessor).__name__}."
                )
        check_choice("cell", cell, LAYERS)
        for name, value in (
            ("num_layers", num_layers),
            ("units", units),
            ("embedding_dim", embedding_dim),
            ("letter_dim", letter_dim),
            ("letter_units", letter_units),
        ):
            check_size(name, value, 1)
        for name, rate in (
            ("word_dropout", word_dropout),
            ("input_dropout", input_dropout),
            ("dropout", dropout),
            ("recurrent_dropout", recurrent_dropout),
        ):
            check_fraction(name, rate)
        if isinstance(labels, str) or len({*labels}) < max(2, len(labels)):
            raise ValueError(
                f"`labels` must name two or more labels, each once; got {labels!r}."
            )
        self.labels = tuple(labels)
        self.cell = cell
        self.num_layers = num_layers
        self.units = units
        self.bidirectional = bidirectional
        self.embedding_dim = embedding_dim
        self.letter_dim = letter_dim
        self.letter_units = letter_units
        self.word_dropout = word_dropout
        self.input_dropout = input_dropout
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.vocabulary_size = vocabulary_size
        self.letter_count = letter_count

        dtype = self.dtype_policy
        if frame_dim is None:
            self.encoder = WordEncoder(
                sizes["vocabulary_size"],
                sizes["letter_count"],
                embedding_dim=embedding_dim,
                letter_dim=letter_dim,
                letter_units=letter_units,
                cell=cell,
                word_dropout=word_dropout,
                dtype=dtype,
                name="word_encoder",
            )
        else:
            self.encoder = FrameEncoder(frame_dim, dtype=dtype, name="frame_encoder")
        self.drop_inputs = keras.layers.Dropout(
            input_dropout, dtype=dtype, name="drop_inputs"
        )
        self.recurrent_layers = sequence_layers(
            num_layers,
            cell,
            units,
            bidirectional=bidirectional,
            recurrent_dropout=recurrent_dropout,
            dtype=dtype,
        )
        self.dropouts = [
            keras.layers.Dropout(dropout, dtype=dtype, name=f"dropout_{i}")
            for i in range(num_layers)
        ]
        # Scores in float32 keep the loss exact under mixed precision.
        self.scores = keras.layers.Dense(
            len(self.labels), dtype="float32", name="scores"
        )
        self.crf = layers.CRF(len(self.labels), name="crf") if crf else None
        self._compiled = Untracked({})
        self._has_own_loss = Untracked(True)
        self.build((None, None, None))
        if embedding_matrix is not None:
            self._set_embedding(np.asarray(embedding_matrix))
        self.compile()

    def _set_embedding(self, matrix):
        expected = (self.vocabulary_size, self.embedding_dim)
        if self.frame_dim is not None or matrix.shape != expected:
            raise ValueError(
                "`embedding_matrix` must have shape (vocabulary_size, embedding_dim)="
                f"{expected}, of a tagger of words; got {matrix.shape}."
            )
        self.encoder.embedding.set_weights([matrix])

    def check_kind_of_preprocessor(self, preprocessor: Any) -> None:
        """Raise where the object is no preprocessor for this model."""
        if not callable(preprocessor) or not hasattr(preprocessor, "letter_count"):
            raise TypeError(
                "`preprocessor` must be a SpelledWordTokenizer; got "
                f"{type(preprocessor).__name__}."
            )

    @property
    def needs_preprocessor(self) -> bool:
        """Whether what users give it has to be made into numbers."""
        return self.frame_dim is None

    def vocabulary_sizes(self) -> tuple[int | None, int | None]:
        return None, None  # Of rows with a word's number and those of letters.

    def token_weights(self) -> list[tuple[keras.Variable, int, str]]:
        of_labels = [
            (self.scores.kernel, 1, "label"),
            (self.scores.bias, 0, "label"),
        ]
        if self.crf is not None:
            of_labels += [
                (self.crf.transitions, 0, "label"),
                (self.crf.transitions, 1, "label"),
                (self.crf.start, 0, "label"),
                (self.crf.end, 0, "label"),
            ]
        if self.frame_dim is not None:
            return of_labels
        return [(self.encoder.embedding.embeddings, 0, "text"), *of_labels]

    def build(self, input_shape: Shape | None = None) -> None:
        width = self.encoder.size
        size = 1 if self.frame_dim is None else self.frame_dim
        self.encoder.build((None, None, size))
        for layer in self.recurrent_layers:
            layer.build((None, None, width))
            width = self.units * (2 if self.bidirectional else 1)
        self.scores.build((None, None, width))
        if self.crf is not None:
            self.crf.build((None, None, len(self.labels)))
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        mask = self.encoder.mask(inputs)  # (B, T)
        sequences = self.encoder(inputs, training=training)  # (B, T, D)
        sequences = self.drop_inputs(sequences, training=training)
        for layer, drop in zip(self.recurrent_layers, self.dropouts, strict=True):
            sequences = layer(sequences, mask=mask, training=training)  # (B, T, U)
            sequences = drop(sequences, training=training)
        return self.scores(sequences)  # (B, T, labels)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:2], len(self.labels))

    def adapt(self, sequences: Any) -> None:
        """Learn the scale of frames, so that all their numbers count alike.

        Args:
            sequences: Arrays (T, D) to learn from; NaN is a missing number.

        Raises:
            ValueError: It is a tagger of words.
        """
        if self.frame_dim is None:
            raise ValueError(
                "`adapt` is for a tagger of frames; this one reads words, whose "
                "tokenizer has an `adapt` of its own."
            )
        frames = as_frames(sequences, self.frame_dim, "sequences")
        self.encoder.adapt(frames)

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = None,
        *,
        metrics: Any = "auto",
        **kwargs: Any,
    ) -> None:
        """Compile; the defaults are Adam, the model's own loss, and accuracy.

        The own loss is -log p(y | x), its sum over the batch divided by the number of
        steps that count. Another loss is given labels (B, T) and scores (B, T, labels),
        those of padding too.
        """
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = keras.optimizers.Adam(1e-3)
        if isinstance(metrics, str) and metrics == "auto":
            metrics = [MaskedAccuracy(pad_id=NO_LABEL)]
        loss = None if isinstance(loss, str) and loss == "auto" else loss
        self._has_own_loss.value = loss is None
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """-log p(y | x) of each step, the mean over those that count."""
        if not self._has_own_loss.value:
            return super().compute_loss(x, y, y_pred, sample_weight, training=training)
        y = ops.cast(y, "int32")
        counts = y != NO_LABEL  # (B, T)
        y = ops.maximum(y, 0)
        weights = ops.cast(counts, "float32")
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, "float32")
            if len(sample_weight.shape) == 1:
                sample_weight = sample_weight[:, None]
            weights = weights * sample_weight  # (B, T)
        if self.crf is None:
            losses = ops.sparse_categorical_crossentropy(y, y_pred, from_logits=True)
            total = ops.sum(ops.where(counts, losses * weights, 0.0))
        else:
            losses = -self.crf.log_likelihood(y_pred, y, mask=counts)  # (B,)
            steps = ops.maximum(ops.sum(ops.cast(counts, "float32"), axis=1), 1)
            total = ops.sum(losses * ops.sum(weights, axis=1) / steps)
        return ops.divide_no_nan(total, ops.sum(weights))

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Of a CRF's marginals, where there is one.

        In `fit` its scores of neighbours are those after the step's update, on JAX
        those before it.
        """
        if keras.config.backend() != "jax":  # There they come as `y_pred`.
            y_pred = self._marginals(x, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def compute_loss_and_updates(
        self,
        trainable_variables: list,
        non_trainable_variables: list,
        metrics_variables: list,
        x: Any,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[Tensor, tuple]:
        """Of Keras's steps on JAX: what metrics get is made here, where weights are."""
        loss, (unscaled, y_pred, *updates) = super().compute_loss_and_updates(
            trainable_variables,
            non_trainable_variables,
            metrics_variables,
            x,
            *args,
            **kwargs,
        )
        mapping = list(zip(self.trainable_variables, trainable_variables, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            y_pred = self._marginals(x, y_pred)
        return loss, (unscaled, y_pred, *updates)

    def _marginals(self, x, scores):
        if self.crf is None:
            return scores
        return self.crf(scores, mask=self.encoder.mask(x))

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train, as `keras.Model.fit` does, on sentences or sequences of frames.

        `x` may also be a dataset of batches, or of single sentences: strings of words
        with strings of labels.
        """
        if y is not None and not hasattr(x, "element_spec"):
            x = self._as_inputs(x, "x")
            y = as_tags(y, self._lengths(x), self.labels)
        return super().fit(x, y, *args, **kwargs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        **kwargs: Any,
    ) -> np.ndarray:
        """Probabilities (N, T, labels) of the labels of every step; zeros at padding.

        Args:
            x: Sentences, or sequences of frames, or rows of numbers.
            batch_size: How many are read at a time; 32 by default.
            verbose: Not used: nothing is printed.
            **kwargs: None.
        """
        if kwargs:
            raise TypeError(f"`predict` has no {', '.join(kwargs)}.")
        inputs = self._as_inputs(x, "x")
        found = np.zeros((len(inputs), self._steps(inputs), len(self.labels)), "f4")
        for at in range(0, len(inputs), batch_size or 32):
            rows = self._as_rows(inputs[at : at + (batch_size or 32)])
            part = ops.convert_to_numpy(self._run(self._probabilities, rows))
            part = part[:, : found.shape[1]]
            found[at : at + len(part), : part.shape[1]] = part
        return found

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Probabilities of a batch, as `predict` gives them."""
        return self.predict(x, batch_size=len(x))

    def tag(
        self, x: Any, *, batch_size: int = 256, return_probabilities: bool = False
    ) -> Any:
        """The labels of every step, by name; with a CRF the likeliest sequence.

        Args:
            x: Sentences, or sequences of frames, or rows of numbers.
            batch_size: How many are read at a time, at most; fewer where they are long.
            return_probabilities: Whether to give the probability of each label, too.

        Returns:
            A list of names for each sequence, in the order of `x`; with
            `return_probabilities` also a list of arrays.
        """
        numbers, probabilities = self.tag_numbers(x, batch_size=batch_size)
        names = [[self.labels[number] for number in row] for row in numbers]
        return (names, probabilities) if return_probabilities else names

    def tag_numbers(
        self, x: Any, *, batch_size: int = 256
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """As `tag`, the numbers of labels, and their probabilities.

        Args:
            x: Sentences, or sequences of frames, or rows of numbers.
            batch_size: How many are read at a time, at most.
        """
        inputs = self._as_inputs(x, "x")
        lengths = self._lengths(inputs)
        numbers: list = [None] * len(inputs)
        probabilities: list = [None] * len(inputs)
        order = np.argsort(-lengths, kind="stable")
        at = 0
        while at < len(order):
            most = max(1, MOST_STEPS // max(1, int(lengths[order[at]])))
            rows = order[at : at + min(most, batch_size)]
            at += len(rows)
            batch = self._as_rows(inputs[rows])
            found = self._run(self._tags, batch)
            tags, sure = (ops.convert_to_numpy(part) for part in found)
            counts = np.asarray(ops.convert_to_numpy(self.encoder.mask(batch)))
            for row, one, how_sure, shown in zip(rows, tags, sure, counts, strict=True):
                shown = shown[: lengths[row]]
                one, how_sure = one[: lengths[row]], how_sure[: lengths[row]]
                numbers[row] = one
                probabilities[row] = np.where(shown, how_sure, 0).astype("float32")
        return numbers, probabilities

    def _run(self, function, batch):
        """What a function makes of a batch (B, T, D), compiled once for all B and T."""
        import tensorflow as tf

        key = function.__name__, batch.shape[2], batch.dtype.name
        if key not in self._compiled.value:
            signature = [tf.TensorSpec((None, None, batch.shape[2]), batch.dtype)]
            self._compiled.value[key] = compile_function(
                self, function, signature=signature
            )
        return self._compiled.value[key](ops.convert_to_tensor(batch))

    def _probabilities(self, inputs):
        """Probabilities (B, T, labels) of the labels, zeros at padding."""
        return self._judged(self.call(inputs), self.encoder.mask(inputs))

    def _judged(self, scores, mask):
        """Probabilities (B, T, labels) of scores, zeros at padding."""
        if self.crf is not None:
            scores = self.crf(scores, mask=mask)
        return ops.where(mask[:, :, None], ops.softmax(scores, axis=-1), 0.0)

    def _tags(self, inputs):
        """The labels (B, T) and their probabilities (B, T)."""
        tags, probabilities = self._tags_and_all(inputs)
        if self.crf is None:
            return tags, ops.max(probabilities, axis=-1)
        sure = ops.take_along_axis(probabilities, tags[:, :, None], axis=-1)
        return tags, sure[:, :, 0]

    def _tags_and_all(self, inputs):
        """The labels (B, T) and the probabilities of all labels (B, T, labels)."""
        scores, mask = self.call(inputs), self.encoder.mask(inputs)
        probabilities = self._judged(scores, mask)
        if self.crf is None:
            return argmax(scores), probabilities
        return self.crf(scores, mask=mask, decode=True), probabilities

    def postprocess(self, outputs: Tensor) -> Tensor:
        """Probabilities of scores (B, T, labels) of steps that all count."""
        if self.crf is not None:
            return self.crf.marginals(outputs)
        return ops.softmax(outputs, axis=-1)

    def _as_inputs(self, x, name):
        if x is None:
            raise ValueError(f"`{name}` must hold sentences or frames; got None.")
        if hasattr(x, "numpy"):
            x = x.numpy()
        if self.frame_dim is not None:
            return as_frames(x, self.frame_dim, name)
        shape = getattr(x, "shape", ())
        if len(shape) == 3 and x.dtype.kind in "iu":
            return self._checked_rows(x, name)
        if self.preprocessor is None:
            raise ValueError(
                f"`{name}` holds sentences, but this {type(self).__name__} has "
                "`preprocessor=None` and takes rows of numbers. Attach a tokenizer: "
                "`model.preprocessor = tokenizer`."
            )
        return as_sentences(x, name)

    def _checked_rows(self, x, name):
        if not len(x):
            raise ValueError(f"`{name}` must hold at least one example; got none.")
        for what, part, size in (
            ("words", x[:, :, 0], self.vocabulary_size),
            ("letters", x[:, :, 1:], self.letter_count),
        ):
            if part.size and (part.min() < 0 or part.max() >= size):
                raise ValueError(
                    f"`{name}` must hold numbers of {what} from 0 to {size - 1}; got "
                    f"{part.min()} to {part.max()}."
                )
        return x.astype("int32")

    def _as_rows(self, inputs):
        """What the model reads of a part of the inputs, a NumPy array (B, T, D)."""
        if inputs.dtype == object:
            inputs = np.asarray(self.preprocess(inputs.tolist()))
        if keras.config.backend() != "jax":
            return inputs
        lacking = -inputs.shape[1] % ROUND
        filling = np.nan if self.frame_dim is not None else 0
        padding = ((0, 0), (0, lacking), (0, 0))
        return np.pad(inputs, padding, constant_values=filling)

    def _lengths(self, inputs) -> np.ndarray:
        """How many steps each of the inputs has, up to the last one that counts."""
        if inputs.dtype == object:
            return np.array([len(sentence.split()) for sentence in inputs])
        if self.frame_dim is None:
            counts = inputs[:, :, 0] != 0
        else:
            counts = ~np.isnan(inputs).all(axis=-1)
        last = counts.shape[1] - np.argmax(counts[:, ::-1], axis=1)
        return np.where(counts.any(axis=1), last, 0)

    def _steps(self, inputs):
        if inputs.dtype == object:
            return max(1, int(self._lengths(inputs).max()))
        return inputs.shape[1]

    def _as_dataset(self, x, y, sample_weight, batch_size, *, shuffle=False, name):
        if not hasattr(x, "element_spec"):
            x = self._as_inputs(x, name)
            if y is not None:
                y = as_tags(y, self._lengths(x), self.labels)
        elif is_of_lines(x):
            if y is None and sample_weight is None:
                x, batch_size = x.batch(batch_size or 32), None
        return super()._as_dataset(
            x, y, sample_weight, batch_size, shuffle=shuffle, name=name
        )

    def _check_element(self, element_spec, name):
        inputs = element_spec[0] if isinstance(element_spec, tuple) else element_spec
        rank = getattr(getattr(inputs, "shape", None), "rank", None)
        is_text = getattr(getattr(inputs, "dtype", None), "name", "") == "string"
        if rank != (1 if is_text else 3):
            raise ValueError(
                f"`{name}` must be a dataset of batches of sentences, strings (batch,) "
                "of words with spaces between, or of numbers (batch, steps, size); its "
                f"elements are {element_spec}."
            )

    def _checked_targets(self, dataset, name):
        return dataset  # They are checked beside the steps, by `_map_batch`.

    def _map_batch(self, strings, *labels_and_weights):
        import tensorflow as tf

        rows = self._traced_preprocessor.value[1](strings)  # (B, T, 1 + L)
        if not labels_and_weights:
            return rows
        labels, *weights = labels_and_weights
        are_names = labels.dtype == tf.string
        if are_names:
            labels = self._numbers_of(labels)
        words = tf.reduce_sum(tf.cast(rows[:, :, 0] != 0, tf.int32), axis=1)
        given = tf.reduce_sum(tf.cast(labels != NO_LABEL, tf.int32), axis=1)
        # A number may be -1, for a word that does not count.
        fits = tf.equal(given, words) if are_names else given <= words
        first = tf.argmin(tf.cast(fits, tf.int32))
        found = tf.strings.join(
            [tf.as_string(words[first]), "words and", tf.as_string(given[first])], " "
        )
        expected = "`x` must give a label for each word"
        told = tf.debugging.Assert(
            tf.reduce_all(fits), [expected, tf.strings.join([found, " labels"])]
        )
        # As many labels as the longest sentence of the batch has words.
        steps = tf.shape(rows)[1]
        with tf.control_dependencies([told] if told is not None else []):
            labels = labels[:, :steps]
        lacking = [[0, 0], [0, steps - tf.shape(labels)[1]]]
        labels = tf.pad(labels, lacking, constant_values=NO_LABEL)
        weights = [w[:, :steps] if w.shape.rank == 2 else w for w in weights]
        return (rows, labels, *weights)

    def _numbers_of(self, strings):
        """Labels (B, T) of strings of names (B,), -1 after the last one of each."""
        import tensorflow as tf

        names = tf.strings.split(strings)
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(self.labels), tf.range(len(self.labels))
            ),
            default_value=NO_LABEL,
        )
        numbers = table.lookup(names.values)
        unknown = tf.boolean_mask(names.values, numbers == NO_LABEL)
        expected = "`x` must give labels that the model knows"
        told = tf.debugging.Assert(tf.size(unknown) == 0, [expected, unknown[:1]])
        with tf.control_dependencies([told] if told is not None else []):
            numbers = names.with_values(tf.identity(numbers))
            return numbers.to_tensor(NO_LABEL)

    def class_names(self) -> tuple[str, ...] | None:
        return self.labels

    def parts(self) -> dict[str, keras.Model]:
        """The whole, from what the model reads to labels and their probabilities.

        `tags` (B, T) are the numbers of labels, those of the likeliest sequence where
        there is a CRF, and -1 at padding; `probabilities` (B, T, labels) are zeros
        there.
        """
        if self.frame_dim is None:
            size = 1 + self.preprocessor_letters()
            inputs = keras.Input((None, size), dtype="int32", name="rows")
        else:
            inputs = keras.Input((None, self.frame_dim), name="frames")
        tags, probabilities = self._tags_and_all(inputs)
        tags = ops.where(self.encoder.mask(inputs), ops.cast(tags, "int32"), NO_LABEL)
        outputs = {"tags": tags, "probabilities": probabilities}
        return {"model": keras.Model(inputs, outputs, name="model")}

    def preprocessor_letters(self) -> int:
        """How many letters of a word the preprocessor gives."""
        return getattr(self.preprocessor, "max_letters", 20)

    def random_source(self, steps: int) -> np.ndarray:
        """What the model may read, drawn at random: (4, steps, size)."""
        random = np.random.default_rng(0)
        if self.frame_dim is not None:
            return random.normal(size=(4, steps, self.frame_dim)).astype("float32")
        size = (4, steps, self.preprocessor_letters())
        words = random.integers(1, self.vocabulary_size, (*size[:2], 1), "int32")
        letters = random.integers(1, self.letter_count, size, "int32")
        ends = random.integers(1, size[2] + 1, (*size[:2], 1))
        letters[np.arange(size[2]) >= ends] = 0
        rows = np.concatenate([words, letters], axis=-1)
        rows[-1, (steps + 1) // 2 :] = 0
        return rows

    def source_of(self, x: Any) -> np.ndarray:
        """Numbers of sentences; what is numbers already stays."""
        return np.asarray(self._as_rows(self._as_inputs(x, "calibration")))

    def serving_signatures(self) -> dict:
        """What an exported model offers: name to (function, input specifications)."""
        import tensorflow as tf

        if self.frame_dim is not None:
            shape = (None, None, self.frame_dim)
            spec = tf.TensorSpec(shape, tf.float32, name="frames")
            return {"serving_default": (self._serve, [spec])}
        if self.preprocessor is None:
            spec = tf.TensorSpec((None, None, None), tf.int32, name="rows")
            return {"serving_default": (self._serve, [spec])}
        spec = tf.TensorSpec((None,), tf.string, name="text")
        return {"serving_default": (self._serve_text, [spec])}

    def _serve_text(self, text):
        return self._serve(self.preprocessor(text))

    def _serve(self, inputs):
        import tensorflow as tf

        tags, probabilities = self._tags(inputs)
        mask = self.encoder.mask(inputs)
        names = tf.gather(tf.constant(self.labels), tags)
        return {
            "labels": tf.where(mask, names, ""),  # (B, T)
            "probabilities": probabilities,  # (B, T)
        }

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "frame_dim": self.frame_dim,
            "labels": list(self.labels),
            "crf": self.crf is not None,
            "cell": self.cell,
            "num_layers": self.num_layers,
            "units": self.units,
            "bidirectional": self.bidirectional,
            "embedding_dim": self.embedding_dim,
            "letter_dim": self.letter_dim,
            "letter_units": self.letter_units,
            "word_dropout": self.word_dropout,
            "input_dropout": self.input_dropout,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "vocabulary_size": self.vocabulary_size,
            "letter_count": self.letter_count,
        }
