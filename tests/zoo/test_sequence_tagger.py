"""`SequenceTagger`: what it reads, what it learns, what it refuses."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from other_backend import other_backends, run_on

from kerasrnn.export import streaming, to_onnx
from kerasrnn.kernels import KERNELS
from kerasrnn.text import SpelledWordTokenizer
from kerasrnn.zoo import SequenceTagger, Task

WORDS = ["the", "a", "cat", "dog", "sees", "hears"]
TAGS = {"the": "DT", "a": "DT", "cat": "NN", "dog": "NN", "sees": "VB", "hears": "VB"}
SMALL = {
    **{"units": 8, "num_layers": 1, "embedding_dim": 6, "letter_dim": 5},
    **{"letter_units": 4, "dropout": 0.0, "input_dropout": 0.0, "word_dropout": 0.0},
}


def sentences(count, seed=0):
    """Sentences and their tags: every word has one."""
    random = np.random.default_rng(seed)
    rows = [list(random.choice(WORDS, random.integers(1, 6))) for _ in range(count)]
    return rows, [[TAGS[word] for word in row] for row in rows]


def tokenizer():
    found = SpelledWordTokenizer(max_letters=6)
    found.adapt([" ".join(row) for row in sentences(40)[0]])
    return found


def make(**options):
    keras.utils.set_random_seed(1)
    return SequenceTagger(
        preprocessor=tokenizer(), labels=["DT", "NN", "VB"], **{**SMALL, **options}
    )


@pytest.fixture(scope="module", params=[False, True], ids=["softmax", "crf"])
def trained(request):
    model = make(crf=request.param)
    model.compile(keras.optimizers.Adam(0.03))
    x, y = sentences(64)
    model.fit(x, y, batch_size=16, epochs=8, verbose=0)
    return model


@pytest.mark.long
def test_it_learns_from_lists_and_from_strings(trained):
    x, y = sentences(20, seed=1)
    assert trained.tag(x) == y
    texts, tags = [" ".join(row) for row in x], [" ".join(row) for row in y]
    assert trained.tag(texts) == y
    loss, accuracy = trained.evaluate(x, y, verbose=0)
    assert accuracy == 1 and loss < 0.1
    # Names, numbers, strings and arrays of one width are the same labels.
    numbers = [[trained.labels.index(tag) for tag in row] for row in y]
    padded = np.full((20, 5), -1)
    for row, found in zip(padded, numbers, strict=True):
        row[: len(found)] = found
    dataset = tf.data.Dataset.from_tensor_slices((texts, tags))
    for given in ((x, numbers), (texts, tags), (texts, padded)):
        assert trained.evaluate(*given, verbose=0)[0] == pytest.approx(loss, 1e-4)
    assert trained.evaluate(dataset, verbose=0)[0] == pytest.approx(loss, 1e-4)
    # The mean over batches, of which one may have more steps than another.
    found = trained.evaluate(dataset.batch(7), verbose=0)
    assert found == pytest.approx([loss, 1], rel=0.2)
    one_step = trained.evaluate(x[:1], y[:1], sample_weight=np.array([2.0]), verbose=0)
    assert one_step[0] == pytest.approx(trained.evaluate(x[:1], y[:1], verbose=0)[0])


@pytest.mark.long
def test_probabilities_are_of_every_step(trained):
    x = [["the", "cat"], ["a", "dog", "sees", "the", "cat"], []]
    found = trained.predict(x)
    assert found.shape == (3, 5, 3)
    lengths = [2, 5, 0]
    for row, length in zip(found, lengths, strict=True):
        np.testing.assert_allclose(row[:length].sum(-1), 1, rtol=1e-5)
        assert not row[length:].any()
    # Whatever is in the batch beside it.
    np.testing.assert_allclose(trained.predict(x[:1])[0], found[0, :2], atol=1e-6)
    names, sure = trained.tag(x, return_probabilities=True)
    assert [len(row) for row in names] == lengths
    for index, row in enumerate(sure):
        numbers = [trained.labels.index(name) for name in names[index]]
        expected = found[index, np.arange(len(row)), numbers]
        np.testing.assert_allclose(row, expected, atol=1e-5)


@pytest.mark.long
def test_the_tags_of_a_crf_are_those_of_viterbi():
    model = make(crf=True)
    random = np.random.default_rng(0)
    model.crf.transitions.assign(random.normal(size=(3, 3)) * 5)
    ids = np.asarray(model.preprocess(["the cat sees a dog", "a dog"]))
    emissions, mask = model(ids), ids[:, :, 0] != 0
    expected, _ = model.crf.decode(emissions, mask)
    found = model.tag_numbers(["the cat sees a dog", "a dog"])[0]
    np.testing.assert_array_equal(found[0], np.asarray(expected)[0])
    np.testing.assert_array_equal(found[1], np.asarray(expected)[1, :2])
    assert found[0].tolist() != np.argmax(emissions[0], -1).tolist()
    # The loss is that of the layer, by step.
    y = np.array([[0, 1, 2, 0, 1], [0, 1, -1, -1, -1]])
    likelihood = model.crf.log_likelihood(emissions, np.maximum(y, 0), mask=mask)
    loss = model.compute_loss(ids, y, emissions)
    assert float(loss) == pytest.approx(-float(ops.sum(likelihood)) / 7, rel=1e-5)


@pytest.mark.long
def test_unknown_words_are_read_by_their_spelling():
    model = make()
    endings = {"ing": "VB", "ness": "NN", "er": "DT"}
    random = np.random.default_rng(0)
    stems = ["".join(random.choice(list("bcdfgklmprt"), 2)) for _ in range(60)]
    x = [[stem + ending] for stem in stems for ending in endings]
    y = [[tag] for _ in stems for tag in endings.values()]
    model.preprocessor = SpelledWordTokenizer([], letters="bcdfgklmprtines")
    model = SequenceTagger(
        preprocessor=model.preprocessor, labels=["DT", "NN", "VB"], **SMALL
    )
    model.compile(keras.optimizers.Adam(0.03))
    model.fit(x, y, epochs=6, verbose=0)
    assert model.tag([["zabing"], ["xuness"], ["woer"]]) == [["VB"], ["NN"], ["DT"]]


@pytest.mark.long
def test_frames_have_their_scale_in_the_model(tmp_path):
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(0)
    x = [random.normal(size=(n, 2)) * [1, 1000] + [5, 0] for n in (9, 4, 12, 7) * 8]
    y = [["up" if v > 0 else "down" for v in frames[:, 1]] for frames in x]
    options = {"units": 8, "num_layers": 1, "dropout": 0.0, "input_dropout": 0.0}
    model = SequenceTagger(frame_dim=2, labels=["up", "down"], **options)
    model.adapt(x)
    flat = np.concatenate(x)
    np.testing.assert_allclose(model.encoder.mean, flat.mean(0), rtol=1e-4)
    np.testing.assert_allclose(model.encoder.deviation, flat.std(0), rtol=1e-4)
    model.compile(keras.optimizers.Adam(0.05))
    model.fit(x, y, epochs=15, verbose=0)
    accuracy = model.evaluate(x, y, verbose=0)[1]
    assert accuracy > 0.97
    model.save_to_preset(tmp_path / "preset")
    again = Task.from_preset(tmp_path / "preset")
    assert again.tag(x[:3]) == model.tag(x[:3])
    # A missing number is as the mean; a frame without any is no step.
    holed = x[0].copy()
    holed[2, 0] = np.nan
    filled = holed.copy()
    filled[2, 0] = float(model.encoder.mean[0])
    np.testing.assert_allclose(
        model.predict([holed]), model.predict([filled]), atol=1e-5
    )
    after = np.concatenate([x[0], np.full((3, 2), np.nan)])
    assert model.tag([after]) == model.tag([x[0]])
    between = np.concatenate([x[0][:4], np.full((1, 2), np.nan), x[0][4:]])
    found = model.predict([between])[0]
    np.testing.assert_allclose(
        np.delete(found, 4, 0), model.predict([x[0]])[0], atol=1e-5
    )
    assert not found[4].any()


@pytest.mark.long
def test_it_comes_back_as_it_was(trained, tmp_path):
    x = ["the cat hears a dog", "the"]
    trained.save(tmp_path / "model.keras")
    trained.save_to_preset(tmp_path / "preset")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x), trained.predict(x))
    half = SequenceTagger.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(half.predict(x), trained.predict(x), atol=2e-3)
    assert half.tag(x) == trained.tag(x)
    assert (again.crf is None) == (trained.crf is None)


@pytest.mark.long
def test_it_grows_by_words_and_labels(trained):
    grown = trained.grow_vocabulary(
        ["the platypus sees the platypus"], labels=["DT", "NN", "VB", "JJ"]
    )
    assert grown.vocabulary_size == trained.vocabulary_size + 1
    text = ["a dog hears the cat"]
    # The new label begins with scores of its own, the others as they were.
    rows = np.asarray(grown.preprocess(text))
    np.testing.assert_allclose(grown(rows)[..., :3], trained(rows), atol=1e-5)
    if trained.crf is not None:
        for old, new in zip(trained.crf.weights, grown.crf.weights, strict=True):
            known = (slice(3),) * len(old.shape)
            np.testing.assert_array_equal(new.numpy()[known], old.numpy())


@pytest.mark.long
def test_explain_says_which_kernels_read():
    model = make()
    speller = model.encoder.spelled.layer.reader
    for layer in (speller, *model.recurrent_layers):
        lines = layer.explain().splitlines()
        for direction in ("forward", "backward"):
            (kernel,) = (x for x in lines if x.startswith(f"{direction} kernel: "))
            assert kernel.rpartition(" ")[2] in KERNELS
    one_way = make(bidirectional=False).recurrent_layers[0]
    assert one_way.explain().startswith("kernel: ")


@pytest.mark.long
@pytest.mark.parametrize("kind", ["words", "frames"])
def test_one_graph_reads_sequences_of_all_lengths(kind):
    made = []

    class Traced(SequenceTagger):
        def _tags(self, inputs):
            made.append("of tag")
            return super()._tags(inputs)

        def _probabilities(self, inputs):
            made.append("of predict")
            return super()._probabilities(inputs)

    size = {"preprocessor": tokenizer()} if kind == "words" else {"frame_dim": 2}
    model = Traced(labels=["DT", "NN", "VB"], **size, **SMALL)
    for count, steps in ((1, 4), (2, 4), (3, 2), (1, 7), (4, 5), (1, 1)):
        one = ["cat"] * steps if kind == "words" else np.ones((steps, 2))
        assert [len(tags) for tags in model.tag([one] * count)] == [steps] * count
        assert model.predict([one] * count).shape == (count, steps, 3)
    # Not one for each length, of which TensorFlow warns.
    assert made == ["of tag", "of predict"]


@pytest.mark.long
def test_a_saved_model_says_the_same(trained, tmp_path):
    folder = trained.export(tmp_path / "model", version=1)
    answer = tf.saved_model.load(str(folder)).signatures["serving_default"]
    found = answer(text=tf.constant(["the cat sees", "", "a  dog\t."]))
    labels = [[x.decode() for x in row if x] for row in found["labels"].numpy()]
    names, sure = trained.tag(
        ["the cat sees", "", "a dog ."], return_probabilities=True
    )
    assert labels == names
    np.testing.assert_allclose(found["probabilities"][0], sure[0], atol=1e-5)


def assert_tagged(found, names, sure, labels):
    """What a file gave of a batch are these labels and their probabilities."""
    for row, all_of_row, tags, p in zip(
        found["tags"], found["probabilities"], names, sure, strict=True
    ):
        steps = len(tags)
        assert [labels[number] for number in row[:steps]] == tags
        chosen = all_of_row[np.arange(steps), row[:steps]]
        np.testing.assert_allclose(chosen, p, atol=1e-5)
        assert (row[steps:] == -1).all() and not all_of_row[steps:].any()


def by_name(session, **inputs):
    """What an ONNX session gives, by the names of its outputs."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


