"""An export is there whole, or what was there before is, and nothing else."""

import multiprocessing
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from kerasrnn.export import saved_model


class Scale:
    """The least that can be exported: x times a number."""

    preprocessor = None

    def __init__(self, factor):
        self.factor = tf.Variable(factor)

    def serving_variables(self):
        class Variable:
            value = self.factor

        return [Variable]

    def serving_signatures(self):
        specification = [tf.TensorSpec((), "float32", "x")]
        return {"serving_default": (lambda x: {"y": self.factor * x}, specification)}


def answer(folder):
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return float(signature(x=tf.constant(2.0))["y"])


def fail(*_, **__):
    raise OSError(28, "No space left on device")


def half(_, path, **__):
    """What stands there when a disk is full."""
    os.makedirs(os.path.join(path, "variables"))
    with open(os.path.join(path, "saved_model.pb"), "wb") as file:
        file.write(b"half")
    fail()


@pytest.mark.parametrize("stage", [fail, half])
@pytest.mark.parametrize("version", [None, 3])
def test_an_export_that_fails_leaves_nothing(tmp_path, monkeypatch, stage, version):
    monkeypatch.setattr(tf.saved_model, "save", stage)
    with pytest.raises(OSError, match="No space left"):
        saved_model.write(Scale(3.0), tmp_path / "new" / "model", version=version)
    assert list(tmp_path.iterdir()) == []


def test_a_function_that_fails_leaves_nothing(tmp_path):
    model = Scale(3.0)
    model.serving_signatures = lambda: {"serving_default": (fail, [])}
    with pytest.raises(OSError, match="No space left"):
        saved_model.write(model, tmp_path / "new" / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", [None, 3])
def test_an_export_that_fails_leaves_what_was_there(tmp_path, monkeypatch, version):
    folder = saved_model.write(Scale(3.0), tmp_path / "model", version=version)
    (folder / "notes.txt").write_text("mine")
    before = {p: p.is_file() and p.read_bytes() for p in tmp_path.rglob("*")}
    with monkeypatch.context() as patch:
        patch.setattr(tf.saved_model, "save", half)
        with pytest.raises(OSError, match="No space left"):
            saved_model.write(Scale(5.0), tmp_path / "model", version=version)
    assert {p: p.is_file() and p.read_bytes() for p in tmp_path.rglob("*")} == before
    assert answer(folder) == 6.0


def test_a_move_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    folder = saved_model.write(Scale(3.0), tmp_path / "model")
    rename = type(folder).rename

    def rename_none_partial(self, target):
        return fail() if self.name.endswith(".partial") else rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(folder), "rename", rename_none_partial)
        with pytest.raises(OSError, match="No space left"):
            saved_model.write(Scale(5.0), folder)
    assert answer(folder) == 6.0
    assert list(tmp_path.iterdir()) == [folder]


def test_a_model_is_replaced_and_other_files_stay(tmp_path):
    folder = saved_model.write(Scale(3.0), tmp_path / "model")
    (folder / "notes.txt").write_text("mine")
    (folder / "7").mkdir()
    (folder / "7" / "inner.txt").write_text("mine too")
    (tmp_path / "link").symlink_to(folder)
    folder.chmod(0o750)
    for path in (folder, tmp_path / "link"):
        assert saved_model.write(Scale(5.0), path) == path
        assert answer(path) == 10.0
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "7" / "inner.txt").read_text() == "mine too"
    assert folder.stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "link").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "model"]


def export_and_die(path):
    def die(_, path, **__):
        os.makedirs(path)
        with open(os.path.join(path, "saved_model.pb"), "wb") as file:
            file.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    tf.saved_model.save = die
    saved_model.write(Scale(5.0), path)


@pytest.mark.slow
def test_a_kill_leaves_the_model_that_was_there(tmp_path):
    folder = saved_model.write(Scale(3.0), tmp_path / "model", version=1)
    process = multiprocessing.get_context("spawn").Process(
        target=export_and_die, args=(folder,)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert answer(folder) == 6.0
    # What is half there has a name that TensorFlow Serving does not take for a version.
    others = [p.name for p in folder.parent.iterdir() if p != folder]
    assert len(others) == 1 and others[0].startswith(".1-")


def test_integers_of_numpy_are_versions(tmp_path):
    folder = saved_model.write(Scale(3.0), tmp_path / "model", version=np.int64(4))
    assert folder == tmp_path / "model" / "4"
    for wrong in (True, 0, 1.0, "1"):
        with pytest.raises(ValueError, match="`version` must be a positive integer"):
            saved_model.write(Scale(3.0), tmp_path / "model", version=wrong)
    (tmp_path / "model" / "5").write_text("")
    with pytest.raises(ValueError, match=r"must be a folder; .*5 is a file"):
        saved_model.write(Scale(3.0), tmp_path / "model", version=5)
