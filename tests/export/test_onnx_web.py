"""Exported models in ONNX Runtime Web, under Node: the same answers as here.

They need the npm package onnxruntime-web, in a folder that ONNXRUNTIME_WEB names.
"""

import json
import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

from kerasrnn.text import PairTokenizer, SubwordTokenizer, WordTokenizer
from kerasrnn.zoo import CharLanguageModel, SentimentClassifier, Seq2SeqAttention

WEB = os.environ.get("ONNXRUNTIME_WEB")
pytestmark = pytest.mark.skipif(
    WEB is None, reason="ONNXRUNTIME_WEB names no folder with onnxruntime-web"
)

COMMON = """
import fs from "node:fs/promises";
import * as ort from "onnxruntime-web";
import { TextReader } from "./text_reader.mjs";
ort.env.wasm.numThreads = 1;
const asked = JSON.parse(await fs.readFile("asked.json", "utf-8"));
const reader = await TextReader.load("./", (name) => fs.readFile(name, "utf-8"));
"""


def run(folder, script, asked):
    """What a script of Node prints, beside the files of an exported model."""
    (folder / "node_modules").symlink_to(pathlib.Path(WEB) / "node_modules")
    (folder / "asked.json").write_text(json.dumps(asked))
    (folder / "ask.mjs").write_text(COMMON + script)
    node = shutil.which("node")
    output = subprocess.run([node, "ask.mjs"], cwd=folder, capture_output=True)
    assert output.returncode == 0, output.stderr.decode()
    return json.loads(output.stdout)


def with_large_weights(model):
    draw = np.random.default_rng(5)
    for weight in model.weights:
        weight.assign(draw.normal(size=weight.shape) * 0.7)
    return model


def test_a_classifier(tmp_path):
    tokenizer = WordTokenizer(max_length=8)
    tokenizer.adapt(["a fine film", "한국어 영화"])
    model = SentimentClassifier(preprocessor=tokenizer, units=4, embedding_dim=4)
    texts = ["A fine, fine film!", "한국어", ""]
    script = """
const session = await ort.InferenceSession.create(await fs.readFile("model.onnx"));
const found = [];
for (const text of asked) {
  const ids = reader.encode(text);
  const tensor = new ort.Tensor("int32", Int32Array.from(ids), [1, ids.length]);
  const { probabilities } = await session.run({ token_ids: tensor });
  found.push(Array.from(probabilities.data));
}
console.log(JSON.stringify(found));
"""
    folder = model.export(tmp_path / "model", format="onnx")
    found = run(folder, script, texts)
    np.testing.assert_allclose(found, model.predict(texts, verbose=0), atol=1e-5)


def test_a_translator_by_beam_search(tmp_path):
    source, target = SubwordTokenizer(max_tokens=270), SubwordTokenizer(max_tokens=270)
    texts = ["low lower lowest", "slowly", "a", "", "über 한"]
    source.adapt(texts)
    target.adapt(texts)
    pair = PairTokenizer(source, target)
    model = Seq2SeqAttention(preprocessor=pair, units=12, embedding_dim=8)
    model = with_large_weights(model)
    # So that texts end in time.
    model.decoder.output_bias.assign(
        np.eye(1, pair.target_vocabulary_size, pair.end_id)[0] * 3
    )
    script = """
import { TextWriter } from "./text_writer.mjs";
const writer = await TextWriter.load(ort, "./", (name) => fs.readFile(name));
const { startId, endId } = reader;
const found = [];
for (const [text, options] of asked) {
  const source = writer.sourceOf([reader.encode(text)]);
  found.push(await writer.beam(source, { startId, endId, ...options }));
}
console.log(JSON.stringify(found));
"""
    folder = model.export(tmp_path / "model", format="onnx")
    options = [
        {"maxLength": 12, "beamWidth": 1},
        {"maxLength": 12, "beamWidth": 5, "lengthPenalty": 1.0},
        {"maxLength": 3, "beamWidth": 4, "nBest": 4},
    ]
    asked = [[text, option] for text in texts for option in options]
    found = run(folder, script, asked)
    names = {
        "maxLength": "max_length",
        "beamWidth": "beam_width",
        "lengthPenalty": "length_penalty",
        "nBest": "n_best",
    }
    for (text, option), answers in zip(asked, found, strict=True):
        options = {names[key]: value for key, value in option.items()}
        expected = model.generate_ids(pair([text]), search="beam", **options)
        rows = zip(
            np.asarray(expected.token_ids[0]),
            np.asarray(expected.lengths[0]),
            np.asarray(expected.scores[0]),
            answers,
            strict=True,
        )
        for ids, length, score, answer in rows:
            assert answer["ids"] == ids[:length].tolist()
            assert answer["score"] == pytest.approx(score, abs=1e-4)
            shape = np.shape(answer["alignments"])
            assert shape == (length, len(pair([text])[0]))


def test_a_character_model_with_its_state(tmp_path):
    from kerasrnn.text import CharacterTokenizer

    tokenizer = CharacterTokenizer("abc\n")
    model = CharLanguageModel(preprocessor=tokenizer, units=6, num_layers=2)
    model = with_large_weights(model)
    script = """
const session = await ort.InferenceSession.create(await fs.readFile("model.onnx"));
const states = {};
for (const name of session.inputNames) {
  const zeros = new Float32Array(6);
  if (name !== "ids") states[name] = new ort.Tensor("float32", zeros, [1, 6]);
}
let total = 0, before = 0;
for (const id of reader.encode(asked)) {
  const ids = new ort.Tensor("int32", Int32Array.of(before), [1, 1]);
  const found = await session.run({ ids, ...states });
  total += found.log_probabilities.data[id];
  for (const name in states) states[name] = found[`new_${name}`];
  before = id;
}
console.log(JSON.stringify(total));
"""
    folder = model.export(tmp_path / "model", format="onnx")
    text = "abc\ncab"
    assert run(folder, script, text) == pytest.approx(
        float(model.score(text).sum()), abs=1e-4
    )
