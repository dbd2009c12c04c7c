"""Texts have the same numbers without TensorFlow, in Python and in JavaScript."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.text import (
    CharacterTokenizer,
    PairTokenizer,
    SubwordTokenizer,
    TargetTokenizer,
    WordTokenizer,
    write_portable,
)
from kerasrnn.text.readers.text_reader import TextReader

TEXTS = [
    "It's (really) bad!",
    "I don't. They’re he's 1998's l'amour O'Neill players'",
    "''quoted'' 'q' ``x''",
    "한국어, 영화가! \u1112\u1161\u11ab 가\u11a8 CAFE\u0301",
    "電影。『映画』 ΣΑΣ Ünï İstanbul ΑΣ.",
    "ok 👍🏽👍 👨\u200d👩\u200d👧 ❤️ 🇰🇷",
    "¿qué? «si» – $5 $.25, 2 cents (0.02 €) “yield”…",
    "a\u00a0b\u3000c\td\ne\x00f\ufeff g",
    "می\u200cخواهم हिन्दी ทดสอบ",
    "",
    " \t",
    "[UNK] ▁ <0xC3> \\n \\",
    "low lower lowest slowly " + "x" * 70 + " ẛ̣ q̣̇",
    "film " * 30,
    "1234 x2 ½ Ⅷ",
]


def subwords(**options):
    tokenizer = SubwordTokenizer(max_tokens=320, **options)
    tokenizer.adapt(TEXTS)
    return tokenizer


def words(**options):
    tokenizer = WordTokenizer(max_tokens=40, **options)
    tokenizer.adapt(TEXTS)
    return tokenizer


def characters():
    tokenizer = CharacterTokenizer(max_tokens=60)
    tokenizer.adapt([*TEXTS, "\r\n\\"])
    return tokenizer


TOKENIZERS = {
    "words": lambda: words(max_length=20),
    "cased words": lambda: words(max_length=None, lowercase=False),
    "pieces": lambda: subwords(add_start=True, add_end=True, max_length=24),
    "lower pieces": lambda: subwords(lowercase=True, max_length=None),
    "straight quotes": lambda: subwords(straight_quotes=True),
    "characters": characters,
    "pair": lambda: PairTokenizer(subwords(), words()),
    "one for both": lambda: PairTokenizer(subwords(max_length=9)),
}


@pytest.fixture(scope="module", params=TOKENIZERS)
def written(request, tmp_path_factory):
    tokenizer = TOKENIZERS[request.param]()
    folder = tmp_path_factory.mktemp("tokenizer")
    write_portable(tokenizer, folder)
    return tokenizer, folder


def unpadded(ids):
    """Rows without the padding at their ends; of an empty text one number stays."""
    return [row[: max([1, *(i + 1 for i, n in enumerate(row) if n)])] for row in ids]


def expected(tokenizer, texts):
    """The numbers of texts, and what they are read back as."""
    ids = unpadded(tokenizer(texts).numpy().tolist())
    if isinstance(tokenizer, PairTokenizer):
        written = unpadded(tokenizer.target_ids(texts).numpy().tolist())
    else:
        written = ids
    read = [tokenizer.detokenize([row]).numpy()[0].decode() for row in written]
    return ids, written, read


def test_python_gives_the_same_numbers_and_texts(written):
    tokenizer, folder = written
    ids, targets, texts = expected(tokenizer, TEXTS)
    reader = TextReader(folder)
    assert [reader.encode(text) for text in TEXTS] == ids
    assert [reader.decode(row) for row in targets] == texts


SCRIPT = """
import fs from "node:fs/promises";
import { TextReader } from "./text_reader.mjs";
const read = (name) => fs.readFile(name, "utf-8");
const reader = await TextReader.load("./", read);
const { texts, targets } = JSON.parse(await read("asked.json"));
const ids = texts.map((text) => reader.encode(text));
const found = targets.map((row) => reader.decode(row));
const marks = [reader.startId, reader.endId];
console.log(JSON.stringify({ ids, texts: found, marks }));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_javascript_gives_the_same_numbers_and_texts(written):
    tokenizer, folder = written
    ids, targets, texts = expected(tokenizer, TEXTS)
    (folder / "asked.json").write_text(json.dumps({"texts": TEXTS, "targets": targets}))
    (folder / "ask.mjs").write_text(SCRIPT)
    command = ["node", "ask.mjs"]
    output = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    found = json.loads(output.stdout)
    assert found["ids"] == ids
    assert found["texts"] == texts
    reader = TextReader(folder)
    assert found["marks"] == [reader.start_id, reader.end_id]


# Characters that all databases of Unicode know since long.
OLD = st.characters(max_codepoint=0xFFFF, exclude_categories=("Cs", "Cn", "Co"))


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(st.text(OLD, max_size=30))
@pytest.mark.parametrize("kind", ["words", "lower pieces"])
def test_any_text_has_the_same_numbers(kind, made, text):
    tokenizer, reader = made(kind)
    assert reader.encode(text) == unpadded(tokenizer([text]).numpy().tolist())[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    kept = {}

    def make(kind):
        if kind not in kept:
            folder = tmp_path_factory.mktemp("tokenizer")
            tokenizer = TOKENIZERS[kind]()
            write_portable(tokenizer, folder)
            kept[kind] = tokenizer, TextReader(folder)
        return kept[kind]

    return make


def test_the_reader_needs_python_alone(made, tmp_path):
    tokenizer, _ = made("words")
    write_portable(tokenizer, tmp_path)
    code = (
        "import sys; from text_reader import TextReader; "
        "print(TextReader('.').encode('a film')); "
        "assert not {'numpy', 'tensorflow', 'kerasrnn'} & {*sys.modules}"
    )
    command = [sys.executable, "-S", "-c", code]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    ids = unpadded(tokenizer(["a film"]).numpy().tolist())[0]
    assert json.loads(output.stdout) == ids


def test_a_writer_has_start_and_end(tmp_path):
    tokenizer = TargetTokenizer(WordTokenizer(["a", "cat"]))
    write_portable(tokenizer, tmp_path)
    reader = TextReader(tmp_path)
    assert (reader.start_id, reader.end_id) == (tokenizer.start_id, tokenizer.end_id)
    assert reader.decode([4, 2, 3, 5, 2]) == "a cat"
    assert reader.decode(iter([4, 2, 3, 5, 2])) == "a cat"
    assert [reader.token(number) for number in (3, 5)] == ["cat", "[END]"]
    with pytest.raises(ValueError, match="reads no texts"):
        reader.encode("a cat")
    with pytest.raises(ValueError, match="from 0 to 5; got 6"):
        reader.decode([6])


def test_what_cannot_be_written_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"one of kerasrnn\.text.*got object"):
        write_portable(object(), tmp_path)
    with pytest.raises(ValueError, match="no vocabulary yet"):
        write_portable(WordTokenizer(), tmp_path / "new")
    assert not pathlib.Path(tmp_path, "new").exists()