@pytest.mark.long
def test_onnx_tags_texts_without_tensorflow(trained, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    folder = trained.export(tmp_path / "model", format="onnx")
    described = json.loads((folder / "model.json").read_text())
    assert described["labels"] == ["DT", "NN", "VB"]
    part = described["parts"]["model"]
    assert part["largest_difference"] < 1e-5
    assert part["operators"]["LSTM"] == 2
    assert part["operators"].get("Scan", 0) == (3 if trained.crf else 0)
    texts = ["the cat sees a zebra .", "dog", "", "extraordinarily long"]
    code = (
        "import json, sys, numpy as np, onnxruntime\n"
        "from text_reader import TextReader\n"
        "reader = TextReader('.')\n"
        "labels = json.load(open('model.json'))['labels']\n"
        "session = onnxruntime.InferenceSession('model.onnx')\n"
        "for text in json.loads(sys.argv[1]):\n"
        "    rows = np.array([reader.encode(text)], 'int32')\n"
        "    [[tags]] = session.run(['tags'], {'rows': rows})\n"
        "    print(json.dumps([labels[tag] for tag in tags if tag >= 0]))\n"
        "assert not {'tensorflow', 'keras', 'kerasrnn'} & {*sys.modules}\n"
    )
    command = [sys.executable, "-c", code, json.dumps(texts)]
    output = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    answers = [json.loads(line) for line in output.stdout.splitlines()]
    names, sure = trained.tag(texts, return_probabilities=True)
    assert answers == names
    # Padded, with a row of padding alone.
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    found = by_name(session, rows=np.asarray(trained.preprocess(texts)))
    assert_tagged(found, names, sure, trained.labels)


@pytest.mark.long
def test_litert_gives_the_same_tags(trained, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    folder = trained.export(tmp_path / "model", format="litert", steps=5)
    described = json.loads((folder / "model.json").read_text())
    assert described["parts"]["model"]["largest_difference"] < 1e-5
    runner = interpreter.Interpreter(str(folder / "model.tflite"))
    runner = runner.get_signature_runner()
    texts = ["the cat sees", "", "a dog hears the cat"]
    rows = np.asarray(trained.preprocess(texts))
    found = [runner(rows=rows[n : n + 1]) for n in range(len(texts))]
    found = {name: np.concatenate([x[name] for x in found]) for name in found[0]}
    names, sure = trained.tag(texts, return_probabilities=True)
    assert_tagged(found, names, sure, trained.labels)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_the_preset_tags_alike_everywhere(format, tmp_path):
    model = SequenceTagger.from_preset("tag-brown")
    folder = model.export(tmp_path / "model", format=format)
    texts = [
        "The old man the boats while the young can can the fish .",
        "`` I can can the can '' , said the grumbler unhappily .",
        "Fulton",
    ]
    rows = np.asarray(model.preprocess(texts))
    if format == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(folder / "model.onnx")
        found = by_name(session, rows=rows)
    else:
        interpreter = pytest.importorskip("ai_edge_litert.interpreter")
        runner = interpreter.Interpreter(str(folder / "model.tflite"))
        runner = runner.get_signature_runner()
        found = [runner(rows=rows[n : n + 1]) for n in range(len(texts))]
        found = {name: np.concatenate([x[name] for x in found]) for name in found[0]}
    names, sure = model.tag(texts, return_probabilities=True)
    assert_tagged(found, names, sure, model.labels)


def streamed(step, name, sequences):
    """What a model of one step gives of sequences (B, T, ...), by name."""
    states = {
        key: ops.zeros((len(sequences), *tensor.shape[1:]))
        for key, tensor in step.input.items()
        if key != name
    }
    history = []
    for t in range(sequences.shape[1]):
        found = step({name: ops.convert_to_tensor(sequences[:, t : t + 1]), **states})
        states = {key: found[f"next_{key}"] for key in states}
        history.append(found)
    return {
        key: np.concatenate([ops.convert_to_numpy(x[key]) for x in history], 1)
        for key in ("tags", "probabilities")
    }


@pytest.mark.long
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_forwards_it_goes_step_by_step(cell, tmp_path):
    options = {**SMALL, "num_layers": 2, "bidirectional": False, "cell": cell}
    words = make(**options)
    rows = np.asarray(words.preprocess(["the cat sees a zebra .", "dog", ""]))
    frames = SequenceTagger(frame_dim=3, labels=["a", "b"], **options)
    random = np.random.default_rng(0)
    values = random.normal(5, 3, (4, 6, 3)).astype("float32")
    frames.adapt(values)
    values[0, 2] = values[1, :2] = values[2, 3:] = np.nan  # no steps
    values[3, 1, 0] = np.nan  # a missing number
    for model, name, sequences in (
        (words, "rows", rows),
        (frames, "frames", values),
    ):
        step = streaming(model.parts()["model"])
        assert step.input[name].shape == (None, 1, sequences.shape[-1])
        found, expected = streamed(step, name, sequences), model.predict(sequences)
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
        shown = expected.any(-1)
        tags = np.where(shown, np.argmax(expected, -1), -1)
        np.testing.assert_array_equal(found["tags"], tags)
        assert not shown.all()
        report = to_onnx(step, tmp_path / "step.onnx")
        assert report.largest_difference < 1e-5


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, r"'recurrent_0' \(Bidirectional\) .* begins at the last step"),
        ({"bidirectional": False, "crf": True}, r"'crf' \(CRF\) .* steps to come"),
    ],
)
def test_what_needs_steps_to_come_is_no_stream(options, error):
    model = SequenceTagger(frame_dim=3, labels=["a", "b"], **{**SMALL, **options})
    with pytest.raises(ValueError, match=error):
        streaming(model.parts()["model"])


