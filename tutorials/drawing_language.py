"""The drawings of tutorials 4 and 5; nothing in here is needed to use kerasrnn."""

import pathlib
import re

import matplotlib.pyplot as plt
import numpy as np
from drawing import (
    BLUE,
    GREEN,
    INK,
    INPUT,
    ORANGE,
    OUTPUT,
    PALE,
    QUIET,
    STATE,
    arrow,
    blank,
    box,
)
from matplotlib.patches import Rectangle

MONO = "DejaVu Sans Mono"  # it comes with matplotlib
FEED = "↵"


def shown(letter):
    """A letter as it can be seen."""
    return {"\n": FEED, " ": "␣", "": "·"}.get(letter, letter)


def hello(word, letters, inputs, hidden, logits):
    """The slide: one-hot letters in, hidden states, logits out, all with numbers."""
    steps = len(inputs)
    _, axes = plt.subplots(figsize=(9.5, 5.2))
    blank(axes, (-2.6, 2.6 * steps - 0.9), (-1.2, 8.0))

    def column(x, y, values, colour, marked=None):
        height = 0.42 * len(values) + 0.12
        box(axes, x, y, colour, width=1.1, height=height)
        for k, value in enumerate(values):
            at = y + 0.42 * ((len(values) - 1) / 2 - k)
            text = f"{value:.0f}" if colour == INPUT else f"{value:.1f}"
            style = {"weight": "bold", "color": "#1c6b3c"} if k == marked else {}
            axes.text(x, at, text, ha="center", va="center", **style)

    for t in range(steps):
        x, target = 2.6 * t, letters.index(word[t + 1])
        column(x, 0.5, inputs[t], INPUT)
        column(x, 3.3, hidden[t], STATE)
        column(x, 6.1, logits[t], OUTPUT, marked=target)
        arrow(axes, (x, 1.45), (x, 2.55))
        arrow(axes, (x, 4.05), (x, 5.15))
        if t:
            arrow(axes, (x - 2.05, 3.3), (x - 0.55, 3.3), BLUE)
        axes.text(x, -0.85, f'"{word[t]}"', ha="center", size=12)
        axes.text(
            x,
            7.35,
            f'"{word[t + 1]}"',
            ha="center",
            size=12,
            color="#1c6b3c",
            weight="bold",
        )
        for k, letter in enumerate(letters if not t else ""):
            for y in (0.5, 6.1):
                at = y + 0.42 * ((len(letters) - 1) / 2 - k)
                axes.text(-0.72, at, letter, ha="right", va="center", color=QUIET)
    axes.text(0.12, 2.0, "W", color=INK, va="center")
    axes.text(0.12, 4.6, "W$_o$", color=INK, va="center")
    axes.text(1.3, 3.45, "U", color=BLUE, ha="center")
    for y, name in (
        (7.5, "target"),
        (6.1, "logits"),
        (3.3, "hidden state"),
        (0.5, "input"),
        (-0.7, "letter"),
    ):
        axes.text(-1.25, y, name, ha="right", va="center", color=QUIET)
    plt.show()


def streams(batches, decode):
    """The letters that each row has in each batch; a new document is marked."""
    rows, chunk = batches[0][1].shape
    figure, axes = plt.subplots(figsize=(11, 0.62 * rows + 1.0))
    axes.set_xlim(-1.6, len(batches) * (chunk + 1))
    axes.set_ylim(rows + 0.1, -1.5)
    axes.axis("off")
    for number, ((_, fresh), targets, weights) in enumerate(batches):
        first = number * (chunk + 1)
        axes.text(
            first + (chunk - 1) / 2,
            -1.0,
            f"batch {number + 1}",
            ha="center",
            weight="bold",
        )
        for row in range(rows):
            ground = Rectangle(
                (first - 0.5, row - 0.36), chunk, 0.72, color=PALE, alpha=0.6, zorder=0
            )
            axes.add_patch(ground)
            if fresh[row]:
                edge = [first - 0.5, first - 0.5]
                axes.plot(edge, [row - 0.36, row + 0.36], color=GREEN, linewidth=4)
            elif number and weights[row].any():
                style = {"arrowstyle": "-|>", "color": BLUE, "linewidth": 1.3}
                axes.annotate(
                    "", (first - 0.4, row), (first - 1.6, row), arrowprops=style
                )
            for t in range(chunk):
                if weights[row, t]:
                    letter = decode(targets[row, t : t + 1])
                    colour = QUIET if letter in "\n " else INK
                    axes.text(
                        first + t,
                        row,
                        shown(letter),
                        ha="center",
                        va="center",
                        family=MONO,
                        color=colour,
                        size=10,
                    )
    for row in range(rows):
        axes.text(-1.0, row, f"row {row + 1}", ha="right", va="center", color=QUIET)
    legend = {"va": "center", "size": 9}
    axes.text(0, -1.55, "green: a zero state", color=GREEN, **legend)
    axes.text(chunk * 0.9, -1.55, "arrow: the state goes on", color=BLUE, **legend)
    figure.tight_layout()
    plt.show()


