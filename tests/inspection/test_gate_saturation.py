import numpy as np
import pytest
from tiny_char_model import TEXT, TinyCharModel

from kerasrnn.inspection import (
    Recording,
    gate_saturation,
    gate_saturation_figure,
    record,
)

BLUE = np.array([0x25, 0x63, 0xA8]) / 255


def test_fractions_are_counted_for_each_unit():
    gate = np.array([[0.05, 0.95, 0.1], [0.2, 0.99, 0.9], [0.0, 0.5, 0.5]])
    layers = [{"hidden": gate, "update_gate": gate, "reset_gate": 1 - gate}]
    (found,) = gate_saturation(Recording("abc", layers, ["gru"]))
    assert set(found) == {"update_gate", "reset_gate"}
    np.testing.assert_allclose(found["update_gate"].left, [2 / 3, 0, 0])
    np.testing.assert_allclose(found["update_gate"].right, [0, 2 / 3, 0])
    np.testing.assert_allclose(found["reset_gate"].right, [2 / 3, 0, 0])


@pytest.mark.parametrize(
    ("cell", "gates"),
    [
        ("lstm", {"input_gate", "forget_gate", "output_gate"}),
        ("gru", {"update_gate", "reset_gate"}),
    ],
)
def test_gates_of_a_model_by_layer(cell, gates):
    recording = record(TinyCharModel(cell, scale=6), TEXT)
    found = gate_saturation(recording)
    assert [set(layer) for layer in found] == [gates] * 2
    for layer, arrays in zip(found, recording.layers, strict=True):
        for name in gates:
            left, right = layer[name]
            np.testing.assert_allclose(left, np.mean(arrays[name] < 0.1, axis=0))
            np.testing.assert_allclose(right, np.mean(arrays[name] > 0.9, axis=0))
    assert max(layer[name].left.max() for layer in found for name in gates) > 0.1


def test_the_figure_has_a_point_for_each_unit(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    path = tmp_path / "gates.png"
    few = Recording("ab", [{"update_gate": np.array([[0.0], [1.0]])}], ["gru"])
    seen = image.imread(gate_saturation_figure(few, path))
    places = np.argwhere((seen[..., 2] - seen[..., 0]) > 0.2)
    # One point, in the middle of the diagonal.
    assert 0 < len(places) and np.ptp(places, axis=0).max() < 25
    draw = np.random.default_rng(0)
    many = Recording(
        "a" * 20, [{"update_gate": draw.random((20, 50))}] * 2, ["gru"] * 2
    )
    both = image.imread(gate_saturation_figure({"few": few, "many": many}, path))
    assert both.shape[0] == 2 * seen.shape[0] and both.shape[1] == seen.shape[1]


def test_what_has_no_gates_is_named(tmp_path):
    recording = record(TinyCharModel("simple_rnn"), TEXT)
    with pytest.raises(ValueError, match=r"must hold gates, .* hidden"):
        gate_saturation(recording)
    with pytest.raises(ValueError, match="must be a Recording; got a list"):
        gate_saturation([recording])
    with pytest.raises(ValueError, match="one recording or more; got none"):
        gate_saturation_figure({}, tmp_path / "a.png")
