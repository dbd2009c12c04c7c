"""Fetches a Debian package by name, and reads it without installing it.

Neither step needs root, and nothing of the package is executed.
"""

import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable

from kerasrnn.fetching.fetch_error import FetchError, why, without_credentials
from kerasrnn.fetching.package_file import (
    PackageFile,
    cache_directory,
    download,
    is_there,
    sha256_of,
)

MAGIC = b"!<arch>\n"

# Names a mirror of Debian, for machines on which apt has none.
MIRROR = "KERASRNN_DEBIAN_MIRROR"

# Seconds for one run of apt-get. A mirror that does not answer says so sooner, by the
# options; a large package over a slow line takes its time.
TIMEOUT = 600
OPTIONS = ("-q", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")


def fetch_debian(
    file: PackageFile,
    directory: str | os.PathLike | None = None,
    *,
    same_content: Callable[[pathlib.Path], bool] | None = None,
) -> pathlib.Path:
    """The path of a `.deb` file on this machine, fetched if it is not there yet.

    Asked in this order, until one has it:

    1. `apt-get download`, from where apt is configured to. Where apt has no lists of
       packages yet, as in many containers, they are fetched into a temporary folder.
    2. The pool of the mirror of Debian that `$KERASRNN_DEBIAN_MIRROR` names, and of
       the mirrors that apt has: one of another release of Debian has the file too.
       This way needs no apt.
    3. apt once more, for whichever version it has, where what is read of that version
       is the same.

    Args:
        file: what to fetch.
        directory: cache to use in place of `cache_directory()`.
        same_content: tells of another version of the package whether what is read of
            it is the same. None: no other version will do.

    Raises:
        FetchError: no source has this very file, nor one with the same content.
    """
    directory = pathlib.Path(directory or cache_directory())
    target = directory / file.filename
    if is_there(target, file):
        return target
    for other in sorted(directory.glob(f"{file.package}_*.deb")):
        if same_content is not None and same_content(other):
            return other
    directory.mkdir(parents=True, exist_ok=True)
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=directory) as folder:
        wanted = f"{file.package}={file.version}"
        found = _from_apt(wanted, folder, reasons)
        if found is not None and (digest := sha256_of(found)) != file.sha256:
            reasons.append(
                "apt-get download: what apt gave is another file; SHA-256 is "
                f"{digest}, not {file.sha256}"
            )
            found = None
        found = found or _from_pools(file, folder, reasons)
        if found is not None:
            os.replace(found, target)
            return target
        if same_content is not None:
            other_version = _from_apt(file.package, folder, reasons)
            if other_version is not None and same_content(other_version):
                target = directory / other_version.name
                os.replace(other_version, target)
                return target
            if other_version is not None:
                reasons.append(
                    f"{other_version.name}, which apt has in its place: what is read "
                    "of it is not the same"
                )
    tried = "".join(f"\n  {reason}" for reason in reasons)
    raise FetchError(
        f"Could not fetch {file.filename}. Tried:{tried}\n"
        f"Name a mirror of Debian that has {pool_path(file)} in {MIRROR} (Debian's "
        f"snapshot archive keeps every version), or run `apt-get download {wanted}` on "
        f"a machine with Debian, and put {file.filename} into {directory}."
    )


def pool_path(file: PackageFile) -> str:
    """Where a mirror of Debian has the file.

    Example:

    >>> pool_path(PackageFile("linux-doc", "1:6-1", "linux-doc_1%3a6-1_all.deb", "",
    ...                       source="linux"))
    'pool/main/l/linux/linux-doc_6-1_all.deb'
    """
    source = file.source or file.package
    letters = source[:4] if source.startswith("lib") else source[:1]
    # The number before a colon is no part of a file's name there.
    name = re.sub(r"_[^_]*%3a", "_", file.filename)
    return f"pool/main/{letters}/{source}/{name}"


def _from_apt(wanted, folder, reasons):
    """The file that apt-get downloads into a folder, or None and a further reason."""
    if shutil.which("apt-get") is None:
        reasons.append("apt-get: this machine has no apt-get")
        return None
    before = set(pathlib.Path(folder).glob("*.deb"))
    for private_lists in (False, True):
        options = OPTIONS
        if private_lists:
            options = (*OPTIONS, *_lists_in(folder))
            if reason := _apt_get([*options, "update"], folder)[0]:
                reasons.append(f"apt-get update: {reason}")
                continue
        reason, _ = _apt_get([*options, "download", wanted], folder)
        found = sorted(set(pathlib.Path(folder).glob("*.deb")) - before)
        if found and not reason:
            return found[0]
        reasons.append(f"apt-get download: {reason or 'no file came'}")
    return None


def _from_pools(file, folder, reasons):
    """The file out of the pool of a mirror, or None and further reasons."""
    import requests

    path, part = pool_path(file), pathlib.Path(folder, "from-pool", file.filename)
    part.parent.mkdir(exist_ok=True)
    with requests.Session() as session:
        for mirror in _mirrors():
            shown = f"{without_credentials(mirror)}: "
            try:
                download(f"{mirror.rstrip('/')}/{path}", part, session)
            except Exception as error:
                reasons.append(shown + why(error))
                continue
            digest = sha256_of(part)
            if digest == file.sha256:
                return part
            reasons.append(f"{shown}SHA-256 is {digest}, not {file.sha256}")
    return None


def _mirrors():
    """Addresses of mirrors: the one of the environment, then those of apt."""
    found = [os.environ[MIRROR]] if os.environ.get(MIRROR) else []
    if shutil.which("apt-get"):
        targets = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
        reason, told = _apt_get(targets, ".")
        if not reason:
            found += told.split()
    return [
        address
        for address in dict.fromkeys(found)
        if address.startswith(("http://", "https://"))
    ]


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
    """Runs apt-get in `folder`; why it failed, or None, and what it wrote."""
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
        return "no answer in time", ""
    except OSError as error:
        return str(error), ""
    if done.returncode == 0:
        return None, done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
    return " ".join(errors or ["it failed"]), ""


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
