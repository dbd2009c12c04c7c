import hashlib
import json
import os
import pathlib
import re
import zipfile
import zlib

import numpy as np

STATE_FILE = "state.json"
NAME = re.compile(r"step-(\d+)\.npz")
# What reading an archive that is not sound may end in, beside a ValueError.
BAD_ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError)


class Checkpoints:
    """A folder of checkpoints that survives a kill at any moment.

    A checkpoint is one file of arrays and a dictionary of plain values. It is written
    under its step's number, flushed to the disk, and only then entered in
    `state.json`, which is replaced in one move. A file that is not as it was entered
    (its SHA-256 differs, or it is not there) is skipped for the one before. Without a
    readable `state.json`, the checkpoints that lie there are known by their names.

    Args:
        folder: Where the checkpoints lie; made where it is missing.
        keep: How many of the newest are kept.

    Example:

    >>> import tempfile
    >>> checkpoints = Checkpoints(tempfile.mkdtemp())
    >>> checkpoints.save(7, {"weight": np.ones(2)}, {"epoch": 1})
    >>> arrays, state = checkpoints.load()
    >>> print(arrays["weight"], state)
    [1. 1.] {'epoch': 1}
    """

    def __init__(self, folder, *, keep: int = 2):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keep = keep
        self.skipped: list[str] = []
        self.step = 0

    def save(self, step: int, arrays: dict[str, np.ndarray], state: dict):
        name = f"step-{step:08d}.npz"
        packed = np.frombuffer(json.dumps(state).encode(), dtype="uint8")
        partial = self.folder / f"{name}.partial"
        with open(partial, "wb") as file:
            np.savez(file, **arrays, **{STATE_FILE: packed})
            file.flush()
            os.fsync(file.fileno())
        digest = _sha256(partial)
        os.replace(partial, self.folder / name)
        entries = [entry for entry in self._entries() if entry["file"] != name]
        entries = [{"file": name, "step": step, "sha256": digest}, *entries][
            : self.keep
        ]
        replace_file(
            self.folder / STATE_FILE, json.dumps({"checkpoints": entries}, indent=2)
        )
        kept = {entry["file"] for entry in entries}
        for path in self.folder.glob("step-*"):
            if path.name not in kept:
                path.unlink()

    def load(self):
        """Arrays and state of the newest sound checkpoint; None where there is none.

        `self.skipped` then names the ones that were not sound, and `self.step` is the
        step that it was entered under.
        """
        self.skipped = []
        for entry in self._entries():
            path = self.folder / entry["file"]
            try:
                if entry["sha256"] not in (None, _sha256(path)):
                    raise ValueError("its contents changed after it was written")
                with np.load(path, allow_pickle=False) as file:
                    arrays = {key: file[key] for key in file.files}
                state = json.loads(arrays.pop(STATE_FILE).tobytes())
            except (OSError, ValueError, KeyError, EOFError, *BAD_ZIP) as error:
                self.skipped.append(f"{path.name}: {error}")
                continue
            self.step = entry["step"]
            return arrays, state
        return None

    def _entries(self):
        try:
            text = (self.folder / STATE_FILE).read_text(encoding="utf-8")
            entries = json.loads(text)["checkpoints"]
            if all({"file", "step", "sha256"} <= set(entry) for entry in entries):
                return entries
        except (OSError, ValueError, KeyError, TypeError):
            pass
        # Each archive has a checksum of every array in it, and holds its own state.
        found = [(NAME.fullmatch(path.name), path) for path in self.folder.iterdir()]
        steps = sorted((int(name[1]), path.name) for name, path in found if name)
        return [
            {"file": name, "step": step, "sha256": None}
            for step, name in reversed(steps)
        ]


def replace_file(path, text):
    """Write a text file so that a reader, or a kill, sees all of it or the old one."""
    path = pathlib.Path(path)
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    # The move itself is on the disk once the folder is.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
