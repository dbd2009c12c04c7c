import matplotlib.image
import numpy as np
import pytest

from kerasrnn.inspection import glimpse_animation, glimpses_figure
from kerasrnn.inspection.glimpse_path import _Panels
from kerasrnn.zoo import GlimpseClassifier

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3)).astype("uint8")


@pytest.fixture(scope="module")
def model():
    sizes = {"units": 4, "glimpse_units": 4, "glimpse_size": 5, "look_filters": 4}
    return GlimpseClassifier((20, 30, 3), labels=["$no", "yes"], glimpses=2, **sizes)


def test_windows_are_framed_where_they_are(model, tmp_path):
    panels = _Panels(model, IMAGES, None)
    with panels.figure() as figure:
        panels.draw(figure, 0, 2)
        whole, *windows = figure.axes
        frames = [(p.get_x(), p.get_y(), p.get_width()) for p in whole.patches]
        expected = []
        for row, column in panels.looks.locations[0]:
            y, x = (row + 1) / 2 * 20, (column + 1) / 2 * 30
            for side in (5, 10):
                expected.append((x - side / 2, y - side / 2, side))
        np.testing.assert_allclose(frames, expected, rtol=1e-5)
        assert len(windows) == 2 * 2  # glimpses and scales
        shown = windows[1].images[0].get_array()
        np.testing.assert_allclose(shown, panels.looks.windows[0, 0, 1], atol=1e-6)
        texts = [text.get_text() for text in figure.texts]
        for told, row in zip(texts, panels.looks.probabilities[0], strict=True):
            assert told == f"{model.labels[row.argmax()]} {row.max():.0%}"


def test_the_figure(model, tmp_path):
    path = glimpses_figure(model, IMAGES, ["yes", "$no", "yes"], tmp_path / "a/b.png")
    pixels = matplotlib.image.imread(path)
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 500


def test_the_animation_has_a_frame_for_each_glimpse(model, tmp_path):
    from PIL import Image

    path = glimpse_animation(model, IMAGES, None, tmp_path / "a.gif", seconds=0.5)
    with Image.open(path) as image:
        assert image.n_frames == 3
        times = []
        for frame in range(3):
            image.seek(frame)
            times.append(image.info["duration"])
    assert times == [500, 500, 1500]


@pytest.mark.parametrize("draw", [glimpses_figure, glimpse_animation])
def test_what_cannot_be_drawn(model, tmp_path, draw):
    with pytest.raises(ValueError, match="`images` must be 16 at most"):
        draw(model, np.repeat(IMAGES, 6, axis=0), None, tmp_path / "a.png")
    with pytest.raises(ValueError, match="`labels` must name the class of each of"):
        draw(model, IMAGES, ["yes"], tmp_path / "a.png")
