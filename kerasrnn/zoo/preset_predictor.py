from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasrnn.zoo.language_model.char_language_model import CharLanguageModel
from kerasrnn.zoo.sentiment.sentiment_classifier import SentimentClassifier
from kerasrnn.zoo.task import Task
from kerasrnn.zoo.translation.seq2seq import Seq2Seq
from kerasrnn.zoo.translation.seq2seq_attention import Seq2SeqAttention

READ_TEXTS = (SentimentClassifier, CharLanguageModel, Seq2Seq, Seq2SeqAttention)


class PresetPredictor:
    r"""A trained model as a function of batches of rows, for engines of large data.

    Ray Data takes it as `dataset.map_batches(PresetPredictor,
    fn_constructor_args=[preset])`; so does whatever else calls a function of columns.
    Every process makes it once, and with it loads the model. Each row that comes in
    goes out, in the same order: one that cannot be read has no answer, and its column
    `problem` says why.

    Args:
        preset: Name or folder of a trained model that reads texts: a classifier, a
            translator or a language model.
        column: The column of texts; they may be UTF-8 bytes.
        **options: Of the model's `generate`, where it writes.

    Call arguments:
        batch: Arrays of the same length, by name.

    Returns:
        The columns of the batch, and with them `answer`, a label or what was written;
        of a classifier `probability`, that of the label; and `problem`, why there is
        no answer, or None.

    Raises:
        ValueError: The model reads no texts, or there is no such column.

    Example:

    >>> import numpy as np
    >>> predict = PresetPredictor("sentiment-movies")
    >>> found = predict({"text": np.array([b"a gripping film", b"\xff", None])})
    >>> found["answer"].tolist()
    ['positive', None, None]
    >>> found["problem"].tolist()
    [None, '`text` is not UTF-8', '`text` must be a text; got None']
    """

    def __init__(self, preset: Any, *, column: str = "text", **options: Any) -> None:
        self.model: Any = Task.from_preset(preset)
        self.column: str = column
        self.options: dict[str, Any] = options
        self.classifies: bool = isinstance(self.model, SentimentClassifier)
        if not isinstance(self.model, READ_TEXTS):
            raise ValueError(
                "`preset` must be a classifier, a translator or a language model, "
                f"which read texts; {preset} is a {type(self.model).__name__}."
            )

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of a batch, with answers."""
        if self.column not in batch:
            raise ValueError(
                f"`batch` must have the column {self.column!r}; it has "
                f"{', '.join(map(repr, batch))}."
            )
        values = list(batch[self.column])
        texts, problems = {}, np.full(len(values), None, object)
        for row, value in enumerate(values):
            try:
                texts[row] = self._text(value)
            except ValueError as error:
                problems[row] = str(error)
        answers = np.full(len(values), None, object)
        columns = {**batch, "answer": answers, "problem": problems}
        rows, given = [*texts], [*texts.values()]
        if self.classifies:
            probability = np.full(len(values), np.nan, "float32")
            columns["probability"] = probability
            if given:
                found = self.model.predict(given, batch_size=256, verbose=0)
                answers[rows] = np.array(self.model.labels, object)[found.argmax(1)]
                probability[rows] = found.max(1)
        elif given:
            answers[rows] = self.model.generate(given, **self.options)
        return columns

    def _text(self, value):
        if isinstance(value, bytes):
            try:
                value = value.decode("utf-8")
            except UnicodeDecodeError:
                raise ValueError(f"`{self.column}` is not UTF-8") from None
        if not isinstance(value, str):
            raise ValueError(f"`{self.column}` must be a text; got {value!r}")
        return value
