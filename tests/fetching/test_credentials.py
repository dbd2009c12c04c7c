"""No message, chained error or file of a failed download holds a password."""

import base64
import hashlib
import http.server
import pathlib
import threading
import traceback

import pytest

from kerasrnn.fetching import (
    FetchError,
    PackageFile,
    fetch,
    fetch_debian,
    fetch_npm,
    package_file,
)
from kerasrnn.fetching.fetch_error import without_credentials

SECRET = "s3cr3t-pass"
FILE = PackageFile("some", "1.0", "some-1.0.tgz", hashlib.sha256(b"x").hexdigest())


@pytest.fixture
def refusing():
    """Answers of a server to every request by status; the headers that came."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        status, location = 404, None

        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            self.send_response(self.status)
            if self.location:
                self.send_header("Location", self.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}", Handler, seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))


def told(fetcher, directory):
    """All that a user can see of the failure: the error and what it is chained to."""
    with pytest.raises(FetchError) as raised:
        fetcher(FILE, directory)
    error, chain = raised.value, []
    while error is not None:
        chain += traceback.format_exception(error)
        error = error.__cause__ or error.__context__
    for path in directory.rglob("*"):
        assert SECRET not in str(path)
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()
    text = "".join(chain)
    assert SECRET not in text and SECRET[:4] not in text
    return str(raised.value)


@pytest.mark.parametrize("status", [401, 403, 404, 500])
@pytest.mark.parametrize("option", ["index-url", "extra-index-url", "find-links"])
def test_pips_index(refusing, tmp_path, monkeypatch, status, option):
    host, handler, seen = refusing
    monkeypatch.setattr(handler, "status", status)
    settings = {"index-url": f"http://{host}/other"}
    settings[option] = f"http://me:{SECRET}@{host}/simple"
    monkeypatch.setattr(package_file, "pip_settings", lambda: settings)
    message = told(fetch, tmp_path / "cache")
    # It was asked with the password, and is named without.
    wanted = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert f"Basic {wanted}" in seen
    reason = "has no such package" if status == 404 else f"it answered {status}"
    if option == "find-links" and status == 404:
        reason = "it answered 404"
    assert f"  http://{host}/simple: {reason}" in message


@pytest.mark.parametrize(
    "address",
    [
        f"http://me:{SECRET}@127.0.0.1:9/simple",
        f"http://me:{SECRET}/more@127.0.0.1:9/simple",
        f"http://me:@{SECRET}@127.0.0.1:9/simple",
        f"http://[me:{SECRET}@127.0.0.1:9/simple",
        f"ftp://me:{SECRET}@127.0.0.1:9/simple",
        f"http://{SECRET}@127.0.0.1:9/simple",
        f"http://127.0.0.1:9/simple?token={SECRET}",
    ],
)
def test_addresses_that_are_not_understood(tmp_path, monkeypatch, address):
    settings = {"index-url": address}
    monkeypatch.setattr(package_file, "pip_settings", lambda: settings)
    message = told(fetch, tmp_path / "cache")
    assert "127.0.0.1:9/simple" in message
    monkeypatch.setenv("npm_config_registry", address)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "127.0.0.1:9/simple" in told(fetch_npm, tmp_path / "cache")


@pytest.mark.parametrize("scheme", ["http://", "", "socks9://"])
def test_a_proxy(tmp_path, monkeypatch, scheme):
    proxy = f"{scheme}me:{SECRET}@127.0.0.1:9"
    settings = {"index-url": "http://pypi.invalid/simple", "proxy": proxy}
    monkeypatch.setattr(package_file, "pip_settings", lambda: settings)
    told(fetch, tmp_path / "cache")
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("npm_config_registry", "http://npm.invalid")
    monkeypatch.setenv("PATH", str(tmp_path))
    told(fetch_npm, tmp_path / "cache")


def test_a_signed_address_to_which_an_index_refers(refusing, tmp_path, monkeypatch):
    host, handler, _ = refusing
    monkeypatch.setattr(handler, "status", 302)
    monkeypatch.setattr(handler, "location", f"http://{host}/x?Signature={SECRET}")
    settings = {"index-url": f"http://{host}/simple"}
    monkeypatch.setattr(package_file, "pip_settings", lambda: settings)
    assert "its address is not understood (TooManyRedirects)" in told(
        fetch, tmp_path / "cache"
    )


@pytest.mark.parametrize(
    "said, shown",
    [
        ("GET http://me:{}@mirror/debian 401", "GET http://mirror/debian 401"),
        ("Could not resolve 'me:{}@proxy:3128'", "Could not resolve 'proxy:3128'"),
    ],
)
def test_what_npm_and_apt_say(tmp_path, monkeypatch, said, shown):
    said = said.format(SECRET)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, line in (("npm", f"npm ERR! {said}"), ("apt-get", f"E: {said}")):
        pathlib.Path(folder, name).write_text(f'#!/bin/sh\necho "{line}" >&2; exit 1')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    for fetcher in (fetch_npm, fetch_debian):
        assert shown in told(fetcher, tmp_path / "cache")


def test_npms_registry(refusing, tmp_path, monkeypatch):
    host, _, seen = refusing
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / ".npmrc").write_text(f"registry=http://me:{SECRET}@{host}/npm/\n")
    message = told(fetch_npm, tmp_path / "cache")
    assert f"http://{host}/npm/: it answered 404" in message
    assert seen[0].startswith("Basic ")


def test_what_is_no_credential_stays():
    for text in (
        "run `npm pack some@1.0.0` on another machine",
        "https://registry.example.org/@types/node",
        "http://127.0.0.1:8080/@scope/name: no connection",
        "some-text=1.0-1 in /home/me/cache: a colon, and me@example.org",
        "E: Unable to locate package",
    ):
        assert without_credentials(text) == text
