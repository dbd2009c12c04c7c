"""The folder of a run: whose it is, what is in it, and how one run replaces another."""

import contextlib
import json
import os
import pathlib
import re
import shutil
from collections.abc import Sequence

from kerasrnn.training.checkpoints import replace_file

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

RUN_FILE = "run.json"
RESULTS_FILE = "results.json"
# Says in a run.json that `train` wrote it.
FORMAT = "kerasrnn run"
NEXT, OLD = "next", ".old"
SEED_FOLDER = re.compile(r"seed-\d+")


class RunFolder:
    """The folder that one run of `train` writes, and no other process meanwhile.

    Nothing is removed before `prepare`, and then only what a run has made. A run that
    replaces a finished one is trained in a folder `next` inside, and takes its place
    when it is finished too.

    Args:
        path: The folder; made where it is missing.
        settings: All that a run's numbers depend on but the seed, as JSON holds it.
        seeds: The seeds to train.
        files: Names of further files that a run of this kind leaves.

    Raises:
        ValueError: Another process trains into it, or it is no folder of a run.
    """

    def __init__(
        self, path, *, settings: dict, seeds: Sequence[int], files: Sequence[str] = ()
    ):
        self.path = pathlib.Path(path)
        self.settings = {"format": FORMAT, **settings}
        self.seeds = list(seeds)
        self.files = {"preset", "figures", "logs", RUN_FILE, RESULTS_FILE, *files}
        self.work = self.path
        self.is_new = True

    def __enter__(self):
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"`output` must be a folder; got the file {self.path}.")
        self.was_there = self.path.is_dir()
        self.path.mkdir(parents=True, exist_ok=True)
        # The system gives the lock back when the process ends, however it ends.
        self._lock = None
        if fcntl is None:
            return self
        self._lock = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise ValueError(
                f"`output` {self.path} is what another process trains into right now. "
                "Wait for it, or give another folder (--output)."
            ) from None
        except OSError:
            pass  # a file system that knows no locks
        return self

    def __exit__(self, *exception):
        if self._lock is not None:
            os.close(self._lock)
        if not self.was_there:
            with contextlib.suppress(OSError):
                self.path.rmdir()  # if nothing was written

    def plan(self, restart: bool, *, replaces: bool = False) -> dict | None:
        """Decide where to train and from where to go on, and change nothing.

        Args:
            restart: Whether to train anew what is there, and replace it.
            replaces: Whether a finished run that is there is replaced in any case.

        Returns:
            The results of a run that is finished already, or None: there is something
            to train.
        """
        here = self._run_in(self.path)
        if here is not None and (self.path / NEXT / RESULTS_FILE).is_file():
            self._take_over()  # A kill came in between.
            here = self._run_in(self.path)
        following = self._run_in(self.path / NEXT)
        results_file = self.path / RESULTS_FILE
        finished = here is not None and results_file.is_file()
        if restart:
            self.work = self.path / NEXT if finished else self.path
            return None
        if following == self.settings:
            self.work, self.is_new = self.path / NEXT, False
            return None
        if finished and replaces:
            self.work = self.path / NEXT
            return None
        if finished:
            results = json.loads(results_file.read_text(encoding="utf-8"))
            trained = [run["seed"] for run in results["runs"]]
            if here != self.settings or not set(trained) & set(self.seeds):
                other = "seeds"
                if here != self.settings:
                    other = f"settings: {differences(here, self.settings)}"
                raise ValueError(
                    f"`output` {self.path} holds a finished run with other {other}. "
                    "Give another folder (--output), train it anew (--restart), or go "
                    f"on with it (--from {self.path})."
                )
            if set(self.seeds) <= set(trained):
                return results
            if not set(trained) <= set(self.seeds):
                raise ValueError(
                    f"`seeds` must be among {trained}, which {self.path} holds a "
                    f"finished run of, or hold all of them; got {self.seeds}."
                )
            self.is_new = False
            return None
        if here is None:
            return None
        if here != self.settings and any(self.path.glob("seed-*")):
            raise ValueError(
                f"`output` {self.path} holds an unfinished run with other settings: "
                f"{differences(here, self.settings)}. Give another folder (--output), "
                "or begin anew (--restart)."
            )
        self.is_new = here != self.settings
        return None

    def prepare(self):
        """Make `work` ready: what can be gone on from stays, another run goes."""
        self.work.mkdir(exist_ok=True)
        if self.is_new:
            self._clear(self.work)
            text = json.dumps(self.settings, indent=2) + "\n"
            replace_file(self.work / RUN_FILE, text)

    def finish(self):
        """Let the run in `work`, which is finished, be that of the folder."""
        if self.work != self.path:
            self._take_over()
            self.work = self.path

    def _run_in(self, folder):
        """The settings of the run in a folder; None where there is no run."""
        file = folder / RUN_FILE
        if not file.is_file():
            if folder == self.path and any(folder.iterdir()):
                raise ValueError(
                    f"`output` {folder} is a folder with other things in it. Give "
                    "another one."
                )
            return None
        try:
            run = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            run = None
        if not isinstance(run, dict) or run.get("format") != FORMAT:
            raise ValueError(
                f"`output` {folder} is a folder with other things in it: its "
                f"{RUN_FILE} is not from `kerasrnn train`. Give another one."
            )
        return run

    def _of_a_run(self, folder):
        """What a run has made in a folder: its settings first, its results last."""
        entries = [entry for entry in folder.iterdir() if self._is_of_a_run(entry.name)]
        place = {RUN_FILE: -1, RESULTS_FILE: 1}
        return sorted(entries, key=lambda entry: place.get(entry.name, 0))

    def _is_of_a_run(self, name):
        return name in self.files or bool(SEED_FOLDER.fullmatch(name))

    def _clear(self, folder):
        for entry in self._of_a_run(folder):
            remove(entry)
        if folder == self.path and (folder / NEXT).is_dir():
            remove(folder / NEXT)

    def _take_over(self):
        """Put the finished run of `next` where the older one is; may be killed."""
        new = self.path / NEXT
        if (new / RUN_FILE).is_file():  # Nothing has been moved yet.
            names = {entry.name for entry in self._of_a_run(new)}
            for entry in self._of_a_run(self.path):
                if entry.name not in names:
                    remove(entry)
        for entry in self._of_a_run(new):
            move_over(entry, self.path / entry.name)
        for entry in self.path.glob("*" + OLD):  # A kill came in between.
            if self._is_of_a_run(entry.name.removesuffix(OLD)):
                remove(entry)
        remove(new)


