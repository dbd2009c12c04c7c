import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from kerasrnn.decoding.checks import check_integer
from kerasrnn.metrics import BitsPerCharacter
from kerasrnn.zoo.arguments import check_choice, check_fraction, loss_of_logits
from kerasrnn.zoo.decoder.masked_crossentropy import MaskedCrossentropy
from kerasrnn.zoo.language_model import character_texts
from kerasrnn.zoo.language_model.dynamic_evaluation import DynamicEvaluation
from kerasrnn.zoo.language_model.neural_cache import NeuralCache
from kerasrnn.zoo.language_model.text_memory import ORDERS, TextMemory
from kerasrnn.zoo.recurrent_layers import LAYERS
from kerasrnn.zoo.task import Task, Untracked


@keras.saving.register_keras_serializable(package="kerasrnn")
class CharLanguageModel(Task):
    """Language model: after every character, say which one comes next.

    x_t = e(c_t)                            one-hot, or an embedding
    h_t = RNN(x_t, h_{t-1})                 one or more recurrent layers
    p(c_{t+1} | c_1 ... c_t) = softmax(W h_t + b)

    `fit` learns by truncated back-propagation through time: it reads many places of
    the text at once, one a row, in chunks; the state goes on from chunk to chunk, the
    gradient ends at a chunk's beginning. At the beginning of a document the state is
    zero.

    Args:
        vocabulary_size: Number of ids V; id 0 is padding and stands before the first
            character, id 1 is unknown, and neither is ever written. None: taken from
            the preprocessor.
        preprocessor: A `kerasrnn.text.CharacterTokenizer`, or None (ids in, logits
            out).
        cell: `"simple_rnn"`, `"lstm"` or `"gru"`.
        num_layers: Recurrent layers on top of each other.
        units: Size U of the state of each.
        embedding_dim: Size of a character's vector; None: one-hot vectors, for
            scripts of few characters.
        dropout: Rate on what each layer passes on.
        weight_dropout: Rate on the recurrent matrices, in training: the same weights
            are gone at all steps of a chunk, at hardly any cost.
        cache_size: How many of the last characters a cache remembers, with the moments
            in which they came: what came after a moment like the present one becomes
            likelier, so that a name of the first page is likely on the second. What is
            remembered is a part of the states. 0: no cache. `fit` goes without it, and
            `generate` remembers the prompt, not what it writes.
        cache_sharpness: How alike two moments must be for that; the higher, the more.

    Call arguments:
        ids: (B, T) integers; or a pair of them and of booleans (B,), which rows begin
            anew: the others go on with the states that the call before left.
        training: Whether dropout is on.

    Output shape: (B, T, V), logits.

    Raises:
        TypeError: An argument is of another type.
        ValueError: An argument is out of its range, or `vocabulary_size` differs from
            the preprocessor's.

    Example:

    >>> from kerasrnn.text import CharacterTokenizer
    >>> tokenizer = CharacterTokenizer()
    >>> tokenizer.adapt(["hello"])
    >>> model = CharLanguageModel(preprocessor=tokenizer, units=8, num_layers=1)
    >>> history = model.fit("hello", batch_size=1, verbose=0)
    >>> len(model.generate("h", length=4, seed=1))
    4

    Reference: Karpathy 2015, "The Unreasonable Effectiveness of Recurrent Neural
    Networks"; Williams and Peng 1990 (truncated back-propagation); Merity et al. 2018,
    "Regularizing and Optimizing LSTM Language Models" (weights dropped).
    """

    def __init__(
        self,
        vocabulary_size: int | None = None,
        *,
        preprocessor: Any = None,
        cell: str = "lstm",
        num_layers: int = 2,
        units: int = 512,
        embedding_dim: int | None = None,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
        cache_size: int = 0,
        cache_sharpness: float = 15.0,
        **kwargs: Any,
    ) -> None:
        check_preprocessor(vocabulary_size, preprocessor)
        super().__init__(preprocessor=preprocessor, **kwargs)
        self.vocabulary_size = size_of_vocabulary(vocabulary_size, preprocessor)
        self.cell = cell
        self.num_layers = num_layers
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.weight_dropout = weight_dropout
        self.cache_size = cache_size
        self.cache_sharpness = cache_sharpness
        check_model(self)

        dtype = self.dtype_policy
        self.embedding = None
        if embedding_dim is not None:
            self.embedding = keras.layers.Embedding(
                self.vocabulary_size, embedding_dim, dtype=dtype, name="embedding"
            )
        self.recurrent_layers = [
            LAYERS[cell](
                units,
                return_sequences=True,
                return_state=True,
                dtype=dtype,
                name=f"recurrent_{i}",
            )
            for i in range(num_layers)
        ]
        self.dropouts = [
            keras.layers.Dropout(dropout, dtype=dtype, name=f"dropout_{i}")
            for i in range(num_layers)
        ]
        self.weight_drop: Any = None
        if weight_dropout:
            self.weight_drop = keras.layers.Dropout(
                weight_dropout, dtype=dtype, name="weight_dropout"
            )
        # Logits in float32 keep the loss exact under mixed precision.
        self.output_layer = keras.layers.Dense(
            self.vocabulary_size, dtype="float32", name="characters"
        )
        self.cache: Any = None
        if cache_size:
            self.cache = NeuralCache(cache_size, cache_sharpness)
        # Not weights: what `fit` carries from one chunk to the next.
        self._carried = Untracked([])
        self._compiled = Untracked({})
        self.build((None, None))
        self.compile()

    def build(self, input_shape: Any = None) -> None:
        features = self.embedding_dim or self.vocabulary_size
        if self.embedding is not None:
            self.embedding.build((None, None))
        for layer in self.recurrent_layers:
            layer.build((None, None, features))
            features = self.units
        self.output_layer.build((None, None, features))
        self.built = True

    def token_weights(self) -> list[tuple[keras.Variable, int, str]]:
        # What one-hot vectors are multiplied by are vectors of the characters, too.
        read = self.recurrent_layers[0].cell.kernel
        if self.embedding is not None:
            read = self.embedding.embeddings
        return [
            (read, 0, "text"),
            (self.output_layer.kernel, 1, "text"),
            (self.output_layer.bias, 0, "text"),
        ]

    @property
    def carried(self) -> list[keras.Variable]:
        """What `fit` carries from one chunk to the next, a flat list of variables."""
        return tree.flatten(self._carried.value)

    @property
    def compiled_functions(self) -> dict:
        """What was compiled for this model, by name."""
        return self._compiled.value

    @property
    def variables(self) -> list:
        # A trainer must know what is carried, and a checkpoint hold it.
        return [*super().variables, *self.carried]

    def serving_variables(self) -> list[keras.Variable]:
        return super().variables

    def embed(self, ids: Any) -> Any:
        """What the first recurrent layer reads of ids (B, T): (B, T, F)."""
        if self.embedding is not None:
            return self.embedding(ids)
        return ops.one_hot(ids, self.vocabulary_size, dtype=self.compute_dtype)

    def initial_states(self, batch_size: Any, length: Any = None) -> list[list[Any]]:
        """The states before a document's first character.

        Args:
            batch_size: B, an integer or a scalar tensor.
            length: How many characters will be read at most: a cache then makes room
                for no more. None: it makes room for all `cache_size`.

        Returns:
            A list for each layer; and of a model with a cache one more at the end, the
            keys (B, S, U) and characters (B, S) that it remembers.
        """
        states = [x.get_initial_state(batch_size) for x in self.recurrent_layers]
        if self.cache is None:
            return states
        return [*states, self.cache.initial_state(batch_size, self.units, length)]

    def run(
        self,
        ids: Any,
        states: list[list[Any]],
        *,
        mask: Any = None,
        training: bool = False,
    ) -> tuple[Any, list[list[Any]]]:
        """Logits (B, T, V) of ids (B, T), and the states after them.

        Where `states` has nothing of a cache, as in `initial_states(...)[:num_layers]`,
        the model runs without one.
        """
        of_layers, of_cache = states[: self.num_layers], states[self.num_layers :]
        sequences, after = self._recur(ids, of_layers, mask, training)
        logits = self.output_layer(sequences)
        if of_cache:
            logits, *of_cache = self.cache(logits, sequences, ids, *of_cache, mask=mask)
        return logits, [*after, *of_cache]

    def read(
        self, ids: Any, states: list[list[Any]], *, mask: Any = None
    ) -> list[list[Any]]:
        """The states after ids (B, T), without the cost of logits."""
        of_layers, of_cache = states[: self.num_layers], states[self.num_layers :]
        sequences, after = self._recur(ids, of_layers, mask)
        of_cache = [self.cache.read(sequences, ids, x, mask) for x in of_cache]
        return [*after, *of_cache]

    def count(self, ids: Any, states: list[list[Any]]) -> tuple[Any, list[list[Any]]]:
        """What the cache counts of each character after ids (B, T), and the states.

        (B, T, V): how often each came after moments like this one, of those that are
        remembered.
        """
        of_layers, of_cache = states[: self.num_layers], states[self.num_layers]
        sequences, after = self._recur(ids, of_layers, None)
        counts, of_cache = self.cache.count(
            sequences, ids, of_cache, self.vocabulary_size
        )
        return counts, [*after, of_cache]

    def _recur(self, ids, states, mask, training=False):
        sequences, after = self.embed(ids), []
        layers_of = zip(self.recurrent_layers, self.dropouts, states, strict=True)
        for layer, drop, state in layers_of:
            with self._weights_dropped(layer, training):
                sequences, *state = layer(
                    sequences, initial_state=state, mask=mask, training=training
                )
            sequences = drop(sequences, training=training)
            after.append(state)
        return sequences, after

    def _weights_dropped(self, layer, training):
        """Where the layer finds a part of its recurrent matrix gone, in training."""
        if self.weight_drop is None or not training:
            return contextlib.nullcontext()
        kernel = layer.cell.recurrent_kernel
        dropped = self.weight_drop(kernel.value, training=True)
        # With all others, since an outer scope of values is not looked at inside.
        values = [(v, dropped if v is kernel else v.value) for v in layer.variables]
        return keras.StatelessScope(state_mapping=values)

    def step(
        self, ids: Any, states: list[list[Any]], remember: Any = True
    ) -> tuple[Any, list[list[Any]]]:
        """Logits (B, V) after one more character.

        Args:
            ids: (B,) integers, the character; 0 before the first of a text.
            states: What `initial_states`, `run` or the step before gave.
            remember: Whether the cache, if there is one, takes the character as
                evidence of what comes after a moment like the one before it. Say False
                of what the model wrote itself: remembered, it would make the model say
                the same again and again. A boolean, or a tensor of booleans (B,). The
                recurrent layers read the character in any case.

        Returns:
            The logits, and the states after the character.
        """
        outputs, after = self.embed(ids), []
        of_layers, of_cache = states[: self.num_layers], states[self.num_layers :]
        for layer, state in zip(self.recurrent_layers, of_layers, strict=True):
            outputs, state = layer.step(outputs, state)
            after.append(state)
        # With a row more: TensorFlow multiplies one alone in another order than the
        # many of `run`, so that the last bits would differ.
        rows = ops.concatenate([outputs, outputs[:1]], axis=0)
        logits = self.output_layer(rows)[:-1]
        if of_cache:
            of_one = (logits[:, None], outputs[:, None], ids[:, None])
            logits, *of_cache = self.cache(*of_one, *of_cache, remember=remember)
            logits = logits[:, 0]
        return logits, [*after, *of_cache]

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not isinstance(inputs, (list, tuple)):
            states = self.initial_states(*ops.shape(inputs)[:2])
            states = states[: self.num_layers] if training else states
            return self.run(inputs, states, training=training)[0]
        ids, fresh = inputs
        rows = self.carried[0].shape[0] if self.carried else 0
        if ids.shape[0] not in (None, rows):
            raise ValueError(
                f"`inputs` must have the {rows} rows that states are carried for; got "
                f"{ids.shape[0]}. Make room for them: `model.carry({ids.shape[0]})`."
            )
        kept = ops.logical_not(fresh)[:, None]
        states = tree.map_structure(
            lambda v: v.value * ops.cast(kept, v.dtype), self._carried.value
        )
        logits, states = self.run(ids, states, training=training)
        for variable, state in zip(self.carried, tree.flatten(states), strict=True):
            variable.assign(ops.cast(ops.stop_gradient(state), variable.dtype))
        return logits

    def compute_output_shape(self, input_shape: Any) -> tuple:
        if isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        return (*input_shape, self.vocabulary_size)

    def carry(self, batch_size: int) -> None:
        """Makes room for the states of so many rows; they are zero where it is new."""
        if self.carried and self.carried[0].shape[0] == batch_size:
            return
        self._carried.value = [
            [
                keras.Variable(
                    ops.zeros((batch_size, self.units)),
                    trainable=False,
                    dtype=layer.state_dtype,
                    name="carried_state",
                )
                for _ in layer.state_size
            ]
            for layer in self.recurrent_layers
        ]
        # What was traced has the old ones in it.
        self.train_function = self.test_function = None

    @contextlib.contextmanager
    def _carried_apart(self, batch_size):
        """Carries zeros for so many rows, and in the end what was carried before."""
        before, functions = (
            self._carried.value,
            (self.train_function, self.test_function),
        )
        values = [ops.copy(variable.value) for variable in self.carried]
        self.carry(batch_size)
        for variable in self.carried:
            variable.assign(ops.zeros_like(variable.value))
        try:
            yield
        finally:
            if self._carried.value is not before:
                self._carried.value = before
                self.train_function, self.test_function = functions
            for variable, value in zip(self.carried, values, strict=True):
                variable.assign(value)

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        metrics: Any = "auto",
        **kwargs,
    ) -> None:
        """Compile; `"auto"` is Adam, cross-entropy on logits, and bits a character."""
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = keras.optimizers.Adam(2e-3, clipnorm=1.0)
        if isinstance(loss, str) and loss == "auto":
            loss = MaskedCrossentropy()
        if isinstance(metrics, str) and metrics == "auto":
            metrics = [BitsPerCharacter()]
        losses = {"sparse_categorical_crossentropy": MaskedCrossentropy}
        loss = loss_of_logits(loss, losses)
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def fit(  # type: ignore[override]  # a text, not rows, of which none is split off
        self,
        x: Any = None,
        y: None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_data: Any = None,
        *,
        chunk: int = 100,
        **kwargs,
    ) -> keras.callbacks.History:
        """Learn a text by truncated back-propagation through time.

        Args:
            x: A text, a list or a `tf.data.Dataset` of documents, which is read into
                memory, a `kerasrnn.text.CharacterText`, or a dataset as
                `kerasrnn.text.CharacterStreams.dataset` makes it. The text itself,
                not the name of a file: read a file with
                `pathlib.Path("book.txt").read_text(encoding="utf-8")`.
            y: Must be None: the text itself says what comes next.
            batch_size: How many places of the text are read at once (64).
            epochs: How often the text is read.
            verbose: 0 shows nothing, 1 a progress bar, 2 a line an epoch; "auto" is 1.
            callbacks: A `keras.callbacks.Callback`, or a list of them.
            validation_data: What `evaluate` takes as `x`. It is judged after every
                epoch, and its numbers stand in the history as `val_loss`,
                `val_bits_per_character` and so on.
            chunk: Characters after which the gradient ends.
            **kwargs: More of `keras.Model.fit`.

        Raises:
            TypeError: `x` is no text, or is a path.
            ValueError: `x` is the name of a file or holds no character; or `y` is not
                None.
        """
        dataset = character_texts.as_streams(self, x, y, batch_size, chunk)
        self.carry(dataset.element_spec[0][1].shape[0])
        character_texts.check_no_file("validation_data", validation_data)
        callbacks = character_texts.callbacks_of(callbacks, validation_data)
        if not self.optimizer.built:  # Or TensorFlow traces the first step twice.
            self.optimizer.build(self.trainable_variables)
        return keras.Model.fit(
            self,
            dataset,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            # The chunks are in the order of the text.
            **{**kwargs, "shuffle": False},
        )

    def evaluate(  # type: ignore[override]  # as `fit`
        self,
        x: Any = None,
        y: None = None,
        verbose: str | int = "auto",
        *,
        dynamic: DynamicEvaluation | None = None,
        memory: TextMemory | None = None,
        **kwargs,
    ) -> dict[str, float]:
        """Loss, perplexity and bits a character, the state carried all along.

        Every character is judged before anything is learned from it. The model is
        afterwards as it was: its weights, and what `fit` carries, stay.

        Args:
            x: A text, a list or dataset of documents, or a
                `kerasrnn.text.CharacterText`; or a dataset as
                `kerasrnn.text.CharacterStreams.dataset` makes it, which is read from
                states of zeros, without the cache.
            y: Must be None.
            verbose: 1 shows a progress bar, 0 none, "auto" one for long texts.
            dynamic: How a copy of the model learns the text as it is read, a
                `DynamicEvaluation`; None: it does not. The cache, if there is one,
                remembers what the model saw with the weights that it has.
            memory: A `TextMemory`, which finds what a training text and the text so far
                have in common with what comes; None: none.
            **kwargs: For a dataset, more of `keras.Model.evaluate`.

        Returns:
            A dict: `loss` in nats a character, `perplexity`, `bits_per_character`. Of
            a dataset, the loss and metrics of `compile`, by default `loss` and
            `bits_per_character`.
        """
        if not hasattr(x, "element_spec") or character_texts.is_of_texts(x):
            options = {"dynamic": dynamic, "memory": memory, **kwargs}
            return character_texts.evaluate(self, x, y, verbose=verbose, **options)
        if dynamic is not None or memory is not None:
            raise ValueError(
                "`x` must be a text for `dynamic` and `memory`; got a dataset of "
                "chunks."
            )
        with self._carried_apart(character_texts.check_streams(x)):
            return keras.Model.evaluate(
                self, x, y, verbose=verbose, **{"return_dict": True, **kwargs}
            )

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Raises a ValueError: a text has no one answer."""
        raise ValueError(
            "A CharLanguageModel has no one answer for a text: `score` gives the "
            "log-probability of each of its characters, `generate` what comes next, "
            "and `model(ids)` logits."
        )

    def score(
        self,
        text: str | list[str],
        *,
        verbose: int = 0,
        dynamic: DynamicEvaluation | None = None,
        memory: TextMemory | None = None,
    ) -> np.ndarray | list[np.ndarray]:
        """The natural logarithm of the probability of every character.

        log p(c_t | c_1 ... c_{t-1}), from the first character on.

        Args:
            text: A string, or a list of them, each read from its beginning.
            verbose: 1 shows a progress bar.
            dynamic: As in `evaluate`.
            memory: As in `evaluate`.

        Returns:
            An array (T,) of float32; of a list, a list of them.
        """
        options = {"dynamic": dynamic, "memory": memory}
        return character_texts.score(self, text, verbose=verbose, **options)

    def remember(
        self,
        training_text: Any,
        validation_text: Any,
        *,
        dynamic: DynamicEvaluation | None = None,
        orders: Sequence[int] = ORDERS,
    ) -> TextMemory:
        """A memory of a training text, for `evaluate` and `score`.

        What it finds is weighed so that the validation text is as likely as can be,
        given what this model knows of it.

        Args:
            training_text: A text, a list of documents, or a
                `kerasrnn.text.CharacterText`.
            validation_text: The same, of which the model has seen nothing.
            dynamic: How the model will learn what is judged, as in `evaluate`.
            orders: By how many last characters places are found.

        Example:

        >>> from kerasrnn.text import CharacterTokenizer
        >>> from kerasrnn.zoo import CharLanguageModel
        >>> tokenizer = CharacterTokenizer("helo, ")
        >>> model = CharLanguageModel(preprocessor=tokenizer, units=4, num_layers=1)
        >>> memory = model.remember("hello, hello, " * 9, "hello, hell, " * 9)
        >>> plain, remembered = (
        ...     model.evaluate("hello, " * 9, **options)["bits_per_character"]
        ...     for options in ({}, {"memory": memory})
        ... )
        >>> remembered < plain / 2
        True
        """
        known = character_texts.as_text(self, training_text, "training_text")
        text = character_texts.as_text(self, validation_text, "validation_text")
        p = character_texts.adapted_log_probabilities(self, text, dynamic)
        return TextMemory(known, orders=orders).fit(text, p)

    def generate(
        self,
        prompt: str | list[str] = "",
        length: int = 500,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        sampler: Callable | None = None,
    ) -> str | list[str]:
        """What comes after a prompt, drawn character by character.

        p(c) ∝ exp(logit_c / temperature)

        Prompts are read, and texts written, in groups, so that many of them take no
        more memory than a group does.

        Args:
            prompt: What the text begins with, or a list of such.
            length: How many characters to write.
            temperature: Below 1 likely characters become likelier; 0 always takes the
                likeliest.
            top_k: How many of the likeliest characters may be drawn; None: all.
            top_p: The likeliest characters, of those of `top_k`, may be drawn that
                together first have this probability; at least one. None: all.
            seed: An integer, for the same text every time. None: Keras's global seed
                says which.
            sampler: A sampler of KerasHub, such as `keras_hub.samplers.TopPSampler()`,
                which then chooses the characters by its own options, the ones here
                left out.

        Returns:
            The characters after the prompt, a string; of a list, a list of them.

        Raises:
            ValueError: An option is out of its range.
        """
        return character_texts.generate(
            self,
            prompt,
            length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            sampler=sampler,
        )

    def stream(
        self,
        prompt: str = "",
        length: int | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Iterator[str]:
        """The characters of `generate` one by one, as they are written.

        Args:
            prompt: What the text begins with.
            length: How many characters to write; None: without end.
            temperature: Below 1 likely characters become likelier; 0 always takes the
                likeliest.
            top_k: How many of the likeliest characters may be drawn; None: all.
            top_p: The likeliest characters, of those of `top_k`, may be drawn that
                together first have this probability; at least one. None: all.
            seed: An integer, for the same text as `generate` gives with it. None:
                Keras's global seed says which.

        Returns:
            An iterator over characters.
        """
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        options["seed"] = seed
        return character_texts.stream(self, prompt, length, **options)

    def parts(self) -> dict[str, keras.Model]:
        """What reads characters on from given states, one or many, without a cache.

        From ids (B, T) and the states of the recurrent layers, zeros before the first
        character, to the logarithm of the probability of what comes after each,
        (B, T, V), and the new states.
        """
        ids = keras.Input((None,), dtype="int32", name="ids")
        states = [
            [
                keras.Input((self.units,), name=f"state_{i}_{j}")
                for j in range(len(layer.state_size))
            ]
            for i, layer in enumerate(self.recurrent_layers)
        ]
        logits, after = self.run(ids, states)
        outputs = {"log_probabilities": ops.log_softmax(ops.cast(logits, "float32"))}
        before = tree.flatten(states)
        for state, new in zip(before, tree.flatten(after), strict=True):
            outputs[f"new_{state.name}"] = new
        inputs = {"ids": ids} | {state.name: state for state in before}
        return {"model": keras.Model(inputs, outputs, name="model")}

    def serving_signatures(self) -> dict[str, tuple]:
        """What an exported model offers: name to (function, input specifications).

        `generate`: text (B,), length, temperature and seed give the text (B,) that
        comes after each. A cache remembers the text that is passed, not what is
        written.

        `score`: text (B,) gives log_probabilities (B, T), zeros after a text's end, and
        lengths (B,).

        `step`: character (B,), of which the first character counts, "" before the first
        of a text; and the states of the recurrent layers, zeros then. Gives
        log_probabilities (B, V) of what comes next, the characters (V,), and the new
        states. It remembers nothing else: a few KB are passed, and no cache takes part.

        `step_with_cache`, of a model with a cache: as `step`, with the states
        cache_keys (B, S, U) and cache_characters (B, S), zeros before the first
        character, and remember (B,), booleans. The client chooses S, how many
        characters are remembered. Only a character that comes with remember true is
        evidence for what comes later; say false of those that the model wrote.

        Without a preprocessor, ids stand for texts: `ids` (B, T), zeros after a row's
        end, in `generate` and `score`, and (B,) in the steps, 0 before the first.
        `generate` then gives ids (B, length), and log-probabilities of steps are of all
        ids, padding and unknown included.
        """
        return character_texts.serving_signatures(self)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "cell": self.cell,
            "num_layers": self.num_layers,
            "units": self.units,
            "embedding_dim": self.embedding_dim,
            "dropout": self.dropout,
            "weight_dropout": self.weight_dropout,
            "cache_size": self.cache_size,
            "cache_sharpness": self.cache_sharpness,
        }


def check_preprocessor(vocabulary_size, preprocessor):
    """Raises where these are no number and no tokenizer of characters."""
    if hasattr(vocabulary_size, "get_vocabulary"):
        raise TypeError(
            "`vocabulary_size` must be an integer or None; got a "
            f"{type(vocabulary_size).__name__}. Pass a tokenizer by name: "
            "`preprocessor=tokenizer`."
        )
    methods = ("encode", "decode", "unknown", "detokenize")
    if preprocessor is None or all(hasattr(preprocessor, x) for x in methods):
        return
    raise TypeError(
        "`preprocessor` must be a CharacterTokenizer, or None; got "
        f"{type(preprocessor).__name__}."
    )


def size_of_vocabulary(vocabulary_size, preprocessor):
    """As many as a model is told, or else its preprocessor knows."""
    if vocabulary_size is None and preprocessor is None:
        raise ValueError(
            "`vocabulary_size` must be given where `preprocessor` is None."
        )
    known = vocabulary_size if preprocessor is None else preprocessor.vocabulary_size
    if vocabulary_size is None:
        vocabulary_size = known
    # Beside padding and unknown one character at least.
    check_integer("vocabulary_size", vocabulary_size, 3)
    if vocabulary_size != known:
        raise ValueError(
            f"`vocabulary_size` must be the preprocessor's, {known}; got "
            f"{vocabulary_size}."
        )
    return int(vocabulary_size)


def check_model(model):
    """Raises where an argument of a new model is out of its range."""
    check_choice("cell", model.cell, LAYERS)
    check_integer("num_layers", model.num_layers, 1)
    check_integer("units", model.units, 1)
    if model.embedding_dim is not None:
        check_integer("embedding_dim", model.embedding_dim, 1)
    check_fraction("dropout", model.dropout)
    check_fraction("weight_dropout", model.weight_dropout)
    check_integer("cache_size", model.cache_size, 0)
    sharpness = model.cache_sharpness
    if isinstance(sharpness, bool) or not isinstance(sharpness, (int, float)):
        raise TypeError(f"`cache_sharpness` must be a number; got {sharpness!r}.")
    if not sharpness >= 0:
        raise ValueError(f"`cache_sharpness` must be at least 0; got {sharpness!r}.")
