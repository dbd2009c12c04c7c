import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import Shape, Tensor
from kerasrnn.zoo.arguments import check_choice, check_fraction, check_size
from kerasrnn.zoo.class_labels import (
    check_labels,
    checked_names,
    compile_arguments,
    numbered_labels,
    served_classes,
)
from kerasrnn.zoo.recurrent_layers import LAYERS
from kerasrnn.zoo.sentiment.text_reader import TextReader
from kerasrnn.zoo.task import Task


@keras.saving.register_keras_serializable(package="kerasrnn")
class SentimentClassifier(Task):
    """Many to one: read a text to its end, then say which class it belongs to.

    x_t = E[token_t]                        embedding
    h_t = RNN(x_t, h_{t-1})                 one or more recurrent layers
    s   = pool_t(h_t)                       over the valid steps only
    z   = W s + b                           logits of the classes
    p   = softmax(z)                        probabilities of the classes

    With several `members`, each a network like this, z = 1/N Σ_n z_n.

    Args:
        vocabulary_size: Number of token ids; id 0 is padding. None: taken from the
            preprocessor.
        preprocessor: A `kerasrnn.text.WordTokenizer`, or None (ids in, logits out).
        labels: Names of the classes, in the order of the integer labels.
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        num_layers: Recurrent layers on top of each other.
        units: Size of the state of each, in each direction.
        bidirectional: Read from both ends.
        embedding_dim: Size of a word's vector.
        pooling: How the steps become one vector; one or several of `"max"`, `"mean"`,
            `"last"`, `"attention"`. See `MaskedPooling`.
        word_dropout: In training, share of the words taken for unknown.
        embedding_dropout: Rate on the components of the word vectors; a component is
            dropped in all words of a text at once.
        dropout: Rate between recurrent layers, and before the classes.
        recurrent_dropout: Rate on the state inside the recurrent layers.
        embedding_matrix: Word vectors (vocabulary_size, embedding_dim) to start from.
        embedding_trainable: False keeps the word vectors as they are.
        members: How many such networks, an ensemble, `fit` trains side by side, each on
            its own loss; z is the mean of theirs. All takes as many times longer.

    Call arguments:
        token_ids: (B, T) integers, 0 where there is no token.
        training: Whether dropout is on.

    Output shape: (B, number of labels), logits; in training a list of those of each
    member, where there are several.

    Masking: id 0 anywhere in a row is skipped; a row of zeros, which is the empty
    string, gets the same answer whatever its length.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> from kerasrnn.text import WordTokenizer
    >>> tokenizer = WordTokenizer(max_length=8)
    >>> tokenizer.adapt(["a fine film", "a dull film"])
    >>> model = SentimentClassifier(preprocessor=tokenizer, units=4, embedding_dim=4)
    >>> history = model.fit(["a fine film", "a dull film"], [1, 0], verbose=0)
    >>> model.predict(["fine"], verbose=0).shape
    (1, 2)
    """

    def __init__(
        self,
        vocabulary_size: int | None = None,
        *,
        preprocessor: Any = None,
        labels: Sequence[str] = ("negative", "positive"),
        cell: str = "lstm",
        num_layers: int = 1,
        units: int = 64,
        bidirectional: bool = True,
        embedding_dim: int = 64,
        pooling: str | Sequence[str] = "max",
        word_dropout: float = 0.1,
        embedding_dropout: float = 0.4,
        dropout: float = 0.5,
        recurrent_dropout: float = 0.0,
        embedding_matrix: Any = None,
        embedding_trainable: bool = True,
        members: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(preprocessor=preprocessor, **kwargs)
        if vocabulary_size is None:
            if preprocessor is None:
                raise ValueError(
                    "`vocabulary_size` must be given where `preprocessor` is None."
                )
            vocabulary_size = len(preprocessor.get_vocabulary())
        check_choice("cell", cell, LAYERS)
        for name, value in (
            ("vocabulary_size", vocabulary_size),
            ("num_layers", num_layers),
            ("units", units),
            ("embedding_dim", embedding_dim),
            ("members", members),
        ):
            check_size(name, value, 1)
        for name, rate in (
            ("word_dropout", word_dropout),
            ("embedding_dropout", embedding_dropout),
            ("dropout", dropout),
            ("recurrent_dropout", recurrent_dropout),
        ):
            check_fraction(name, rate)

        self.vocabulary_size = int(vocabulary_size)
        self.labels = checked_names(labels)
        self.cell = cell
        self.num_layers = num_layers
        self.units = units
        self.bidirectional = bidirectional
        self.embedding_dim = embedding_dim
        self.pooling = (pooling,) if isinstance(pooling, str) else tuple(pooling)
        self.word_dropout = word_dropout
        self.embedding_dropout = embedding_dropout
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.embedding_trainable = embedding_trainable
        self.members = members

        self.readers = [
            TextReader(
                vocabulary_size=self.vocabulary_size,
                classes=len(self.labels),
                cell=cell,
                num_layers=num_layers,
                units=units,
                bidirectional=bidirectional,
                embedding_dim=embedding_dim,
                embedding_trainable=embedding_trainable,
                pooling=self.pooling,
                word_dropout=word_dropout,
                embedding_dropout=embedding_dropout,
                dropout=dropout,
                recurrent_dropout=recurrent_dropout,
                dtype=self.dtype_policy,
                name=f"reader_{number}",
            )
            for number in range(members)
        ]
        self.build((None, None))
        if embedding_matrix is not None:
            self._set_embedding(np.asarray(embedding_matrix))
        self.compile()

    def _set_embedding(self, matrix):
        expected = (self.vocabulary_size, self.embedding_dim)
        if matrix.shape != expected:
            raise ValueError(
                "`embedding_matrix` must have shape (vocabulary_size, embedding_dim)="
                f"{expected}; got {matrix.shape}."
            )
        for reader in self.readers:
            reader.embedding.set_weights([matrix])

    def token_weights(self) -> list[tuple[keras.Variable, int, str]]:
        rows: list[tuple[keras.Variable, int, str]] = []
        for reader in self.readers:
            rows.append((reader.embedding.embeddings, 0, "text"))
            rows.append((reader.classes.kernel, 1, "label"))
            rows.append((reader.classes.bias, 0, "label"))
        return rows

    def build(self, input_shape: Shape | None = None) -> None:
        for reader in self.readers:
            reader.build((None, None))
        self.built = True

    def call(self, token_ids: Tensor, training: bool = False) -> Any:
        logits = [reader(token_ids, training=training) for reader in self.readers]
        if len(logits) == 1:
            return logits[0]
        # Each learns by itself; together they speak.
        return logits if training else sum(logits) / len(logits)  # (B, classes)

    def summary(
        self,
        line_length: int | None = None,
        *,
        expand_nested: bool = True,
        **kwargs: Any,
    ) -> None:
        """As `keras.Model.summary`, with the layers of each member."""
        super().summary(line_length, expand_nested=expand_nested, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], len(self.labels))

    def parts(self) -> dict[str, keras.Model]:
        """The whole, from token ids (B, T) to the probabilities of classes (B, C)."""
        token_ids = keras.Input((None,), dtype="int32", name="token_ids")
        outputs = {"probabilities": self.postprocess(self.call(token_ids))}
        return {"model": keras.Model(token_ids, outputs, name="model")}

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

    def _as_inputs(self, x, name):
        inputs = super()._as_inputs(x, name)
        if inputs.ndim == 1:
            self._tell_cut(inputs)
        return inputs

    def _tell_cut(self, texts):
        """Warn of what the tokenizer cuts off of texts, (N,) of bytes."""
        most = getattr(self.preprocessor, "max_length", None)
        if most is None or not hasattr(self.preprocessor, "count_cut"):
            return
        # A word has a letter at least; to cut all texts into words again takes long.
        long = [text for text in texts if len(text) > most]
        starts = range(0, len(long), 1024)
        parts = [self.preprocessor.count_cut(long[at : at + 1024]) for at in starts]
        cut = sum(int(np.sum(part)) for part in parts)
        if cut:
            cut_texts = sum(int(np.count_nonzero(part)) for part in parts)
            warnings.warn(
                f"{cut} words at the ends of {cut_texts} of {len(texts)} texts were "
                f"cut off and are not read: the tokenizer has max_length={most}.",
                stacklevel=5,
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

        if self.preprocessor is None:
            specification = tf.TensorSpec((None, None), tf.int32, name="token_ids")
            return {"serving_default": (self._serve_ids, [specification])}
        specification = tf.TensorSpec((None,), tf.string, name="text")
        return {"serving_default": (self._serve_text, [specification])}

    def _serve_text(self, text):
        return self._serve_ids(self.preprocessor(text))

    def _serve_ids(self, token_ids):
        probabilities = self.postprocess(self(token_ids, training=False))
        return served_classes(probabilities, self.labels)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "labels": list(self.labels),
            "cell": self.cell,
            "num_layers": self.num_layers,
            "units": self.units,
            "bidirectional": self.bidirectional,
            "embedding_dim": self.embedding_dim,
            "pooling": list(self.pooling),
            "word_dropout": self.word_dropout,
            "embedding_dropout": self.embedding_dropout,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "embedding_trainable": self.embedding_trainable,
            "members": self.members,
        }
