import hashlib

import pytest
import tensorflow_datasets as tfds

from kerasrnn.data import load_documents, world_english_bible

VERSES = {
    ("Gen", chapter, verse): f"Chapter {chapter} said, “Verse {verse} isn’t long.”"
    for chapter in (*range(10, 0, -1), 110)
    for verse in (1, 2, 3)
}
VERSES |= {("1Sam", chapter, 1): f"Of chapter {chapter}." for chapter in range(1, 30)}


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    def fetch(file, folder):
        assert file.package == "sword-text-web"
        return tmp_path / "web.deb"

    monkeypatch.setattr(world_english_bible, "fetch_debian", fetch)
    monkeypatch.setattr(world_english_bible, "read_package", lambda path: VERSES)
    return tmp_path / "data"


def test_tfds_loads_it_by_name(data_dir):
    splits, info = tfds.load("world_english_bible", data_dir=data_dir, with_info=True)
    found = {}
    for split, dataset in splits.items():
        for row in tfds.as_numpy(dataset):
            _, _, chapter = row["id"].decode().partition(".")
            found[chapter] = row["text"].decode()
            digit = int(hashlib.sha1(chapter.encode()).hexdigest(), 16) % 10
            assert split == {0: "test", 1: "validation"}.get(digit, "train")
    assert len(found) == 11 + 29
    lines = found["Gen.110"].split("\n")
    assert [len(line) <= 72 for line in lines] == [True] * 3 and lines[-1] == ""
    assert " ".join(lines).strip() == " ".join(
        f"Chapter 110 said, “Verse {verse} isn’t long.”" for verse in (1, 2, 3)
    )
    assert all(len(split) for split in splits.values())
    assert info.redistribution_info.license == "Public domain"


def test_chapters_come_in_the_order_of_the_bible(data_dir):
    found = load_documents(
        "world_english_bible", "train+validation+test", data_dir=data_dir
    )
    # As the verses came, and not by name or number.
    assert found == [text for _, text in world_english_bible.chapters_of(VERSES)]
    assert found[0].startswith("Chapter 10 said") and found[-1] == "Of chapter 29.\n"


@pytest.mark.slow
def test_the_real_package():
    found = {
        split: load_documents("world_english_bible", split)
        for split in ("train", "validation", "test")
    }
    text = "".join("".join(chapters) for chapters in found.values())
    assert not set(text) & set("\"'<>&")
    assert text.count("“") > 7000 < text.count("’")
    assert max(map(len, text.split("\n"))) <= 72
