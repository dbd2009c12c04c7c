"""The examples in docstrings run, and public classes and functions have docstrings."""

import doctest
import importlib
import inspect
import pkgutil

import keras
import pytest

import kerasrnn

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# What other machines lack, or what needs a backend that is not the one of the tests.
NOT_IMPORTED = {
    "kerasrnn.__main__",  # runs the command
    "kerasrnn.kernels.jax",
    "kerasrnn.kernels.native_jax",
    "kerasrnn.kernels.native_torch",
    "kerasrnn.kernels.torch",
    "kerasrnn.kernels.torch_blocks",
}


def modules():
    packages = pkgutil.walk_packages(kerasrnn.__path__, "kerasrnn.")
    names = [name for _, name, _ in packages if name not in NOT_IMPORTED]
    return [name for name in names if not name.startswith("kerasrnn.zoo.recipes")]


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="examples print TensorFlow tensors"
)
@pytest.mark.parametrize("name", modules())
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write files
    keras.utils.set_random_seed(0)
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report = []
    for test in finder.find(module, name):
        runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def public_objects():
    packages = ("layers", "zoo", "text", "metrics", "export", "inspection", "data")
    for package in (*packages, "decoding", "demo"):
        module = importlib.import_module(f"kerasrnn.{package}")
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield pytest.param(value, id=f"{package}.{name}")


PUBLIC = list(public_objects())


@pytest.mark.parametrize("value", PUBLIC)
def test_public_names_are_documented(value):
    own = value.__dict__.get("__doc__") if inspect.isclass(value) else value.__doc__
    assert own and own.strip(), f"{value} has no docstring"


def layers_and_models():
    for param in PUBLIC:
        (value,) = param.values
        is_layer = inspect.isclass(value) and issubclass(value, keras.layers.Layer)
        if is_layer and value.__name__ != "Task":  # the base of all models
            yield param


@pytest.mark.parametrize("value", list(layers_and_models()))
def test_layers_and_models_show_an_example(value):
    assert ">>>" in value.__doc__, f"{value} shows no example that runs"
