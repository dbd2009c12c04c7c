"""What the page's modules compute, in ONNX Runtime Web under Node: Python's answers.

They need the npm package onnxruntime-web, in a folder that ONNXRUNTIME_WEB names; the
arithmetic of pictures and colours needs Node alone.
"""

import json
import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
from tiny_page import write_tiny_page

from kerasrnn.demo.write_demo import PAGE
from kerasrnn.inspection import (
    caption_attention,
    record,
    translation_attention,
    word_contributions,
)
from kerasrnn.inspection.alignments import merged
from kerasrnn.inspection.caption_attention import smooth
from kerasrnn.inspection.cells_figure import from_low_to_high
from kerasrnn.text.portable import READERS
from kerasrnn.vision import read_images

WEB = os.environ.get("ONNXRUNTIME_WEB")
NODE = shutil.which("node")
needs_runtime = pytest.mark.skipif(
    WEB is None, reason="ONNXRUNTIME_WEB names no folder with onnxruntime-web"
)
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no Node")


def run(folder, script, asked):
    """What a script of Node prints, beside the page's modules."""
    (folder / "asked.json").write_text(json.dumps(asked))
    reads = (
        'import fs from "node:fs/promises";\n'
        'const asked = JSON.parse(await fs.readFile("asked.json", "utf-8"));\n'
    )
    (folder / "ask.mjs").write_text(reads + script)
    output = subprocess.run([NODE, "ask.mjs"], cwd=folder, capture_output=True)
    assert output.returncode == 0, output.stderr.decode()
    return json.loads(output.stdout)


@pytest.fixture
def modules(tmp_path):
    """A folder with the modules and nothing else."""
    shutil.copytree(PAGE, tmp_path / "page")
    shutil.copytree(READERS, tmp_path / "page" / "readers")
    return tmp_path / "page"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page, and the models on it."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as monkeypatch:
        models = write_tiny_page(folder, monkeypatch)
        page = folder / "page"
        (page / "node_modules").symlink_to(pathlib.Path(WEB) / "node_modules")
        yield page, models


WITH_RUNTIME = """
import * as ort from "onnxruntime-web";
ort.env.wasm.numThreads = 1;
const read = (name) => fs.readFile(name);
const { sections } = JSON.parse(await fs.readFile("demo.json", "utf-8"));
"""


@needs_runtime
def test_characters(page):
    folder, models = page
    script = """
import { CharacterModel, FollowedText } from "./models/character_model.mjs";
const [described] = sections.characters;
const text = new FollowedText(await CharacterModel.load(ort, described, read));
// As one types: from text to text, what is there already is not read again.
for (const typed of ["ab", "abca", "cb", asked.text]) await text.follow(typed);
const values = asked.units.map((unit) => text.values(unit));
const states = text.moments.length;
for (let count = 0; count < 12; count++) await text.write(0);
console.log(JSON.stringify({ values, states, unknown: text.unknown, all: text.text }));
"""
    text = "cab\nabé c"
    units = [
        {"layer": layer, "kind": kind, "unit": unit}
        for layer, kind, unit in [(0, "hidden", 0), (1, "hidden", 5), (1, "cell", 2)]
    ]
    found = run(folder, WITH_RUNTIME + script, {"text": text, "units": units})
    model = models["letters"]
    recording = record(model, text)
    for unit, values in zip(units, found["values"], strict=True):
        expected = recording.unit(unit.pop("kind"), **unit)
        np.testing.assert_allclose(values, expected, atol=1e-5)
    assert found["states"] == len(text) + 1 and found["unknown"] == 1
    with pytest.warns(UserWarning, match="unknown"):
        written = model.generate(text, length=12, temperature=0)
    assert found["all"] == text + written


@needs_runtime
def test_a_review(page):
    folder, models = page
    script = """
import { contributions, ReviewModel } from "./models/review_model.mjs";
const model = await ReviewModel.load(ort, sections.review[0], read);
const found = [];
for (const text of asked) {
  const told = await model.judge(text);
  found.push({ ...told, of: contributions(told, 1) });
}
console.log(JSON.stringify(found));
"""
    texts = ["A film", "Not a fine, fine film!", "", "film", "a film " * 5]
    found = run(folder, WITH_RUNTIME + script, texts)
    for text, answer in zip(texts, found, strict=True):
        expected = word_contributions(models["reviews"], text)
        told = [
            "[UNK]" if unknown else word
            for word, unknown in zip(answer["words"], answer["unknown"], strict=True)
        ]
        assert told == expected.words
        np.testing.assert_allclose(
            answer["probabilities"], expected.probabilities, atol=1e-5
        )
        without = np.reshape(answer["without"], (-1, 2))
        np.testing.assert_allclose(without, expected.without, atol=1e-5)
        np.testing.assert_allclose(answer["of"], expected.of(1), atol=1e-3)
    assert [answer["cut"] for answer in found] == [0, 1, 0, 0, 4]


