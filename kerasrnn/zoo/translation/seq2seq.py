from typing import Any

import keras
from keras import ops

from kerasrnn.layers import Bidirectional
from kerasrnn.layers.arguments import Tensor
from kerasrnn.zoo.arguments import check_size, of_preprocessor
from kerasrnn.zoo.decoder.decoder_task import (
    DecoderTask,
    check_ids,
    check_kind_of_ids,
    check_targets,
    describe,
)
from kerasrnn.zoo.decoder.generation import generate_texts, length_limit
from kerasrnn.zoo.decoder.text_decoder import Encoding, states_of
from kerasrnn.zoo.model_inputs import as_array
from kerasrnn.zoo.recurrent_layers import LAYERS


class SourceEncoder(keras.Model):
    """Reads a sequence of tokens from both sides.

    h_s = [h⃗_s; h⃖_s]        of the token vectors, then of the layer below
    v = [h⃗_S; h⃖_1]          the ends of each layer, for the decoder's first states

    Args:
        source_vocabulary_size: How many token ids a source may hold; 0 is padding.
        cell: "simple_rnn", "lstm" or "gru".
        num_layers: How many recurrent layers.
        units: Size of each of them, in each direction.
        embedding_dim: Size of the token vectors.

    Call arguments:
        source_ids: (B, S) integers.
        training: Whether dropout applies.

    Output shape:
        An `Encoding`: vectors (B, 2U), a memory (B, S, 2U) and its mask (B, S).
    """

    def __init__(
        self,
        source_vocabulary_size,
        *,
        cell,
        num_layers,
        units,
        embedding_dim,
        **kwargs,
    ):
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.units = units
        self.states_of_a_layer = states_of(cell)
        self.embedding = keras.layers.Embedding(
            source_vocabulary_size,
            embedding_dim,
            # Of Keras's own, thirty times smaller, a cell sees next to nothing, and
            # the first epochs would go by until they have grown.
            embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
            dtype=policy,
            name="source_embedding",
        )
        options = {"return_sequences": True, "return_state": True, "dtype": policy}
        self.recurrent_layers = [
            Bidirectional(
                LAYERS[cell](units, **options), dtype=policy, name=f"recurrent_{k}"
            )
            for k in range(num_layers)
        ]

    def drop_as(self, decoder):
        """Drop words and vectors by the decoder's layers, as one stream of numbers."""
        self.drop, self.drop_words = decoder.drop, decoder.drop_words

    def build(self, source_ids_shape):
        self.embedding.build(source_ids_shape)
        shape = (*source_ids_shape, self.embedding.output_dim)
        for layer in self.recurrent_layers:
            layer.build(shape)
            shape = (*source_ids_shape, 2 * self.units)
        self.built = True

    @property
    def output_shape(self):
        """Of the memory: what `summary` shows."""
        return (None, None, 2 * self.units)

    def encoding_shape(self, source_ids_shape):
        """The shapes of the `Encoding` of sources of this shape."""
        vector = (source_ids_shape[0], 2 * self.units)
        vectors = [[vector] * self.states_of_a_layer for _ in self.recurrent_layers]
        return Encoding(vectors, (*source_ids_shape, 2 * self.units), source_ids_shape)

    def call(self, source_ids, training=False):
        mask = source_ids != 0
        if training:
            source_ids = self.drop_words(source_ids, training=True)
        x = self.embedding(source_ids)
        vectors = []
        for layer in self.recurrent_layers:
            x = self.drop(x, training=training)
            x, *final = layer(x, mask=mask, training=training)  # (B, S, 2U)
            forward, backward = final[: len(final) // 2], final[len(final) // 2 :]
            vectors.append(
                [
                    ops.concatenate(both, axis=-1)
                    for both in zip(forward, backward, strict=True)
                ]
            )
        return Encoding(vectors, x, mask)


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
        **kwargs: Any,
    ) -> None:
        if source_vocabulary_size is None:
            source_vocabulary_size = of_preprocessor(
                "source_vocabulary_size", kwargs.get("preprocessor")
            )
        check_size("source_vocabulary_size", source_vocabulary_size, 2)
        super().__init__(target_vocabulary_size, **kwargs)
        self.source_vocabulary_size = source_vocabulary_size
        self.encoder, self.decoder = self.make_member()
        self.add_members()

    def make_member(self) -> tuple:
        encoder = SourceEncoder(
            self.source_vocabulary_size,
            cell=self.cell,
            num_layers=self.num_layers,
            units=self.units,
            embedding_dim=self.embedding_dim,
            dtype=self.dtype_policy,
            name="encoder",
        )
        decoder = self.make_decoder()
        encoder.drop_as(decoder)
        return encoder, decoder

    def token_weights(self) -> list[tuple[keras.Variable, int, str]]:
        encoders = (encoder for encoder, _ in self.encoders_and_decoders())
        sources = [(e.embedding.embeddings, 0, "source") for e in encoders]
        return [*sources, *super().token_weights()]

    def check_kind_of_preprocessor(self, preprocessor: Any) -> None:
        needed = ("target_ids", "source_vocabulary_size")
        knows_pairs = all(hasattr(preprocessor, name) for name in needed)
        if callable(preprocessor) and not knows_pairs:
            raise TypeError(
                "`preprocessor` must be a tokenizer of sources and targets, such as "
                f"a PairTokenizer; got a {type(preprocessor).__name__}."
            )
        super().check_kind_of_preprocessor(preprocessor)

    def check_call(self, inputs: Any) -> tuple:
        if not isinstance(inputs, (tuple, list)) or len(inputs) != 2:
            raise ValueError(
                "`inputs` must be (source_ids, target_ids); got "
                f"{describe(inputs)}. To translate, use `generate`."
            )
        source_ids, target_ids = inputs
        source_ids = check_kind_of_ids("source_ids", source_ids)
        target_ids = check_kind_of_ids("target_ids", target_ids)
        return at_least_one_place(source_ids), target_ids

    def check_source(self, source: Tensor) -> Tensor:
        size = self.source_vocabulary_size
        return at_least_one_place(check_ids("source_ids", source, size))

    def check_pairs(self, x: Any, y: Any) -> tuple:
        """What `fit` and `evaluate` are given, as arrays where it was lists.

        Raises:
            TypeError: Neither strings nor integers.
            ValueError: Ids that the model does not know, or strings beside ids.
        """
        if self.preprocessor is not None:
            self.check_preprocessor()
        if hasattr(x, "element_spec"):
            specification = x.element_spec
            if isinstance(specification, tuple) and len(specification) > 1:
                first, second = (getattr(s, "dtype", None) for s in specification[:2])
                check_alike(first == "string", second == "string")
            return x, y
        x = as_array(x, "x")
        if x.ndim == 2:
            check_ids("x", x, self.source_vocabulary_size)
        if y is None:
            return x, None
        y = as_array(y, "y")
        check_alike(x.ndim == 1, y.ndim == 1)
        if y.ndim == 2:
            check_targets("y", y, self.target_vocabulary_size)
        return x, y

    def vocabulary_sizes(self) -> tuple[int | None, int | None]:
        return self.source_vocabulary_size, self.target_vocabulary_size

    def source_shape(self) -> tuple:
        return (None, None)

    def source_spec(self) -> Any:
        import tensorflow as tf

        return tf.TensorSpec((None, None), tf.int32, name="token_ids")

    def default_max_length(self, source: Tensor) -> Any:
        return length_limit(ops.shape(source)[1])

    def generate(
        self,
        inputs: Any,
        *,
        max_length: int | None = None,
        search: Any = "greedy",
        batch_size: int = 32,
        return_scores: bool = False,
        verbose: str | int = "auto",
        **options: Any,
    ) -> Any:
        """Translations of strings.

        They are translated in batches of like length, and returned in the order in
        which they came. What a text becomes does not depend on the texts beside it but
        for rounding: padding changes the order of sums in the last bits, so that of two
        tokens that are equally likely to within rounding another may be chosen. Texts
        of which the tokenizer cuts something off are told in a warning.

        Args:
            inputs: A string; or a list, an array or a `tf.data.Dataset` of them.
            max_length: The most tokens of a translation. None: 2 S + 10, at most 512,
                where S is how many tokens the text has, rounded up to 16, 32, 64, 128
                or 256.
            search: "greedy", "sample" or "beam", or a sampler of KerasHub.
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

    def serving_signatures(self) -> dict:
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
        return self.serving_outputs(self.generate_ids(self._ids(text)))

    def _serve_beam(self, text):
        return self.serving_outputs(
            self.generate_ids(
                self._ids(text), search="beam", n_best=5, length_penalty=1.0
            )
        )

    def _serve_alignments(self, text):
        ids = self._ids(text)  # (B, S)
        found = self.generate_ids(ids, source_length=ops.shape(ids)[1])
        outputs = {**self.serving_outputs(found), "alignments": found.alignments}
        if self.preprocessor is not None:
            # What the places of the alignments stand for; "" for padding.
            outputs["source_tokens"] = self.preprocessor.source_tokens(ids)
            outputs["target_tokens"] = self.preprocessor.target_tokens(found.token_ids)
        return outputs

    def _ids(self, text):
        return text if self.preprocessor is None else self.preprocessor(text)

    def get_config(self) -> dict:
        size = {"source_vocabulary_size": self.source_vocabulary_size}
        return {**size, **super().get_config()}


def check_alike(sources_are_text, targets_are_text):
    """Raises where only one of sources and targets is text."""
    kinds = {True: "strings", False: "token ids"}
    if sources_are_text != targets_are_text:
        raise ValueError(
            f"`x` and `y` must both hold strings or both token ids; got "
            f"{kinds[sources_are_text]} and {kinds[targets_are_text]}."
        )


def at_least_one_place(source_ids):
    """`source_ids` (B, S), or one place of padding where S is 0."""
    source_ids = ops.convert_to_tensor(source_ids)
    batch, width = ops.shape(source_ids)
    if isinstance(width, int) and width > 0:
        return source_ids
    lacking = 1 - ops.minimum(width, 1)
    padding = ops.zeros((batch, 1), source_ids.dtype)[:, :lacking]
    return ops.concatenate([source_ids, padding], axis=1)