@pytest.mark.long
def test_ten_thousand_words_and_none(trained):
    x, y = sentences(3000, seed=5)
    long = ([word for row in x for word in row] * 2)[:10_000]
    (tags,) = trained.tag([long])
    assert tags == ([tag for row in y for tag in row] * 2)[:10_000]
    assert trained.tag(["", []]) == [[], []]
    assert trained.tag(["cat"]) == [["NN"]]
    assert np.isfinite(trained.evaluate(["", "cat"], [[], ["NN"]], verbose=0)[0])


@pytest.mark.parametrize(
    ("x", "y", "error"),
    [
        (["a cat"], ["DT"], r"`y\[0\]` must have a label for each of the 2 steps .*1"),
        (["a"], [["DT", "NN"]], r"`y\[0\]` must have a label for each of the 1 steps"),
        (["a"], ["XX"], r"`y\[0\]` must hold labels that the model knows .*; got 'XX'"),
        (["a"], [[7]], r"`y` must hold labels 0 to 2, or -1 .*; got 7 to 7"),
        (["a"], [[0.5]], r"`y\[0\]` must hold names of labels or integers; got float"),
        (["a"], [[0], [1]], r"`y` must hold the labels of each of the 1 examples"),
        ([["a cat"]], [[0]], r"`x\[0\]` must hold words, none .* space.*'a cat'"),
        ([["a", ""]], [[0, 0]], r"`x\[0\]` must hold words, none of them empty"),
        ("a cat", ["DT NN"], r"`x` must be a list of sentences; got one string"),
        ([], [], r"`x` must hold at least one example; got none"),
        (None, [[0]], r"`x` must hold sentences or frames; got None"),
        (np.full((1, 2, 7), 99), [[0, 0]], r"`x` must hold numbers of words from 0 to"),
    ],
)
def test_what_cannot_be_learned_from_is_told(x, y, error):
    with pytest.raises(ValueError, match=error):
        make().fit(x, y, verbose=0)