def gradient_ends(text, whole, cut, chunk):
    """How much one letter's loss depends on each letter before it."""
    figure, axes = plt.subplots(figsize=(9, 3.2))
    places = np.arange(len(text))
    axes.bar(places, whole, color=PALE, edgecolor=QUIET, width=0.8, label="through all")
    axes.bar(places, cut, color=ORANGE, width=0.8, label="truncated")
    axes.set_yscale("log")
    axes.axvline(chunk - 1.5, color=INK, linewidth=1)
    style = {"transform": axes.get_xaxis_transform(), "color": INK, "va": "top"}
    axes.text(chunk - 1.7, 0.98, "chunk 1", ha="right", **style)
    axes.text(chunk - 1.3, 0.98, "chunk 2", ha="left", **style)
    axes.set_xticks(places, [shown(letter) for letter in text], family=MONO)
    axes.tick_params(axis="x", length=0, labelcolor=INK)
    axes.set_ylim(whole[whole > 0].min() / 3, whole.max() * 8)
    axes.legend(loc="upper left")
    axes.set_title("gradient of the next letter's loss at each letter read")
    figure.tight_layout()
    plt.show()


def samples_of(path):
    """The samples of a page that `TextSamples` wrote: [(title, text)]."""
    page = pathlib.Path(path).read_text("utf-8")
    return re.findall(r"## ([^\n]*)\n\n````text\n(.*?)\n````", page, re.DOTALL)


def samples_page(path, width=88, most_lines=7, titles=None):
    """The samples of a page, one below the other, from before training to the last.

    Of some only, where their `titles` are given.
    """
    samples = []
    for title, text in samples_of(path):
        if titles and title not in titles:
            continue
        lines = []
        for line in text.split("\n"):
            line = "".join(c if c.isprintable() else "·" for c in line)
            lines += [line[at : at + width] for at in range(0, len(line), width)] or [
                ""
            ]
        samples.append((title, lines[:most_lines]))
    line, head, gap = 0.2, 0.3, 0.32
    height = sum(head + line * len(lines) + gap for _, lines in samples)
    figure = plt.figure(figsize=(9.5, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 9.5), ylim=(height, 0))
    axes.axis("off")
    y = 0.1
    for number, (title, lines) in enumerate(samples):
        axes.text(0.2, y, title.lower(), va="top", weight="bold", color=INK, size=11)
        if number:
            style = {"arrowstyle": "-|>", "color": ORANGE, "linewidth": 1.5}
            axes.annotate("", (0.08, y + 0.12), (0.08, y - 0.3), arrowprops=style)
        y += head
        ground = Rectangle(
            (0.15, y - 0.04), 9.2, line * len(lines) + 0.08, color=PALE, alpha=0.45
        )
        axes.add_patch(ground)
        for text in lines:
            axes.text(
                0.3, y + 0.02, text, va="top", family=MONO, size=9, parse_math=False
            )
            y += line
        y += gap
    plt.show()


def bits(peers):
    """Bits per character of several models, as bars."""
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(peers) + 0.9))
    names = list(peers)[::-1]
    colours = {
        "this model, a hundred letters at a time": "#a9c6e8",
        "this model, state carried": BLUE,
        "the preset without its cache": "#f3c793",
        "the preset with its cache": ORANGE,
    }
    values = [peers[name] for name in names]
    axes.barh(
        names, values, color=[colours.get(n, "#cbd2d9") for n in names], height=0.62
    )
    for at, value in enumerate(values):
        axes.text(value + 0.06, at, f"{value:.2f}", va="center", color=INK)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_title("bits per character of the test text: fewer is better")
    axes.set_xlim(0, max(values) * 1.1)
    axes.spines["left"].set_visible(False)
    figure.tight_layout()
    plt.show()


