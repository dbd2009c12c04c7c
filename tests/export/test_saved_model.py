import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_run import texts_and_labels
from tiny_translator import ENGLISH, subwords, translator
from without_keras import run_without_keras

from kerasrnn.export import saved_model
from kerasrnn.text import PairTokenizer, WordTokenizer
from kerasrnn.text.byte_pairs import as_bytes
from kerasrnn.zoo import SentimentClassifier, Seq2Seq

TEXTS = [
    "film is fine",
    "DULL, dull film",
    "",
    "unheard of",
    "영화 fine 😀",
    "a " * 300,
]

# It reads batches of texts, {name: [text, ...]}, and writes
# {signature: {name: {output: ...}}}.
SERVE = """
import json
import numpy as np, tensorflow as tf

def plain(x):
    if x.dtype != tf.string:
        return x.numpy().tolist()
    flat = [text.decode() for text in x.numpy().ravel()]
    return np.array(flat, object).reshape(x.shape).tolist()

batches = json.load(open(sys.argv[2]))
answers = {
    name: {
        batch: {
            key: plain(x)
            for key, x in signature(text=tf.constant(texts, tf.string)).items()
        }
        for batch, texts in batches.items()
    }
    for name, signature in tf.saved_model.load(sys.argv[1]).signatures.items()
}
json.dump(answers, open(sys.argv[3], "w"))
"""


def serve(folder, batches, scratch):
    """What all signatures answer in a process that has TensorFlow only."""
    (scratch / "batches.json").write_text(json.dumps(batches))
    files = [scratch / "batches.json", scratch / "answers.json"]
    run_without_keras(SERVE, folder, *files)
    return json.loads(files[1].read_text())


def kinds_of_operations(signature):
    """The kinds of all operations, those in the bodies of loops included."""
    graph = signature.graph.as_graph_def()
    bodies = [node for body in graph.library.function for node in body.node_def]
    return {node.op for node in [*graph.node, *bodies]}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    texts = [text for text, _ in texts_and_labels()]
    tokenizer = WordTokenizer(max_tokens=60, max_length=10)
    tokenizer.adapt(texts)
    options = {"cell": "gru", "units": 4, "embedding_dim": 4, "members": 2}
    model = SentimentClassifier(preprocessor=tokenizer, **options)
    # Half of the texts on each side, so that both labels are seen.
    logits = np.asarray(model(tokenizer(TEXTS)))
    for reader in model.readers:
        kernel, bias = reader.classes.get_weights()
        bias[0] = np.median(logits[:, 1] - logits[:, 0])
        reader.classes.set_weights([kernel, bias])
    return model


def answers_of(model):
    with pytest.warns(UserWarning, match="290 words at the ends of 1 of 6 texts"):
        return model.predict(TEXTS, verbose=0)


@pytest.mark.long
def test_it_serves_where_keras_and_kerasrnn_are_not(model, tmp_path):
    expected = answers_of(model)
    folder = model.export(tmp_path / "sentiment", version=7)
    assert folder == tmp_path / "sentiment" / "7"
    alone = {str(place): [text] for place, text in enumerate(TEXTS)}
    answers = serve(folder, {"all": TEXTS, **alone}, tmp_path)["serving_default"]
    answer = answers.pop("all")
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)
    alone = [answers[str(place)]["probabilities"][0] for place in range(len(TEXTS))]
    np.testing.assert_allclose(alone, expected, atol=1e-6)
    labels = np.array(model.labels)[expected.argmax(axis=1)]
    np.testing.assert_array_equal(answer["label"], labels)
    assert len(set(labels)) == 2
    # What the columns of the probabilities are, in every row.
    assert answer["labels"] == [list(model.labels)] * len(TEXTS)


@pytest.mark.long
def test_signature_and_no_compiled_operation(model, tmp_path):
    loaded = tf.saved_model.load(model.export(tmp_path / "model"))
    signature = loaded.signatures["serving_default"]
    (text,) = signature.structured_input_signature[1].values()
    assert (text.name, text.dtype, text.shape.as_list()) == ("text", tf.string, [None])
    outputs = {"label", "labels", "probabilities"}
    assert set(signature.structured_outputs) == outputs
    kinds = kinds_of_operations(signature)
    assert not any(kind.startswith("Kerasrnn") for kind in kinds)


