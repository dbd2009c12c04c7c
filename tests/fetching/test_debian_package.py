import hashlib

import pytest
from served_folder import served

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
    assert "run `apt-get download some-text=1.0-1` on a machine with" in str(
        error.value
    )


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


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """The address of a mirror of Debian, and the folder that it serves."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    with served(folder) as address:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield f"{address}/debian", folder / "debian"


def put(folder, content):
    """Puts the package into a mirror's pool."""
    path = folder / "pool/main/s/some-text/some-text_1.0-1_all.deb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "package, source, filename, path",
    [
        ("a-doc", "", "a-doc_1-1_all.deb", "a/a-doc/a-doc_1-1_all.deb"),
        ("a-doc", "libab", "a-doc_1-1_all.deb", "liba/libab/a-doc_1-1_all.deb"),
        ("a", "", "a_4%3a7+deb12u1_all.deb", "a/a/a_7+deb12u1_all.deb"),
    ],
)
def test_where_the_pool_has_it(package, source, filename, path):
    file = PackageFile(package, "1", filename, "", source)
    assert debian_package.pool_path(file) == f"pool/main/{path}"


def test_a_machine_without_apt_takes_the_mirror_that_is_named(
    mirror, tmp_path, monkeypatch
):
    address, folder = mirror
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KERASRNN_DEBIAN_MIRROR", f"{address}/")
    put(folder, b"other")
    with pytest.raises(FetchError) as error:
        debian_package.fetch_debian(PACKAGE, tmp_path / "cache")
    digest = hashlib.sha256(b"other").hexdigest()
    assert "\n  apt-get: this machine has no apt-get\n" in str(error.value)
    assert f"{address}/: SHA-256 is {digest}, not {PACKAGE.sha256}" in str(error.value)
    put(folder, b"deb")
    path = debian_package.fetch_debian(PACKAGE, tmp_path / "cache")
    assert path.name == PACKAGE.filename and path.read_bytes() == b"deb"
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [path.name]


def test_the_pool_of_apts_mirror_has_what_its_lists_lack(apt, mirror, tmp_path):
    """As on another release of Debian."""
    address, folder = mirror
    directory = apt("")
    (tmp_path / "bin" / "apt-get").write_text(
        f"#!/bin/sh\ncase \"$*\" in indextargets*) echo '{address}'; echo '{address}';;"
        "\n*update*) exit 0;;\n*) echo 'E: Version not found' >&2; exit 100;; esac\n"
    )
    with pytest.raises(FetchError) as error:
        debian_package.fetch_debian(PACKAGE, directory)
    assert f"{address}: it answered 404\n" in str(error.value)
    assert "pool/main/s/some-text/some-text_1.0-1_all.deb in KERASRNN" in str(
        error.value
    )
    put(folder, b"deb")
    path = debian_package.fetch_debian(PACKAGE, directory)
    assert path == directory / PACKAGE.filename and path.read_bytes() == b"deb"


def test_another_version_of_the_same_content_will_do(apt, tmp_path):
    directory = apt("")
    (tmp_path / "bin" / "apt-get").write_text(
        '#!/bin/sh\ncase "$*" in\n  *some-text=*) echo E: no >&2; exit 100;;\n'
        "  *download*) printf new > some-text_1.0-2_all.deb;;\nesac\n"
    )
    with pytest.raises(FetchError) as error:
        debian_package.fetch_debian(PACKAGE, directory)
    assert "some-text_1.0-2" not in str(error.value)
    with pytest.raises(FetchError) as error:
        debian_package.fetch_debian(PACKAGE, directory, same_content=lambda _: False)
    assert (
        "some-text_1.0-2_all.deb, which apt has in its place: what is read of it is "
        "not the same" in str(error.value)
    )
    assert list(directory.iterdir()) == []

    def same(path):
        return path.read_bytes() == b"new"

    path = debian_package.fetch_debian(PACKAGE, directory, same_content=same)
    assert path == directory / "some-text_1.0-2_all.deb"
    # The second time it is there; another one that lies there is not taken for it.
    (tmp_path / "bin" / "apt-get").write_text("#!/bin/sh\nexit 100")
    assert debian_package.fetch_debian(PACKAGE, directory, same_content=same) == path
    path.write_bytes(b"newer")
    with pytest.raises(FetchError):
        debian_package.fetch_debian(PACKAGE, directory, same_content=same)
