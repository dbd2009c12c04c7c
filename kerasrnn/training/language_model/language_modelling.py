"""How recipes of `CharLanguageModel` are trained and judged."""

import functools
import itertools

import keras
import numpy as np

from kerasrnn.fetching import cache_directory
from kerasrnn.text import CharacterStreams, CharacterText
from kerasrnn.text.tokenizer import UNKNOWN_ID
from kerasrnn.training.language_model.adapted_scores import adapted_scores
from kerasrnn.training.language_model.every_number import every_number
from kerasrnn.training.language_model.text_peers import (
    NO_PPMD,
    has_ppmd,
    text_peers,
)
from kerasrnn.training.language_model.text_samples import TextSamples
from kerasrnn.training.task_kind import PARTS, TaskKind, keywords, metric_names
from kerasrnn.zoo import CharLanguageModel
from kerasrnn.zoo.preset import preprocessor_class

SAMPLES_FILE = "samples.md"
# In at most so many places the validation text is read at once, if each then has as
# many characters as this.
PLACES, PLACE = 64, 2000
# Of the user's own text an epoch has so many steps, where batches of one allow it.
STEPS = 30
# Of fewer characters the network has at most so many units, and training ends when the
# validation text has got no better for PATIENCE epochs.
UNITS = ((20_000, 128), (500_000, 256))
SHORT, PATIENCE = UNITS[-1][0], 5
# Of so few characters every number can be shown.
FEW = 12