def differences(one: dict, other: dict, before: str = "") -> str:
    """What of two runs' settings differs, in words.

    Example:

    >>> differences({"training": {"epochs": 6}}, {"training": {"epochs": 9}})
    'training.epochs was 6, is 9'
    """
    found = []
    for key in sorted({*one, *other}):
        was, now = one.get(key), other.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            inside = differences(was, now, f"{before}{key}.")
            found += [inside] if inside else []
        elif was != now and f"{before}{key}" == "file":
            found.append("the data are others")
        elif was != now:
            found.append(f"{before}{key} was {was}, is {now}")
    return "; ".join(found)


def move_over(source: pathlib.Path, target: pathlib.Path):
    """Move a file or folder to where another one may be, which goes."""
    old = target.with_name(target.name + OLD)
    remove(old)
    if target.is_dir():  # A file is replaced in one move.
        os.replace(target, old)
    os.replace(source, target)
    remove(old)


def copy_folder(source: pathlib.Path, target: pathlib.Path):
    """Copy a folder to where another one may be, which stays until all is copied."""
    copied = target.with_name(target.name + ".new")
    remove(copied)
    shutil.copytree(source, copied)
    move_over(copied, target)


def remove(path: pathlib.Path):
    """Remove a file or a folder with all that is in it, where it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
