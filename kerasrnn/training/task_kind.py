"""One description of a kind of task: all that the commands know of it."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from kerasrnn.catalogue import Recipe, metric_label, metric_text
from kerasrnn.training.recipe_optimizer import recipe_optimizer
from kerasrnn.training.starting_point import RATES, StartingPoint

PARTS = ("train", "validation", "test")
# The rate of a model that is trained already, beside that of the recipe; and of a run
# that goes on, whose rate had fallen.
RATE_FROM, RATE_ON = 1 / 2, 1 / 4
# Epochs, at most, that a floor of steps may ask for.
MOST_EPOCHS = 100


class Unreadable(str):
    """A line that says which input could not be read, for the screen of errors."""


class TaskKind:
    """How models of one kind are trained, judged, drawn, told, and used by commands.

    A subclass for each kind, and a line in `kerasrnn.training.kinds.KINDS`, is all
    that `kerasrnn train`, `evaluate`, `predict`, `export`, the model cards and the
    table of results need. An instance is one training of a recipe; it reads the data
    when it is made, into `splits`.

    Args:
        config: The recipe, as its `config.yaml` holds it. Its section `own_data` is for
            data of the user's own: `least_steps`, for how many steps they are learned,
            in at most 100 epochs, and `least_steps_from`, for how many where training
            begins with a trained model; unless the user says how many epochs.
        path: Data of the user's own in place of the recipe's, or None.
        log: Called with every line for the user.
        source: What to begin with, a trained model of this kind, or None: anew.
    """

    # The classes of `kerasrnn.zoo.Task` that are of this kind.
    models: Sequence[type] = ()
    # The metric of every epoch that says which one is best, and the metric of the
    # results that says which seed is.
    monitor = "val_loss"
    selected_by = "validation_loss"
    # The metric of the results that models are compared by.
    headline = "test_loss"
    unit = "examples"  # what `len` counts of a split
    # What `kerasrnn train --help` and `evaluate --help` say of data of the user's own,
    # `predict --help` of what is printed for each input, and `export --help` of what
    # goes into a SavedModel and what comes out.
    data_format = "a file with input<tab>target on each line"
    printed = "a line with what the model makes of it"
    exported = "texts in, what the model makes of them out"
    # Files that are made beside the preset of a seed, and kept of the best; and those
    # that `draw` makes beside the folder of figures.
    files: Sequence[str] = ()
    pages: Sequence[str] = ()
    # Metrics that the line of an epoch shows, beside loss and accuracy, by name.
    progress: dict[str, str] = {}
    # What a card shows of a recipe's folder `figures`, in this order, by file name.
    figures: dict[str, str] = {}
    # Of fewer examples than this it is told what is to be expected.
    few = 0
    of_few = ""
    # What several such models are called.
    plural = "models of its kind"
    # What a command line gives the model, and which options of `kerasrnn predict` may
    # stand beside it.
    input_example = '"a text of your own"'
    options: Sequence[str] = ()
    # Whether its models can learn from what they are judged on, as they are judged.
    adapts = False
    # Python lines that ask `answer`, the function of an exported model.
    served_example = 'print(answer(text=tf.constant(["a text of your own"])))'

    def __init__(
        self,
        config: dict,
        path=None,
        log: Callable[[str], object] = print,
        source: StartingPoint | None = None,
    ) -> None:
        self.config, self.path, self.log, self.source = config, path, log, source
        # Whether the user said how many epochs, in place of the recipe.
        self.epochs_are_given = False
        # After how many steps a run that goes on had ended.
        self.first_step = 0
        self.splits: dict = {}
        # Settings that follow from data of the user's own or from the source, by name.
        self.derived: dict = {}
        # How many tokens the source knew, and how many are new, by what reads them.
        self.vocabulary: dict[str, dict[str, int]] = {}
        self._before_schedule: tuple[dict, dict] | None = None
        if source is not None:
            for name, value in source.differing(config["model"]).items():
                self.derive("model", name, value, f"of {source.name}")

    @classmethod
    def model_class(cls, name: str) -> type:
        """The class of this kind that a recipe names."""
        return next(model for model in cls.models if model.__name__ == name)

    @property
    def examples(self) -> dict[str, int]:
        """How much each split has."""
        return {name: len(part) for name, part in self.splits.items()}

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {}

    def build_model(self, seed: int):
        """The untrained model, compiled."""
        raise NotImplementedError

    def prepare(self, model, folder, seed: int, workers) -> None:
        """What a run does before its first epoch; again where it goes on.

        Args:
            model: The model that will learn.
            folder: Of the seed.
            seed: What all that is drawn follows from.
            workers: The processes that train together.
        """

    def fit_data(self, model):
        """What `resumable_fit` learns from."""
        raise NotImplementedError

    def grown_tokenizer(self, *texts, most: int | None = None):
        """The source's tokenizer with the words of more texts, and tell how many.

        Args:
            *texts: What the tokenizer's `grown` takes.
            most: How many tokens may be new, of each vocabulary; None: as many as the
                tokenizer's `grown` allows by itself.
        """
        source = self.source
        if source is None:
            raise ValueError("A tokenizer grows from that of a source; there is none.")
        tokenizer = source.preprocessor
        if not source.goes_on:
            options = {} if most is None else {"most": most}
            tokenizer = tokenizer.grown(*texts, **options)
        self._tell_vocabulary(source, tokenizer)
        return tokenizer

    def _tell_vocabulary(self, source, tokenizer):
        known = sizes_of(source.preprocessor)
        for role, size in sizes_of(tokenizer).items():
            new = size - known[role]
            self.vocabulary[role] = {"known": known[role], "new": new}
            of = "" if role == "text" else f" of the {role}"
            grown = f"and {new:,} new ones" if new else "kept as it is"
            self.log(
                f"Vocabulary{of}: {known[role]:,} tokens of {source.name}, {grown}"
            )

    def started_model(self, tokenizer, **kwargs):
        """The source's model, with a tokenizer that knows its tokens and maybe more.

        Args:
            tokenizer: The preprocessor to have.
            **kwargs: Arguments of the class that replace those of the source, beside
                the recipe's rates.
        """
        model = self.config["model"]
        rates = {name: model[name] for name in (*RATES, "dtype") if name in model}
        return self.source.model(tokenizer, **rates, **kwargs)

    def optimizer(self, steps_an_epoch: int):
        """The optimizer, its schedule fit to epochs, data and source.

        Args:
            steps_an_epoch: How many steps an epoch has.
        """
        self.derive_schedule(steps_an_epoch)
        training = self.config["training"]
        return recipe_optimizer(training, steps_an_epoch, first_step=self.first_step)

    def expect(self) -> None:
        """Tell what may be expected of data of the user's own."""
        size = len(self.splits["train"])
        if size < self.few and self.source is None:
            self.log(f"{size:,} {self.unit} to learn from are few: {self.of_few}")

    def derive_at_most(self, section: str, name: str, most, why: str) -> None:
        """`derive` a setting where it is greater.

        Args:
            section: Of the recipe, such as "training".
            name: Of the setting; one that the recipe has not is left alone.
            most: What it becomes at most.
            why: How that follows, for the user.
        """
        was = self.config[section].get(name)
        if was is not None and was > most:
            self.derive(section, name, most, why)

    def derive_length(self, longest: int, *read: tuple) -> None:
        """Let tokenizers keep texts of the user's own whole.

        Args:
            longest: How many tokens they keep of a text, at most.
            *read: Pairs of a tokenizer and the texts that it reads.
        """
        needed = 0
        for tokenizer, texts in read:
            most = tokenizer.max_length
            if most is None:
                continue
            # No token is shorter than a byte, and start and end are two.
            long = [str(x) for x in texts if len(str(x).encode()) > most - 2]
            starts = range(0, len(long), 1024)
            cut = (int(max(tokenizer.count_cut(long[at : at + 1024]))) for at in starts)
            over = max(cut, default=0)
            needed = max(needed, most + over if over else 0)
        if not needed:
            return
        fitted = min(needed, longest)
        self.derive(
            "preprocessor", "max_length", fitted, f"the longest has {needed} tokens"
        )
        for tokenizer, _ in read:
            if tokenizer.max_length is not None:
                tokenizer.max_length = max(tokenizer.max_length, fitted)

    def derive(self, section: str, name: str, value, why: str) -> None:
        """Set what follows from data of the user's own, and tell it.

        Args:
            section: Of the recipe, such as "training".
            name: Of the setting.
            value: What it becomes.
            why: How it follows, for the user.
        """
        was = self.config[section].get(name)
        self.config[section][name] = value
        key = f"{section}.{name}"
        if key not in self.derived or self.derived[key] != value:
            self.log(f"{key} {value} ({why}; the recipe has {was})")
        self.derived[key] = value

    def derive_schedule(self, steps_an_epoch: int) -> None:
        """Let the schedule fit the number of epochs, the data and the source.

        Args:
            steps_an_epoch: How many steps an epoch has.
        """
        # Each seed begins with the recipe, so that none depends on those before it.
        training = self.config["training"]
        if self._before_schedule is None:
            self._before_schedule = dict(training), dict(self.derived)
        training.clear()
        training.update(self._before_schedule[0])
        self.derived = dict(self._before_schedule[1])
        if self.source is not None and self.source.goes_on:
            self._derive_going_on(steps_an_epoch)
            return
        if self.source is not None:
            rate = training.get("learning_rate", 1e-3) * RATE_FROM
            why = f"half: {self.source.name} is trained"
            self.derive("training", "learning_rate", rate, why)
        if self.path is not None and not self.epochs_are_given:
            self._derive_epochs(steps_an_epoch)
        epochs, why = training["epochs"], f"of {training['epochs']} epochs"
        if self.epochs_are_given:
            if training.get("schedule_epochs", epochs) < epochs:
                self.derive("training", "schedule_epochs", epochs, why)
            if (training.get("average_from") or 1) > epochs:
                self.derive("training", "average_from", (epochs + 1) // 2, why)
        steps = training.get("schedule_epochs", epochs) * steps_an_epoch
        if self.path is not None and training.get("warmup_steps", 0) > steps // 10:
            self.derive("training", "warmup_steps", steps // 10, f"of {steps} steps")

    def _derive_epochs(self, steps_an_epoch):
        """More epochs where the recipe's are too few steps of the user's own data."""
        training = self.config["training"]
        own_data = self.config.get("own_data", {})
        least = own_data.get("least_steps", 0)
        if self.source is not None:
            least = own_data.get("least_steps_from", 0)
        epochs = training["epochs"]
        needed = min(-(-least // steps_an_epoch), MOST_EPOCHS)
        if needed <= epochs:
            return
        why = f"for {needed * steps_an_epoch:,} steps of {steps_an_epoch:,} an epoch"
        self.derive("training", "epochs", needed, why)
        for name in ("schedule_epochs", "average_from"):  # in proportion
            if training.get(name):
                later = round(training[name] * needed / epochs)
                self.derive("training", name, later, f"of {needed} epochs")

    def _derive_going_on(self, steps_an_epoch):
        """A gentle schedule for further epochs, where the first one came to its end."""
        training = self.config["training"]
        if training.get("schedule", "constant") == "constant":
            return
        epochs, name = training["epochs"], self.source.name
        rate = training.get("learning_rate", 1e-3) * RATE_ON
        self.derive("training", "learning_rate", rate, f"a quarter: {name} goes on")
        if training.get("schedule_epochs", epochs) != epochs:
            self.derive("training", "schedule_epochs", epochs, "of further epochs")
        steps = epochs * steps_an_epoch
        if training.get("warmup_steps", 0) > steps // 10:
            why = f"of {steps} further steps"
            self.derive("training", "warmup_steps", steps // 10, why)

    def told_apart(self, metrics: dict) -> bool:
        """Whether the monitored metric says anything of an epoch with these metrics."""
        return True

    def after_epoch(self, model) -> list:
        """Functions of an epoch's number and metrics, to be called after each."""
        return []

    def callbacks(self, model, folder) -> list:
        """Keras callbacks of a run that writes to a folder."""
        return []

    def judge(self, model, fitted, folder) -> dict:
        """What the results say of a trained model, as it ships: `metrics`, and more."""
        raise NotImplementedError

    def judge_peers(self) -> dict[str, float]:
        """What simple methods score on the test part, by name, in the headline metric.

        They take a minute at most. None: {}.
        """
        return {}

    def draw(self, model, run: dict, folder) -> None:
        """The figures of the run that is kept, into a folder."""
        from kerasrnn.inspection import learning_curve_figure

        learning_curve_figure(
            run["history"],
            folder / "learning_curve.png",
            kept_epoch=run["kept_epochs"][0],
        )

    def report(self, model, results: dict, run: dict) -> None:
        """Tell the user how good the model is."""
        for name, value in results["metrics"].items():
            if name.startswith("test_") and not name.endswith("_std"):
                text = metric_text({name: value}, name)
                self.log(f"  {metric_label(name)} {text}")

    @classmethod
    def evaluate(
        cls,
        model,
        data: dict | None,
        path,
        settings: dict,
        log: Callable,
        *,
        part: str | None = None,
    ) -> dict:
        """Judge a model, and tell the user.

        Args:
            model: The model.
            data: The `data` section that it was trained on, whose test split is meant;
                None: `path` is.
            path: Data of the user's own, or None.
            settings: The `evaluation` section that it was judged with.
            log: Called with every line for the user.
            part: Which part of `path` is judged, "test": the model was trained on it.
                None: all of it.

        Returns:
            The scores, by name.
        """
        raise NotImplementedError

    @classmethod
    def suggested_start(cls, recipe: Recipe, path, log) -> str | None:
        """The preset that a training on the user's own data had better begin with.

        None, where there is none. What is chosen is told by `log`.
        """
        return None

    @classmethod
    def check_options(cls, model, **options) -> None:
        """Raise a ValueError where options of `predict` cannot be meant."""

    @classmethod
    def predict(
        cls, model, batches: Iterable[list], *, alone: bool, **options
    ) -> Iterator[str]:
        """What `kerasrnn predict` prints, in pieces; a line of it ends in a line feed.

        Args:
            model: The model.
            batches: Lists of inputs: text, or bytes where they came by standard input.
            alone: Whether there is one input only.
            **options: Those of `options` that were given.

        Yields:
            Text to print, or an `Unreadable` for an input that could not be read.
        """
        raise NotImplementedError

    @classmethod
    def served_example_of(cls, model) -> str:
        """Python lines that ask `answer`, the function of this model, exported."""
        return cls.served_example

    @classmethod
    def usage(cls, recipe: Recipe) -> str:
        """Lines of Python for a card, which use `model`."""
        return f"model.predict([{quoted(example_of(recipe))}])"

    @classmethod
    def told_of_data(cls, data: dict) -> str | None:
        """What a card says of the `data` of the results, beside the numbers."""
        return None

    @classmethod
    def told_of_results(
        cls, recipe: Recipe, run: dict, table_of: Callable[[list[str]], str]
    ) -> list[str]:
        """The parts of a card's results.

        Args:
            recipe: The recipe, with its results.
            run: The run whose preset ships.
            table_of: Makes the table of the metrics of these names.
        """
        return [table_of(metric_names(recipe))]


def sizes_of(preprocessor) -> dict[str, int]:
    """How many tokens each of its vocabularies has, by what reads or writes them.

    Example:

    >>> from kerasrnn.text import PairTokenizer, WordTokenizer
    >>> sizes_of(WordTokenizer(["film"]))
    {'text': 3}
    >>> sizes_of(PairTokenizer(WordTokenizer(["a"]), WordTokenizer(["un", "una"])))
    {'source': 3, 'target': 4}
    """
    parts = {
        role: getattr(preprocessor, role)
        for role in ("source", "target")
        if hasattr(preprocessor, role)
    }
    parts = parts or {"text": preprocessor}
    return {role: part.vocabulary_size for role, part in parts.items()}


def metric_names(recipe: Recipe) -> list[str]:
    """Names of the metrics of a recipe's results, without those of their spread."""
    metrics = (recipe.results or {})["metrics"]
    return [name for name in metrics if not name.endswith("_std")]


def example_of(recipe: Recipe, default: str = "a text of your own") -> str:
    """What a card shows the model."""
    return (recipe.config.get("examples") or [default])[0]


def quoted(text: str) -> str:
    """A text as Python, and as a reader, writes it."""
    return json.dumps(text, ensure_ascii=False)


def keywords(settings: dict) -> str:
    """Settings as arguments of a call, by name."""
    return ", ".join(
        f"{name}={json.dumps(value) if isinstance(value, str) else value}"
        for name, value in settings.items()
    )


def with_spread(results: dict, metric: str) -> str:
    """A metric of the results, and over how many seeds it is a mean."""
    text = metric_text(results["metrics"], metric)
    if f"{metric}_std" in results["metrics"]:
        text += f" ({len(results['runs'])} seeds)"
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a row of titles, in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).replace(
        " --- ", "---"
    )


def paragraph(text: str | None) -> str:
    """A text without line feeds, as YAML folds them."""
    return " ".join(str(text or "Not stated.").split())
