from typing import Any

import keras

from kerasrnn.zoo.decoder.text_decoder import ATTENTIONS
from kerasrnn.zoo.translation.seq2seq import Seq2Seq


@keras.saving.register_keras_serializable(package="kerasrnn")
class Seq2SeqAttention(Seq2Seq):
    """Writes a sequence while it looks at another one: a translator.

    h_s = [h⃗_s; h⃖_s]                       encoder, from both sides
    d_0 = tanh(W_d [h⃗_S; h⃖_1])             first state, for each layer
    d_t = cell([E y_{t-1}; a_{t-1}], d_{t-1})    decoder, fed with what it saw
    α_ts = softmax_s score(d_t, h_s)        where it looks
    a_t = tanh(W_c [Σ_s α_ts h_s; d_t])
    p(y_t) = softmax(E a_t + b)             with `tie_embeddings`

    Args:
        source_vocabulary_size: How many token ids a source may hold; 0 is padding.
            None: as many as the preprocessor knows.
        target_vocabulary_size: How many token ids a target may hold; 0 is padding.
            None: as many as the preprocessor knows.
        attention: "bahdanau" or "luong".
        input_feeding: Whether a_{t-1} enters the decoder's cell.
        **kwargs: Of `Seq2Seq`: `start_id` and `end_id`, which the preprocessor says
            otherwise; `cell`, `num_layers`, `units`, `embedding_dim`, `dropout`,
            `word_dropout`, `tie_embeddings`, `label_smoothing`, `scheduled_sampling`,
            `members` and `preprocessor`, a `kerasrnn.text.PairTokenizer`.

    Call arguments:
        inputs: `(source_ids, target_ids)`, (B, S) and (B, T); the target begins with
            the start token.

    Output shape:
        Logits (B, T, V): at each step of the token that comes next.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.zoo import Seq2SeqAttention
    >>> model = Seq2SeqAttention(20, 30, start_id=1, end_id=2, units=8, embedding_dim=8)
    >>> found = model.generate_ids(np.ones((2, 5), int), max_length=4, source_length=5)
    >>> found.token_ids.shape, found.alignments.shape
    (TensorShape([2, 4]), TensorShape([2, 4, 5]))

    Reference: Bahdanau et al. 2015; Luong et al. 2015.
    """

    def __init__(
        self,
        source_vocabulary_size: int | None = None,
        target_vocabulary_size: int | None = None,
        *,
        attention: str = "bahdanau",
        input_feeding: bool = True,
        **kwargs: Any,
    ) -> None:
        if attention not in ATTENTIONS:
            raise ValueError(
                f"`attention` must be 'bahdanau' or 'luong'; got {attention!r}."
            )
        options = {"attention": attention, "input_feeding": input_feeding}
        super().__init__(
            source_vocabulary_size, target_vocabulary_size, attention=options, **kwargs
        )

    def get_config(self) -> dict:
        return {**super().get_config(), **self.attention}
