from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from kerasrnn.decoding.checks import check_integer
from kerasrnn.metrics import MaskedAccuracy, Perplexity
from kerasrnn.zoo.arguments import (
    check_choice,
    check_fraction,
    check_probability,
    check_size,
    loss_of_logits,
    of_preprocessor,
)
from kerasrnn.zoo.decoder.ensemble import Ensemble
from kerasrnn.zoo.decoder.generation import check_search
from kerasrnn.zoo.decoder.masked_crossentropy import MaskedCrossentropy
from kerasrnn.zoo.decoder.scheduled_sampling import mix_in_predictions
from kerasrnn.zoo.decoder.text_decoder import TextDecoder
from kerasrnn.zoo.parts import InputsFor
from kerasrnn.zoo.recurrent_layers import CELLS
from kerasrnn.zoo.task import Task, Untracked

LOSSES = {"sparse_categorical_crossentropy": MaskedCrossentropy}


class DecoderTask(Task):
    """A task that reads something and writes a text about it, token by token.

    It has an `encoder`, which makes an `Encoding` of what it reads, its source, and a
    `decoder`, a `TextDecoder`, which is told it; with several `members` also an
    `ensemble` of more of both. A subclass sets `encoder` and `decoder` in its
    `__init__`, which ends with `add_members`, and defines

    - `make_member()`: an encoder and a decoder with weights of their own;
    - `source_shape()`: the shape of a source, with None where it may be any;
    - `source_spec()`: its `tf.TensorSpec`;
    - `check_call(inputs)` and `check_source(source)`: what the model is called with
      and what it generates of, as tensors, or a clear error;
    - `check_pairs(x, y)`: the same of what `fit` is given;
    - `default_max_length(source)`: the most tokens that are written of it.

    With a `copy_mechanism` the decoder's logits go by it, too: a layer with
    `evidence(source)`, such as `CopyMechanism`.

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
        attention: Arguments of the `TextDecoder` that say how it attends; None: it does
            not.
        preprocessor: What makes token ids of texts and texts of token ids, or None.
    """

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
        attention=None,
        preprocessor=None,
        **kwargs,
    ):
        super().__init__(preprocessor=preprocessor, **kwargs)
        given = {
            "target_vocabulary_size": target_vocabulary_size,
            "start_id": start_id,
            "end_id": end_id,
        }
        for name, value in given.items():
            if value is None:
                value = of_preprocessor(name, preprocessor)
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
        self.attention = attention or {}
        self.copy_mechanism: Any = None
        self.compiled_searches = Untracked({})
        self._check_arguments()
        if scheduled_sampling is not None:
            # Not from the global seed, so that all else is drawn as without it.
            self.sampling_seed = keras.random.SeedGenerator(0)
            self.sampling_probability = keras.Variable(
                scheduled_sampling, dtype="float32", trainable=False
            )

    def _check_arguments(self):
        check_choice("cell", self.cell, CELLS)
        # Of a target: padding, start and end.
        for name, least in (
            ("target_vocabulary_size", 3),
            ("num_layers", 1),
            ("units", 1),
            ("embedding_dim", 1),
            ("members", 1),
        ):
            check_size(name, getattr(self, name), least)
        for name in ("start_id", "end_id"):
            # 0 is padding.
            most = self.target_vocabulary_size - 1
            check_integer(name, getattr(self, name), 1, most=most)
        if self.start_id == self.end_id:
            raise ValueError(
                f"`start_id` and `end_id` must differ; both are {self.end_id}."
            )
        for name in ("dropout", "word_dropout", "label_smoothing"):
            check_fraction(name, getattr(self, name))
        if self.scheduled_sampling is not None:
            check_probability("scheduled_sampling", self.scheduled_sampling)
        if self.attention and not isinstance(self.attention, dict):
            raise TypeError(
                "`attention` is an argument of models that attend, such as "
                f"Seq2SeqAttention; a {type(self).__name__} got {self.attention!r}."
            )

    def check_kind_of_preprocessor(self, preprocessor):
        super().check_kind_of_preprocessor(preprocessor)
        if not hasattr(preprocessor, "target_ids"):
            raise TypeError(
                "`preprocessor` must be a tokenizer of targets, which adds start and "
                "end, such as a TargetTokenizer; got a "
                f"{type(preprocessor).__name__}."
            )

    def check_preprocessor(self):
        """Raise a ValueError where the preprocessor gives other numbers than are taken.

        It may have been taught, or changed, since the model was made.
        """
        for name in (
            "source_vocabulary_size",
            "target_vocabulary_size",
            "start_id",
            "end_id",
        ):
            own, given = (getattr(x, name, None) for x in (self, self.preprocessor))
            # A source may have fewer numbers than the model knows.
            if (
                None in (own, given)
                or given == own
                or (name.startswith("source") and given < own)
            ):
                continue
            raise ValueError(
                f"`preprocessor` must have the model's `{name}`, {own}; got one with "
                f"{given}."
            )

    def make_decoder(self) -> TextDecoder:
        """A decoder with weights of its own."""
        return TextDecoder(
            self.target_vocabulary_size,
            cell=self.cell,
            num_layers=self.num_layers,
            units=self.units,
            embedding_dim=self.embedding_dim,
            dropout=self.dropout,
            word_dropout=self.word_dropout,
            tie_embeddings=self.tie_embeddings,
            **self.attention,
            dtype=self.dtype_policy,
            name="decoder",
        )

    def add_members(self):
        """Make the other members of the ensemble; build and compile the model."""
        self.check_preprocessor()
        others = []
        for _ in range(1, self.members):
            # Built at once: what a seed draws hangs on the order.
            others.append(self.make_member())
            self._build_member(*others[-1])
        self.ensemble = Ensemble(others, name="ensemble") if others else None
        self.build()
        self.compile()

    @property
    def attends(self) -> bool:
        """Whether its decoder looks at what it writes about."""
        return self.decoder.attends

    def token_weights(self):
        both = self.encoders_and_decoders()
        return [row for _, decoder in both for row in decoder.token_weights()]

    def encoders_and_decoders(self):
        """Each member's encoder and decoder."""
        others = [] if self.ensemble is None else self.ensemble.members()
        return [(self.encoder, self.decoder), *others]

    def build(self, input_shape=None):
        self._build_member(self.encoder, self.decoder)
        if self.ensemble is not None:
            self.ensemble.build(self.source_shape())
        self.built = True

    def _build_member(self, encoder, decoder):
        shape = self.source_shape()
        encoder.build(shape)
        told = encoder.encoding_shape(shape)
        decoder.build((None, None), told.vectors, told.memory)

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs):
        """As `keras.Model.compile`; by default Adam with clipped gradients."""
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
        if isinstance(loss, str) and loss == "auto":
            loss = MaskedCrossentropy(self.label_smoothing)
        if isinstance(metrics, str) and metrics == "auto":
            metrics = [MaskedAccuracy(), Perplexity()]
        # Padding counts in none of Keras's.
        loss = loss_of_logits(loss, LOSSES)
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def summary(self, line_length=None, *, expand_nested=True, **kwargs):
        """As `keras.Model.summary`, with the layers of encoder and decoder."""
        super().summary(line_length, expand_nested=expand_nested, **kwargs)

    # What it computes.

    def prepare(self, source, training=False):
        """What the encoders and the copy mechanism read of a source, made once."""
        return source

    def evidence(self, source, training=False):
        """What the copy mechanism knows of a source; None: it has no say."""
        mechanism = self.copy_mechanism
        if mechanism is None or (training and not mechanism.learns):
            return None
        return mechanism.evidence(source)

    def call(self, inputs, training=False):
        source, target_ids = self.check_call(inputs)
        source = self.prepare(source, training=training)
        evidence = self.evidence(source, training=training)
        logits = [
            self._logits_of(member, source, evidence, target_ids, training)
            for member in range(self.members)
        ]
        if self.ensemble is None:
            return logits[0]
        # Each learns by itself; together they speak.
        return logits if training else self.ensemble.log_mean(logits)

    def _logits_of(self, member, source, evidence, target_ids, training):
        """What one member says of each step's next token, (B, T, V)."""
        encoder, decoder = self.encoders_and_decoders()[member]
        encoding = encoder(source, training=training)

        def decode(target_ids, training):
            decoded = decoder(target_ids, **encoding._asdict(), training=training)
            if training:
                self._penalize(decoded.alignments, target_ids)
            return self._mixed(decoded, target_ids, evidence, member)

        if training and self.scheduled_sampling is not None:
            first_pass = partial(decode, target_ids, training=False)
            p, seed = self.sampling_probability.value, self.sampling_seed
            target_ids = mix_in_predictions(target_ids, first_pass, p, seed)
        return decode(target_ids, training)

    def _mixed(self, decoded, target_ids, evidence, member):
        """The logits of what was decoded, with those of the copy mechanism mixed in."""
        if evidence is None:
            return decoded.logits
        return self.copy_mechanism(
            decoded.logits, decoded.outputs, target_ids, evidence, gate=member
        )

    def _penalize(self, alignments, target_ids):
        penalty = self.alignment_penalty(alignments, target_ids)
        if penalty is not None:
            self.add_loss(penalty / self.members)

    def alignment_penalty(self, alignments, target_ids):
        """A part of the loss for where the decoder looked, (B, T, S); None: none."""

    # What it writes.

    def decoding(self, source):
        """`(step, state)` for the searches of `kerasrnn.decoding`."""
        state, held, _ = self.encode(source)
        return partial(self.step, held=held), state

    def encode(self, source):
        """What is known of sources before the first token is written.

        Returns:
            `(state, held, mask)`: the state that goes from step to step; what every
            step needs and none changes; and the places of the source that count, or
            None.
        """
        source = self.prepare(source)
        evidence = self.evidence(source)
        states, held = [], []
        for encoder, decoder in self.encoders_and_decoders():
            encoding = encoder(source)
            states.append([decoder.initial_state(encoding.vectors), evidence])
            held.append(decoder.prepare(encoding.memory, encoding.memory_mask))
        return states, held, encoding.memory_mask

    def step(self, token_ids, state, held):
        """What is said after one more token, and the state after it.

        Args:
            token_ids: (B,), the token before.
            state: The state before it.
            held: What `encode` gave.

        Returns:
            Logits (B, V) and the new state; of a model that attends also where it
            looked, (B, S).
        """
        of_members = enumerate(zip(state, held, strict=True))
        found = [self.step_of(n, token_ids, *given) for n, given in of_members]
        return self.together(found)

    def step_of(self, member, token_ids, state, prepared):
        """What one member says: logits, its new state, and where it looked."""
        states, evidence = state
        _, decoder = self.encoders_and_decoders()[member]
        decoded, states = decoder.step(token_ids, states, prepared)
        if evidence is not None:
            evidence = self.copy_mechanism.after(evidence, token_ids)
        logits = self._mixed(decoded, token_ids, evidence, member)
        seen = [] if decoded.alignments is None else [decoded.alignments]
        return logits, [states, evidence], *seen

    def together(self, found):
        """The same of all members, of what each of them says."""
        logits, state, *alignments = zip(*found, strict=True)
        seen = [sum(of_members) / len(of_members) for of_members in alignments]
        if self.ensemble is None:
            return logits[0], list(state), *seen
        return self.ensemble.log_mean(logits), list(state), *seen

    def parts(self) -> dict[str, keras.Model]:
        """The encoder and one step of the decoder, as functional models.

        The encoder reads the source, and gives the states before the first token and
        what every step needs. The step takes both and the token before, (B,), and gives
        the logarithm of the probability of each token that may come next, (B, V), the
        new states, and of a model that attends the alignments (B, S).
        """
        dtype = "float32" if len(self.source_shape()) == 3 else "int32"
        source = keras.Input(self.source_shape()[1:], dtype=dtype, name="source")
        members = range(self.members)
        told = [MemberEncoder(self, member)(source) for member in members]
        mechanism = self.copy_mechanism
        # Of what a copy mechanism knows, a part may change from step to step.
        moving, fixed = [], None
        if mechanism is not None:
            moving, fixed = Evidence(mechanism)(source)
        states = InputsFor([[of_member for of_member, _ in told], moving], "state")
        held = InputsFor([of_member for _, of_member in told])
        known = InputsFor(fixed, "evidence")
        token_ids = keras.Input((), dtype="int32", name="token_ids")
        of_members, moving = states.structure
        evidence = None if mechanism is None else (moving, known.structure)
        given = zip(of_members, held.structure, strict=True)
        logits, new_states, *seen = self.together(
            [
                MemberStep(self, member)(token_ids, *of_member, evidence)
                for member, of_member in enumerate(given)
            ]
        )
        outputs = {"log_probabilities": ops.log_softmax(ops.cast(logits, "float32"))}
        new_states = [[of_member for of_member, _ in new_states], new_states[0][1]]
        for name, new in zip(states.tensors, tree.flatten(new_states), strict=True):
            outputs[f"new_{name}"] = new
        outputs |= dict(zip(["alignments"], seen, strict=False))
        encoded = {**states.given, **held.given, **known.given}
        carried = {**states.tensors, **held.tensors, **known.tensors}
        inputs = {"token_ids": token_ids, **carried}
        return {
            "encoder": keras.Model(source, encoded, name="encoder"),
            "step": keras.Model(inputs, outputs, name="step"),
        }

    def generate_ids(self, source, *, max_length=None, search="greedy", **options):
        """Token ids of what the model writes about its sources.

        Args:
            source: What the model reads, as it is called with.
            max_length: The most tokens of a text. None: `default_max_length(source)`.
            search: "greedy", "sample" or "beam", or a sampler of KerasHub.
            **options: Those of `greedy_search`, `sample`, `beam_search` or
                `KerasHubSearch`.

        Returns:
            What that search returns.
        """
        run = check_search(self, search, max_length, options)
        source = self.check_source(source)
        if max_length is None:
            max_length = self.default_max_length(source)
        state, held, mask = self.encode(source)
        step = partial(self.step, held=held)
        start_ids = ops.full((ops.shape(source)[0],), self.start_id, "int32")
        if options.get("coverage_penalty") and mask is not None:
            options.setdefault("source_mask", mask)
        return run(
            step, state, start_ids, max_length=max_length, end_id=self.end_id, **options
        )

    # What it is given.

    def _as_dataset(self, x, y, sample_weight, batch_size, **kwargs):
        specification = getattr(x, "element_spec", None)
        if isinstance(specification, tuple) and isinstance(specification[0], tuple):
            return x  # Made here before: Keras's `fit` evaluates its validation data.
        x, y = self.check_pairs(x, y)
        dataset = super()._as_dataset(x, y, sample_weight, batch_size, **kwargs)
        return dataset.map(self._teach)

    def _teach(self, source, *targets_and_weights):
        """Teacher forcing: what the decoder is fed, and what it should say next."""
        if not targets_and_weights:
            return source
        targets, *weights = targets_and_weights
        if targets.dtype.name == "string":
            targets = self.preprocessor.target_ids(targets)
        return ((source, targets[:, :-1]), targets[:, 1:], *weights)

    def serving_outputs(self, found):
        """What an exported model says of a search's result."""
        outputs = {"token_ids": found.token_ids, "scores": found.scores}
        if self.preprocessor is not None:
            outputs["text"] = self.preprocessor.detokenize(found.token_ids)
        return outputs

    def get_config(self):
        names = (
            *("target_vocabulary_size", "start_id", "end_id"),
            *("cell", "num_layers", "units", "embedding_dim", "dropout"),
            *("word_dropout", "tie_embeddings", "label_smoothing"),
            *("scheduled_sampling", "members"),
        )
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


