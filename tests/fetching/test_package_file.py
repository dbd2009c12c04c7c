import functools
import hashlib
import http.server
import threading

import pytest

from kerasrnn.fetching import (
    FetchError,
    PackageFile,
    cache_directory,
    fetch,
    package_file,
)

CONTENT = b"the bytes of an archive" * 1000
FILE = PackageFile(
    package="Some_Package",
    version="1.0",
    filename="Some_Package-1.0.zip",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@pytest.fixture
def settings(monkeypatch):
    """pip's settings, as the test wants them; at first nothing is to be had."""
    settings = {"no-index": "true"}
    monkeypatch.setattr(package_file, "pip_settings", lambda: settings)
    return settings


@pytest.fixture
def index(tmp_path):
    """A simple index: one folder a package, with a page of links."""
    folder = tmp_path / "index" / "some-package"
    folder.mkdir(parents=True)
    (folder / FILE.filename).write_bytes(CONTENT)
    (folder / "index.html").write_text(
        f'<a href="Other-1.0.zip">Other-1.0.zip</a>'
        f'<a href="{FILE.filename}#sha256={FILE.sha256}">{FILE.filename}</a>'
    )
    return tmp_path / "index"


@pytest.fixture
def served(index):
    """The address of the index over HTTP, and the paths that were asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=index)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_from_an_index_over_http(settings, served, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    address, asked = served
    settings |= {"no-index": "false", "index-url": address}
    path = fetch(FILE, tmp_path / "cache")
    assert path == tmp_path / "cache" / FILE.filename
    assert path.read_bytes() == CONTENT
    assert asked == ["/some-package/", f"/some-package/{FILE.filename}"]
    # The second time it is there, and nothing is asked for.
    assert fetch(FILE, tmp_path / "cache") == path
    assert len(asked) == 2


def test_from_a_file_index_and_from_find_links(settings, index, tmp_path):
    settings |= {"no-index": "", "index-url": index.as_uri()}
    assert fetch(FILE, tmp_path / "one").read_bytes() == CONTENT
    settings |= {"no-index": "1", "find-links": str(index / "some-package")}
    assert fetch(FILE, tmp_path / "two").read_bytes() == CONTENT
    settings |= {"find-links": (index / "some-package" / "index.html").as_uri()}
    assert fetch(FILE, tmp_path / "three").read_bytes() == CONTENT


def test_the_next_source_is_asked(settings, index, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    settings |= {
        "no-index": "no",
        "index-url": empty.as_uri(),
        "extra-index-url": f"{empty.as_uri()} {index.as_uri()}",
    }
    assert fetch(FILE, tmp_path / "cache").read_bytes() == CONTENT


def test_other_bytes_are_refused(settings, index, tmp_path):
    (index / "some-package" / FILE.filename).write_bytes(b"something else")
    settings |= {"find-links": str(index / "some-package")}
    with pytest.raises(FetchError, match="SHA-256 is .*, not " + FILE.sha256):
        fetch(FILE, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(settings, index, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / FILE.filename).write_bytes(CONTENT[:100])
    settings |= {"find-links": str(index / "some-package")}
    assert fetch(FILE, cache).read_bytes() == CONTENT


def test_no_network_is_one_clear_error(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    settings |= {"no-index": "0", "index-url": "http://user:secret@127.0.0.1:9/simple"}
    with pytest.raises(FetchError) as raised:
        fetch(FILE, tmp_path / "cache")
    message = str(raised.value)
    assert "Could not fetch Some_Package-1.0.zip" in message
    assert "http://127.0.0.1:9/simple: no connection" in message
    assert "secret" not in message
    assert f"put the file into {tmp_path / 'cache'}" in message


def test_a_package_that_is_not_there(settings, served, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    settings |= {"no-index": "0", "index-url": served[0]}
    other = PackageFile("nowhere", "1.0", "nowhere-1.0.zip", FILE.sha256)
    with pytest.raises(FetchError, match="has no such package"):
        fetch(other, tmp_path / "cache")
    other = PackageFile("Some_Package", "2.0", "Some_Package-2.0.zip", FILE.sha256)
    with pytest.raises(FetchError, match=r"has no Some_Package-2.0.zip"):
        fetch(other, tmp_path / "cache")


def test_settings_are_read_as_pip_ranks_them():
    listing = (
        ":env:.index-url='http://env/'\n"
        "global.index-url='http://global/'\n"
        "global.find-links='/a /b'\n"
        "install.find-links='/c'\n"
        "freeze.timeout='10'\n"
        "a warning of some kind\n"
    )
    assert package_file._read_settings(listing) == {
        "index-url": "http://env/",
        "find-links": "/c",
    }


def test_settings_without_pip(monkeypatch):
    def missing(*_, **__):
        raise OSError

    monkeypatch.setattr(package_file.subprocess, "run", missing)
    monkeypatch.setenv("PIP_INDEX_URL", "http://mirror/")
    assert package_file.pip_settings()["index-url"] == "http://mirror/"


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("KERASRNN_CACHE_DIR", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert cache_directory() == tmp_path / "downloads"
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path / "own"))
    assert cache_directory() == tmp_path / "own"


def test_an_endless_answer_is_cut_off(settings, served, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(package_file, "LARGEST", len(CONTENT) - 1)
    settings |= {"no-index": "0", "index-url": served[0]}
    with pytest.raises(FetchError, match=f"sends more than {len(CONTENT) - 1:,} bytes"):
        fetch(FILE, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
