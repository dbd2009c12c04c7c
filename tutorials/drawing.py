"""The drawings of the tutorials; nothing in here is needed to use kerasrnn."""

import os
import textwrap

import drawing_korean  # noqa: F401  It draws in Korean where it is asked to.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator

INK = "#1f2933"
QUIET = "#7b8794"
PALE = "#e4e7eb"
BLUE = "#2563a8"
ORANGE = "#d9822b"
GREEN = "#3a8f5c"
INPUT, STATE, OUTPUT = "#f3c793", "#a9c6e8", "#a8d5b8"

STYLE = {
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": "#cbd2d9",
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.dpi": 100,
}
plt.rcParams.update(STYLE)


def box(axes, x, y, colour, text="", width=0.6, height=0.6, gid=None):
    """Draw a rounded box around (x, y)."""
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=colour,
            edgecolor=INK,
            linewidth=1,
        )
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=10, gid=gid)


def arrow(axes, start, end, colour=INK):
    """Draw an arrow from the edge of one box to the edge of another."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=9,
            color=colour,
            linewidth=1.1,
            shrinkA=0,
            shrinkB=0,
        )
    )


def blank(axes, x, y):
    """Make the axes a sheet of paper with equal scales."""
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.set_aspect("equal")
    axes.axis("off")


def unrolled(steps=4):
    """One recurrent layer as a loop, and the same loop laid out over its steps."""
    _, axes = plt.subplots(figsize=(9, 2.9))
    blank(axes, (-1.2, 8.6), (-1.8, 1.9))
    box(axes, 0, 0, STATE, "h")
    box(axes, 0, -1.3, INPUT, "$x_t$")
    arrow(axes, (0, -1.0), (0, -0.3), ORANGE)
    axes.add_patch(
        FancyArrowPatch(
            (0.18, 0.3),
            (-0.18, 0.3),
            connectionstyle="arc3,rad=2.2",
            arrowstyle="-|>",
            mutation_scale=9,
            color=BLUE,
            linewidth=1.1,
        )
    )
    axes.text(0, 1.15, "U", ha="center", color=BLUE)
    axes.text(0.12, -0.68, "W", color=ORANGE)
    axes.text(1.35, 0, "=", ha="center", va="center", fontsize=20)
    first = 3.0
    box(axes, first - 0.75, 0, "white", "0", 0.4, 0.4)
    arrow(axes, (first - 0.55, 0), (first + 0.2, 0), BLUE)
    for t in range(steps):
        x = first + 0.5 + 1.4 * t
        box(axes, x, 0, STATE, f"$h_{t + 1}$")
        box(axes, x, -1.3, INPUT, f"$x_{t + 1}$")
        arrow(axes, (x, -1.0), (x, -0.3), ORANGE)
        axes.text(x + 0.1, -0.7, "W", color=ORANGE, fontsize=9)
        if t + 1 < steps:
            arrow(axes, (x + 0.3, 0), (x + 1.1, 0), BLUE)
            axes.text(x + 0.7, 0.14, "U", color=BLUE, ha="center", fontsize=9)
    middle = first + 0.5 + 0.7 * (steps - 1)
    axes.text(
        middle, 0.95, "the same W, U and b at every step", ha="center", color=QUIET
    )
    plt.show()


# Name, example, steps, steps with an input, steps with an output.
SHAPES = [
    ("one to one", "no recurrence:\na Dense layer", 1, [0], [0]),
    ("one to many", "picture\nto caption", 3, [0], [0, 1, 2]),
    ("many to one", "review\nto sentiment", 3, [0, 1, 2], [2]),
    ("many to many", "sentence\nto translation", 5, [0, 1, 2], [2, 3, 4]),
    ("many to many, synced", "word\nto its label", 3, [0, 1, 2], [0, 1, 2]),
]


def five_shapes(marked=None):
    """The shapes of recurrent networks: which steps read, which steps answer.

    The one that is called `marked` is drawn on a coloured ground.
    """
    widths = [steps + 0.9 for _, _, steps, _, _ in SHAPES]
    figure, panels = plt.subplots(
        1, 5, figsize=(11, 3.3), gridspec_kw={"width_ratios": widths}
    )
    for axes, (name, example, steps, reads, answers) in zip(
        panels, SHAPES, strict=True
    ):
        blank(axes, (-0.95, steps - 0.05), (-2.6, 2.3))
        if name == marked:
            ground = Rectangle(
                (-0.6, -2.6), steps + 0.2, 4.9, color=PALE, alpha=0.6, zorder=0
            )
            axes.add_patch(ground)
        middle = (steps - 1) / 2
        for t in range(steps):
            box(axes, t, 0, STATE)
            if t in reads:
                box(axes, t, -1.2, INPUT)
                arrow(axes, (t, -0.9), (t, -0.3))
            if t in answers:
                box(axes, t, 1.2, OUTPUT)
                arrow(axes, (t, 0.3), (t, 0.9))
            if t + 1 < steps:
                arrow(axes, (t + 0.3, 0), (t + 0.7, 0))
        axes.text(middle, 1.9, name, ha="center", weight="bold")
        axes.text(middle, -1.75, example, ha="center", va="top", color=QUIET)
    for y, label in ((1.2, "output"), (0, "state"), (-1.2, "input")):
        panels[0].text(-0.5, y, label, ha="right", va="center", color=QUIET)
    figure.subplots_adjust(left=0.05, right=0.99, top=0.98, bottom=0.02, wspace=0.08)
    plt.show()


def tensor(axes, values, title, returned=None, ylabel=""):
    """A (T, features) tensor as a picture: time to the right, features down.

    Steps that are not in `returned` are drawn pale: they are computed, and thrown away.
    """
    steps, features = values.shape
    axes.imshow(values.T, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for t in range(steps):
        if returned is not None and t not in returned:
            cover = Rectangle((t - 0.5, -0.5), 1, features, color="white", alpha=0.82)
            axes.add_patch(cover)
    if returned is not None and len(returned):
        low, high = min(returned), max(returned)
        frame = Rectangle(
            (low - 0.5, -0.5),
            high - low + 1,
            features,
            fill=False,
            edgecolor=INK,
            linewidth=2,
            clip_on=False,
            zorder=5,
        )
        axes.add_patch(frame)
    axes.set_title(title)
    axes.set_ylabel(ylabel)
    axes.set_yticks([])
    axes.set_xticks(range(steps), [str(t + 1) for t in range(steps)])
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def returned_tensors(inputs, outputs, state):
    """What a layer reads, and what it returns with each combination of arguments.

    A returned output has a black frame, a returned state a blue one.
    """
    steps = len(inputs)
    figure, panels = plt.subplots(3, 2, figsize=(10, 6.8))
    panels[0, 1].axis("off")
    tensor(panels[0, 0], padded(inputs), "the input x: (T, D)", ylabel="features D")
    panels[0, 0].set_xlabel("time step")
    panels[0, 0].set_xticks(range(steps), [str(t + 1) for t in range(steps)])
    combinations = [
        ("SimpleRNN(4): (U,)", [steps - 1], False),
        ("return_state=True: (U,) and (U,)", [steps - 1], True),
        ("return_sequences=True: (T, U)", range(steps), False),
        ("both True: (T, U) and (U,)", range(steps), True),
    ]
    labels = [str(t + 1) for t in range(steps)]
    for axes, (title, returned, with_state) in zip(
        panels[1:].flat, combinations, strict=True
    ):
        shown = padded(outputs, state if with_state else None)
        tensor(axes, shown, title, returned=returned, ylabel="units U")
        for patch in list(axes.patches):  # nothing to cover beside the outputs
            if patch.get_x() > steps - 1 and not patch.get_linewidth() > 1.5:
                patch.remove()
        axes.set_xticks(range(steps), labels)
        if with_state:
            frame = Rectangle((steps + 0.5, -0.5), 1, len(state), fill=False)
            frame.set(edgecolor=BLUE, linewidth=2, clip_on=False)
            axes.add_patch(frame)
            axes.set_xticks([*range(steps), steps + 1], [*labels, "state"])
    figure.tight_layout(h_pad=1.5)
    plt.show()


def padded(values, state=None):
    """Steps (T, U), a gap, and a state (U,) or room for it, so that panels align."""
    last = np.full(values.shape[1], np.nan) if state is None else state
    return np.concatenate([values, np.full((1, values.shape[1]), np.nan), last[None]])


def masked_outputs(rows, masks, outputs):
    """The outputs of one sequence under several paddings, masked steps hatched."""
    figure, panels = plt.subplots(
        len(rows), 1, figsize=(8, 1.35 * len(rows)), sharex=True
    )
    for axes, name, mask, output in zip(panels, rows, masks, outputs, strict=True):
        tensor(axes, output, name)
        for t, valid in enumerate(mask):
            if not valid:
                axes.add_patch(
                    Rectangle(
                        (t - 0.5, -0.5),
                        1,
                        output.shape[1],
                        facecolor="none",
                        edgecolor=QUIET,
                        hatch="////",
                        linewidth=0,
                    )
                )
    panels[-1].set_xlabel("time step (hatched: masked)")
    figure.tight_layout()
    plt.show()


def curves(panels):
    """Line charts side by side: {title: {line label: values}}, labelled on the line."""
    figure, all_axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.2))
    for axes, (title, lines) in zip(
        np.atleast_1d(all_axes), panels.items(), strict=True
    ):
        highest = max(lines, key=lambda label: lines[label][-1])
        for colour, (label, values) in zip((QUIET, BLUE), lines.items(), strict=True):
            epochs = range(1, len(values) + 1)
            axes.plot(epochs, values, color=colour, marker="o", markersize=3.5, lw=2)
            axes.annotate(
                label,
                (len(values), values[-1]),
                xytext=(6, 4 if label == highest else -4),
                textcoords="offset points",
                color=colour,
                va="bottom" if label == highest else "top",
            )
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.margins(y=0.15)
        axes.set_xlim(0.8, max(len(v) for v in lines.values()) * 1.28)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    figure.tight_layout()
    plt.show()


def reading(sentences):
    """How the judgement moves while words are read: [(words, probabilities)]."""
    figure, panels = plt.subplots(
        len(sentences), 1, figsize=(9, 1.9 * len(sentences)), sharey=True
    )
    for axes, (words, scores) in zip(np.atleast_1d(panels), sentences, strict=True):
        steps = range(len(words))
        axes.axhline(0.5, color=PALE, linewidth=1.5, zorder=0)
        axes.plot(steps, scores, color=QUIET, linewidth=1.5, zorder=1)
        colours = [GREEN if score > 0.5 else ORANGE for score in scores]
        axes.scatter(steps, scores, c=colours, s=45, zorder=2)
        axes.set_xticks(steps, words, color=INK)
        axes.tick_params(axis="x", length=0)
        axes.set_ylim(-0.08, 1.08)
        axes.set_yticks([0, 0.5, 1], ["negative", "", "positive"])
    figure.tight_layout()
    plt.show()


def translators(source=("the", "light", "shines"), target=("la", "luz", "brilla")):
    """A translator with one state for all, and one with a context vector a word."""
    steps, shift = len(source), len(source) + 0.9
    figure, panels = plt.subplots(2, 1, figsize=(7.5, 6))
    for axes, attends in zip(panels, (False, True), strict=True):
        blank(axes, (-0.6, 1.3 * (shift + steps - 0.5)), (-1.9, 2.1))
        for t, word in enumerate(source):
            x = 1.3 * t
            box(axes, x, 0, STATE, f"$h_{t + 1}$")
            box(axes, x, -1.4, INPUT, word, width=0.95)
            arrow(axes, (x, -1.1), (x, -0.3))
            if t + 1 < steps:
                arrow(axes, (x + 0.3, 0), (x + 1.0, 0), BLUE)
        last, first = 1.3 * (steps - 1), 1.3 * shift
        arrow(axes, (last + 0.3, 0), (first - 0.3, 0), BLUE)
        for t, word in enumerate(target):
            x = first + 1.3 * t
            box(axes, x, 0, STATE, f"$d_{t + 1}$")
            box(axes, x, 1.4, OUTPUT, word, width=0.95)
            box(axes, x, -1.4, INPUT, ("start", *target)[t], width=0.95)
            arrow(axes, (x, -1.1), (x, -0.3))
            arrow(axes, (x, 0.3), (x, 1.1))
            if t + 1 < steps:
                arrow(axes, (x + 0.3, 0), (x + 1.0, 0), BLUE)
        if attends:
            # The context vector of the first word: the states by their weights.
            middle = last / 2
            box(axes, middle, 1.4, "white", "$c_1$")
            for t, weight in enumerate((0.8, 0.15, 0.05)):
                start, end = (1.3 * t, 0.3), (middle + 0.17 * (t - 1), 1.1)
                axes.add_patch(
                    FancyArrowPatch(
                        start,
                        end,
                        arrowstyle="-|>",
                        mutation_scale=9 + 5 * weight,
                        color=ORANGE,
                        linewidth=0.8 + 4 * weight,
                        shrinkA=0,
                        shrinkB=0,
                    )
                )
                side = {0: "right", 1: "left", 2: "left"}[t]
                axes.text(
                    start[0] + {0: 0.1, 1: 0.08, 2: 0.02}[t],
                    0.72,
                    f"{weight:g}",
                    ha=side,
                    va="center",
                    color=ORANGE,
                    size=9,
                )
            arrow(axes, (middle + 0.3, 1.4), (first - 0.48, 1.4), ORANGE)
            axes.text(
                (middle + first) / 2,
                1.55,
                "context vector of “la”",
                ha="center",
                va="bottom",
                color=ORANGE,
            )
            axes.set_title("with attention: each word has a context vector of its own")
        else:
            middle = (last + first) / 2
            axes.text(middle, 0.3, "all that", ha="center", va="bottom", color=BLUE)
            axes.text(middle, -0.3, "is known", ha="center", va="top", color=BLUE)
            axes.set_title("without: one state for the whole sentence")
    figure.tight_layout()
    plt.show()


def captioners(words=("a", "red", "apple")):
    """A captioner that is told once what it sees, and one that looks at every word."""
    figure, panels = plt.subplots(2, 1, figsize=(7.5, 6.2))
    places = [
        (0.5 * column - 0.5, 0.5 * row - 0.5)
        for row in (2, 1, 0)
        for column in range(3)
    ]
    for axes, attends in zip(panels, (False, True), strict=True):
        blank(axes, (-1.2, 8.2), (-1.9, 2.1))
        for x, y in places:
            box(axes, x, y, INPUT, width=0.44, height=0.44)
        axes.text(0, -1.05, "L places of\nthe picture", ha="center", va="top")
        first = 3.4
        for t, word in enumerate(words):
            x = first + 1.6 * t
            box(axes, x, 0, STATE, f"$d_{t + 1}$")
            box(axes, x, 1.4, OUTPUT, word, width=0.95)
            box(axes, x, -1.4, INPUT, ("start", *words)[t], width=0.95)
            arrow(axes, (x, -1.1), (x, -0.3))
            arrow(axes, (x, 0.3), (x, 1.1))
            if t + 1 < len(words):
                arrow(axes, (x + 0.3, 0), (x + 1.3, 0), BLUE)
        arrow(axes, (0.8, 0), (first - 0.3, 0), BLUE)
        axes.text(1.95, -0.12, "their mean", ha="center", va="top", color=BLUE)
        if attends:
            # Where the last word looks.
            looks = (0, 0, 0, 0.2, 0.3, 0, 0.7, 0.9, 0)
            for (x, y), weight in zip(places, looks, strict=True):
                if weight:
                    axes.add_patch(
                        FancyArrowPatch(
                            (x, y + 0.1),
                            (first + 1.6 * (len(words) - 1) - 0.15, 0.34),
                            connectionstyle="arc3,rad=-0.17",
                            arrowstyle="-|>",
                            mutation_scale=11,
                            color=ORANGE,
                            alpha=0.25 + 0.75 * weight,
                            linewidth=0.6 + 2.5 * weight,
                        )
                    )
            axes.set_title("with attention: every word looks at all places")
        else:
            axes.set_title("without: one look, before the first word")
    figure.tight_layout()
    plt.show()


def truncated(chunks=3, steps=4):
    """States go on from chunk to chunk, the gradient ends where its chunk begins."""
    _, axes = plt.subplots(figsize=(10, 2.7))
    width = steps * 1.0 + 0.9
    blank(axes, (-1.0, chunks * width - 0.1), (-1.5, 1.55))
    for chunk in range(chunks):
        first = chunk * width
        ground = Rectangle(
            (first - 0.5, -0.65), steps, 1.3, color=PALE, alpha=0.7, zorder=0
        )
        axes.add_patch(ground)
        middle = first + (steps - 1) / 2
        axes.text(middle, 1.2, f"chunk {chunk + 1}", ha="center", weight="bold")
        for t in range(steps):
            box(axes, first + t, 0, STATE, width=0.5, height=0.5)
            if t + 1 < steps:
                arrow(axes, (first + t + 0.25, 0.1), (first + t + 0.75, 0.1), BLUE)
                arrow(axes, (first + t + 0.75, -0.1), (first + t + 0.25, -0.1), ORANGE)
        if chunk + 1 < chunks:
            start, end = first + steps - 0.75, first + width - 0.25
            arrow(axes, (start, 0.1), (end, 0.1), BLUE)
            axes.plot([end, end - 0.5], [-0.1, -0.1], color=ORANGE, linewidth=1.1)
            axes.plot(end - 0.6, -0.1, marker="x", color=ORANGE, markersize=8, mew=2)
        style = {"ha": "center", "va": "center", "color": QUIET}
        axes.text(middle, -1.1, "one step of\nthe optimizer", **style)
    axes.text(-0.5, 0.8, "states", color=BLUE)
    axes.text(0.75, 0.8, "gradients", color=ORANGE)
    plt.show()


def pictures(images, texts, columns=6):
    """Pictures (height, width, 3), 0 to 255, in rows, each with a text below."""
    rows = -(-len(images) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(1.75 * columns, 2.3 * rows), squeeze=False
    )
    for axes in panels.flat:
        axes.axis("off")
    for axes, image, text in zip(panels.flat, images, texts, strict=False):
        axes.imshow(np.asarray(image).astype("uint8"))
        text = "\n".join(textwrap.wrap(text, 22)[:3])
        axes.set_title(text, y=-0.06, va="top", loc="center", weight="normal", size=9)
    figure.tight_layout()
    show_photographs()


def alike(image, similarity, place):
    """A picture with its places, and how much each is like one of them."""
    cells = similarity.shape[0]
    side = len(image)
    figure, (*panels, scale) = plt.subplots(
        1, 3, figsize=(7.2, 3.5), gridspec_kw={"width_ratios": [1, 1, 0.04]}
    )
    panels[0].imshow(image.astype("uint8"))
    lines = np.arange(1, cells) * side / cells
    panels[0].hlines(lines, 0, side, color="white", linewidth=1)
    panels[0].vlines(lines, 0, side, color="white", linewidth=1)
    panels[0].hlines(lines, 0, side, color=QUIET, linewidth=0.4)
    panels[0].vlines(lines, 0, side, color=QUIET, linewidth=0.4)
    panels[0].set_title(f"{cells} × {cells} places")
    shown = panels[1].imshow(similarity, cmap="Blues", vmin=0, vmax=1)
    panels[1].set_title("like the one in the frame")
    for axes, size in zip(panels, (side, cells), strict=True):
        row, column = (size * p / cells for p in place)
        low = 0 if size == side else -0.5
        corner = (column + low, row + low)
        style = {"fill": False, "edgecolor": ORANGE, "linewidth": 2.5}
        axes.add_patch(Rectangle(corner, size / cells, size / cells, **style))
        axes.axis("off")
    bar = figure.colorbar(shown, cax=scale)
    bar.set_label("cosine of the angle")
    bar.outline.set_visible(False)
    figure.tight_layout()
    plt.show()


def page(path, photographs=True):
    """A figure that was written to a PNG file, as it is."""
    image = plt.imread(path)
    height, width = image.shape[:2]
    figure = plt.figure(figsize=(width / 150, height / 150), dpi=150)
    figure.set_label(str(path))  # by which its Korean twin is found
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image, interpolation="none", aspect="auto")
    axes.axis("off")
    # What PNG needs so much for has photographs in it, where there may be some.
    large = os.path.getsize(path) > 150_000
    show_photographs() if photographs and large else plt.show()


def show_photographs():
    """Show the figure, and in a notebook as JPEG, which is much smaller."""
    if "inline" not in plt.get_backend():
        plt.show()
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("jpeg", pil_kwargs={"quality": 75})
    plt.show()
    set_matplotlib_formats("png")
