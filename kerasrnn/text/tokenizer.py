"""What the tokenizers do alike."""

import keras

from kerasrnn.text.string_argument import check_strings


class Tokenizer(keras.layers.Layer):
    """A layer from raw strings to numbers; `_tokens` is None until it has a vocabulary.

    The strings stay in TensorFlow, whatever Keras's backend is.
    """

    _tokens = None

    def __call__(self, strings, *args, **kwargs):
        # Keras would turn Python strings into tensors of its own backend.
        return super().__call__(self._check_strings(strings), *args, **kwargs)

    def _check_vocabulary(self):
        if self._tokens is None:
            raise ValueError(
                "The tokenizer has no vocabulary yet: call `adapt` with texts, or "
                "pass `vocabulary`."
            )

    def _check_strings(self, strings):
        self._check_vocabulary()
        return check_strings(strings)