@pytest.mark.long
def test_what_cannot_be_read_is_told():
    model = make()
    with pytest.raises(TypeError, match=r"`x\[1\]` must be a list of words.*got 3"):
        model.tag(["a", 3])
    with pytest.raises(TypeError, match="`x` must be a list or an array; got int"):
        model.tag(3)
    frames = SequenceTagger(frame_dim=2, labels=["a", "b"], units=2)
    for wrong, error in (
        ([np.ones((3, 5))], r"`x\[0\]` must be frames of shape \(steps, 2\); got"),
        ([[["a", "b"]]], r"`x\[0\]` must hold numbers, \(steps, 2\)"),
        ([np.full((2, 2), np.inf)], r"`x\[0\]` must be finite or NaN; got infinity"),
        ([], "`x` must hold at least one example; got none"),
    ):
        with pytest.raises(ValueError, match=error):
            frames.tag(wrong)
    model.preprocessor = None
    with pytest.raises(ValueError, match="`preprocessor=None` and takes rows"):
        model.tag(["a cat"])
    dataset = tf.data.Dataset.from_tensor_slices((["a cat"], ["DT XX"]))
    with pytest.raises(ValueError, match=r"must give labels that the model .*'XX'"):
        make().fit(dataset, verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices((["a cat"], ["DT NN VB"]))
    with pytest.raises(
        ValueError, match="must give a label for each word; got '2 words and 3"
    ):
        make().fit(dataset, verbose=0)


def test_arguments_are_checked():
    tagger = {"labels": ["a", "b"]}
    for options, error in (
        ({**tagger}, "`vocabulary_size` must be given where"),
        ({"labels": ["a"], "frame_dim": 2}, "`labels` must name two or more"),
        ({"labels": ["a", "a"], "frame_dim": 2}, "`labels` must name two or more"),
        ({**tagger, "frame_dim": 0}, "`frame_dim` must be"),
        ({**tagger, "frame_dim": 2, "dropout": 1.5}, "`dropout` must be from 0"),
        ({**tagger, "frame_dim": 2, "cell": "rnn"}, "`cell` must be one of"),
        (
            {**tagger, "frame_dim": 2, "preprocessor": tokenizer()},
            "`preprocessor` must be None for a tagger of frames",
        ),
    ):
        with pytest.raises(ValueError, match=error):
            SequenceTagger(**options)
    with pytest.raises(TypeError, match="must be a SpelledWordTokenizer; got int"):
        SequenceTagger(**tagger, preprocessor=3)
    with pytest.raises(ValueError, match="`adapt` is for a tagger of frames"):
        make().adapt([np.ones((2, 2))])


# Run on one backend: begins with the weights of the file, or writes them.
CODE = """
import json, sys
import keras, numpy as np
from pathlib import Path
from test_sequence_tagger import make, sentences
path, first, crf = Path(sys.argv[1]), sys.argv[2] == "first", sys.argv[3] == "crf"
model = make(crf=crf)
if first:
    model.save_weights(path)
model.load_weights(path)
model.compile(keras.optimizers.SGD(0.3, momentum=0.9))
x, y = sentences(32)
history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
tags, sure = model.tag(["the cat", "a dog sees", ""], return_probabilities=True)
loss, accuracy = model.evaluate(x, y, verbose=0)
print("RESULT" + json.dumps([
    history["loss"], tags, [row.tolist() for row in sure], float(loss), float(accuracy),
    history["accuracy"],
]))
"""


@pytest.fixture(scope="module", params=["crf", "softmax"])
def on_tensorflow(request, tmp_path_factory):
    """A head, the weights that it begins with, and what TensorFlow makes of them."""
    head, path = request.param, tmp_path_factory.mktemp("first") / "first.weights.h5"
    return head, path, run_on("tensorflow", CODE, path, "first", head, helpers="zoo")


@pytest.mark.slow
@other_backends
def test_it_learns_alike_on_other_backends(backend, on_tensorflow):
    head, path, expected = on_tensorflow
    found = run_on(backend, CODE, path, "again", head, helpers="zoo")
    np.testing.assert_allclose(found[0], expected[0], rtol=2e-3)
    assert found[1] == expected[1]
    for one, other in zip(found[2], expected[2], strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)
    np.testing.assert_allclose(found[3], expected[3], rtol=5e-3)
    assert found[4] == pytest.approx(expected[4], abs=0.02)
    # Of a CRF before each step's update on JAX, and after it elsewhere.
    assert found[5] == pytest.approx(expected[5], abs=0.15)