class LanguageModelling(TaskKind):
    """Learning to write a text, character by character.

    Args:
        config: The recipe.
        path: A text file in place of the recipe's data, or None.
        log: Called with every line for the user.
        source: What to begin with, a trained language model, or None: anew.
    """

    models = (CharLanguageModel,)
    monitor = "val_bits_per_character"
    selected_by = "validation_bits_per_character"
    headline = "test_bits_per_character"
    files = (SAMPLES_FILE,)
    unit = "characters"
    data_format = "any text file of 200 characters or more, however large"
    printed = (
        "the text, and what the model writes after it, character by character, line "
        'feeds too; "" lets it begin by itself'
    )
    exported = (
        "a text in, what comes after it out; under other signatures the probability "
        "of every character (score), and of the next one, state in and out (step)"
    )
    progress = {"val_bits_per_character": "bits {:.3f}"}
    figures = {"learning_curve.png": "Learning curve"}
    few = 500_000
    of_few = (
        "a model of characters learns to spell words of them, and little of what they "
        "say."
    )
    plural = "character language models"
    input_example = '"How it begins"'
    options = ("length", "temperature", "top_k", "seed")
    adapts = True
    served_example = """\
written = answer(
    text=tf.constant(["The "]),
    length=tf.constant(200),
    temperature=tf.constant(0.7),
    seed=tf.constant(1),
)
print("The " + written["text"].numpy()[0].decode())"""

    def __init__(self, config, path=None, log=print, source=None):
        super().__init__(config, path, log, source)
        preprocessor, known = config["preprocessor"], None
        if source is not None:
            known = source.preprocessor
            if source.goes_on:  # It knows the text: no character is new.
                preprocessor = {**preprocessor, "max_tokens": known.vocabulary_size}
        self.tokenizer, self.splits = load_texts(
            config["data"], preprocessor, path, known
        )
        if "text" not in config["data"] and not has_ppmd():
            log(NO_PPMD)
        test, size = self.splits["test"], self.tokenizer.vocabulary_size
        if unknown := np.count_nonzero(test.ids == UNKNOWN_ID):
            log(
                f"{unknown:,} of the {len(test):,} characters of the test text are "
                f"none of the vocabulary's {size:,}, and count as one"
            )
        if source is not None:
            self._tell_vocabulary(source, self.tokenizer)
        if path is not None:
            self._fit_sizes()

    def _fit_sizes(self):
        """Fewer places at once, a smaller network and an early end for short texts."""
        training, size = self.config["training"], len(self.splits["train"])
        why = f"{size:,} characters to learn from"
        chunks = size // training.get("chunk", 100)
        most = max(1, chunks // STEPS)
        self.derive_at_most("training", "batch_size", most, why)
        if size >= SHORT:
            return
        if self.source is None:
            units = next(units for characters, units in UNITS if size < characters)
            self.derive_at_most("model", "units", units, why)
        if training.get("patience", 3) is None:
            # It may soon know them by heart.
            self.derive("training", "patience", PATIENCE, why)

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {
            "documents": {name: len(part.ends) for name, part in self.splits.items()},
            "vocabulary": self.tokenizer.vocabulary_size,
        }

    def build_model(self, seed: int):
        """The untrained model."""
        keras.utils.set_random_seed(seed)
        if self.source is not None:
            model = self.started_model(self.tokenizer)
        else:
            model = self.model_class(self.config["task"])(
                preprocessor=self.tokenizer, **self.config["model"]
            )
        data = self.fit_data(model)
        model.compile(self.optimizer(len(data.order(seed, 0))))
        # Before a checkpoint is read, which holds what is carried.
        model.carry(data.streams.batch_size)
        return model

    def fit_data(self, model):
        """What `resumable_fit` learns from."""
        training = self.config["training"]
        return LanguageData(
            CharacterStreams(
                self.splits["train"],
                training.get("batch_size", 64),
                training.get("chunk", 100),
            ),
            self.splits["validation"],
            steps_per_epoch=training.get("steps_per_epoch"),
        )

    def callbacks(self, model, folder) -> list:
        """Keras callbacks of a run."""
        options = self.config["training"].get("samples", {})
        return [TextSamples(folder / SAMPLES_FILE, writer=model, **options)]

    def judge(self, model, fitted, folder) -> dict:
        """What the results say of a trained model, as it ships."""
        found = {
            name: model.evaluate(self.splits[name], verbose=0)
            for name in ("test", "validation")
        }
        metrics = {
            f"{split}_{name}": value
            for split, of_split in found.items()
            for name, value in of_split.items()
        }
        if model.cache_size:
            alone = type(model).from_preset(folder / "preset", cache_size=0)
            found = alone.evaluate(self.splits["test"], verbose=0)
            metrics["test_bits_per_character_without_cache"] = found[
                "bits_per_character"
            ]
        evaluation = self.config.get("evaluation", {})
        if "adaptation" in evaluation:
            adaptation = evaluation["adaptation"]
            found = adapted_scores(model, self.splits.__getitem__, adaptation)
            metrics["test_bits_per_character_adapted"] = found["bits_per_character"]
        return {
            "metrics": metrics,
            "evaluation": evaluation,
            "sample": model.generate(**self.sample_options),
        }

    def judge_peers(self) -> dict[str, float]:
        """Bits a character of the test text by n-grams and by compressors."""
        if "text" in self.config["data"]:
            return {}  # What is learned is what is judged by.
        return text_peers(self.splits["train"], self.splits["test"], self.tokenizer)

    @functools.cached_property
    def sample_options(self):
        """How the sample of the results is drawn."""
        asked = of_generation(self.config)
        return {"length": 500, "temperature": 0.7, "seed": 1, **asked}

    def report(self, model, results, run):
        """Tell the user how good the model is."""
        metrics, log = results["metrics"], self.log
        log(
            f"\nTest text: {metrics['test_bits_per_character']:.3f} bits a character, "
            f"perplexity {metrics['test_perplexity']:.2f}, on "
            f"{len(self.splits['test']):,} characters"
            + ("\n" if "text" in self.config["data"] else " that it has not seen\n")
        )
        if self.tokenizer.vocabulary_size <= FEW and len(self.splits["test"]) <= FEW:
            text = self.tokenizer.decode(self.splits["test"].ids)
            for line in every_number(model, text):
                log(line)
            log("")
        log("What it writes:\n")
        log(self.sample_options.get("prompt", "") + run["sample"])

    @classmethod
    def evaluate(cls, model, data, path, settings, log, *, part=None, adapt=False):
        from kerasrnn.data.text_file import encode_text_file

        def text_of(name):
            if path is not None:
                return encode_text_file(path, model.preprocessor, name)
            documents = _documents(data, name)
            return CharacterText.of_documents(documents, model.preprocessor)

        if adapt and path is not None and part is None:
            raise ValueError(
                "`adapt` reads the text that the model was trained on: it must be left "
                f"out with another file, {path}."
            )
        text = text_of("test" if path is None else part)
        log(f"{len(text):,} characters")
        if adapt:
            adaptation = settings.get("adaptation", {})
            scores = adapted_scores(model, text_of, adaptation, verbose="auto")
        else:
            scores = model.evaluate(text)
        for name in ("bits_per_character", "perplexity", "loss"):
            log(f"  {name.replace('_', ' '):20} {scores[name]:.4f}")
        return scores

    @classmethod
    def predict(cls, model, batches, *, alone, **options):
        options = {"length": 500, "temperature": 0.7, **options}
        for prompt in itertools.chain.from_iterable(batches):
            if isinstance(prompt, bytes):
                prompt = prompt.decode("utf-8", "replace")
            characters = model.stream(prompt, **options)
            yield prompt
            yield from characters
            yield "\n"

    @classmethod
    def usage(cls, recipe):
        return f"model.generate({keywords(of_generation(recipe.config))})"

    @classmethod
    def told_of_results(cls, recipe, run, table_of):
        prompt = recipe.config.get("evaluation", {}).get("prompt", "")
        remembered = recipe.config.get("model", {}).get("cache_size")
        cache = ""
        if remembered:
            cache = (
                f" A `NeuralCache` remembers the last {remembered:,} characters, so "
                "that names that only the text at hand has become likely as it is "
                "read."
            )
        adapted = ""
        if "test_bits_per_character_adapted" in run["metrics"]:
            settings = recipe.config["evaluation"]["adaptation"]
            ways = []
            if settings.get("learning_rate") != 0:
                ways.append(
                    "a copy of the model learns the text as it is read "
                    "(`DynamicEvaluation`)"
                )
            if settings.get("orders", True):
                ways.append(
                    "a `TextMemory` finds what stood before, there or in the training "
                    "text"
                )
            adapted = (
                f" Adapted: {', and '.join(ways)}; each character is judged before, as "
                "compressors do it."
            )
        parts = [
            table_of(metric_names(recipe)),
            "Bits a character are those of the whole text, the state carried from the "
            "beginning of each document to its end; loss is the same in nats."
            f"{cache}{adapted} It writes:",
            f"````text\n{prompt}{run['sample']}\n````",
        ]
        if (recipe.folder / SAMPLES_FILE).is_file():
            parts.append(f"[What it wrote as it learned]({SAMPLES_FILE}).")
        return parts


class LanguageData:
    """A text to learn, and one to judge by after every epoch.

    Args:
        streams: A `CharacterStreams`.
        validation: A `CharacterText`.
        steps_per_epoch: Steps after which an epoch ends, with its validation; the
            next goes on where it was. None: an epoch is the whole text.
    """

    def __init__(self, streams, validation, *, steps_per_epoch=None):
        self.streams = streams
        self.steps_per_epoch = steps_per_epoch or len(streams)
        # Read in many places at once, which is quicker. Each begins with no state.
        places = min(PLACES, max(1, len(validation) // PLACE))
        cuts = np.linspace(0, len(validation), places + 1).astype("int64")[1:]
        self.validation = CharacterText(
            validation.ids, np.union1d(cuts, validation.ends)
        )

    def order(self, seed, epoch):
        """The steps of an epoch, in the order of the text."""
        first = epoch * self.steps_per_epoch
        return [
            step % len(self.streams)
            for step in range(first, first + self.steps_per_epoch)
        ]

    def dataset(self, order):
        """Batches of these steps."""
        return self.streams.dataset(order)

    def validate(self, model):
        """Loss, perplexity and bits a character of the validation text."""
        found = model.evaluate(self.validation, verbose=0)
        return {f"val_{name}": value for name, value in found.items()}


def of_generation(config: dict) -> dict:
    """What the section `evaluation` of a recipe says of `generate`."""
    section = config.get("evaluation", {})
    return {key: value for key, value in section.items() if key != "adaptation"}


def load_texts(data: dict, preprocessor: dict, path=None, known=None):
    """A tokenizer, and the text of training, validation and test as `CharacterText`s.

    Args:
        data: The `data` section of a recipe: `name` and `config` of a TFDS data set of
            documents; `splits`, what it calls `train`, `validation` and `test`; or
            `text`, all of the text to learn, and to judge by.
        preprocessor: The `preprocessor` section of a recipe.
        path: A text file in place of `data`. Its characters' numbers are kept in the
            cache, so that it may be larger than the memory.
        known: A tokenizer whose characters the vocabulary holds too, or None.
    """
    from kerasrnn.data import open_text_file

    options = {key: preprocessor[key] for key in preprocessor if key != "class"}
    tokenizer_class = preprocessor_class(
        preprocessor.get("class", "CharacterTokenizer")
    )
    if path is not None:
        folder = cache_directory() / "texts"
        return open_text_file(path, folder, known=known, **options)
    splits = {part: _documents(data, part) for part in PARTS}
    if known is not None:
        tokenizer = known.grown(splits["train"])
    else:
        tokenizer = tokenizer_class(**options)
        tokenizer.adapt(splits["train"])
    return tokenizer, {
        part: CharacterText.of_documents(documents, tokenizer)
        for part, documents in splits.items()
    }


def _documents(data, part):
    from kerasrnn.data import load_documents

    if "text" in data:
        return [data["text"]]
    split = data.get("splits", {}).get(part, part)
    return load_documents(data["name"], split, config=data.get("config"))
