"""The classes that Keras finds in a saved model after `import kerasrnn`, nothing else.

Each is registered with Keras where it is defined. Until that module is imported, which
brings TensorFlow, a placeholder of its name stands in Keras's table, and imports it
when a saved model asks for it.
"""

import importlib
import importlib.abc
import importlib.util
import sys

# By the module that is imported for them.
CLASSES = {
    "kerasrnn.layers": (
        "AttentionCell",
        "BahdanauAttention",
        "Bidirectional",
        "CRF",
        "GRU",
        "GRUCell",
        "LSTM",
        "LSTMCell",
        "LuongAttention",
        "RNN",
        "SimpleRNN",
        "SimpleRNNCell",
        "StackedRNNCells",
    ),
    "kerasrnn.layers.time_distributed": ("TimeDistributed",),
    "kerasrnn.metrics": ("BitsPerCharacter", "MaskedAccuracy", "Perplexity"),
    "kerasrnn.text": (
        "CharacterTokenizer",
        "PairTokenizer",
        "SpelledWordTokenizer",
        "SubwordTokenizer",
        "TargetTokenizer",
        "WordTokenizer",
    ),
    "kerasrnn.training.later": ("Later",),
    "kerasrnn.training.warm_up": ("WarmUp",),
    "kerasrnn.vision": ("ImageEncoder", "PictureReader", "TunedBlocks"),
    "kerasrnn.zoo": (
        "AttentionCaptioner",
        "CharLanguageModel",
        "ForecastLoss",
        "Forecaster",
        "GlimpseClassifier",
        "ImageCaptioner",
        "MaskedCrossentropy",
        "MaskedPooling",
        "SentimentClassifier",
        "Seq2Seq",
        "Seq2SeqAttention",
        "SequenceTagger",
        "WordDropout",
    ),
    "kerasrnn.zoo.captioning.copy_mechanism": ("CopyMechanism",),
    "kerasrnn.zoo.captioning.known_captions": ("KnownCaptions",),
    "kerasrnn.zoo.decoder.text_decoder": ("TextDecoder",),
}


def register() -> None:
    """Put a placeholder into Keras's table for each class that is not there."""
    import keras

    known = keras.saving.get_custom_objects()
    for module, names in CLASSES.items():
        for name in names:
            known.setdefault(f"kerasrnn>{name}", placeholder(module, name))


def placeholder(module: str, name: str) -> type:
    """What makes an object of a class that is not imported yet."""

    class Placeholder:
        @classmethod
        def from_config(cls, config):
            return getattr(importlib.import_module(module), name).from_config(config)

    Placeholder.__name__ = Placeholder.__qualname__ = name
    return Placeholder


class AfterKeras(importlib.abc.MetaPathFinder):
    """Registers the classes as soon as Keras is imported, by whomever."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_register(module):
                run(module)
                register()

            spec.loader.exec_module = run_and_register
        return spec


def register_with_keras() -> None:
    """Register the classes now, or, where Keras is not imported yet, just after it."""
    if "keras" in sys.modules:
        register()
    else:
        sys.meta_path.insert(0, AfterKeras())
