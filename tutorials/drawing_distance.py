"""The drawings of tutorial 12; nothing in here is needed to use kerasrnn."""

import matplotlib.pyplot as plt
from drawing import BLUE, GREEN, INK, ORANGE, PALE, QUIET

COLOURS = (BLUE, ORANGE, GREEN, QUIET, INK)


def races(history, part):
    """Bits over time, and over what was read: {name: [(seconds, parts, bits)]}."""
    figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.6), sharey=True)
    for colour, (name, rows) in zip(COLOURS, history.items(), strict=False):
        seconds, counts, bits = zip(*rows, strict=True)
        read = [count * part / 1e6 for count in counts]
        best = bits.index(min(bits))
        for axes, x in zip(panels, (seconds, read), strict=True):
            axes.plot(x, bits, color=colour, linewidth=2, label=name)
            axes.plot(x[best], bits[best], "o", color=colour)
    lowest = min(row[2] for rows in history.values() for row in rows)
    panels[0].set_ylim(lowest - 0.05, lowest + 1.2)
    panels[0].set_ylabel("bits per character, held back")
    panels[0].set_xlabel("seconds of training")
    panels[1].set_xlabel("million characters read")
    panels[0].set_title("at equal time")
    panels[1].set_title("at equal reading")
    panels[1].legend(labelcolor="linecolor")
    figure.tight_layout()
    plt.show()


def known(distances, shares, chance):
    """Which share is right over so many words: {name: shares}."""
    figure, axes = plt.subplots(figsize=(8, 3.6))
    axes.axhline(chance, color=PALE, linewidth=1.5, zorder=0)
    axes.annotate("chance", (distances[0], chance), va="bottom", ha="left", color=QUIET)
    for number, (name, right) in enumerate(shares.items()):
        colour = COLOURS[number]
        # Lines that would cover one another are set apart a little.
        places = [distance + 0.4 * number for distance in distances]
        axes.plot(
            places, right, "o-", color=colour, linewidth=2, markersize=5, label=name
        )
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("words between the noun and its return")
    axes.set_ylabel("share right")
    axes.legend(labelcolor="linecolor")
    figure.tight_layout()
    plt.show()


def gained(bits, places):
    """Bits a letter that names take less when they come again: {name: values}."""
    figure, axes = plt.subplots(figsize=(8, 3.6))
    axes.axhline(0, color=PALE, linewidth=1.5, zorder=0)
    for colour, (name, values) in zip(COLOURS, bits.items(), strict=False):
        axes.plot(places, values, "o-", color=colour, linewidth=2, label=name)
    axes.set_xlabel("characters since the name was read")
    axes.set_ylabel("bits a letter less than at first")
    axes.legend(labelcolor="linecolor")
    figure.tight_layout()
    plt.show()
