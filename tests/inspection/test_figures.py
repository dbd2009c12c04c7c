import numpy as np
import pytest

pytest.importorskip("matplotlib")
import matplotlib.image

from kerasrnn.inspection import confusion_matrix_figure, learning_curve_figure

BLUE = np.array([0x25, 0x63, 0xA8]) / 255
ORANGE = np.array([0xD9, 0x82, 0x2B]) / 255


def share_of(image, colour):
    return (abs(image[..., :3] - colour).max(axis=-1) < 0.03).mean()


def test_a_sure_class_is_a_blue_cell(tmp_path):
    path = confusion_matrix_figure([[9, 0], [0, 7]], ["no", "yes"], tmp_path / "a.png")
    diagonal = matplotlib.image.imread(path)
    path = confusion_matrix_figure([[5, 4], [3, 4]], ["no", "yes"], tmp_path / "b.png")
    unsure = matplotlib.image.imread(path)
    # Two of four cells, of a square that is most of the figure.
    assert 0.2 < share_of(diagonal, BLUE) < 0.5
    assert share_of(unsure, BLUE) < 0.01


def test_the_kept_epoch_is_marked(tmp_path):
    history = [
        {"loss": 1 / n, "accuracy": 1 - 1 / n, "val_loss": 1.1 / n, "val_accuracy": 0.4}
        for n in range(1, 6)
    ]
    marked = learning_curve_figure(
        history, tmp_path / "figures" / "a.png", kept_epoch=3
    )
    plain = learning_curve_figure(history, tmp_path / "b.png")
    assert share_of(matplotlib.image.imread(marked), ORANGE) > 0.001
    assert share_of(matplotlib.image.imread(plain), ORANGE) == 0
    assert share_of(matplotlib.image.imread(plain), BLUE) > 0.002


def test_bits_per_character_are_not_drawn_twice_as_the_loss(tmp_path, monkeypatch):
    from kerasrnn.inspection import learning_curve

    titles = []

    def save(figure, path):
        titles.extend(axes.get_title("left") for axes in figure.axes)
        return path

    monkeypatch.setattr(learning_curve, "save", save)
    epoch = {"loss": 2.0, "val_loss": 2.0}
    bits = {"bits_per_character": 2.9, "val_bits_per_character": 2.9}
    learning_curve_figure([epoch | bits] * 3, tmp_path / "a.png")
    assert titles == ["bits per character"]
    titles.clear()
    learning_curve_figure([epoch | {"val_cider_d": 0.6}] * 3, tmp_path / "a.png")
    assert titles == ["loss", "CIDEr-D"]


def test_counts_and_labels_must_fit(tmp_path):
    with pytest.raises(ValueError, match=r"`counts` must have shape .*=\(3, 3\)"):
        confusion_matrix_figure([[1, 2], [3, 4]], ["a", "b", "c"], tmp_path / "a.png")
    with pytest.raises(ValueError, match="`history` must hold"):
        learning_curve_figure([], tmp_path / "a.png")
