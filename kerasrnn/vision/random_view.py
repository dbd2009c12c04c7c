import numpy as np
from keras import ops

# How far a view may differ from the picture: degrees, factors, shares of the side and
# of the brightness.
ANGLE, ZOOM, SHIFT, BRIGHTNESS, CONTRAST = 15.0, (0.8, 1.3), 0.08, 0.1, 0.15
WHITE = 255.0


def random_view(images, numbers, *, view: int):
    """Pictures turned, moved, enlarged or made smaller, brighter or darker, a little.

    How is a pure function of a picture's number and of the view, so that a run that
    was killed goes on with the same. What comes into the picture is white.

    Args:
        images: (B, size, size, 3), 0 to 255.
        numbers: (B,) integers, one for each picture.
        view: Number of the view, from 1; view 0 is the picture as it is.

    Returns:
        (B, size, size, 3) float32, 0 to 255.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.vision import random_view
    >>> image = np.zeros((1, 32, 32, 3), "float32")
    >>> bool(np.all(random_view(image, [7], view=0) == image))
    True
    >>> bool(np.all(random_view(image, [7], view=1) == image))
    False
    """
    images = np.asarray(images, "float32")
    if len(images) != len(numbers):
        raise ValueError(
            f"`numbers` must hold one for each of the {len(images)} images; got "
            f"{len(numbers)}."
        )
    if view == 0:
        return images
    draws = [np.random.default_rng([view, int(n)]).uniform(size=6) for n in numbers]
    angle, zoom, right, down, light, contrast = np.array(draws).T  # (B,) each
    angle = np.deg2rad(ANGLE) * (2 * angle - 1)
    zoom = ZOOM[0] * (ZOOM[1] / ZOOM[0]) ** zoom
    centre = (images.shape[1] - 1) / 2
    shift = SHIFT * images.shape[1] * (2 * np.stack([right, down]) - 1)  # (2, B)
    # From a place in the view to that in the picture: round the centre, then moved.
    cosine, sine = np.cos(angle) / zoom, np.sin(angle) / zoom
    x = centre - cosine * centre + sine * centre + shift[0]
    y = centre - sine * centre - cosine * centre + shift[1]
    nothing = np.zeros_like(x)
    transform = np.stack([cosine, -sine, x, sine, cosine, y, nothing, nothing], axis=1)
    views = ops.image.affine_transform(
        images,
        transform.astype("float32"),
        interpolation="bilinear",
        fill_mode="constant",
        fill_value=WHITE,
    )
    views = ops.convert_to_numpy(views)
    factor = (1 + CONTRAST * (2 * contrast - 1))[:, None, None, None]
    added = (WHITE * BRIGHTNESS * (2 * light - 1))[:, None, None, None]
    mean = views.mean(axis=(1, 2, 3), keepdims=True)
    return np.clip(mean + factor * (views - mean) + added, 0, WHITE).astype("float32")