class MemberEncoder(keras.layers.Layer):
    """One member's encoder as a layer: the decoder's first states, and what it holds.

    Args:
        task: The `DecoderTask`.
        member: Which of its members.
    """

    def __init__(self, task, member):
        super().__init__(name=f"encoder_{member}", dtype=task.dtype_policy)
        self.encoder, self.decoder = task.encoders_and_decoders()[member]
        self.built = True

    def call(self, source):
        # Not as a layer, which could give no None in the place of a tensor.
        encoding = self.encoder.call(source)
        prepared = self.decoder.prepare(encoding.memory, encoding.memory_mask)
        prepared.pop("output_vectors", None)  # Weights, which each step has anyway.
        return self.decoder.initial_state(encoding.vectors), prepared


class Evidence(keras.layers.Layer):
    """What a copy mechanism knows of a source, as a layer.

    Args:
        mechanism: The `CopyMechanism`.
    """

    def __init__(self, mechanism):
        super().__init__(name="evidence", dtype=mechanism.dtype_policy)
        self.mechanism = mechanism
        self.built = True

    def call(self, source):
        return self.mechanism.evidence(source)


class MemberStep(keras.layers.Layer):
    """One step of one member's decoder as a layer: logits, state, alignments.

    Args:
        task: The `DecoderTask`.
        member: Which of its members.
    """

    def __init__(self, task, member):
        super().__init__(name=f"decoder_{member}", dtype=task.dtype_policy)
        _, self.decoder = task.encoders_and_decoders()[member]
        self.copy_mechanism = task.copy_mechanism
        self._step = partial(task.step_of, member)
        self.built = True

    def call(self, token_ids, states, prepared, evidence=None):
        state = [states, evidence]
        logits, [states, evidence], *seen = self._step(token_ids, state, prepared)
        return logits, [states, [] if evidence is None else evidence[0]], *seen


