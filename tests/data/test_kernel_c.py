import hashlib
import io
import tarfile

import pytest
import tensorflow_datasets as tfds
from written_packages import deb

from kerasrnn.data import kernel_c, load_documents
from kerasrnn.fetching import fetch_debian

# One file a number, so that there are some in each split.
FILES = {f"kernel/sched/file{i}.c": f"int f{i};\n" for i in range(60)}
FILES |= {"mm/slub.c": "/* Größe */\n", "kernel/fork.c": "\tint x;\n"}
LEFT_OUT = {
    "drivers/a.c": b"int a;",
    "kernel/fork.h": b"int b;",
    "arch/x86/kernel/c.c": b"int c;",
    "mm.c": b"int d;",
    "net/mm/e.c": b"\xff is no UTF-8",
}


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:xz") as archive:
        files = LEFT_OUT | {name: text.encode() for name, text in FILES.items()}
        for name, data in files.items():
            member = tarfile.TarInfo(f"linux-source-6.1/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("linux-source-6.1/mm/link.c")
        link.type, link.linkname = tarfile.SYMTYPE, "slub.c"
        archive.addfile(link)
    package = {
        "./usr/share/doc/linux-source-6.1/copyright": b"GPL-2",
        "./usr/src/linux-source-6.1.tar.xz": content.getvalue(),
    }
    path = tmp_path / "linux.deb"
    path.write_bytes(deb(package))

    def fetch(file, folder, same_content):
        # Another version, of which other files are read.
        assert not same_content(path)
        text = "".join(f"{name}\0{FILES[name]}\0" for name in sorted(FILES))
        digest = hashlib.sha256(text.encode()).hexdigest()
        monkeypatch.setattr(kernel_c, "TEXT_SHA256", digest)
        assert same_content(path)
        return path

    monkeypatch.setattr(kernel_c, "fetch_debian", fetch)
    return tmp_path / "data"


def test_tfds_loads_it_by_name(data_dir):
    splits, info = tfds.load("kernel_c", data_dir=data_dir, with_info=True)
    found = {}
    for split, dataset in splits.items():
        for row in tfds.as_numpy(dataset):
            path = row["id"].decode()
            found[path] = row["text"].decode()
            digit = int(hashlib.sha1(path.encode()).hexdigest(), 16) % 10
            assert split == {0: "test", 1: "validation"}.get(digit, "train")
    assert found == FILES
    assert all(len(split) > 1 for split in splits.values()), splits
    assert info.redistribution_info.license == "GPL-2.0"


def test_documents_come_in_the_order_of_their_paths(data_dir):
    documents = load_documents("kernel_c", "train+validation+test", data_dir=data_dir)
    assert documents == [FILES[path] for path in sorted(FILES)]


@pytest.mark.slow
def test_the_real_package():
    found = {
        split: load_documents("kernel_c", split)
        for split in ("train", "validation", "test")
    }
    assert {split: len(texts) for split, texts in found.items()} == {
        "train": 454,
        "validation": 54,
        "test": 49,
    }
    package = fetch_debian(kernel_c.SOURCE)
    source = kernel_c.read_source(package)
    assert kernel_c.digest(source) == kernel_c.TEXT_SHA256
    assert {split: sum(map(len, texts)) for split, texts in found.items()} == {
        "train": 11_711_825,
        "validation": 1_913_649,
        "test": 2_120_066,
    }
