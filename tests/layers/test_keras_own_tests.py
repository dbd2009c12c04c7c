"""Keras's own tests of its recurrent layers, with our classes in place of Keras's.

They are inside the keras wheel, whatever its version. Their namespace is
`keras.src.layers`, which is why this one file touches it.
"""

import importlib

import keras
import pytest
from keras.src import layers as keras_namespace
from keras.src import testing
from keras.src.layers.rnn import bidirectional as keras_bidirectional

import kerasrnn.layers

MODULES = [
    "lstm_test",
    "gru_test",
    "simple_rnn_test",
    "rnn_test",
    "stacked_rnn_cells_test",
    "bidirectional_test",
    "time_distributed_test",
]


def names_of_keras():
    """Our layers that Keras has too, under the same name."""
    names = [n for n in kerasrnn.layers.__all__ if hasattr(keras_namespace, n)]
    assert {"RNN", "SimpleRNN", "LSTM", "GRU", "StackedRNNCells"} <= {*names}
    return names


@pytest.fixture(autouse=True)
def our_classes(monkeypatch, request):
    if (
        keras.backend.backend() == "torch"
        and request.node.name == "test_stateful_batch_size_mismatch_raises"
    ):
        pytest.skip("on torch a direct call and the last batch of fit look the same")
    for name in names_of_keras():
        monkeypatch.setattr(keras_namespace, name, getattr(kerasrnn.layers, name))
    # By these names Keras's Bidirectional knows what could be fused.
    # (Not in Keras 3.12.)
    for name in ("LSTM", "GRU"):
        ours = getattr(kerasrnn.layers, name)
        monkeypatch.setattr(keras_bidirectional, name, ours, raising=False)


# Keras's tests feed `fit` with generators, and are not written for this warning.
pytestmark = pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")


def cases():
    """Each test case of each module, by its name."""
    found = {}
    for module in MODULES:
        namespace = importlib.import_module(f"keras.src.layers.rnn.{module}")
        for name, case in vars(namespace).items():
            if isinstance(case, type) and issubclass(case, testing.TestCase):
                found[f"{name}_of_{module}"] = case
    return found


globals().update(cases())  # for pytest to find them here


def test_the_classes_under_test_are_ours():
    for name in names_of_keras():
        assert getattr(keras_namespace, name).__module__.startswith("kerasrnn.")


@pytest.mark.skipif(keras.__version__ != "3.15.1", reason="counted on Keras 3.15.1")
def test_no_test_of_keras_is_left_out():
    names = [name for case in cases().values() for name in dir(case)]
    assert sum(name.startswith("test_") for name in names) == 64 + 2
