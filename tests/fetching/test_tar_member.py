import io
import tarfile

import pytest

from kerasrnn.fetching import read_member


@pytest.fixture
def archive():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as written:
        folder, file = tarfile.TarInfo("folder"), tarfile.TarInfo("folder/file")
        folder.type, file.size = tarfile.DIRTYPE, 3
        written.addfile(folder)
        written.addfile(file, io.BytesIO(b"abc"))
    data.seek(0)
    with tarfile.open(fileobj=data) as read:
        yield read


def test_a_file_is_read_by_name_and_by_entry(archive):
    assert read_member(archive, "folder/file") == b"abc"
    assert read_member(archive, archive.getmember("folder/file")) == b"abc"


def test_what_is_no_file_is_refused(archive):
    with pytest.raises(ValueError, match="`member` must be a file of the archive; got"):
        read_member(archive, "folder")
    with pytest.raises(KeyError, match="missing"):
        read_member(archive, "missing")
