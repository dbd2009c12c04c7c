"""Fetches a Debian package by name, with apt, and reads it without installing it.

Neither step needs root, and nothing of the package is executed.
"""

import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from kerasrnn.fetching.fetch_error import FetchError
from kerasrnn.fetching.package_file import (
    PackageFile,
    cache_directory,
    is_there,
    sha256_of,
)

MAGIC = b"!<arch>\n"

# Seconds for one run of apt-get. A mirror that does not answer says so sooner, by the
# options; a large package over a slow line takes its time.
TIMEOUT = 600
OPTIONS = ("-q", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")


def fetch_debian(
    file: PackageFile, directory: str | os.PathLike | None = None
) -> pathlib.Path:
    """The path of a `.deb` file on this machine, fetched if it is not there yet.

    Fetched with `apt-get download` from where apt is configured to. Where apt has no
    lists of packages yet, as in many containers, they are fetched into a temporary
    folder first.

    Args:
        file: what to fetch.
        directory: cache to use in place of `cache_directory()`.

    Raises:
        FetchError: there is no apt, or it cannot give this very file.
    """
    directory = pathlib.Path(directory or cache_directory())
    target = directory / file.filename
    if is_there(target, file):
        return target
    wanted = f"{file.package}={file.version}"
    advice = (
        f"\nOn a machine with Debian or Ubuntu, run `apt-get download {wanted}`, and "
        f"put {file.filename} into {directory}."
    )
    if shutil.which("apt-get") is None:
        raise FetchError(
            f"Could not fetch {file.filename}: it is a Debian package, and this "
            f"machine has no apt-get.{advice}"
        )
    directory.mkdir(parents=True, exist_ok=True)
    reasons = []
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=directory) as folder:
        for private_lists in (False, True):
            options = OPTIONS
            if private_lists:
                options = (*OPTIONS, *_lists_in(folder))
                reason = _apt_get([*options, "update"], folder)
                if reason:
                    reasons.append(f"apt-get update: {reason}")
                    continue
            reason = _apt_get([*options, "download", wanted], folder)
            found = sorted(pathlib.Path(folder).glob("*.deb"))
            if reason or not found:
                reasons.append(f"apt-get download: {reason or 'no file came'}")
                continue
            digest = sha256_of(found[0])
            if digest != file.sha256:
                raise FetchError(
                    f"Could not fetch {file.filename}: what apt gave is another file; "
                    f"SHA-256 is {digest}, not {file.sha256}."
                )
            os.replace(found[0], target)
            return target
    tried = "".join(f"\n  {reason}" for reason in reasons)
    raise FetchError(f"Could not fetch {file.filename}. Tried:{tried}{advice}")


def _lists_in(folder):
    """Options that keep apt's lists and caches in `folder`, where anyone may write."""
    for name in ("lists/partial", "cache/archives/partial"):
        (pathlib.Path(folder) / name).mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State::Lists": f"{folder}/lists",
        "Dir::Cache": f"{folder}/cache",
        "Debug::NoLocking": "true",
        "Acquire::Languages": "none",
    }
    return [part for k, v in settings.items() for part in ("-o", f"{k}={v}")]


def _apt_get(arguments, folder):
    """Runs apt-get in `folder`; why it failed, or None."""
    try:
        done = subprocess.run(
            ["apt-get", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return "no answer in time"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
    return " ".join(errors or ["it failed"])


def open_debian(path: str | os.PathLike) -> tarfile.TarFile:
    """The files that a `.deb` holds, as a tar archive.

    A `.deb` is an `ar` archive: a line of 60 bytes before each member, the name in
    the first 16 of them, the size in ten from the 48th on.

    Args:
        path: the package.

    Raises:
        ValueError: `path` is no such file, or a member is said to be longer than the
            rest of the file.
    """
    with open(path, "rb") as package:
        left = os.fstat(package.fileno()).st_size - len(MAGIC)
        starts_well = package.read(len(MAGIC)) == MAGIC
        while starts_well and len(header := package.read(60)) == 60:
            digits = header[48:58].strip()
            left -= 60
            if not digits.isdigit() or (size := int(digits)) > left:
                break
            if header.startswith(b"data.tar"):
                return tarfile.open(fileobj=io.BytesIO(package.read(size)))
            package.seek(size + size % 2, os.SEEK_CUR)
            left -= size + size % 2
    raise ValueError(f"`path` must be a Debian package; got {path}.")
