from functools import partial

import keras
from keras import ops

from kerasrnn.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from kerasrnn.metrics import MaskedAccuracy, Perplexity
from kerasrnn.zoo import seq2seq_checks as checks
from kerasrnn.zoo.masked_crossentropy import MaskedCrossentropy
from kerasrnn.zoo.scheduled_sampling import mix_in_predictions
from kerasrnn.zoo.task import Task, _Untracked
from kerasrnn.zoo.teacher_forcing import teacher_forcing
from kerasrnn.zoo.text_generation import default_max_length, generate_texts
from kerasrnn.zoo.word_dropout import WordDropout

CELLS = {
    "simple_rnn": (SimpleRNN, SimpleRNNCell),
    "lstm": (LSTM, LSTMCell),
    "gru": (GRU, GRUCell),
}


@keras.saving.register_keras_serializable(package="kerasrnn")
class Seq2Seq(Task):
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
        target_vocabulary_size: The same for targets.
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

    attends = False

    def __init__(
        self,
        source_vocabulary_size,
        target_vocabulary_size,
        *,
        start_id,
        end_id,
        cell="gru",
        num_layers=1,
        units=256,
        embedding_dim=256,
        dropout=0.2,
        word_dropout=0.0,
        tie_embeddings=True,
        label_smoothing=0.1,
        scheduled_sampling=None,
        preprocessor=None,
        **kwargs,
    ):
        super().__init__(preprocessor=preprocessor, **kwargs)
        if cell not in CELLS:
            raise ValueError(f"`cell` must be one of {', '.join(CELLS)}; got {cell!r}.")
        self.source_vocabulary_size = source_vocabulary_size
        self.target_vocabulary_size = target_vocabulary_size
        self.start_id = start_id
        self.end_id = end_id
        self.cell = cell
        self.num_layers = num_layers
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.word_dropout = word_dropout
        self.tie_embeddings = tie_embeddings
        self.label_smoothing = label_smoothing
        self.scheduled_sampling = scheduled_sampling
        checks.check_model(self)
        self.compiled_searches = _Untracked({})
        policy = self.dtype_policy
        layer_class, cell_class = CELLS[cell]
        self.source_embedding = keras.layers.Embedding(
            source_vocabulary_size, embedding_dim, dtype=policy
        )
        self.target_embedding = keras.layers.Embedding(
            target_vocabulary_size, embedding_dim, dtype=policy
        )
        self.encoder = [
            Bidirectional(
                layer_class(
                    units, return_sequences=True, return_state=True, dtype=policy
                ),
                dtype=policy,
            )
            for _ in range(num_layers)
        ]
        self.states_of_a_layer = 2 if cell == "lstm" else 1
        self.bridge = [
            [
                keras.layers.Dense(units, activation="tanh", dtype=policy)
                for _ in range(self.states_of_a_layer)
            ]
            for _ in range(num_layers)
        ]
        cells = [
            cell_class(units, dropout=dropout if k else 0.0, dtype=policy)
            for k in range(num_layers)
        ]
        inner = StackedRNNCells(cells, dtype=policy) if num_layers > 1 else cells[0]
        self.decoder = RNN(
            self.make_decoder_cell(inner), return_sequences=True, dtype=policy
        )
        self.drop = keras.layers.Dropout(dropout, dtype=policy)
        self.drop_words = WordDropout(word_dropout)
        if not self.attends:
            self.output_layer = keras.layers.Dense(
                embedding_dim, activation="tanh", dtype=policy
            )
        if tie_embeddings:
            self.output_bias = self.add_weight(
                shape=(target_vocabulary_size,), name="output_bias", initializer="zeros"
            )
        else:
            self.projection = keras.layers.Dense(target_vocabulary_size, dtype=policy)
        if scheduled_sampling is not None:
            # Not from the global seed, so that all else is drawn as without it.
            self.sampling_seed = keras.random.SeedGenerator(0)
            self.sampling_probability = keras.Variable(
                scheduled_sampling, dtype="float32", trainable=False
            )
        one_token = ops.zeros((1, 1), "int32")
        self((one_token, one_token))  # makes the weights
        self.compile()

    def make_decoder_cell(self, cell):
        """The decoder's cell, round the recurrent `cell`."""
        return cell

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs):
        """As `keras.Model.compile`; by default Adam with clipped gradients."""
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
        if isinstance(loss, str) and loss == "auto":
            loss = MaskedCrossentropy(self.label_smoothing)
        if isinstance(metrics, str) and metrics == "auto":
            metrics = [MaskedAccuracy(), Perplexity()]
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def call(self, inputs, training=False):
        source_ids, target_ids = checks.check_call(inputs)
        source_ids = checks.at_least_one_place(source_ids)
        memory, states = self.encode(source_ids, training=training)

        def decode(target_ids, training):
            x = self.target_embedding(self.drop_words(target_ids, training=training))
            x = self.drop(x, training=training)
            arguments = {"initial_state": states, "training": training}
            if self.attends:
                arguments |= {"memory": memory, "memory_mask": source_ids != 0}
            outputs = self.decoder(x, **arguments)
            outputs = outputs[0] if self.attends else outputs
            return self.logits(outputs, training=training)

        if training and self.scheduled_sampling is not None:
            first_pass = partial(decode, target_ids, training=False)
            p, seed = self.sampling_probability.value, self.sampling_seed
            target_ids = mix_in_predictions(target_ids, first_pass, p, seed)
        return decode(target_ids, training)

    def encode(self, source_ids, training=False):
        """The encoder's outputs (B, S, 2U), and the decoder's first states."""
        source_ids = ops.convert_to_tensor(source_ids)
        mask = source_ids != 0
        x = self.source_embedding(self.drop_words(source_ids, training=training))
        states = []
        for layer, bridge in zip(self.encoder, self.bridge, strict=True):
            x = self.drop(x, training=training)
            x, *final = layer(x, mask=mask, training=training)
            ends = zip(final[: len(bridge)], final[len(bridge) :], strict=True)
            states.append(
                [
                    dense(ops.concatenate(both, axis=-1))
                    for dense, both in zip(bridge, ends, strict=True)
                ]
            )
        states = states if self.num_layers > 1 else states[0]
        if self.attends and self.decoder.cell.input_feeding:
            size = self.decoder.cell.attention_layer_size
            fed = ops.zeros((ops.shape(source_ids)[0], size), self.compute_dtype)
            states = [*states, fed]
        return x, states

    def logits(self, outputs, training=False, vectors=None):
        """Logits (..., V) of the decoder's outputs."""
        if not self.attends:
            outputs = self.output_layer(outputs)
        outputs = self.drop(outputs, training=training)
        if not self.tie_embeddings:
            return self.projection(outputs)
        vectors = self.output_vectors() if vectors is None else vectors
        bias = ops.cast(self.output_bias, self.compute_dtype)
        return ops.matmul(outputs, vectors) + bias

    def output_vectors(self):
        """The target's token vectors as the columns of a matrix (embedding_dim, V)."""
        vectors = ops.cast(self.target_embedding.embeddings, self.compute_dtype)
        return ops.transpose(vectors)

    def decoding(self, source_ids):
        """`(step, state)` for the searches of `kerasrnn.decoding`."""
        source_ids = checks.at_least_one_place(source_ids)
        memory, state = self.encode(source_ids)
        cell = self.decoder.cell
        if self.attends:
            memory = cell.prepare_memory(memory, source_ids != 0)

        # Once, and not at every step.
        vectors = self.output_vectors() if self.tie_embeddings else None

        def step(token_ids, state):
            x = self.target_embedding(token_ids)
            if not self.attends:
                outputs, state = cell(x, state)
                return self.logits(outputs, vectors=vectors), state
            (outputs, alignments), state = cell(x, state, memory=memory)
            return self.logits(outputs, vectors=vectors), state, alignments

        return step, state

    def generate_ids(self, source_ids, *, max_length=None, search="greedy", **options):
        """Token ids of the translations of token ids (B, S).

        Args:
            source_ids: (B, S), 0 for padding on the right.
            max_length: The most tokens of a translation. None: 2 w + 10, at most 512,
                with w the number S rounded up to 16, 32, 64, 128 or 256.
            search: "greedy", "sample" or "beam", or a sampler of KerasHub.
            **options: Those of `greedy_search`, `sample`, `beam_search` or
                `KerasHubSearch`.

        Returns:
            What that search returns.
        """
        run = checks.check_search(self, search, max_length, options)
        source_ids = checks.check_source(self, source_ids)
        if max_length is None:
            max_length = default_max_length(ops.shape(source_ids)[1])
        step, state = self.decoding(source_ids)
        start_ids = ops.full((ops.shape(source_ids)[0],), self.start_id, "int32")
        if options.get("coverage_penalty"):
            options.setdefault("source_mask", source_ids != 0)
        return run(
            step, state, start_ids, max_length=max_length, end_id=self.end_id, **options
        )

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
        which they came. What a text becomes does not depend on the others. Texts of
        which the tokenizer cuts something off are told in a warning.

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

    def _as_dataset(self, x, y, sample_weight, batch_size, **kwargs):
        specification = getattr(x, "element_spec", None)
        if isinstance(specification, tuple) and isinstance(specification[0], tuple):
            return x  # Made here before: Keras's `fit` evaluates its validation data.
        x, y = checks.check_pairs(self, x, y)
        dataset = super()._as_dataset(x, y, sample_weight, batch_size, **kwargs)
        return dataset.map(teacher_forcing)

    def _map_batch(self, strings, *targets_and_weights):
        source_ids = super()._map_batch(strings)
        if not targets_and_weights:
            return source_ids
        targets, *weights = targets_and_weights
        return (source_ids, self.preprocessor.target_ids(targets), *weights)

    def serving_signatures(self):
        """What an exported model offers: name to (function, input specifications)."""
        import tensorflow as tf

        if self.preprocessor is None:
            specification = tf.TensorSpec((None, None), tf.int32, name="token_ids")
        else:
            specification = tf.TensorSpec((None,), tf.string, name="text")
        signatures = {"serving_default": self._serve, "beam": self._serve_beam}
        if self.attends:
            signatures["alignments"] = self._serve_alignments
        return {name: (run, [specification]) for name, run in signatures.items()}

    def _serve(self, text):
        return self._answer(self.generate_ids(self._ids(text)))

    def _serve_beam(self, text):
        return self._answer(
            self.generate_ids(
                self._ids(text), search="beam", n_best=5, length_penalty=1.0
            )
        )

    def _serve_alignments(self, text):
        ids = self._ids(text)  # (B, S)
        found = self.generate_ids(ids, source_length=ops.shape(ids)[1])
        answer = {**self._answer(found), "alignments": found.alignments}
        if self.preprocessor is not None:
            # What the places of the alignments stand for; "" for padding.
            answer["source_tokens"] = self.preprocessor.source_tokens(ids)
            answer["target_tokens"] = self.preprocessor.target_tokens(found.token_ids)
        return answer

    def _ids(self, text):
        return text if self.preprocessor is None else self.preprocessor(text)

    def _answer(self, found):
        answer = {"token_ids": found.token_ids, "scores": found.scores}
        if self.preprocessor is not None:
            answer["text"] = self.preprocessor.detokenize(found.token_ids)
        return answer

    def get_config(self):
        names = (
            *("source_vocabulary_size", "target_vocabulary_size", "start_id", "end_id"),
            *("cell", "num_layers", "units", "embedding_dim", "dropout"),
            *("word_dropout", "tie_embeddings", "label_smoothing"),
            "scheduled_sampling",
        )
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}
