import dataclasses
import hashlib
import json

import pytest
from served_folder import served

from kerasrnn.fetching import FetchError, PackageFile, fetch_npm

FILE = PackageFile(
    "some-pictures",
    "1.0.0",
    "some-pictures-1.0.0.tgz",
    hashlib.sha256(b"archive").hexdigest(),
)
NPM = """#!/bin/sh
echo "$@" >> {log}
printf %s '{content}' > some-pictures-1.0.0.tgz
"""


@pytest.fixture(autouse=True)
def nothing_is_configured(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("npm_config_registry", raising=False)
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts a program named npm into the path."""

    def make(script):
        path = tmp_path / "bin" / "npm"
        path.parent.mkdir(exist_ok=True)
        path.write_text(script.replace("{log}", str(tmp_path / "log")))
        path.chmod(0o755)
        return tmp_path / "cache"

    return make


@pytest.fixture
def registry(tmp_path):
    """The address of a registry, and the folder that it serves."""
    folder = tmp_path / "registry"
    folder.mkdir()

    with served(folder) as address:
        (folder / "some-pictures").mkdir()
        (folder / "some-pictures" / "1.0.0").write_text(
            json.dumps({"dist": {"tarball": f"{address}/archives/one.tgz"}})
        )
        (folder / "archives").mkdir()
        (folder / "archives" / "one.tgz").write_bytes(b"archive")
        yield address, folder


def test_npm_downloads_and_runs_no_scripts(npm, tmp_path):
    directory = npm(NPM.replace("{content}", "archive"))
    path = fetch_npm(FILE, directory)
    assert path == directory / FILE.filename and path.read_bytes() == b"archive"
    (call,) = (tmp_path / "log").read_text().splitlines()
    assert call.startswith("pack some-pictures@1.0.0 --ignore-scripts")
    # The second time it is there; damaged, it is fetched again.
    fetch_npm(FILE, directory)
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    path.write_bytes(b"half")
    assert fetch_npm(FILE, directory).read_bytes() == b"archive"
    assert [p.name for p in directory.iterdir()] == [FILE.filename]


def test_another_file_is_refused(npm):
    directory = npm(NPM.replace("{content}", "other"))
    digest = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(FetchError, match=f"SHA-256 is {digest}, not {FILE.sha256}"):
        fetch_npm(FILE, directory)
    assert list(directory.iterdir()) == []


def test_what_npm_says_is_told(npm):
    directory = npm("#!/bin/sh\necho 'npm ERR! code ENOTFOUND' >&2; exit 1")
    with pytest.raises(FetchError) as error:
        fetch_npm(FILE, directory)
    assert "some-pictures-1.0.0.tgz: npm pack: code ENOTFOUND.\n" in str(error.value)
    assert "run `npm pack some-pictures@1.0.0` on another machine" in str(error.value)
    assert f"put {FILE.filename} into {directory}" in str(error.value)


def test_without_npm_from_the_environment(registry, tmp_path, monkeypatch):
    address, folder = registry
    monkeypatch.setenv("npm_config_registry", f"{address}/")
    assert fetch_npm(FILE, tmp_path / "cache").read_bytes() == b"archive"
    (folder / "archives" / "one.tgz").unlink()
    with pytest.raises(FetchError, match=f"{address}/: it answered 404"):
        fetch_npm(FILE, tmp_path / "other")
    (folder / "some-pictures" / "1.0.0").write_text("{}")
    with pytest.raises(FetchError, match="answer is not understood"):
        fetch_npm(FILE, tmp_path / "other")


def test_without_npm_a_package_with_a_scope(registry, tmp_path, monkeypatch):
    address, folder = registry
    file = dataclasses.replace(FILE, package="@some/pictures")
    asked = folder / "@some" / "pictures"
    asked.mkdir(parents=True)
    (folder / "some-pictures" / "1.0.0").rename(asked / "1.0.0")
    monkeypatch.setenv("npm_config_registry", address)
    assert fetch_npm(file, tmp_path / "cache").read_bytes() == b"archive"


def test_without_npm_from_its_settings(registry, tmp_path):
    (tmp_path / ".npmrc").write_text(f"fund=false\nregistry = {registry[0]}\n")
    assert fetch_npm(FILE, tmp_path / "cache").read_bytes() == b"archive"


def test_no_connection_and_nothing_to_ask_are_told(tmp_path, monkeypatch):
    with pytest.raises(FetchError, match="npm is not installed, and neither npm_conf"):
        fetch_npm(FILE, tmp_path / "cache")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:9: no connection"):
        fetch_npm(FILE, tmp_path / "cache")
