"""How every figure of kerasrnn looks."""

import contextlib
import importlib.util
import pathlib

INK = "#1f2933"
QUIET = "#7b8794"
BLUE = "#2563a8"
ORANGE = "#d9822b"
PALE = "#eff3f8"
DARK = "#0b2a55"

STYLE = {
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": "#cbd2d9",
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.dpi": 150,
}


def require_matplotlib() -> None:
    """Say at once, not after minutes of training, that figures cannot be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError(
            "Figures need matplotlib, which comes with the extra `plot`: "
            "pip install 'kerasrnn[plot]'."
        )


@contextlib.contextmanager
def empty_figure(
    width: float,
    height: float,
    fonts=("DejaVu Sans",),
    *,
    formulas: bool = False,
    **options,
):
    """A figure without axes; needs no screen, and leaves no figure open.

    Args:
        width: in inches.
        height: in inches.
        fonts: families, those that are asked first before the others.
        formulas: whether a `$` in a text begins a formula; only for a figure whose
            texts are all our own.
        **options: of `matplotlib.figure.Figure`.
    """
    require_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {**STYLE, "font.family": list(fonts), "text.parse_math": formulas}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), **options)
        FigureCanvasAgg(figure)
        yield figure


@contextlib.contextmanager
def new_figure(width: float, height: float, columns: int = 1, fonts=("DejaVu Sans",)):
    """A figure and its axes, side by side."""
    with empty_figure(width, height, fonts, layout="constrained") as figure:
        yield figure, figure.subplots(1, columns)


def save(figure, path) -> pathlib.Path:
    """Write the figure to a PNG file, whose folder is made where it is missing."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def sequential_colours():
    """A colour map from pale to dark blue, in steps that are equal to the eye.

    The steps are equal in Oklab, where distances are differences that are seen.

    Reference: Ottosson 2020, "A perceptual color space for image processing".
    """
    import numpy as np
    from matplotlib.colors import ListedColormap, to_rgb

    to_cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )

    def seen(colour):
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
        # One more matrix makes Oklab of it, in which a straight line in equal steps
        # is one here as well.
        return np.cbrt(to_cones @ linear)

    share = np.linspace(0, 1, 256)[:, None]
    steps = (1 - share) * seen(PALE) + share * seen(DARK)
    linear = np.clip(steps**3 @ np.linalg.inv(to_cones).T, 0, 1)
    rgb = np.where(
        linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear
    )
    return ListedColormap(rgb, name="pale_to_dark")
