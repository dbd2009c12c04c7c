import hashlib

import pytest

from kerasrnn.fetching import FetchError, PackageFile, debian_package

PACKAGE = PackageFile(
    "some-text", "1.0-1", "some-text_1.0-1_all.deb", hashlib.sha256(b"deb").hexdigest()
)
APT = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  *update*) exit 0;;
  *Dir::State::Lists*download*) printf %s '{content}' > some-text_1.0-1_all.deb;;
  *) echo 'E: Unable to locate package some-text' >&2; exit 100;;
esac
"""


@pytest.fixture
def apt(tmp_path, monkeypatch):
    def make(content):
        path = tmp_path / "bin" / "apt-get"
        path.parent.mkdir(exist_ok=True)
        path.write_text(APT.format(log=tmp_path / "log", content=content))
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent), prepend=":")
        return tmp_path / "cache"

    return make


def test_a_package_is_fetched_where_apt_has_no_lists(apt, tmp_path):
    directory = apt("deb")
    path = debian_package.fetch_debian(PACKAGE, directory)
    assert path == directory / PACKAGE.filename and path.read_bytes() == b"deb"
    first, update, second = (tmp_path / "log").read_text().splitlines()
    assert first.endswith("download some-text=1.0-1") and "Dir::State" not in first
    assert update.endswith("update") and second.endswith("download some-text=1.0-1")
    # The second time it is there.
    debian_package.fetch_debian(PACKAGE, directory)
    assert len((tmp_path / "log").read_text().splitlines()) == 3
    assert [p.name for p in directory.iterdir()] == [PACKAGE.filename]


def test_another_file_is_refused(apt):
    directory = apt("other")
    with pytest.raises(FetchError, match="what apt gave is another file; SHA-256 is"):
        debian_package.fetch_debian(PACKAGE, directory)
    assert list(directory.iterdir()) == []


def test_what_apt_says_is_told(apt, tmp_path):
    directory = apt("deb")
    (tmp_path / "bin" / "apt-get").write_text("#!/bin/sh\necho E: no >&2; exit 100")
    with pytest.raises(FetchError) as error:
        debian_package.fetch_debian(PACKAGE, directory)
    assert "apt-get download: E: no\n  apt-get update: E: no" in str(error.value)
    assert "run `apt-get download some-text=1.0-1`, and put" in str(error.value)


def test_a_machine_without_apt_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="this machine has no apt-get"):
        debian_package.fetch_debian(PACKAGE, tmp_path)


def test_no_package_at_all(tmp_path):
    (tmp_path / "x.deb").write_bytes(b"<html>")
    with pytest.raises(ValueError, match="`path` must be a Debian package; got"):
        debian_package.open_debian(tmp_path / "x.deb")


@pytest.mark.parametrize("size", ["-60", "9999999999", "1e9", "", "٣"])
def test_a_member_is_bounded_by_the_file(tmp_path, size):
    """A negative size would go back for ever, a large one take all memory."""
    header = f"{'control':<48}".encode() + size.encode().ljust(10)[:10] + b"`\n"
    path = tmp_path / "x.deb"
    path.write_bytes(b"!<arch>\n" + header + header.replace(b"control", b"data.ta"))
    with pytest.raises(ValueError, match="`path` must be a Debian package; got"):
        debian_package.open_debian(path)
