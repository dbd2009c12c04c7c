"""The models of the zoo in LiteRT: the same answers, of built-in operators alone."""

import json

import numpy as np
import pytest
from keras import ops

from kerasrnn.text import WordTokenizer
from kerasrnn.zoo import (
    AttentionCaptioner,
    CharLanguageModel,
    SentimentClassifier,
    Seq2SeqAttention,
)
from kerasrnn.zoo.captioning.known_captions import END

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

SMALL = {"start_id": 1, "end_id": 2, "units": 6, "embedding_dim": 5}


def described(folder):
    return json.loads((folder / "model.json").read_text())


def runner(path):
    return interpreter.Interpreter(str(path)).get_signature_runner()


@pytest.mark.parametrize(
    ("quantize", "members"),
    [pytest.param(None, 1, marks=pytest.mark.slow), ("dynamic", 2)],
)
def test_a_classifier_of_fixed_length(tmp_path, quantize, members):
    tokenizer = WordTokenizer(max_length=8)
    tokenizer.adapt(["a fine film", "a dull, dull film"])
    options = {"units": 16, "embedding_dim": 16, "members": members}
    model = SentimentClassifier(preprocessor=tokenizer, **options)
    options = {"format": "litert", "steps": 8, "quantize": quantize}
    folder = model.export(tmp_path / "model", **options)
    part = described(folder)["parts"]["model"]
    assert part["operators"]["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 2 * members
    assert not [kind for kind in part["operators"] if "Flex" in kind or kind == "WHILE"]
    run = runner(folder / "model.tflite")
    texts = ["A fine, fine film!", "dull", ""]
    for text, expected in zip(texts, model.predict(texts, verbose=0), strict=True):
        ids = np.asarray(tokenizer([text]))
        ids = np.pad(ids, [(0, 0), (0, 8 - ids.shape[1])])
        [found] = run(token_ids=ids)["probabilities"]
        tolerance = 1e-5 if quantize is None else 0.05
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_a_character_model_step_by_step(tmp_path):
    model = CharLanguageModel(9, units=6, num_layers=2)
    folder = model.export(tmp_path / "model", format="litert", steps=1)
    run = runner(folder / "model.tflite")
    ids = np.array([[0, 2, 3, 4, 2, 5]], "int32")
    logits, _ = model.run(ids, model.initial_states(1))
    expected = ops.convert_to_numpy(ops.log_softmax(logits))
    names = described(folder)["parts"]["model"]["inputs"]
    states = {n: np.zeros((1, 6), "float32") for n in names if n != "ids"}
    for t in range(6):
        found = run(ids=ids[:, t : t + 1], **states)
        np.testing.assert_allclose(
            found["log_probabilities"][:, 0], expected[:, t], atol=1e-5
        )
        states = {name: found[f"new_{name}"] for name in states}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["translator", "captioner", "knows"])
def test_an_encoder_and_a_step(tmp_path, kind):
    if kind == "translator":
        model = Seq2SeqAttention(12, 13, **SMALL)
    else:
        options = {"encoder": None, "feature_dim": 5}
        options |= {"known_captions" if kind == "knows" else "named_classes": 3}
        model = AttentionCaptioner(13, **SMALL, **options)
    if kind == "knows":
        words = [[5, 6, 7, END, *[0] * 8], [8, END, *[0] * 10], [5, 9, END, *[0] * 9]]
        kernel = np.random.default_rng(0).normal(size=(5, 3))
        model.copy_mechanism.set_captions(words, kernel, np.zeros(3))
        model.copy_mechanism.weight = 0.9
    folder = model.export(tmp_path / "model", format="litert", steps=7)
    parts = described(folder)["parts"]
    assert [*parts] == ["encoder", "step"]
    assert all(part["largest_difference"] < 1e-5 for part in parts.values())
    source = model.random_source(7)[:1]
    told = runner(folder / "encoder.tflite")(source=source)
    step = runner(folder / "step.tflite")
    for name, run in (("encoder", runner(folder / "encoder.tflite")), ("step", step)):
        for side, details in (
            ("inputs", run.get_input_details()),
            ("outputs", run.get_output_details()),
        ):
            shapes = {k: array["shape"] for k, array in parts[name][side].items()}
            assert shapes == {k: d["shape"].tolist() for k, d in details.items()}
    expected = model.generate_ids(source, max_length=5)
    token = np.array([model.start_id], "int32")
    for number in np.asarray(expected.token_ids)[0, : int(expected.lengths[0])]:
        found = step(token_ids=token, **told)
        token = found["log_probabilities"].argmax(1).astype("int32")
        assert token == number
        told |= {name[4:]: x for name, x in found.items() if name.startswith("new_")}


def test_what_is_wrong_is_told_and_nothing_is_left(tmp_path):
    model = SentimentClassifier(12, units=2, embedding_dim=2)
    with pytest.raises(ValueError, match="`steps` must be a positive integer; got 0"):
        model.export(tmp_path / "model", format="litert", steps=0)
    with pytest.raises(ValueError, match="`calibration` must have 3 steps at most"):
        model.export(
            tmp_path / "model",
            format="litert",
            steps=3,
            quantize="full",
            calibration=np.ones((2, 5), "int32"),
        )
    assert not [*tmp_path.iterdir()]
