"""The drawings of tutorial 6; nothing in here is needed to use kerasrnn."""

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
from matplotlib.colors import LinearSegmentedColormap

COLOURS = (BLUE, QUIET, ORANGE, GREEN)


def back_through_time(steps=4):
    """A layer over its steps: states go forward, the error goes back."""
    _, axes = plt.subplots(figsize=(9, 3.4))
    blank(axes, (-1.2, 2.0 * steps + 0.6), (-1.9, 1.9))
    for t in range(steps):
        x, name = 2.0 * t, "T" if t == steps - 1 else f"T-{steps - 1 - t}"
        box(axes, x, 0, STATE, f"$h_{{{name}}}$", width=0.8)
        box(axes, x, -1.5, INPUT, f"$x_{{{name}}}$", width=0.8)
        arrow(axes, (x, -1.2), (x, -0.3))
        arrow(axes, (x - (1.6 if t else 1.1), 0.13), (x - 0.4, 0.13), BLUE)
        if t:
            arrow(axes, (x - 0.4, -0.13), (x - 1.6, -0.13), ORANGE)
            axes.text(
                x - 1, -0.22, f"$J_{{{name}}}$", ha="center", va="top", color=ORANGE
            )
            axes.text(x - 1, 0.22, "U", ha="center", va="bottom", color=BLUE)
        axes.text(x, 0.45, f"$\\delta_{{{name}}}$", ha="center", color=ORANGE, size=12)
    last = 2.0 * (steps - 1)
    box(axes, last + 1.9, 0, OUTPUT, "L")
    arrow(axes, (last + 0.4, 0.13), (last + 1.6, 0.13), BLUE)
    arrow(axes, (last + 1.6, -0.13), (last + 0.4, -0.13), ORANGE)
    axes.text(-0.4, 1.5, "forward: the states", color=BLUE)
    axes.text(
        2.7, 1.5, "backward: the error, times a matrix at every step", color=ORANGE
    )
    plt.show()


def stretched(matrices, steps=(0, 1, 2, 4, 8)):
    """What powers of 2 × 2 matrices make of all directions."""
    figure, panels = plt.subplots(
        len(matrices), len(steps), figsize=(10, 2.0 * len(matrices))
    )
    directions = np.linspace(0, 2 * np.pi, 17)[:-1]
    circle = np.stack([np.cos(directions), np.sin(directions)], axis=1)
    around = np.linspace(0, 2 * np.pi, 200)
    outline = np.stack([np.cos(around), np.sin(around)], axis=1)
    wheel = LinearSegmentedColormap.from_list(
        "wheel", [BLUE, GREEN, ORANGE, "#a83252", BLUE]
    )
    hues = wheel(np.linspace(0, 1, 17)[:-1])
    for line, (value, matrix) in zip(panels, matrices.items(), strict=True):
        for axes, count in zip(line, steps, strict=True):
            power = np.linalg.matrix_power(matrix, count)
            arrows, edge = circle @ power.T, outline @ power.T
            axes.plot(*outline.T, color=PALE, linewidth=1, zorder=0)
            axes.plot(*edge.T, color=QUIET, linewidth=0.8)
            for (x, y), hue in zip(arrows, hues, strict=True):
                axes.plot([0, x], [0, y], color=hue, linewidth=1.3)
            axes.set_aspect("equal")
            axes.set(xlim=(-2.7, 2.7), ylim=(-2.7, 2.7), xticks=[], yticks=[])
            for side in ("left", "bottom"):
                axes.spines[side].set_visible(False)
            largest = np.linalg.norm(power, 2)
            axes.text(0, -2.85, f"× {largest:.2g}", ha="center", va="top", color=QUIET)
            if axes in panels[0]:
                axes.set_title(f"{count} step{'s' * (count != 1)}", loc="center")
        line[0].set_ylabel(f"$\\sigma_1$ = {value}", size=11, labelpad=8)
    figure.tight_layout()
    plt.show()


def spectra(products, bound):
    """Singular values of products over more and more steps, a panel for each."""
    figure, panels = plt.subplots(1, len(products), figsize=(10, 3.6), sharey=True)
    for axes, (name, values) in zip(panels, products.items(), strict=True):
        steps = np.arange(1, len(values) + 1)
        shown = np.where(values < 1e-12, np.nan, values)
        axes.semilogy(steps, shown[:, 3::4], color="#9db8d8", linewidth=0.9)
        axes.semilogy(steps, shown[:, 0], color=ORANGE, linewidth=2)
        axes.semilogy(steps, bound**steps, ":", color=INK, linewidth=1.2)
        axes.axhline(1, color=PALE, zorder=0)
        axes.set_title(name)
        axes.set_xlabel("steps back, k")
        axes.set_xlim(1, len(values))
    panels[0].set_ylabel("singular values of the product")
    panels[0].set_ylim(1e-10, 1e5)
    for axes, values in zip(panels, products.values(), strict=True):
        k = len(values) // 2
        axes.annotate(
            "the largest",
            (k, values[k - 1, 0]),
            xytext=(0, 8),
            textcoords="offset points",
            color=ORANGE,
        )
    style = {"xytext": (-8, 4), "textcoords": "offset points", "ha": "right"}
    panels[0].annotate("the bound", (k, bound**k), color=INK, **style)
    figure.tight_layout()
    plt.show()


