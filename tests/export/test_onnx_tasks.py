"""The models of the zoo in ONNX Runtime: the same answers, and all that they need."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.decoding import beam_search
from kerasrnn.export import OnnxWriter, write_greedy_loop
from kerasrnn.text import CharacterTokenizer, PairTokenizer, WordTokenizer
from kerasrnn.zoo import (
    AttentionCaptioner,
    CharLanguageModel,
    ImageCaptioner,
    SentimentClassifier,
    Seq2Seq,
    Seq2SeqAttention,
)

onnxruntime = pytest.importorskip("onnxruntime")

SMALL = {"start_id": 1, "end_id": 2, "units": 6, "embedding_dim": 5}
FEATURE_READER = {"encoder": None, "feature_dim": 5}
CAPTIONERS = {**FEATURE_READER, "named_classes": 3}
rng = np.random.default_rng(0)
IDS = rng.integers(1, 12, (3, 7)).astype("int32")
IDS[1, 3:] = 0
FEATURES = rng.normal(size=(3, 4, 5)).astype("float32")

WRITERS = {
    "translator": lambda: Seq2Seq(12, 13, **SMALL, cell="lstm", num_layers=2),
    "attention": lambda: Seq2SeqAttention(12, 13, **SMALL),
    "members": lambda: Seq2SeqAttention(12, 13, **SMALL, members=2),
    "captioner": lambda: ImageCaptioner(13, **SMALL, **CAPTIONERS),
    "looks": lambda: AttentionCaptioner(13, **SMALL, **CAPTIONERS),
    "knows": lambda: AttentionCaptioner(
        13, **SMALL, **FEATURE_READER, known_captions=4
    ),
}


def with_large_weights(model):
    """Weights that make every token depend on those before it."""
    draw = np.random.default_rng(5)
    for weight in model.weights:
        if "int" in weight.dtype:
            weight.assign(draw.integers(3, 13, weight.shape))
        else:
            weight.assign(draw.normal(size=weight.shape) * 0.7)
    return model


@pytest.fixture(scope="module", params=WRITERS)
def exported(request, tmp_path_factory):
    """A model that writes, its folder, and what it writes about."""
    model = with_large_weights(WRITERS[request.param]())
    folder = tmp_path_factory.mktemp("exported") / "model"
    assert model.export(folder, format="onnx") == folder
    source = IDS if isinstance(model, Seq2Seq) else FEATURES
    return model, folder, source


def run(session, **inputs):
    names = [x.name for x in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


@pytest.mark.long
def test_the_greedy_search_is_one_graph(exported):
    model, folder, source = exported
    session = onnxruntime.InferenceSession(folder / "greedy.onnx")
    for most in (9, 1):
        expected = model.generate_ids(source, max_length=most)
        length = np.array(most, "int64")
        found = run(session, source=source, max_length=length)
        width = int(np.max(expected.lengths))
        token_ids = np.asarray(expected.token_ids)[:, :width]
        np.testing.assert_array_equal(found["token_ids"], token_ids)
        np.testing.assert_allclose(found["scores"], expected.scores, atol=1e-5)
        assert ("alignments" in found) == model.attends
    if model.attends:
        expected = model.generate_ids(
            source, max_length=9, source_length=source.shape[1]
        )
        found = run(session, source=source, max_length=np.array(9, "int64"))
        seen = np.asarray(expected.alignments)[:, : found["alignments"].shape[1]]
        np.testing.assert_allclose(found["alignments"], seen, atol=1e-5)


def test_a_search_of_the_library_runs_the_step(exported):
    model, folder, source = exported
    step, state = OnnxWriter(folder).decoding(source)
    options = {"max_length": 8, "beam_width": 4, "length_penalty": 0.5}
    found = beam_search(step, state, [model.start_id] * 3, end_id=2, **options)
    expected = model.generate_ids(source, search="beam", **options)
    np.testing.assert_array_equal(found.token_ids, expected.token_ids)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def test_what_is_written_about_may_be_of_any_dtype(exported):
    model, folder, source = exported
    writer = OnnxWriter(folder)
    wide = source.astype("int64" if source.dtype == "int32" else "float64")
    for given in (wide[:1], wide[:1].tolist()):
        step, state = writer.decoding(given)
        found = beam_search(
            step, state, [1], max_length=4, end_id=2, beam_width=3, n_best=2
        )
        expected = model.generate_ids(
            source[:1], search="beam", max_length=4, beam_width=3, n_best=2
        )
        np.testing.assert_array_equal(found.token_ids, expected.token_ids)
    # ONNX Runtime would end the process.
    with pytest.raises(ValueError, match=r"`source` must have a row .*shape \(0, "):
        writer.decoding(source[:0])


def test_what_is_in_the_folder_is_described(exported):
    model, folder, _ = exported
    described = json.loads((folder / "model.json").read_text())
    assert described["task"] == type(model).__name__
    assert [*described["parts"]] == ["encoder", "step", "greedy"]
    for name in ("encoder", "step"):
        part = described["parts"][name]
        session = onnxruntime.InferenceSession(folder / part["file"])
        assert {x.name for x in session.get_inputs()} == {*part["inputs"]}
        assert {x.name for x in session.get_outputs()} == {*part["outputs"]}
        assert part["largest_difference"] < 1e-5
    encoder = described["parts"]["encoder"]
    layers = model.num_layers * model.members
    recurrent = layers if isinstance(model, Seq2Seq) else 0
    kinds = ("LSTM", "GRU")
    assert sum(encoder["operators"].get(kind, 0) for kind in kinds) == recurrent


@pytest.mark.parametrize(
    ("quantize", "members"),
    [(None, 2), pytest.param("dynamic", 1, marks=pytest.mark.slow)],
)
def test_a_classifier_of_texts(tmp_path, quantize, members):
    tokenizer = WordTokenizer(max_length=8)
    tokenizer.adapt(["a fine film", "a dull, dull film"])
    keras.utils.set_random_seed(1)
    options = {"units": 16, "embedding_dim": 16, "labels": ("no", "yes")}
    model = SentimentClassifier(preprocessor=tokenizer, members=members, **options)
    folder = model.export(tmp_path / "model", format="onnx", quantize=quantize)
    texts = ["A fine, fine film!", "dull", ""]
    code = (
        "import json, sys, numpy as np, onnxruntime\n"
        "from text_reader import TextReader\n"
        "reader = TextReader('.')\n"
        "session = onnxruntime.InferenceSession('model.onnx')\n"
        "for text in json.loads(sys.argv[1]):\n"
        "    ids = np.array([reader.encode(text)], 'int32')\n"
        "    [found] = session.run(['probabilities'], {'token_ids': ids})\n"
        "    print(json.dumps(found[0].tolist()))\n"
        "assert not {'tensorflow', 'keras', 'kerasrnn'} & {*sys.modules}\n"
    )
    command = [sys.executable, "-c", code, json.dumps(texts)]
    output = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    found = [json.loads(line) for line in output.stdout.splitlines()]
    tolerance = 1e-5 if quantize is None else 0.05
    np.testing.assert_allclose(found, model.predict(texts, verbose=0), atol=tolerance)
    described = json.loads((folder / "model.json").read_text())
    assert described["labels"] == ["no", "yes"]


def test_a_character_model_step_by_step(tmp_path):
    tokenizer = CharacterTokenizer("abc\n")
    model = CharLanguageModel(preprocessor=tokenizer, units=6, num_layers=2)
    model = with_large_weights(model)
    folder = model.export(tmp_path / "model", format="onnx", version=3)
    assert folder == tmp_path / "model" / "3"
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    ids = np.array([[0, 2, 3, 4, 2, 5]], "int32")
    logits, _ = model.run(ids, model.initial_states(1))
    expected = ops.convert_to_numpy(ops.log_softmax(logits))
    names = [x.name for x in session.get_inputs() if x.name != "ids"]
    states = {name: np.zeros((1, 6), "float32") for name in names}
    for t in range(6):
        found = run(session, ids=ids[:, t : t + 1], **states)
        np.testing.assert_allclose(
            found["log_probabilities"][:, 0], expected[:, t], atol=1e-5
        )
        states = {name: found[f"new_{name}"] for name in names}


@pytest.mark.slow
def test_a_translator_of_texts(tmp_path):
    pair = PairTokenizer(WordTokenizer(["a", "b"]), WordTokenizer(["x", "y"]))
    model = with_large_weights(
        Seq2SeqAttention(preprocessor=pair, units=6, embedding_dim=5)
    )
    folder = model.export(tmp_path / "model", format="onnx")
    sys.path.insert(0, str(folder))
    try:
        from text_reader import TextReader
    finally:
        sys.path.remove(str(folder))
    reader = TextReader(folder)
    session = onnxruntime.InferenceSession(folder / "greedy.onnx")
    for text in ("a b b", "b", ""):
        source = np.array([reader.encode(text)], "int32")
        found = run(session, source=source, max_length=np.array(12, "int64"))
        assert reader.decode(found["token_ids"][0]) == model.generate(
            text, max_length=12
        )


def test_what_is_wrong_is_told_and_nothing_is_left(tmp_path, monkeypatch):
    model = SentimentClassifier(12, units=2, embedding_dim=2)
    with pytest.raises(ValueError, match="`format` must be one of saved_model, onnx"):
        model.export(tmp_path / "model", format="pickle")
    with pytest.raises(ValueError, match="a SavedModel has none; got quantize"):
        model.export(tmp_path / "model", quantize="dynamic")
    with pytest.raises(ValueError, match="`quantize` must be"):
        model.export(tmp_path / "model", format="onnx", quantize="int3")
    with pytest.raises(ValueError, match="`version` must be a positive integer; got 0"):
        model.export(tmp_path / "model", format="onnx", version=0)
    for option in ("steps", "sample"):
        with pytest.raises(ValueError, match=f"among calibration, .*; got {option}"):
            model.export(tmp_path / "model", format="onnx", **{option: 3})
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="`path` must be a folder"):
        model.export(tmp_path / "file", format="onnx")
    with pytest.raises(ValueError, match=r"must hold encoder\.onnx and step\.onnx"):
        OnnxWriter(tmp_path)
    with pytest.raises(ValueError, match=r"must hold encoder\.onnx and step\.onnx"):
        write_greedy_loop(str(tmp_path), start_id=1, end_id=2)
    with monkeypatch.context() as patched:
        patched.setattr(keras.config, "backend", lambda: "jax")
        with pytest.raises(ValueError, match=r"OnnxWriter runs on .* runs on 'jax'"):
            OnnxWriter(tmp_path)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(ImportError, match=r"pip install 'kerasrnn\[onnx\]'"):
            OnnxWriter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