def temperatures(letters, by_temperature, prompt, most=12):
    """The distribution of the next letter at several temperatures."""
    figure, panels = plt.subplots(
        1, len(by_temperature), figsize=(10, 3.2), sharey=True
    )
    middle = list(by_temperature.values())[len(by_temperature) // 2]
    order = np.argsort(-middle)[:most]
    for axes, (tau, p) in zip(panels, by_temperature.items(), strict=True):
        axes.bar(range(most), p[order], color=BLUE, width=0.75)
        rest = 1 - p[order].sum()
        axes.bar(most + 0.5, rest, color="#cbd2d9", width=0.75)
        labels = [*(shown(letters[k]) for k in order), "others"]
        axes.set_xticks([*range(most), most + 0.5], labels)
        axes.get_xticklabels()[-1].set_rotation(90)
        axes.tick_params(axis="x", length=0, labelcolor=INK)
        axes.set_title(f"temperature {tau:g}")
    panels[0].set_ylabel("probability")
    panels[0].set_ylim(0, 1)
    line = prompt.rsplit("\n", 1)[-1]
    figure.suptitle(f"after “{line}”", x=0.01, ha="left", color=QUIET, size=10)
    figure.tight_layout()
    plt.show()


def guesses(text, letters, p, most=5):
    """The best guesses at each letter of a text; the letter that came is framed."""
    steps = len(text)
    figure, axes = plt.subplots(figsize=(min(12, 0.22 * steps + 1), 2.4))
    order = np.argsort(-p, axis=1)[:, :most]  # (T, most)
    shades = np.take_along_axis(p, order, axis=1).T
    axes.imshow(shades**0.6, cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
    style = {"ha": "center", "va": "center", "family": MONO, "size": 9}
    for t, letter in enumerate(text):
        axes.text(t, -1.0, shown(letter), **{**style, "weight": "bold", "size": 10})
        for k in range(most):
            guess = letters[order[t, k]]
            dark = shades[k, t] > 0.6
            axes.text(t, k, shown(guess), color="white" if dark else INK, **style)
            if guess == letter:
                frame = Rectangle(
                    (t - 0.5, k - 0.5),
                    1,
                    1,
                    fill=False,
                    edgecolor=ORANGE,
                    linewidth=1.8,
                )
                axes.add_patch(frame)
    axes.set_yticks(range(most), [f"guess {k + 1}" for k in range(most)])
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_ylim(most - 0.5, -1.6)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    plt.show()


def activations(text, values, upper):
    """Units over the characters of a text: (T, units), in two groups."""
    steps, units = values.shape
    figure, axes = plt.subplots(figsize=(11, 0.2 * units + 1.1))
    gap = np.full((steps, 1), np.nan)
    image = np.concatenate([values[:, :upper], gap, values[:, upper:]], axis=1)
    axes.imshow(image.T, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    letters = [shown(c) if c != "\t" else "⇥" for c in text]
    axes.set_xticks(range(steps), letters, family=MONO, size=8)
    axes.tick_params(length=0, labelcolor=INK)
    names = ["slowest", "quickest"]
    axes.set_yticks([(upper - 1) / 2, upper + (units - upper + 1) / 2], names)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_title("tanh(c) of sixteen units")
    figure.tight_layout()
    plt.show()


def features(text, by_name):
    """A text, and below it what each of its characters is inside of."""
    figure, axes = plt.subplots(figsize=(11, 0.26 * len(by_name) + 0.7))
    axes.set(xlim=(-0.5, len(text) - 0.5), ylim=(len(by_name) - 0.4, -1.6))
    for t, letter in enumerate(text):
        letter = "⇥" if letter == "\t" else shown(letter)
        quiet = letter in (FEED, "␣", "⇥")
        colour = "#b8c1cb" if quiet else INK
        style = {"ha": "center", "va": "center", "family": MONO, "parse_math": False}
        axes.text(t, -1.0, letter, size=8.5, color=colour, **style)
    for row, values in enumerate(by_name.values()):
        axes.plot(
            [-0.5, len(text) - 0.5], [row, row], color=PALE, linewidth=1, zorder=0
        )
        for t in np.flatnonzero(values):
            axes.add_patch(Rectangle((t - 0.5, row - 0.32), 1, 0.64, color=BLUE, lw=0))
    axes.set_yticks(range(len(by_name)), by_name)
    axes.tick_params(length=0, labelcolor=INK)
    axes.set_xticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    plt.show()


def control(panels):
    """Scores of trained units beside random ones: {title: {feature: (score, score)}}."""
    heights = [len(panel) + 1.2 for panel in panels.values()]
    figure, all_axes = plt.subplots(
        len(panels), 1, figsize=(8.5, 0.3 * sum(heights) + 0.6), height_ratios=heights
    )
    lowest = min(
        0.48, *(min(pair) for panel in panels.values() for pair in panel.values())
    )
    for axes, (title, panel) in zip(
        np.atleast_1d(all_axes), panels.items(), strict=True
    ):
        names = list(panel)[::-1]
        for row, name in enumerate(names):
            score, by_chance = panel[name]
            axes.plot(
                [by_chance, score], [row, row], color="#cbd2d9", linewidth=2, zorder=1
            )
            axes.scatter(by_chance, row, color=QUIET, s=38, zorder=2)
            axes.scatter(score, row, color=BLUE, s=38, zorder=3)
        axes.axvline(0.9, color=ORANGE, linewidth=1, linestyle=":", zorder=0)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.set(xlim=(lowest - 0.03, 1.01), ylim=(-0.7, len(names) - 0.3))
        axes.set_title(title)
        axes.spines["left"].set_visible(False)
    top, last = np.atleast_1d(all_axes)[[0, -1]]
    last.set_xlabel("AUC on text that did not choose the unit")
    style = {
        "transform": top.transAxes,
        "va": "bottom",
        "ha": "right",
        "weight": "bold",
    }
    top.text(0.8, 1.02, "random weights", color=QUIET, **style)
    top.text(0.92, 1.02, "trained", color=BLUE, **style)
    figure.tight_layout()
    plt.show()
