from functools import partial

import keras
from keras import ops

from kerasrnn.layers import (
    GRU,
    LSTM,
    RNN,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from kerasrnn.metrics import MaskedAccuracy, Perplexity
from kerasrnn.zoo.decoder import decoder_checks as checks
from kerasrnn.zoo.decoder.ensemble import another, log_of_mean
from kerasrnn.zoo.decoder.masked_crossentropy import MaskedCrossentropy
from kerasrnn.zoo.decoder.scheduled_sampling import mix_in_predictions
from kerasrnn.zoo.decoder.teacher_forcing import teacher_forcing
from kerasrnn.zoo.decoder.word_dropout import WordDropout
from kerasrnn.zoo.task import Task, Untracked

CELLS = {
    "simple_rnn": (SimpleRNN, SimpleRNNCell),
    "lstm": (LSTM, LSTMCell),
    "gru": (GRU, GRUCell),
}


class DecoderTask(Task):
    """A task that reads something and writes a text about it, token by token.

    d_0 = tanh(W_d v)                  state handed over, for each layer
    d_t = cell(E y_{t-1}, d_{t-1})     decoder
    o_t = tanh(W_o d_t)
    p(y_t) = softmax(E o_t + b)        with `tie_embeddings`

    What it reads, its source, is a subclass's to say. It makes the encoder's layers
    in `make_source_layers` or after this `__init__`, ends with `make_weights`, and
    defines

    - `encode(source, training)`: the memory to attend to, or None, and the first
      states of the decoder, with the help of `hand_over`;
    - `check_source(source)`: the source as a tensor, or a clear error;
    - `source_spec()`: its `tf.TensorSpec`;
    - `longest(source)`: the default `max_length`;
    - `memory_mask(source)`, where some places do not count.

    With `attends` the decoder's cell is one that `make_decoder_cell` makes, an
    `AttentionCell` that returns its alignments.

    Args:
        target_vocabulary_size: How many token ids a target may hold; 0 is padding.
            None: as many as the preprocessor knows; so with the two that follow.
        start_id: The token that every target begins with.
        end_id: The token that every target ends with.
        cell: "simple_rnn", "lstm" or "gru".
        num_layers: Layers of the decoder.
        units: Size of each of them.
        embedding_dim: Size of the token vectors.
        dropout: Fraction to drop of the token vectors, between layers, and of o_t.
        word_dropout: In training, share of the tokens taken for unknown.
        tie_embeddings: Whether the output's matrix is that of the target's vectors.
        label_smoothing: ε of `MaskedCrossentropy`, in the default `compile()`.
        scheduled_sampling: How often, from 0 to 1, training feeds the decoder its own
            prediction instead of the true token. None: never, at no cost.
        members: How many such models, an ensemble, `fit` trains side by side, each on
            its own loss; p(y_t) is the mean of theirs. A search takes as many times
            longer.
        preprocessor: What makes token ids of texts and texts of token ids, or None.
    """

    attends = False

    def __init__(
        self,
        target_vocabulary_size: int | None = None,
        *,
        start_id: int | None = None,
        end_id: int | None = None,
        cell="gru",
        num_layers=1,
        units=256,
        embedding_dim=256,
        dropout=0.2,
        word_dropout=0.0,
        tie_embeddings=True,
        label_smoothing=0.1,
        scheduled_sampling=None,
        members=1,
        preprocessor=None,
        **kwargs,
    ):
        super().__init__(preprocessor=preprocessor, **kwargs)
        if cell not in CELLS:
            raise ValueError(f"`cell` must be one of {', '.join(CELLS)}; got {cell!r}.")
        given = {
            "target_vocabulary_size": target_vocabulary_size,
            "start_id": start_id,
            "end_id": end_id,
        }
        for name, value in given.items():
            if value is None:
                value = checks.of_preprocessor(name, preprocessor)
            setattr(self, name, value)
        self.cell = cell
        self.num_layers = num_layers
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.word_dropout = word_dropout
        self.tie_embeddings = tie_embeddings
        self.label_smoothing = label_smoothing
        self.scheduled_sampling = scheduled_sampling
        self.members = members
        checks.check_decoder(self)
        self.compiled_searches = Untracked({})
        policy = self.dtype_policy
        self.make_source_layers()
        self.target_embedding = keras.layers.Embedding(
            self.target_vocabulary_size, embedding_dim, dtype=policy
        )
        self.states_of_a_layer = 2 if cell == "lstm" else 1
        self.bridge = [
            [
                keras.layers.Dense(units, activation="tanh", dtype=policy)
                for _ in range(self.states_of_a_layer)
            ]
            for _ in range(num_layers)
        ]
        cells = [
            CELLS[cell][1](units, dropout=dropout if k else 0.0, dtype=policy)
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
                shape=(self.target_vocabulary_size,),
                name="output_bias",
                initializer="zeros",
            )
        else:
            self.projection = keras.layers.Dense(
                self.target_vocabulary_size, dtype=policy
            )
        if scheduled_sampling is not None:
            # Not from the global seed, so that all else is drawn as without it.
            self.sampling_seed = keras.random.SeedGenerator(0)
            self.sampling_probability = keras.Variable(
                scheduled_sampling, dtype="float32", trainable=False
            )

    def check_kind_of_preprocessor(self, preprocessor):
        super().check_kind_of_preprocessor(preprocessor)
        if not hasattr(preprocessor, "target_ids"):
            raise TypeError(
                "`preprocessor` must be a tokenizer of targets, which adds start and "
                "end, such as a TargetTokenizer; got a "
                f"{type(preprocessor).__name__}."
            )

    def make_source_layers(self):
        """Make layers before the target's: presets know layers by their order."""

    def make_weights(self, source):
        """Build and compile the model, by calling it once on a source."""
        changes = self.changes_of_members()
        self.others = [another(self, n, **changes) for n in range(1, self.members)]
        self((source, ops.zeros((1, 1), "int32")))
        self.compile()

    def changes_of_members(self) -> dict:
        """Arguments that the other members of an ensemble have in another way."""
        return {}

    def model_of(self, member: int):
        """A member of the ensemble; the first is this model itself."""
        return self.others[member - 1] if member else self

    def make_decoder_cell(self, cell):
        """The decoder's cell, round the recurrent `cell`."""
        return cell

    def prepare(self, source, training=False):
        """What `encode`, `evidence` and `memory_mask` read of a source, made once."""
        return source

    def evidence(self, source):
        """Tensors that `mix` sees at every step, with the batch first; None: none."""

    def mix(self, logits, outputs, token_ids, evidence, member=0):
        """A member's logits that go by the evidence too, and by the tokens before."""
        return logits

    def memory_mask(self, source):
        """Which places of the memory count, (B, S); None: all."""

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
        source, target_ids = self.check_call(inputs)
        source = self.prepare(source, training=training)
        evidence = self.evidence(source)
        logits = [
            self._logits_of(member, source, evidence, target_ids, training)
            for member in range(self.members)
        ]
        if self.members == 1:
            return logits[0]
        # Each learns by itself; together they speak.
        return logits if training else log_of_mean(logits)

    def _logits_of(self, member, source, evidence, target_ids, training):
        """What one member says of each step's next token, (B, T, V)."""
        model = self.model_of(member)
        memory, states = model.encode(source, training=training)

        def decode(target_ids, training):
            x = model.target_embedding(model.drop_words(target_ids, training=training))
            x = model.drop(x, training=training)
            arguments = {"initial_state": states, "training": training}
            if self.attends:
                arguments |= {
                    "memory": memory,
                    "memory_mask": self.memory_mask(source),
                }
            outputs = model.decoder(x, **arguments)
            if self.attends:
                outputs, alignments = outputs
                if training:
                    self._penalize(alignments, target_ids)
            logits = model.logits(outputs, training=training)
            if evidence is None:
                return logits
            return self.mix(logits, outputs, target_ids, evidence, member)

        if training and self.scheduled_sampling is not None:
            first_pass = partial(decode, target_ids, training=False)
            p, seed = self.sampling_probability.value, self.sampling_seed
            target_ids = mix_in_predictions(target_ids, first_pass, p, seed)
        return decode(target_ids, training)

    def _penalize(self, alignments, target_ids):
        penalty = self.alignment_penalty(alignments, target_ids)
        if penalty is not None:
            self.add_loss(penalty / self.members)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if not isinstance(y_pred, list):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        losses = [self.compute_loss(x, y, p, sample_weight, training) for p in y_pred]
        return sum(losses) / len(losses)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        # In training those of the first member, so as not to mix them for it.
        one = y_pred[0] if isinstance(y_pred, list) else y_pred
        return super().compute_metrics(x, y, one, sample_weight)

    def alignment_penalty(self, alignments, target_ids):
        """A part of the loss for where the decoder looked, (B, T, S); None: none."""

    def hand_over(self, vectors):
        """The decoder's first states.

        Args:
            vectors: For each layer, for each of its states, what it is made of (B, ·).
        """
        states = [
            [dense(v) for dense, v in zip(layer, of_layer, strict=True)]
            for layer, of_layer in zip(self.bridge, vectors, strict=True)
        ]
        batch = ops.shape(states[0][0])[0]
        states = states if self.num_layers > 1 else states[0]
        if self.attends and self.decoder.cell.input_feeding:
            size = self.decoder.cell.attention_layer_size
            states = [*states, ops.zeros((batch, size), self.compute_dtype)]
        return states

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

    def decoding(self, source):
        """`(step, state)` for the searches of `kerasrnn.decoding`."""
        source = self.prepare(source)
        evidence = self.evidence(source)
        mask = self.memory_mask(source)
        steps, states = zip(
            *(self.model_of(m)._decoding(source, mask) for m in range(self.members)),
            strict=True,
        )

        def step(token_ids, state):
            states, evidence = state
            of_members = []
            for member, (one, of_one) in enumerate(zip(steps, states, strict=True)):
                logits, outputs, after, alignments = one(token_ids, of_one)
                if evidence is not None:
                    logits = self.mix(logits, outputs, token_ids, evidence, member)
                of_members.append((logits, after, alignments))
            logits, states, alignments = zip(*of_members, strict=True)
            seen = [sum(a) / len(a) for a in zip(*alignments, strict=True)]
            together = logits[0] if len(logits) == 1 else log_of_mean(logits)
            return together, [list(states), evidence], *seen

        return step, [list(states), evidence]

    def _decoding(self, source, memory_mask):
        """`(step, state)` of one member; a step gives all that `decoding` mixes."""
        memory, state = self.encode(source)
        cell = self.decoder.cell
        if self.attends:
            memory = cell.prepare_memory(memory, memory_mask)

        # Once, and not at every step.
        vectors = self.output_vectors() if self.tie_embeddings else None

        def step(token_ids, state):
            x = self.target_embedding(token_ids)
            if self.attends:
                (outputs, *alignments), state = cell(x, state, memory=memory)
            else:
                (outputs, state), alignments = cell(x, state), []
            logits = self.logits(outputs, vectors=vectors)
            return logits, outputs, state, alignments

        return step, state

    def generate_ids(self, source, *, max_length=None, search="greedy", **options):
        """Token ids of what the model writes about its sources.

        Args:
            source: What the model reads, as it is called with.
            max_length: The most tokens of a text. None: `longest(source)`.
            search: "greedy", "sample" or "beam", or a sampler of KerasHub.
            **options: Those of `greedy_search`, `sample`, `beam_search` or
                `KerasHubSearch`.

        Returns:
            What that search returns.
        """
        run = checks.check_search(self, search, max_length, options)
        source = self.check_source(source)
        if max_length is None:
            max_length = self.longest(source)
        step, state = self.decoding(source)
        start_ids = ops.full((ops.shape(source)[0],), self.start_id, "int32")
        mask = self.memory_mask(source)
        if options.get("coverage_penalty") and mask is not None:
            options.setdefault("source_mask", mask)
        return run(
            step, state, start_ids, max_length=max_length, end_id=self.end_id, **options
        )

    def _as_dataset(self, x, y, sample_weight, batch_size, **kwargs):
        specification = getattr(x, "element_spec", None)
        if isinstance(specification, tuple) and isinstance(specification[0], tuple):
            return x  # Made here before: Keras's `fit` evaluates its validation data.
        x, y = self.check_pairs(x, y)
        dataset = super()._as_dataset(x, y, sample_weight, batch_size, **kwargs)
        return dataset.map(self._teach)

    def _teach(self, source, *targets_and_weights):
        if not targets_and_weights:
            return source
        targets, *weights = targets_and_weights
        if targets.dtype.name == "string":
            targets = self.preprocessor.target_ids(targets)
        return teacher_forcing(source, targets, *weights)

    def answer(self, found):
        """What an exported model says of a search's result."""
        answer = {"token_ids": found.token_ids, "scores": found.scores}
        if self.preprocessor is not None:
            answer["text"] = self.preprocessor.detokenize(found.token_ids)
        return answer

    def get_config(self):
        names = (
            *("target_vocabulary_size", "start_id", "end_id"),
            *("cell", "num_layers", "units", "embedding_dim", "dropout"),
            *("word_dropout", "tie_embeddings", "label_smoothing"),
            *("scheduled_sampling", "members"),
        )
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}
