import hashlib
import struct
import zlib

import pytest
import tensorflow_datasets as tfds
from written_packages import deb

from kerasrnn.data import bible_en_es
from kerasrnn.data.bible_en_es import plain_text

pysword = pytest.importorskip("pysword")


def module(name, versification, verses):
    """The files of a Bible: (book, chapter, verse) to OSIS text."""
    from pysword.books import BibleStructure

    structure = BibleStructure(versification, {"ot": None, "nt": None})
    files = {
        f"./usr/share/sword/mods.d/{name}.conf": (
            f"[{name}]\nDataPath=./modules/{name}/\nModDrv=zText\nSourceType=OSIS\n"
            f"Encoding=UTF-8\nCompressType=ZIP\nBlockType=BOOK\n"
            f"Versification={versification}\n"
        ).encode()
    }
    for testament in ("ot", "nt"):
        text, records = b"", {}
        for (book, chapter, verse), content in verses.items():
            ((where, (index,)),) = structure.ref_to_indicies(
                books=[book], chapters=[chapter], verses=[verse]
            ).items()
            if where == testament:
                records[index] = struct.pack(
                    "<IIH", 0, len(text), len(content.encode())
                )
                text += content.encode()
        packed = zlib.compress(text)
        count = max(records, default=-1) + 1
        for kind, data in {
            "bzz": packed,
            "bzs": struct.pack("<III", 0, len(packed), len(text)),
            "bzv": b"".join(records.get(i, bytes(10)) for i in range(count)),
        }.items():
            files[f"./usr/share/sword/modules/{name}/{testament}.{kind}"] = data
    return deb(files)


ENGLISH = {
    ("Genesis", 1, 1): "<w>In</w> the beginning, God<note>1:1</note><w>created</w>. ",
    ("Genesis", 1, 2): "<w>The</w> earth<div/>was empty.",
    ("Genesis", 2, 1): "Only in English.",
    ("Exodus", 1, 1): '<note type="x">a</note>Now these<l eID="1"/>are the names. ',
    ("Exodus", 1, 2): "<note>only a note</note>",
    ("Tobit", 1, 1): "A book that Spanish lacks.",
    ("Matthew", 1, 1): 'The book. <chapter eID="Matt.1"/><div/>A glossary.',
}
SPANISH = {
    ("Genesis", 1, 1): "<w>EN el principio</w> crió Dios.",
    (
        "Genesis",
        1,
        2,
    ): "<w>Y la tierra</w><transChange>estaba</transChange><w>vacía</w>",
    ("Genesis", 3, 1): "Sólo en español.",
    ("Exodus", 1, 1): "¡Estos son los nombres!",
    ("Exodus", 1, 2): "Rubén.",
    ("Matthew", 1, 1): "LIBRO.",
}
PAIRS = {
    "Gen.1.1": ("In the beginning, God created.", "EN el principio crió Dios."),
    "Gen.1.2": ("The earth was empty.", "Y la tierra estaba vacía"),
    "Exod.1.1": ("Now these are the names.", "¡Estos son los nombres!"),
    "Matt.1.1": ("The book.", "LIBRO."),
}
# More chapters, so that there is one in each split.
for chapter in range(4, 30):
    texts = f"Chapter {chapter}.", f"Capítulo {chapter}."
    ENGLISH["Genesis", chapter, 1], SPANISH["Genesis", chapter, 1] = texts
    PAIRS[f"Gen.{chapter}.1"] = texts


@pytest.fixture
def packages(tmp_path, monkeypatch):
    paths = {}
    for file, versification, verses in (
        (bible_en_es.ENGLISH, "nrsva", ENGLISH),
        (bible_en_es.SPANISH, "kjv", SPANISH),
    ):
        paths[file] = tmp_path / file.filename
        paths[file].write_bytes(module("bible", versification, verses))
    monkeypatch.setattr(bible_en_es, "fetch_debian", lambda file, folder: paths[file])
    return tmp_path / "data"


@pytest.mark.long
def test_tfds_loads_it_by_name(packages):
    splits, info = tfds.load("bible_en_es", data_dir=packages, with_info=True)
    found = {}
    for split, dataset in splits.items():
        for row in tfds.as_numpy(dataset):
            key = row["id"].decode()
            found[key] = row["en"].decode(), row["es"].decode()
            digest = hashlib.sha1(key.rpartition(".")[0].encode()).hexdigest()
            expected = {0: "test", 1: "validation"}.get(int(digest, 16) % 10, "train")
            assert split == expected
    assert found == PAIRS
    assert info.metadata["left_out"] == {"only_english": 2, "only_spanish": 2}
    # Read from the disk, it still knows.
    again = tfds.builder("bible_en_es", data_dir=packages).info
    assert again.metadata["left_out"] == {"only_english": 2, "only_spanish": 2}
    assert again.supervised_keys == ("en", "es")


@pytest.mark.parametrize(
    "osis, expected",
    [
        ("born</q><note>3:16</note><q>Son</q>, that", "born Son, that"),
        ("<w>days</w>,<note>a</note> and", "days, and"),
        ("the LORD<note>x</note>, who said<note>y</note>.”", "the LORD, who said.”"),
        ("¿<transChange>es</transChange><w>él</w>?", "¿es él?"),
        ("a &amp;lt; b &lt; c", "a &lt; b < c"),
        ('<title type="psalm">A Psalm.</title><l sID="1"/>Yahweh', "A Psalm. Yahweh"),
        ("<note>a <w>b</w></note>", ""),
    ],
)
def test_plain_text(osis, expected):
    assert plain_text(osis) == expected


@pytest.mark.slow
def test_the_real_packages(tmp_path):
    splits, info = tfds.load("bible_en_es", data_dir=tmp_path, with_info=True)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 25478,
        "validation": 2701,
        "test": 2898,
    }
    assert info.metadata["left_out"] == {"only_english": 6380, "only_spanish": 7}
