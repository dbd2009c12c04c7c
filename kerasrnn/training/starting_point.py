"""A trained model that another training begins with."""

import dataclasses
import functools
import json
import os
import pathlib
from typing import Any

from kerasrnn.catalogue import list_presets
from kerasrnn.training.checkpoints import Checkpoints
from kerasrnn.training.run_folder import RESULTS_FILE, RUN_FILE
from kerasrnn.zoo import Task
from kerasrnn.zoo.grown_model import grown_model
from kerasrnn.zoo.preset import WEIGHTS_FILE, read_preprocessor, read_preset

# Settings of a model that its weights do not depend on: they stay the recipe's.
RATES = (
    *("dropout", "word_dropout", "embedding_dropout", "recurrent_dropout"),
    *("weight_dropout", "input_dropout", "label_smoothing"),
    "attention_regularization",
)
# Not of the network, but of how it is computed and called.
NOT_OF_NETWORK = ("dtype", "name")
# What a run must have in common with another one to go on with it.
SAME = ("task", "model", "preprocessor", "data", "file")


@dataclasses.dataclass(frozen=True)
class StartingPoint:
    """A trained model that another training begins with.

    Args:
        name: As the user called it: a preset's name, or the folder of a run.
        folder: The folder of the preset.
        config: Contents of its `config.json`.
        run: The folder of the finished run that it is of, or None.
        goes_on: Whether that run is trained further, on the same data, rather than
            another one begun with its weights.

    Example:

    >>> source = StartingPoint.read("sentiment-movies")
    >>> source.config["task"], source.name, len(source.sha256)
    ('SentimentClassifier', 'sentiment-movies', 64)
    """

    name: str
    folder: pathlib.Path
    config: dict[str, Any]
    run: pathlib.Path | None = None
    goes_on: bool = False

    @classmethod
    def read(cls, name: str | os.PathLike) -> "StartingPoint":
        """Find a preset, or the finished run in a folder, and check that it is whole.

        Raises:
            ValueError: There is none, it is not finished, or its files have changed.
        """
        folder, config = read_preset(name)
        run = pathlib.Path(name)
        is_run = folder.parent == run and (run / RESULTS_FILE).is_file()
        return cls(os.fspath(name), folder, config, run if is_run else None)

    @property
    def sha256(self) -> str:
        """The hash of its weights."""
        return self.config["files"][WEIGHTS_FILE]

    @property
    def provenance(self) -> dict[str, str]:
        """What the settings of a run that begins with it say of it."""
        # The same run, from wherever it is called.
        is_shipped = self.name in list_presets()
        preset = self.name if is_shipped else os.path.abspath(self.name)
        return {"preset": preset, "sha256": self.sha256}

    @functools.cached_property
    def preprocessor(self) -> Any:
        """Its tokenizer, with its vocabulary."""
        return read_preprocessor(self.folder, self.config["preprocessor"])

    def check(self, config: dict[str, Any]) -> None:
        """Raise a ValueError where a recipe's model cannot begin with this one.

        Sizes may differ, and are then taken from here; the kind of network may not.

        Args:
            config: The recipe.
        """
        # Others' classes are registered with a package's name before theirs.
        task = self.config["task"].rpartition(">")[2]
        if task != config["task"]:
            raise ValueError(
                f"`start_from` must be a trained {config['task']}, as the recipe asks "
                f"for; {self.name} is a {task}."
            )
        for name, value in self.differing(config["model"]).items():
            asked = config["model"][name]
            if not (_is_size(value) and _is_size(asked)):
                raise ValueError(
                    f"`start_from` must have the recipe's {name}, {asked!r}; "
                    f"{self.name} has {value!r}."
                )

    def differing(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Arguments of its network that a recipe asks to be other ones.

        Args:
            asked: The `model` section of the recipe.
        """
        return {
            name: value
            for name, value in self.config["model"].items()
            if name in asked
            and name not in (*RATES, *NOT_OF_NETWORK)
            and _as_list(value) != _as_list(asked[name])
        }

    def is_of(self, settings: dict[str, Any]) -> bool:
        """Whether it is a run of the same recipe and data, to be trained further.

        Args:
            settings: Of the new run, as `RunFolder` keeps them.
        """
        if self.run is None:
            return False
        was = json.loads((self.run / RUN_FILE).read_text(encoding="utf-8"))
        is_same = all(was.get(key) == settings.get(key) for key in SAME)
        return is_same and all(_holds_some(self._states(seed)) for seed in self.seeds)

    @functools.cached_property
    def seeds(self) -> list[int]:
        """The seeds of the run; of a preset none."""
        if self.run is None:
            return []
        text = (self.run / RESULTS_FILE).read_text(encoding="utf-8")
        return [run["seed"] for run in json.loads(text)["runs"]]

    def end_of(self, seed: int) -> tuple[int, dict, dict]:
        """After how many steps a seed of the run ended, and with what.

        Returns:
            The number of steps, and the arrays and the state of its last checkpoint.

        Raises:
            ValueError: None can be read.
        """
        checkpoints = Checkpoints(self._states(seed))
        found = checkpoints.load()
        if found is None:
            raise ValueError(
                f"`start_from` {self.name} has no sound checkpoint of seed {seed}: "
                f"{'; '.join(checkpoints.skipped)}."
            )
        return checkpoints.step, *found

    def _states(self, seed):
        """The folder of the checkpoints of a seed of the run."""
        return pathlib.Path(str(self.run), f"seed-{seed}", "checkpoints")

    def model(self, preprocessor: Any, **kwargs: Any) -> Any:
        """The trained model, its vocabulary grown to a preprocessor's.

        Args:
            preprocessor: One that knows its tokens, and maybe more.
            **kwargs: Arguments of the class that replace its own.
        """
        model = Task.from_preset(self.folder, preprocessor=self.preprocessor)
        return grown_model(model, preprocessor, **kwargs)


def _is_size(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _as_list(value):
    """A list for a tuple, and for one alone, which some arguments may be."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _holds_some(folder):
    return folder.is_dir() and any(folder.iterdir())
