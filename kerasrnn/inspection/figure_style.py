"""How every figure of kerasrnn looks."""

import contextlib
import importlib.util
import pathlib

INK = "#1f2933"
QUIET = "#7b8794"
BLUE = "#2563a8"
ORANGE = "#d9822b"

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


def require_matplotlib():
    """Say at once, not after minutes of training, that figures cannot be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError(
            "Figures need matplotlib, which comes with the extra `plot`: "
            "pip install 'kerasrnn[plot]'."
        )


@contextlib.contextmanager
def new_figure(width: float, height: float, columns: int = 1):
    """A figure and its axes; needs no screen, and leaves no figure open."""
    require_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, figure.subplots(1, columns)


def save(figure, path) -> pathlib.Path:
    """Write the figure to a PNG file, whose folder is made where it is missing."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path