def check_ids(name, ids, vocabulary_size):
    """`ids` as a tensor (B, S) of integers, in range where that can be seen."""
    if isinstance(ids, (list, tuple)):
        try:
            ids = np.array(ids)
        except ValueError as error:
            raise ValueError(
                f"`{name}` must be (batch, steps); got rows of different lengths."
            ) from error
    tensor = check_kind_of_ids(name, ops.convert_to_tensor(ids))
    try:
        values = ops.convert_to_numpy(tensor)
    except (NotImplementedError, TypeError):  # inside a graph
        return tensor
    if values.size and not 0 <= values.min() <= values.max() < vocabulary_size:
        raise ValueError(
            f"`{name}` must be token ids from 0 to {vocabulary_size - 1}; got "
            f"{values.min()} to {values.max()}."
        )
    return tensor


def check_kind_of_ids(name, ids):
    """`ids`, which must be a tensor (B, S) of integers."""
    dtype = ops.dtype(ids)
    if "int" not in dtype:
        raise TypeError(f"`{name}` must be integer token ids; got {dtype}.")
    if len(ids.shape) != 2:
        raise ValueError(
            f"`{name}` must be (batch, steps); got the shape {tuple(ids.shape)}."
        )
    return ids


def check_targets(name, ids, vocabulary_size):
    """Raises where targets (B, T) are unknown, or leave nothing to learn."""
    check_ids(name, ids, vocabulary_size)
    if ids.shape[1] < 2:
        raise ValueError(
            f"`{name}` must be (batch, steps) with at least the start token and one "
            f"more; got the shape {ids.shape}."
        )


def describe(value):
    """A short account of a value that is not what was expected."""
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"one of the shape {shape}"
