import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_run import texts_and_labels

from kerasrnn.export import saved_model
from kerasrnn.text import WordTokenizer
from kerasrnn.zoo import SentimentClassifier

TEXTS = [
    "film is fine",
    "DULL, dull film",
    "",
    "unheard of",
    "영화 fine 😀",
    "a " * 300,
]

# A process where whoever imports keras or kerasrnn gets an ImportError.
SERVE = """
import importlib.abc, importlib.machinery, sys

class Blocked(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "kerasrnn"):
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        raise ImportError(spec.name + " is blocked")
    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Blocked())
try:
    import kerasrnn
except ImportError:
    pass
else:
    raise SystemExit("the block does not block")
import numpy as np, tensorflow as tf

signature = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
texts = np.load(sys.argv[2])
answer = signature(text=tf.constant(texts))
alone = [signature(text=tf.constant([text]))["probabilities"][0] for text in texts]
np.savez(sys.argv[3], alone=alone, **{k: v.numpy().astype("U") if k == "label" else v
                                      for k, v in answer.items()})
assert "keras" not in sys.modules and "kerasrnn" not in sys.modules
"""


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    texts = [text for text, _ in texts_and_labels()]
    tokenizer = WordTokenizer(max_tokens=60, max_length=10)
    tokenizer.adapt(texts)
    model = SentimentClassifier(
        preprocessor=tokenizer, cell="gru", units=4, embedding_dim=4
    )
    # Half of the texts on each side, so that both labels are seen.
    kernel, bias = model.classes.get_weights()
    logits = np.asarray(model(tokenizer(TEXTS)))
    bias[0] = np.median(logits[:, 1] - logits[:, 0])
    model.classes.set_weights([kernel, bias])
    return model


def test_it_serves_where_keras_and_kerasrnn_are_not(model, tmp_path):
    expected = model.predict(TEXTS, verbose=0)
    folder = model.export(tmp_path / "sentiment", version=7)
    assert folder == tmp_path / "sentiment" / "7"
    np.save(tmp_path / "texts.npy", np.array(TEXTS))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SERVE,
            folder,
            tmp_path / "texts.npy",
            tmp_path / "answer.npz",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answer = np.load(tmp_path / "answer.npz")
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)
    np.testing.assert_allclose(answer["alone"], expected, atol=1e-6)
    labels = np.array(model.labels)[expected.argmax(axis=1)]
    np.testing.assert_array_equal(answer["label"], labels)
    assert len(set(labels)) == 2


def test_signature_and_no_compiled_operation(model, tmp_path):
    loaded = tf.saved_model.load(model.export(tmp_path / "model"))
    signature = loaded.signatures["serving_default"]
    (text,) = signature.structured_input_signature[1].values()
    assert (text.name, text.dtype, text.shape.as_list()) == ("text", tf.string, [None])
    assert set(signature.structured_outputs) == {"label", "probabilities"}
    kinds = {node.op for node in signature.graph.as_graph_def().node}
    assert not any(kind.startswith("Kerasrnn") for kind in kinds)


def test_ids_in_where_there_is_no_preprocessor(model, tmp_path):
    bare = SentimentClassifier(**{**model.get_config(), "preprocessor": None})
    bare.set_weights(model.get_weights())
    ids = model.preprocessor(TEXTS)
    saved_model.write(bare, tmp_path / "bare")
    signature = tf.saved_model.load(tmp_path / "bare").signatures["serving_default"]
    np.testing.assert_allclose(
        signature(token_ids=ids)["probabilities"],
        model.predict(TEXTS, verbose=0),
        atol=1e-6,
    )


def test_bad_arguments_are_named(model, tmp_path):
    with pytest.raises(ValueError, match="`version` must be a positive integer; got 0"):
        model.export(tmp_path / "model", version=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="`path` must be a folder"):
        model.export(tmp_path / "file")
