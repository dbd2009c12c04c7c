"""Files and folders that are there when they are whole, and not before."""

import contextlib
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator

from kerasrnn.export.arguments import check_count


@contextlib.contextmanager
def written_beside(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Where to write what is to be `path`; it is moved there if nothing fails.

    Whatever fails, what was there stays as it was, and nothing else is left. Of a
    folder that exists, other files than those that are written stay.

    Args:
        path: The file or the folder to write; its parents are made where missing.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "new", "model.onnx")
    >>> with written_beside(path) as partial:
    ...     size = partial.write_bytes(b"whole")
    >>> path.read_bytes()
    b'whole'
    """
    target = pathlib.Path(path).resolve()
    missing = [parent for parent in target.parents if not parent.exists()]
    # Hidden, so that TensorFlow Serving does not take it for a version.
    unique = uuid.uuid4().hex[:8]
    partial = target.with_name(f".{target.name}-{unique}.partial")
    replaced = target.with_name(f".{target.name}-{unique}.replaced")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if target.exists():
            shutil.copymode(target, partial)
            target.rename(replaced)
        partial.rename(target)
    except BaseException:
        _remove(partial)
        if replaced.exists():
            replaced.rename(target)
        with contextlib.suppress(OSError):  # What somebody else uses by now stays.
            for parent in missing:
                parent.rmdir()
        raise
    if replaced.is_dir():
        for other in replaced.iterdir():
            if not (target / other.name).exists():
                other.rename(target / other.name)
    _remove(replaced)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def check_file(path: str | os.PathLike, suffix: str) -> pathlib.Path:
    """`path`, where a file of this suffix may be written.

    Raises:
        ValueError: It is a folder, or has another suffix.
    """
    path = pathlib.Path(path)
    if path.suffix != suffix:
        raise ValueError(f"`path` must end with {suffix!r}; got {str(path)!r}.")
    if path.is_dir():
        raise ValueError(f"`path` must be a file; {path} is a folder.")
    check_parents(path)
    return path


def check_folder(path: str | os.PathLike, version: int | None = None) -> pathlib.Path:
    """`path`, or `path/version`, where a folder may be written.

    Raises:
        ValueError: It is a file, or lies in one, or `version` is no positive integer.
    """
    path = pathlib.Path(path)
    if version is not None:
        check_count("version", version)
        path = path / str(version)
    if path.exists() and not path.is_dir():
        raise ValueError(f"`path` must be a folder; {path} is a file.")
    check_parents(path)
    return path


def check_parents(path: pathlib.Path) -> None:
    """Raise a ValueError where a parent of `path` is a file."""
    for parent in path.parents:
        if parent.exists() and not parent.is_dir():
            raise ValueError(f"`path` must lie in folders; {parent} is a file.")