def below_at_above(flows):
    """Norms over the steps for several σ₁, beside the bounds; a panel for each."""
    figure, panels = plt.subplots(1, len(flows), figsize=(10, 3.5), sharey=True)
    for axes, (name, lines) in zip(panels, flows.items(), strict=True):
        for colour, (value, norms) in zip(COLOURS, lines.items(), strict=False):
            steps = np.arange(1, len(norms) + 1)
            axes.semilogy(
                steps, norms, color=colour, linewidth=2, label=f"$\\sigma_1$ = {value}"
            )
            bound = value ** (len(norms) - steps).astype(float)
            axes.semilogy(steps, bound, ":", color=colour, linewidth=1.3)
        axes.set_title(name)
        axes.set_xlabel("step t")
        axes.set_xlim(1, len(norms))
    handles, labels = panels[0].get_legend_handles_labels()
    panels[0].legend(
        handles[::-1], labels[::-1], loc="lower right", labelcolor="linecolor"
    )
    panels[0].set_ylabel(
        r"$\Vert\partial L/\partial h_t\Vert\;/\;\Vert\partial L/\partial h_T\Vert$"
    )
    figure.tight_layout()
    plt.show()


def cliff(loss_and_gradient, ways):
    """The error surface of one unit, and the ways down it, clipped or not."""
    w, b = np.linspace(3.7, 6.5, 400), np.linspace(-3.3, -1.4, 400)
    W, B = np.meshgrid(w, b)
    losses = loss_and_gradient(W, B)[0]
    figure = plt.figure(figsize=(10.5, 4.3))
    surface = figure.add_subplot(1, 2, 1, projection="3d")
    scale = LinearSegmentedColormap.from_list("loss", ["#f7f9fc", "#a9c6e8", BLUE])
    surface.plot_surface(
        W, B, losses, cmap=scale, rcount=130, ccount=130, linewidth=0, antialiased=False
    )
    surface.view_init(elev=32, azim=-124)
    surface.set(xlabel="w", ylabel="b", zlabel="L", title="the loss of one unit")
    surface.set_box_aspect((1, 1, 0.6), zoom=0.95)
    for axis in (surface.xaxis, surface.yaxis, surface.zaxis):
        axis.set_pane_color((1, 1, 1, 1))
        axis.set_major_locator(plt.MaxNLocator(4))
    surface.tick_params(labelsize=8)
    axes = figure.add_subplot(1, 2, 2)
    axes.contourf(W, B, losses, levels=24, cmap=scale)
    axes.set(xlim=(w[0], w[-1]), ylim=(b[0], b[-1]), xlabel="w", ylabel="b")
    for clipnorm, way in ways.items():
        colour = ORANGE if clipnorm is None else INK
        style = {"marker": "o", "markersize": 2.5, "linewidth": 1.2, "color": colour}
        axes.plot(*way.T, **style, zorder=3 if clipnorm is None else 2)
        outside = [p for p in way if not (w[0] < p[0] < w[-1] and b[0] < p[1] < b[-1])]
        end = (
            f"as it is: off to ({outside[0][0]:.0f}, {outside[0][1]:.0f})"
            if outside
            else "clipped"
        )
        place = (4.45, -3.2) if outside else (3.85, -1.65)
        axes.text(
            *place, end, color="white" if outside else INK, ha="left", weight="bold"
        )
    axes.plot(*way[0], "o", color="white", markeredgecolor=INK, markersize=8, zorder=4)
    axes.set_title("two ways down, seen from above")
    figure.subplots_adjust(left=0, right=0.98, bottom=0.12, top=0.92, wspace=0.12)
    plt.show()


