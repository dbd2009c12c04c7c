"""How recipes of `CharLanguageModel` are trained and judged."""

import functools

import keras
import numpy as np

from kerasrnn.inspection import learning_curve_figure
from kerasrnn.text import CharacterStreams, CharacterText
from kerasrnn.training.every_number import every_number
from kerasrnn.training.language_model.text_samples import TextSamples
from kerasrnn.training.recipe_data import load_texts
from kerasrnn.training.recipe_optimizer import recipe_optimizer
from kerasrnn.training.recipe_training import RecipeTraining
from kerasrnn.zoo import MODELS

SAMPLES_FILE = "samples.md"
# In at most so many places the validation text is read at once, if each then has as
# many characters as this.
PLACES, PLACE = 64, 2000
# Of so few characters every number can be shown.
FEW = 12


class LanguageModelling(RecipeTraining):
    """What `train` needs to know of a recipe that learns to write a text.

    Args:
        config: The recipe.
        path: A text file in place of the recipe's data, or None.
        log: Called with every line for the user.
    """

    monitor = "val_bits_per_character"
    selected_by = "validation_bits_per_character"
    files = (SAMPLES_FILE,)
    unit = "characters"

    def __init__(self, config, path=None, log=print):
        super().__init__(config, log)
        self.tokenizer, self.splits = load_texts(
            config["data"], config["preprocessor"], path
        )

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
        training = self.config["training"]
        model = MODELS[self.config["task"]](
            preprocessor=self.tokenizer, **self.config["model"]
        )
        data = self.fit_data(model)
        model.compile(recipe_optimizer(training, len(data.order(seed, 0))))
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
        return [TextSamples(folder / SAMPLES_FILE, **options)]

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
        return {
            "metrics": metrics,
            "sample": model.generate(**self.sample_options),
        }

    @functools.cached_property
    def sample_options(self):
        """How the sample of the results is drawn."""
        shown = self.config.get("evaluation", {})
        return {"length": 500, "temperature": 0.7, "seed": 1, **shown}

    def draw(self, model, run, folder):
        """The figures of the run that is kept."""
        learning_curve_figure(
            run["history"],
            folder / "learning_curve.png",
            kept_epoch=run["kept_epochs"][0],
        )

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


def report_language_model(model, text, log=print) -> dict:
    """Judge a language model on a text, and tell the user."""
    scores = model.evaluate(text)
    log(f"{len(text):,} characters")
    for name in ("bits_per_character", "perplexity", "loss"):
        log(f"  {name.replace('_', ' '):20} {scores[name]:.4f}")
    return scores
