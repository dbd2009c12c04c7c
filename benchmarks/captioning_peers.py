"""Are the captions of the presets better than those of the nearest training pictures?

    python benchmarks/captioning_peers.py [--features FOLDER] [--write README]

The test split of `stamps_and_emoji`. The peers: for each picture the caption of the
training picture whose features of EfficientNet-Lite0, the mean over all locations, are
nearest by cosine; and of the nearest few the caption that is nearest to the others by
CIDEr-D. The control: everyone's captions given to other pictures.
Scores are of the stamps (drawings and photographs), of the emoji, and of the emoji
without those that only add a skin tone to another.
"""

import argparse

import numpy as np
from timing import Report, number

from kerasrnn.metrics import caption_scores
from kerasrnn.training.captioning.nearest_captions import (
    nearest_neighbour_captions,
    pooled,
)

DATA, SPLIT = "stamps_and_emoji", "test"
PRESETS = ("caption-stamps", "caption-stamps-attention")
SEVERAL = 5
STAMPS = ("drawing", "photograph")
COLUMNS = {
    "BLEU-1": "bleu_1",
    "BLEU-2": "bleu_2",
    "BLEU-3": "bleu_3",
    "BLEU-4": "bleu_4",
    "CIDEr-D": "cider_d",
}


def subsets(test):
    """Which pictures each group of rows of the table is of, by name."""
    stamps = [n for n, kind in enumerate(test.kinds) if kind in STAMPS]
    emoji = [n for n, kind in enumerate(test.kinds) if kind == "emoji"]
    plain = [n for n in emoji if not test.variants[n]]
    return {"stamps": stamps, "emoji without skin tones": plain, "emoji": emoji}


def print_table(report, test, sides, split=SPLIT):
    """Scores of each side's captions of each subset; gives them by subset and side.

    Args:
        report: A `Report`.
        test: The pictures, as `load_captions` gives them.
        sides: Name to the captions of all pictures.
        split: What the pictures are called.
    """
    report.head([f"{split} pictures", "captions", *COLUMNS, "exact match"])
    found = {}
    for subset, rows in subsets(test).items():
        if not rows:
            continue
        references = [list(test.captions[row]) for row in rows]
        for side, captions in sides.items():
            scores = caption_scores([captions[row] for row in rows], references)
            values = [number(scores[name]) for name in COLUMNS.values()]
            exact = f"{100 * scores['exact_match']:.1f}%"
            report.row([f"{subset} ({len(rows)})", side, *values, exact])
            found[subset, side] = scores
    report.line()
    report.line(f"`{scores['signature']}`")
    return found


def shuffled(captions, seed=0):
    """The same captions for other pictures."""
    order = np.random.default_rng(seed).permutation(len(captions))
    return [captions[row] for row in order]


def main():
    # Here, so that the functions above need neither.
    from kerasrnn.data import load_captions
    from kerasrnn.fetching import cache_directory
    from kerasrnn.vision import ImageEncoder, cached_features
    from kerasrnn.zoo import Task, load_recipe

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--language", default="en", help="en (the default) or ko")
    options.add_argument("--features", metavar="FOLDER", help="where they are kept")
    options.add_argument("--write", metavar="README", help="put the table there too")
    arguments = options.parse_args()
    folder = arguments.features or cache_directory() / "features"
    encoder = ImageEncoder()
    train, test = (
        load_captions(DATA, split, config=arguments.language)
        for split in ("train", SPLIT)
    )
    grids = [cached_features(encoder, split, folder) for split in (train, test)]
    known, asked = map(pooled, grids)
    nearest, of_several = (
        nearest_neighbour_captions(known, train.captions, asked, k)
        for k in (1, SEVERAL)
    )
    report = Report("captioning_peers", arguments.write)
    report.machine()
    report.line(
        f"`{DATA}/{arguments.language}`: {len(train)} pictures to take captions from, "
        f"{len(test)} to test."
    )
    report.line()
    sides = {
        "of the nearest picture": nearest,
        f"the consensus of the nearest {SEVERAL}": of_several,
        "of the nearest picture, shuffled": shuffled(nearest),
    }
    if arguments.language == "en":
        for name in PRESETS:
            search = dict(load_recipe(name).config["evaluation"])
            del search["groups"]
            found = Task.from_preset(name).generate(grids[1], verbose=0, **search)
            sides |= {f"`{name}`": found, f"`{name}`, shuffled": shuffled(found)}
    print_table(report, test, sides)
    report.close()


if __name__ == "__main__":
    main()