@pytest.mark.long
def test_ids_in_where_there_is_no_preprocessor(model, tmp_path):
    bare = SentimentClassifier(**{**model.get_config(), "preprocessor": None})
    bare.set_weights(model.get_weights())
    ids = model.preprocessor(TEXTS)
    saved_model.write(bare, tmp_path / "bare")
    signature = tf.saved_model.load(tmp_path / "bare").signatures["serving_default"]
    np.testing.assert_allclose(
        signature(token_ids=ids)["probabilities"],
        answers_of(model),
        atol=1e-6,
    )


def test_bad_arguments_are_named(model, tmp_path):
    with pytest.raises(ValueError, match="`version` must be a positive integer; got 0"):
        model.export(tmp_path / "model", version=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="`path` must be a folder"):
        model.export(tmp_path / "file")


# Each of at most 16 tokens.
SENTENCES = [*ENGLISH, "영화 😀", "Two, two!", "\ud55c"]
LONG = ["one two " * 1000, "two"]
BATCHES = {"short": SENTENCES, "long": LONG, "alone": SENTENCES[1:2], "none": []}


@pytest.fixture(scope="module")
def translating():
    return translator()


@pytest.fixture(scope="module")
def exported(translating, tmp_path_factory):
    return translating.export(tmp_path_factory.mktemp("translator"), version=1)


@pytest.fixture(scope="module")
def answers(exported, tmp_path_factory):
    return serve(exported, BATCHES, tmp_path_factory.mktemp("answers"))


@pytest.mark.slow
def test_alignments_are_served_with_their_tokens(translating, answers):
    answer = answers["alignments"]["short"]
    assert answer["text"] == answers["serving_default"]["short"]["text"]
    alignments = np.array(answer["alignments"])  # (B, T, S)
    sources, targets = (
        np.array(answer[f"{side}_tokens"]) for side in ("source", "target")
    )
    assert alignments.shape == (len(SENTENCES), targets.shape[1], sources.shape[1])
    # A share of attention for every token of the source, and none for padding.
    np.testing.assert_allclose(alignments.sum(2), targets != "", atol=1e-5)
    assert not alignments[np.repeat(sources[:, None] == "", targets.shape[1], 1)].any()
    for text, tokens in zip(SENTENCES, sources, strict=True):
        *pieces, end = [token for token in tokens if token]
        assert end == "[END]"
        spelled = b"".join(map(as_bytes, pieces))
        assert spelled.decode().strip() == text
    vocabulary = translating.preprocessor.target.get_vocabulary()
    ids = np.array(answer["token_ids"])
    np.testing.assert_array_equal(targets, np.array(vocabulary)[ids])


@pytest.mark.long
def test_no_texts_are_no_error(answers):
    assert answers["serving_default"]["none"]["text"] == []
    assert answers["beam"]["none"]["text"] == []
    assert answers["beam"]["none"]["scores"] == []
    assert answers["alignments"]["none"]["alignments"] == []


@pytest.mark.long
def test_signatures_of_a_translator(exported):
    signatures = tf.saved_model.load(exported).signatures
    outputs = {"text", "scores", "token_ids"}
    maps = {"alignments", "source_tokens", "target_tokens"}
    assert {name: set(s.structured_outputs) for name, s in signatures.items()} == {
        "serving_default": outputs,
        "beam": outputs,
        "alignments": outputs | maps,
    }
    for signature in signatures.values():
        (text,) = signature.structured_input_signature[1].values()
        assert (text.name, text.dtype) == ("text", tf.string)
        assert text.shape.as_list() == [None]
        kinds = kinds_of_operations(signature)
        assert {"While", "StatelessWhile"} & kinds
        assert not any(kind.startswith("Kerasrnn") for kind in kinds)


@pytest.mark.long
def test_words_and_a_model_without_attention(tmp_path):
    pair = PairTokenizer(WordTokenizer("one two three".split()), subwords())
    model = translator(pair, Seq2Seq)
    signatures = tf.saved_model.load(model.export(tmp_path)).signatures
    assert set(signatures) == {"serving_default", "beam"}
    found = signatures["serving_default"](text=tf.constant(SENTENCES))["text"]
    assert [text.decode() for text in found.numpy()] == model.generate(SENTENCES)