def learning(panels):
    """The losses of several trainings, each named at its end: {title: {name: losses}}."""
    figure, all_axes = plt.subplots(
        1, len(panels), figsize=(8 if len(panels) == 1 else 10.5, 3.6), sharey=True
    )
    ends = []
    for axes, (title, curves) in zip(
        np.atleast_1d(all_axes), panels.items(), strict=True
    ):
        colours = COLOURS if len(curves) > 2 else (BLUE, ORANGE)
        longest = max(len(losses) for losses in curves.values())
        for colour, (name, losses) in zip(colours, curves.items(), strict=False):
            sane = np.isfinite(losses) & (losses < 1e8)
            end = len(losses) if sane.all() else int(np.argmin(sane))
            smooth = losses[:end] if end < longest else smoothed(losses)
            batches = np.arange(1, end + 1)
            axes.semilogy(batches, losses[:end], color=colour, linewidth=0.6, alpha=0.3)
            axes.semilogy(batches, smooth, color=colour, linewidth=2)
            if end < longest:
                axes.plot(end, smooth[-1], "x", color=colour, markersize=9)
            ends.append((axes, end, smooth[-1], name, colour))
        axes.set_xlim(0, longest * (1.2 if len(panels) == 1 else 1.42))
        axes.set_title(title)
        axes.set_xlabel("batch")
    np.atleast_1d(all_axes)[0].set_ylabel("squared error")
    low, high = np.log10(axes.get_ylim())
    for axes in np.atleast_1d(all_axes):
        axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= longest])
        of_axes = [found for found in ends if found[0] is axes]
        for end in {found[1] for found in of_axes}:
            names = sorted(
                (found for found in of_axes if found[1] == end), key=lambda f: f[2]
            )
            heights = apart(
                np.log10([value for _, _, value, _, _ in names]),
                0.065 * (high - low),
                high,
            )
            for (_, _, _, name, colour), height in zip(names, heights, strict=True):
                axes.annotate(
                    name,
                    (end, 10.0**height),
                    xytext=(8, 0),
                    textcoords="offset points",
                    color=colour,
                    va="center",
                    annotation_clip=False,
                )
    figure.tight_layout()
    plt.show()


def apart(heights, gap, highest):
    """Rising heights moved apart where two are closer than the gap, none too high."""
    moved = []
    for height in heights:
        moved.append(max([height, *(m + gap for m in moved[-1:])]))
    # Down again from the top, where there was no room above.
    for number in range(len(moved) - 1, -1, -1):
        above = moved[number + 1] - gap if number + 1 < len(moved) else highest - gap
        moved[number] = min(moved[number], above)
    return moved


def smoothed(losses, width=9):
    """The median of the last few, on logarithmic scales a fair middle."""
    return np.array(
        [np.median(losses[max(0, k - width + 1) : k + 1]) for k in range(len(losses))]
    )


def kept_by_gate(kept, gates):
    """Norms along the cell state for several forget biases, beside the prediction."""
    scale = LinearSegmentedColormap.from_list("gates", [BLUE, QUIET, ORANGE])
    colours = scale(np.linspace(0, 1, len(kept)))
    figure, axes = plt.subplots(figsize=(8, 3.8))
    axes.axhline(1, color=PALE, zorder=0)
    for colour, (bias, norms) in zip(colours, kept.items(), strict=True):
        k = np.arange(len(norms))
        axes.semilogy(
            k, norms[::-1], color=colour, linewidth=2, label=f"forget bias {bias:.0f}"
        )
        axes.semilogy(k, gates[bias] ** k, ":", color=colour, linewidth=1.4)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="lower left", labelcolor="linecolor")
    axes.set_xlim(0, len(norms) - 1)
    axes.set_xlabel("steps back, k")
    axes.set_ylabel(
        r"$\Vert\partial L/\partial c_{T-k}\Vert\;/\;\Vert\partial L/\partial c_T\Vert$"
    )
    axes.set_title("what an LSTM's open gate keeps")
    figure.tight_layout()
    plt.show()


def how_far_back(lines, chunk):
    """Norms by distance from the loss, and where a chunk would end."""
    figure, axes = plt.subplots(figsize=(8, 3.8))
    layers = sorted({name.split(",")[0] for name in lines})
    for name, norms in lines.items():
        colour = (BLUE, ORANGE, GREEN)[layers.index(name.split(",")[0])]
        style = "-" if name.endswith("h") else ":"
        back = np.arange(len(norms))
        inside, outside = back <= chunk, back >= chunk
        axes.semilogy(
            back[inside], norms[inside], style, color=colour, linewidth=2, label=name
        )
        axes.semilogy(
            back[outside], norms[outside], style, color=colour, linewidth=2, alpha=0.3
        )
    axes.axvline(chunk, color=QUIET, linewidth=1)
    axes.annotate(
        f"cut off in chunks of {chunk}",
        (chunk, axes.get_ylim()[1]),
        xytext=(8, -12),
        textcoords="offset points",
        color=QUIET,
    )
    axes.legend(loc="lower left", labelcolor="linecolor")
    axes.set_xlim(0, len(norms) - 1)
    axes.set_xlabel("characters back from the loss")
    axes.set_ylabel(
        r"$\Vert\partial L/\partial h\Vert$, $\Vert\partial L/\partial c\Vert$"
    )
    axes.set_title("how far back the error of one character reaches")
    figure.tight_layout()
    plt.show()
