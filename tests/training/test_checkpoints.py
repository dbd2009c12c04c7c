import numpy as np
import pytest

from kerasrnn.training.checkpoints import Checkpoints


@pytest.fixture
def folder(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (10, 20, 30):
        checkpoints.save(step, {"w": np.arange(500.0) + step}, {"step": step})
    return tmp_path


def test_the_newest_is_loaded_and_two_are_kept(folder):
    arrays, state = Checkpoints(folder).load()
    assert state == {"step": 30}
    np.testing.assert_array_equal(arrays["w"], np.arange(500.0) + 30)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["state.json", "step-00000020.npz", "step-00000030.npz"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "empty"])
def test_a_damaged_one_is_skipped_for_the_one_before(folder, damage):
    path = folder / "step-00000030.npz"
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[1000] ^= 1
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
    checkpoints = Checkpoints(folder)
    arrays, state = checkpoints.load()
    assert state == {"step": 20}
    np.testing.assert_array_equal(arrays["w"], np.arange(500.0) + 20)
    assert len(checkpoints.skipped) == 1
    assert checkpoints.skipped[0].startswith("step-00000030.npz: ")


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"checkpoints": [7]}'])
def test_without_its_list_the_checkpoints_are_known_by_name(folder, text):
    state_file = folder / "state.json"
    if text is None:
        state_file.unlink()
    else:
        state_file.write_text(text)
    (folder / "step-00000030.npz").write_bytes(b"cut off")
    checkpoints = Checkpoints(folder)
    arrays, state = checkpoints.load()
    assert state == {"step": 20}
    np.testing.assert_array_equal(arrays["w"], np.arange(500.0) + 20)
    assert checkpoints.skipped[0].startswith("step-00000030.npz: ")
    checkpoints.save(40, {"w": np.zeros(1)}, {"step": 40})
    assert Checkpoints(folder).load()[1] == {"step": 40}


def test_with_none_that_is_sound_it_starts_anew(folder):
    for path in folder.glob("*.npz"):
        path.write_bytes(b"not an archive")
    checkpoints = Checkpoints(folder)
    assert checkpoints.load() is None
    assert len(checkpoints.skipped) == 2
    (folder / "state.json").write_text("{")
    assert Checkpoints(folder).load() is None


def test_what_a_kill_left_half_written_is_not_seen_and_goes(folder):
    (folder / "step-00000040.npz.partial").write_bytes(b"half")
    checkpoints = Checkpoints(folder)
    assert checkpoints.load()[1] == {"step": 30}
    checkpoints.save(40, {"w": np.zeros(1)}, {"step": 40})
    assert not list(folder.glob("*.partial"))
    assert checkpoints.load()[1] == {"step": 40}


def test_nothing_saved_is_none(tmp_path):
    assert Checkpoints(tmp_path / "new").load() is None
