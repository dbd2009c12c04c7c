import keras
from keras import ops

from kerasrnn.layers import Bidirectional
from kerasrnn.zoo.decoder.decoder_checks import check_size, of_preprocessor
from kerasrnn.zoo.decoder.decoder_task import CELLS, DecoderTask
from kerasrnn.zoo.decoder.text_generation import default_max_length, generate_texts
from kerasrnn.zoo.translation import seq2seq_checks as checks


@keras.saving.register_keras_serializable(package="kerasrnn")
class Seq2Seq(DecoderTask):
    """Reads a sequence to its end and writes another one from what it remembers.

    h_s = [h⃗_s; h⃖_s]                  encoder, from both sides, `num_layers` of them
    d_0 = tanh(W_d [h⃗_S; h⃖_1])        state handed over, for each layer
    d_t = cell(E y_{t-1}, d_{t-1})     decoder
    o_t = tanh(W_o d_t)
    p(y_t) = softmax(E o_t + b)        with `tie_embeddings`

    All that the decoder knows of the source is d_0: the bottleneck that
    `Seq2SeqAttention` does away with.

    Args:
        source_vocabulary_size: How many token ids a source may hold; 0 is padding.
            None: as many as the preprocessor knows; so with the three that follow.
        target_vocabulary_size: How many token ids a target may hold; 0 is padding.
        start_id: The token that every target begins with.
        end_id: The token that every target ends with.
        cell: "simple_rnn", "lstm" or "gru".
        num_layers: Layers of the encoder, and of the decoder.
        units: Size of each of them, in each direction.
        embedding_dim: Size of the token vectors.
        dropout: Fraction to drop of the token vectors, between layers, and of o_t.
        word_dropout: In training, share of the tokens, on either side, taken for
            unknown.
        tie_embeddings: Whether the output's matrix is that of the target's vectors.
        label_smoothing: ε of `MaskedCrossentropy`, in the default `compile()`.
        scheduled_sampling: How often, from 0 to 1, training feeds the decoder its own
            prediction instead of the true token; kept in `sampling_probability`, which
            the callback `ScheduledSampling` raises. None: never, at no cost.
        members: How many such models `fit` trains side by side, an ensemble; p(y_t) is
            the mean of theirs.
        preprocessor: A `kerasrnn.text.PairTokenizer`, to `fit` and `generate` with
            strings, or None.

    Call arguments:
        inputs: `(source_ids, target_ids)`, (B, S) and (B, T); the target begins with
            the start token.

    Output shape:
        Logits (B, T, V): at each step of the token that comes next.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.zoo import Seq2Seq
    >>> model = Seq2Seq(20, 30, start_id=1, end_id=2, units=8, embedding_dim=8)
    >>> model((np.ones((2, 5), int), np.ones((2, 4), int))).shape
    TensorShape([2, 4, 30])

    Reference: Sutskever et al. 2014, "Sequence to Sequence Learning with Neural
    Networks"; Cho et al. 2014.
    """

    def __init__(
        self,
        source_vocabulary_size: int | None = None,
        target_vocabulary_size: int | None = None,
        **kwargs,
    ):
        if source_vocabulary_size is None:
            source_vocabulary_size = of_preprocessor(
                "source_vocabulary_size", kwargs.get("preprocessor")
            )
        check_size("source_vocabulary_size", source_vocabulary_size, 2)
        # Before Keras's own, since the layers are made there.
        self.source_vocabulary_size = source_vocabulary_size
        super().__init__(target_vocabulary_size, **kwargs)
        self.make_weights(ops.zeros((1, 1), "int32"))

    def make_source_layers(self):
        policy = self.dtype_policy
        self.source_embedding = keras.layers.Embedding(
            self.source_vocabulary_size, self.embedding_dim, dtype=policy
        )
        options = {"return_sequences": True, "return_state": True, "dtype": policy}
        self.encoder = [
            Bidirectional(CELLS[self.cell][0](self.units, **options), dtype=policy)
            for _ in range(self.num_layers)
        ]

    def check_kind_of_preprocessor(self, preprocessor):
        needed = ("target_ids", "source_vocabulary_size")
        knows_pairs = all(hasattr(preprocessor, name) for name in needed)
        if callable(preprocessor) and not knows_pairs:
            raise TypeError(
                "`preprocessor` must be a tokenizer of sources and targets, such as "
                f"a PairTokenizer; got a {type(preprocessor).__name__}."
            )
        super().check_kind_of_preprocessor(preprocessor)

    def check_call(self, inputs):
        source_ids, target_ids = checks.check_call(inputs)
        return checks.at_least_one_place(source_ids), target_ids

    def check_source(self, source):
        return checks.check_source(self, source)

    def check_pairs(self, x, y):
        return checks.check_pairs(self, x, y)

    def source_spec(self):
        import tensorflow as tf

        return tf.TensorSpec((None, None), tf.int32, name="token_ids")

    def longest(self, source):
        return default_max_length(ops.shape(source)[1])

    def memory_mask(self, source):
        return source != 0

    def encode(self, source, training=False):
        """The encoder's outputs (B, S, 2U), and the decoder's first states."""
        source = ops.convert_to_tensor(source)
        mask = source != 0
        x = self.source_embedding(self.drop_words(source, training=training))
        ends_of_layers = []
        for layer in self.encoder:
            x = self.drop(x, training=training)
            x, *final = layer(x, mask=mask, training=training)
            forward, backward = final[: len(final) // 2], final[len(final) // 2 :]
            ends_of_layers.append(
                [
                    ops.concatenate(both, axis=-1)
                    for both in zip(forward, backward, strict=True)
                ]
            )
        return x, self.hand_over(ends_of_layers)

    def generate(
        self,
        inputs,
        *,
        max_length=None,
        search="greedy",
        batch_size=32,
        return_scores=False,
        verbose="auto",
        **options,
    ):
        """Translations of strings.

        They are translated in batches of like length, and returned in the order in
        which they came. What a text becomes does not depend on the texts beside it but
        for rounding: padding changes the order of sums in the last bits, so that of two
        tokens that are equally likely to within rounding another may be chosen. Texts
        of which the tokenizer cuts something off are told in a warning.

        Args:
            inputs: A string; or a list, an array or a `tf.data.Dataset` of them.
            max_length: As in `generate_ids`, where S is each text's own.
            search: As there.
            batch_size: How many are translated at a time.
            return_scores: Whether to return the log-probabilities too, or of a beam
                its scores.
            verbose: 1 shows a progress bar, 0 none, "auto" one for more than 10
                batches.
            **options: Those of the search; `n_best` of a beam gives a list for each.

        Returns:
            A string, or a list of strings, or of lists of strings; with
            `return_scores` a tuple of that and the scores, a float or an array.
        """
        return generate_texts(
            self,
            inputs,
            max_length=max_length,
            search=search,
            batch_size=batch_size,
            return_scores=return_scores,
            verbose=verbose,
            options=options,
        )

    def serving_signatures(self):
        """What an exported model offers: name to (function, input specifications)."""
        import tensorflow as tf

        specification = self.source_spec()
        if self.preprocessor is not None:
            specification = tf.TensorSpec((None,), tf.string, name="text")
        signatures = {"serving_default": self._serve, "beam": self._serve_beam}
        if self.attends:
            signatures["alignments"] = self._serve_alignments
        return {name: (run, [specification]) for name, run in signatures.items()}

    def _serve(self, text):
        return self.answer(self.generate_ids(self._ids(text)))

    def _serve_beam(self, text):
        return self.answer(
            self.generate_ids(
                self._ids(text), search="beam", n_best=5, length_penalty=1.0
            )
        )

    def _serve_alignments(self, text):
        ids = self._ids(text)  # (B, S)
        found = self.generate_ids(ids, source_length=ops.shape(ids)[1])
        answer = {**self.answer(found), "alignments": found.alignments}
        if self.preprocessor is not None:
            # What the places of the alignments stand for; "" for padding.
            answer["source_tokens"] = self.preprocessor.source_tokens(ids)
            answer["target_tokens"] = self.preprocessor.target_tokens(found.token_ids)
        return answer

    def _ids(self, text):
        return text if self.preprocessor is None else self.preprocessor(text)

    def get_config(self):
        size = {"source_vocabulary_size": self.source_vocabulary_size}
        return {**size, **super().get_config()}
