"""Are the captions of the presets better than those of peers with the same features?

    python benchmarks/captioning_peers.py [--write README]

On the test pictures of the recipes, group by group, without emoji that only add a skin
tone to another. All sides see what EfficientNet-Lite0 makes of the pictures; the peers
see the mean over all places, and learn from no other skin tones either:

- the caption of the training picture whose features are nearest by cosine,
- of the nearest five the caption that is nearest to the others by CIDEr-D,
- a softmax over all captions of the training pictures, a linear layer with dropout,
  trained by Adam; its rate of dropout and its epochs are chosen on validation.

The control: everyone's captions given to other pictures.
"""

import argparse
import itertools

import keras
import numpy as np
from timing import Report, number

from kerasrnn.metrics import caption_scores
from kerasrnn.training.captioning.nearest_captions import nearest_neighbour_captions

# Of the same pictures; the last one attends.
PRESETS = ("caption-stamps", "caption-stamps-attention")
SEVERAL = 5
# Of the softmax over captions.
DROPOUTS, EPOCHS = (0.3, 0.6, 0.8), (5, 10, 20, 40)
COLUMNS = {
    "BLEU-1": "bleu_1",
    "BLEU-2": "bleu_2",
    "BLEU-3": "bleu_3",
    "BLEU-4": "bleu_4",
    "CIDEr-D": "cider_d",
}


def print_table(report, references, groups, sides):
    """Scores of each side's captions of each group; gives them by group and side.

    Args:
        report: A `Report`.
        references: Of each picture its captions.
        groups: Name to the rows of a group's pictures.
        sides: Name to the captions of all pictures.
    """
    report.head(["test pictures", "captions", *COLUMNS, "exact match"])
    found = {}
    for group, rows in groups.items():
        of_group = [list(references[row]) for row in rows]
        for side, captions in sides.items():
            scores = caption_scores([captions[row] for row in rows], of_group)
            values = [number(scores[name]) for name in COLUMNS.values()]
            exact = f"{100 * scores['exact_match']:.1f}%"
            report.row([f"{group} ({len(rows)})", side, *values, exact])
            found[group, side] = scores
    report.line()
    report.line(f"`{scores['signature']}`")
    return found


def shuffled(captions, seed=0):
    """The same captions for other pictures."""
    order = np.random.default_rng(seed).permutation(len(captions))
    return [captions[row] for row in order]


def softmax_captions(train, captions, asked, judge):
    """Captions by a softmax over all captions that there are.

    Args:
        train: (N, D) features.
        captions: Of each its main caption.
        asked: Features of validation and test pictures.
        judge: Gives a score of captions of the validation pictures; higher is better.

    Returns:
        What the best one says of the test pictures, and its dropout and epochs.
    """
    names, labels = np.unique(captions, return_inverse=True)
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-3
    train, *asked = ((x - mean) / deviation for x in (train, *asked))
    best = (-np.inf, None, None)
    for dropout in DROPOUTS:
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.layers.Dropout(dropout),
                keras.layers.Dense(len(names), kernel_initializer="zeros"),
            ]
        )
        model.compile(
            keras.optimizers.Adam(1e-3),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        for before, epochs in itertools.pairwise((0, *EPOCHS)):
            model.fit(
                train,
                labels,
                initial_epoch=before,
                epochs=epochs,
                batch_size=64,
                verbose=0,
            )
            of_validation, of_test = (
                names[model.predict(x, batch_size=256, verbose=0).argmax(axis=1)]
                for x in asked
            )
            found = (judge(of_validation), of_test.tolist(), (dropout, epochs))
            best = max(best, found, key=lambda some: some[0])
    return best[1:]


def main():
    # Here, so that the functions above need neither.
    from kerasrnn.training.captioning.caption_scores import scores_of_groups
    from kerasrnn.training.captioning.captioning import Captioning
    from kerasrnn.zoo import Task, load_recipe

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--write", metavar="README", help="put the table there too")
    arguments = options.parse_args()
    # One that attends sees all places; the peers and the others take their mean.
    task = Captioning(load_recipe(PRESETS[-1]).config)
    plain = np.flatnonzero(~np.array(task.splits["train"].variants))
    train = task.splits["train"].select(plain)
    validation, test = task.splits["validation"], task.splits["test"]
    known = task.pooled_features("train")[plain]
    asked = [task.pooled_features(part) for part in ("validation", "test")]

    def judge(captions):
        scores = scores_of_groups(
            captions, validation.captions, task.groups("validation")
        )
        return np.mean([of_group["cider_d"] for of_group in scores.values()])

    nearest, of_several = (
        nearest_neighbour_captions(known, train.captions, asked[1], k)
        for k in (1, SEVERAL)
    )
    softmax, (dropout, epochs) = softmax_captions(
        known, [captions[0] for captions in train.captions], asked, judge
    )
    sides = {
        "of the nearest picture": nearest,
        f"the consensus of the nearest {SEVERAL}": of_several,
        f"a softmax over captions (dropout {dropout}, {epochs} epochs)": softmax,
        "of the nearest picture, shuffled": shuffled(nearest),
    }
    for name in PRESETS:
        model = Task.from_preset(name)
        search = dict(load_recipe(name).config["evaluation"])
        del search["groups"]
        found = model.generate(task.features["test"], verbose=0, **search)
        sides |= {f"`{name}`": found, f"`{name}`, shuffled": shuffled(found)}
    report = Report("captioning_peers", arguments.write)
    report.machine()
    report.line(f"{len(train)} pictures to take captions from, {len(test)} to test.")
    report.line()
    print_table(report, test.captions, task.groups("test"), sides)
    report.close()


if __name__ == "__main__":
    main()
