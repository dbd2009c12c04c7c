from collections.abc import Iterator
from typing import Any

import keras
from keras import ops, tree

from kerasrnn import layers
from kerasrnn.metrics import BitsPerCharacter
from kerasrnn.zoo.decoder.masked_crossentropy import MaskedCrossentropy
from kerasrnn.zoo.language_model import character_texts
from kerasrnn.zoo.language_model.character_checks import check_model, size_of_vocabulary
from kerasrnn.zoo.language_model.character_serving import serving_signatures
from kerasrnn.zoo.language_model.neural_cache import NeuralCache
from kerasrnn.zoo.task import Task, Untracked

CELLS = {"simple_rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}


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
        cache_size: How many of the last characters a `NeuralCache`, which see, keeps,
            then a part of the states; 0: none. `fit` goes without, and `generate`
            remembers the prompt only.
        cache_sharpness: θ of it.

    Call arguments:
        ids: (B, T) integers; or a pair of them and of booleans (B,), which rows begin
            anew: the others go on with the states that the call before left.
        training: Whether dropout is on.

    Output shape: (B, T, V), logits.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> from kerasrnn.text import CharacterTokenizer
    >>> tokenizer = CharacterTokenizer()
    >>> tokenizer.adapt(["hello"])
    >>> model = CharLanguageModel(preprocessor=tokenizer, units=8, num_layers=1)
    >>> history = model.fit("hello", batch_size=1, verbose=0)
    >>> len(model.generate("h", length=4, seed=1))
    4

    Reference: Karpathy 2015, "The Unreasonable Effectiveness of Recurrent Neural
    Networks"; Williams and Peng 1990 (truncated back-propagation).
    """

    def __init__(
        self,
        vocabulary_size: int | None = None,
        *,
        preprocessor=None,
        cell: str = "lstm",
        num_layers: int = 2,
        units: int = 512,
        embedding_dim: int | None = None,
        dropout: float = 0.0,
        cache_size: int = 0,
        cache_sharpness: float = 15.0,
        **kwargs,
    ):
        super().__init__(preprocessor=preprocessor, **kwargs)
        self.vocabulary_size = size_of_vocabulary(vocabulary_size, preprocessor)
        self.cell = cell
        self.num_layers = num_layers
        self.units = units
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.cache_size = cache_size
        self.cache_sharpness = cache_sharpness
        check_model(self, CELLS)

        dtype = self.dtype_policy
        self.embedding = None
        if embedding_dim is not None:
            self.embedding = keras.layers.Embedding(
                self.vocabulary_size, embedding_dim, dtype=dtype, name="embedding"
            )
        self.recurrent_layers = [
            CELLS[cell](
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
        # Logits in float32 keep the loss exact under mixed precision.
        self.output_layer = keras.layers.Dense(
            self.vocabulary_size, dtype="float32", name="characters"
        )
        self.cache = None
        if cache_size:
            self.cache = NeuralCache(cache_size, cache_sharpness)
        # Not weights: what `fit` carries from one chunk to the next.
        self._carried = Untracked([])
        self._compiled = Untracked({})
        self.build((None, None))
        self.compile()

    def build(self, input_shape=None):
        features = self.embedding_dim or self.vocabulary_size
        if self.embedding is not None:
            self.embedding.build((None, None))
        for layer in self.recurrent_layers:
            layer.build((None, None, features))
            features = self.units
        self.output_layer.build((None, None, features))
        self.built = True

    @property
    def carried(self):
        """What `fit` carries from one chunk to the next, a flat list of variables."""
        return tree.flatten(self._carried.value)

    @property
    def compiled_functions(self):
        """What was compiled for this model, by name."""
        return self._compiled.value

    @property
    def variables(self):
        # A trainer must know what is carried, and a checkpoint hold it.
        return [*super().variables, *self.carried]

    def serving_variables(self):
        return super().variables

    def embed(self, ids):
        """What the first recurrent layer reads of ids (B, T): (B, T, F)."""
        if self.embedding is not None:
            return self.embedding(ids)
        return ops.one_hot(ids, self.vocabulary_size, dtype=self.compute_dtype)

    def initial_states(self, batch_size):
        """The states before a document's first character, a list for each layer."""
        states = [x.get_initial_state(batch_size) for x in self.recurrent_layers]
        of_cache = self.cache and self.cache.initial_state(batch_size, self.units)
        return [*states, of_cache] if of_cache else states

    def run(self, ids, states, *, mask=None, training=False):
        """Logits (B, T, V) of ids (B, T), and the states after them."""
        sequences, after = self.embed(ids), []
        of_layers, of_cache = states[: self.num_layers], states[self.num_layers :]
        layers_of = zip(self.recurrent_layers, self.dropouts, of_layers, strict=True)
        for layer, drop, state in layers_of:
            sequences, *state = layer(
                sequences, initial_state=state, mask=mask, training=training
            )
            sequences = drop(sequences, training=training)
            after.append(state)
        logits = self.output_layer(sequences)
        if of_cache:
            logits, *of_cache = self.cache(logits, sequences, ids, *of_cache, mask=mask)
        return logits, [*after, *of_cache]

    def step(self, ids, states, remember=True):
        """Logits (B, V) after one more character, ids (B,), and the states then."""
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

    def call(self, inputs, training=False):
        if not isinstance(inputs, (list, tuple)):
            states = self.initial_states(ops.shape(inputs)[0])
            states = states[: self.num_layers] if training else states
            return self.run(inputs, states, training=training)[0]
        ids, fresh = inputs
        kept = ops.logical_not(fresh)[:, None]
        states = tree.map_structure(
            lambda v: v.value * ops.cast(kept, v.dtype), self._carried.value
        )
        logits, states = self.run(ids, states, training=training)
        for variable, state in zip(self.carried, tree.flatten(states), strict=True):
            variable.assign(ops.cast(ops.stop_gradient(state), variable.dtype))
        return logits

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        return (*input_shape, self.vocabulary_size)

    def carry(self, batch_size: int):
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

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs):
        """Compile; `"auto"` is Adam, cross-entropy on logits, and bits a character."""
        if isinstance(optimizer, str) and optimizer == "auto":
            optimizer = keras.optimizers.Adam(2e-3, clipnorm=1.0)
        if isinstance(loss, str) and loss == "auto":
            loss = MaskedCrossentropy()
        if isinstance(metrics, str) and metrics == "auto":
            metrics = [BitsPerCharacter()]
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def fit(  # type: ignore[override]  # a text, not rows, of which none is split off
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_data=None,
        *,
        chunk: int = 100,
        **kwargs,
    ):
        """Learn a text by truncated back-propagation through time.

        Args:
            x: A text, a list of documents, a `kerasrnn.text.CharacterText`, or a
                dataset as `kerasrnn.text.CharacterStreams.dataset` makes it.
            y: Must be None: the text itself says what comes next.
            batch_size: How many places of the text are read at once (64).
            epochs: How often the text is read.
            verbose: As in `keras.Model.fit`.
            callbacks: As in `keras.Model.fit`.
            validation_data: A text or documents, judged after every epoch as
                `evaluate` does.
            chunk: Characters after which the gradient ends.
            **kwargs: More of `keras.Model.fit`.
        """
        dataset = character_texts.as_streams(self, x, y, batch_size, chunk)
        self.carry(dataset.element_spec[0][1].shape[0])
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

    def evaluate(self, x=None, y=None, verbose="auto", **kwargs):
        """Loss, perplexity and bits a character, the state carried all along.

        Args:
            x: A text, documents or a `kerasrnn.text.CharacterText`; or a dataset as
                `fit` takes it, for the loss and metrics of `compile`, without cache.
            y: Must be None.
            verbose: 1 shows a progress bar, 0 none, "auto" one for long texts.
            **kwargs: For a dataset, more of `keras.Model.evaluate`.

        Returns:
            A dict: `loss` in nats a character, `perplexity`, `bits_per_character`.
        """
        return character_texts.evaluate(self, x, y, verbose=verbose, **kwargs)

    def predict(self, *args, **kwargs):
        raise ValueError(
            "A CharLanguageModel has no one answer for a text: `score` gives the "
            "log-probability of each of its characters, `generate` what comes next, "
            "and `model(ids)` logits."
        )

    def score(self, text, *, verbose=0):
        """The natural logarithm of the probability of every character.

        log p(c_t | c_1 ... c_{t-1}), from the first character on.

        Args:
            text: A string, or a list of them, each read from its beginning.
            verbose: 1 shows a progress bar.

        Returns:
            An array (T,) of float32; of a list, a list of them.
        """
        return character_texts.score(self, text, verbose=verbose)

    def generate(
        self,
        prompt="",
        length: int = 500,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        sampler: Any = None,
    ) -> str | list[str]:
        """What comes after a prompt, drawn character by character.

        p(c) ∝ exp(logit_c / temperature)

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

    def serving_signatures(self):
        """What an exported model offers: name to (function, input specifications)."""
        return serving_signatures(self)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "cell": self.cell,
            "num_layers": self.num_layers,
            "units": self.units,
            "embedding_dim": self.embedding_dim,
            "dropout": self.dropout,
            "cache_size": self.cache_size,
            "cache_sharpness": self.cache_sharpness,
        }