@needs_runtime
def test_a_translation(page):
    folder, models = page
    script = """
import { TranslationModel } from "./models/translation_model.mjs";
const model = await TranslationModel.load(ort, sections.translation[0], read);
const found = [];
for (const text of asked) found.push(await model.translate(text));
console.log(JSON.stringify(found));
"""
    texts = ["one two", "two two three", "three", ""]
    found = run(folder, WITH_RUNTIME + script, texts)
    model = models["verses"]
    for text, answer in zip(texts, found, strict=True):
        assert answer["text"] == model.generate(text)
        most = len(model.preprocessor([text])[0])
        assert most <= 16  # so that both give up after 42 pieces
        (seen,), (source,), (target,) = translation_attention(
            model, [text], max_length=42, merge_pieces=True
        )
        assert answer["source"] == source and answer["target"] == target
        np.testing.assert_allclose(answer["alignments"], seen, atol=1e-4)


@needs_runtime
def test_a_picture(page):
    folder, models = page
    script = """
import { PictureModel } from "./models/picture_model.mjs";
const model = await PictureModel.load(ort, sections.picture[0], read);
const found = [];
for (const picture of asked) {
  const data = Uint8ClampedArray.from(picture.data);
  found.push(await model.caption({ ...picture, data }));
}
console.log(JSON.stringify(found));
"""
    draw = np.random.default_rng(2)
    pictures = [
        draw.integers(0, 256, (h, w, 4), "uint8") for h, w in [(16, 16), (9, 30)]
    ]
    asked = [
        {"width": p.shape[1], "height": p.shape[0], "data": p.ravel().tolist()}
        for p in pictures
    ]
    found = run(folder, WITH_RUNTIME + script, asked)
    model = models["pictures"]
    for picture, answer in zip(pictures, found, strict=True):
        expected = caption_attention(model, picture)
        assert answer["words"] == expected.words
        assert answer["text"] == model.generate(picture)
        np.testing.assert_allclose(answer["alignments"], expected.alignments, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 7), (40, 16), (16, 16), (3, 300), (33, 50)])
def test_pictures_are_fitted_as_in_python(modules, shape):
    script = """
import { fitToSquare } from "./models/picture_model.mjs";
const data = Uint8ClampedArray.from(asked.data);
console.log(JSON.stringify(Array.from(fitToSquare({ ...asked, data }, 16))));
"""
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 4), "uint8")
    height, width = shape
    asked = {"width": width, "height": height, "data": picture.ravel().tolist()}
    found = run(modules, script, asked)
    expected = read_images(picture, 16)[0]
    np.testing.assert_allclose(np.reshape(found, (16, 16, 3)), expected, atol=2e-3)


def test_colours_maps_and_draws_are_as_in_python(modules):
    script = """
import { drawn, fromLowToHigh } from "./models/character_model.mjs";
import { smooth } from "./models/picture_model.mjs";
const scaled = asked.values.map((values) => fromLowToHigh(values).scaled);
const map = Array.from(smooth(asked.attention, 3, 160));
const counts = Array(5).fill(0);
for (let k = 0; k < 2000; k++) counts[drawn(asked.logP, 0.5, (k + 0.5) / 2000)]++;
const likeliest = drawn(asked.logP, 0, 0.999);
console.log(JSON.stringify({ scaled, map, counts, likeliest }));
"""
    draw = np.random.default_rng(1)
    values = [draw.normal(size=n).tolist() for n in (1, 2, 77)] + [[0.5, 0.5]]
    attention = draw.dirichlet(np.ones(9))
    # The first two, padding and unknown, are never drawn, however likely.
    p = np.array([0.3, 0.3, 0.1, 0.2, 0.1])
    asked = {"values": values, "attention": attention.tolist()}
    found = run(modules, script, asked | {"logP": np.log(p).tolist()})
    for some, scaled in zip(values, found["scaled"], strict=True):
        np.testing.assert_allclose(scaled, from_low_to_high(np.array(some)), atol=1e-12)
    expected = smooth(attention.reshape(3, 3))
    np.testing.assert_allclose(found["map"], expected.ravel(), atol=1e-9)
    share = p[2:] ** 2 / (p[2:] ** 2).sum()
    np.testing.assert_allclose(found["counts"], [0, 0, *(2000 * share)], atol=1)
    assert found["likeliest"] == 3


def test_pieces_become_words_as_in_python(modules):
    script = """
import { merged } from "./models/alignments.mjs";
const found = asked.map(({ values, source, target, pieces }) =>
  merged(values, source, target, pieces),
);
console.log(JSON.stringify(found));
"""
    cases = [
        ("▁low er . [END]", "▁más . [END]"),
        ("▁ low 's ▁' tis ▁12 3 , 한 국 [UNK]", "▁ni <0xC3> <0xB1> o ▁ - a [END]"),
        ("x", "[START] [END]"),
    ]
    draw = np.random.default_rng(4)
    asked, expected = [], []
    for source, target in cases:
        source, target = source.split(" "), target.split(" ")
        values = draw.dirichlet(np.ones(len(source)), len(target))
        for pieces in ([True, True], [False, True], [True, False]):
            given = {"source": source, "target": target, "pieces": pieces}
            asked.append({"values": values.tolist(), **given})
            expected.append(merged(values, source, target, in_pieces=pieces))
    for answer, (seen, source, target) in zip(
        run(modules, script, asked), expected, strict=True
    ):
        assert answer["source"] == source and answer["target"] == target
        np.testing.assert_allclose(answer["alignments"], seen, atol=1e-12)
