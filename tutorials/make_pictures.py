"""Draw the pictures of the README and of the translators' cards from shipped presets.

    python tutorials/make_pictures.py [NAME ...]

Names are `attention`, `cell`, `samples` and `lengths`; default all. Needs the extras
`plot` and `translate`. The first three go into `pictures/` beside this file; the last
compares both translators by the length of verses, and takes minutes.
"""

import argparse
import pathlib
import warnings

import drawing_language
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_documents, load_translation
from kerasrnn.inspection import (
    attention_maps_figure,
    bleu_by_length_figure,
    find_cells,
    found_cells_figure,
    translation_attention,
)
from kerasrnn.training.translation.translation import bleu_by_length
from kerasrnn.zoo import CharLanguageModel, Seq2Seq, Seq2SeqAttention

FOLDER = pathlib.Path(__file__).with_name("pictures")
VERSE = "The people went out of the city, and came to the king."
TRANSLATORS = {
    "with attention": (Seq2SeqAttention, "translate-en-es"),
    "without": (Seq2Seq, "translate-en-es-no-attention"),
}


def attention():
    """Where a translator looked, for each word that it wrote."""
    model = Seq2SeqAttention.from_preset("translate-en-es")
    maps = translation_attention(model, [VERSE], max_length=40, merge_pieces=True)
    attention_maps_figure(*maps, FOLDER / "attention.png")


def cell():
    """A text of C, coloured by the cell that is on inside comments."""
    model = CharLanguageModel.from_preset("chars-kernel-c")
    text = [document[:12_000] for document in load_documents("kernel_c", "test")[:8]]
    found = find_cells(model, text)
    found_cells_figure(
        model,
        text,
        found,
        FOLDER / "cell.png",
        most=["inside a comment"],
        characters=300,
    )


def samples():
    """What a character model wrote at first, later, and later still."""
    path = load_recipe("chars-shakespeare").folder / "samples.md"
    titles = ("Before training", "After 300 steps", "After 8,000 steps")
    drawing_language.samples_page(path, most_lines=5, titles=titles)
    plt.savefig(FOLDER / "samples.png", dpi=150)


def lengths():
    """BLEU of both translators by the length of verses, as their recipes judge them."""
    test = load_translation("bible_en_es", "test", max_words=40)
    rows = {}
    for label, (model_class, name) in TRANSLATORS.items():
        recipe = load_recipe(name)
        model = model_class.from_preset(name)
        found = model.generate(
            test.sources.tolist(), verbose=0, **recipe.config["evaluation"]
        )
        rows[label] = bleu_by_length(test.sources, test.targets, found)
        told = [row["bleu"] for row in recipe.results["runs"][0]["bleu_by_length"]]
        # Rounding on another machine turns a word here and there.
        np.testing.assert_allclose([row["bleu"] for row in rows[label]], told, atol=0.5)
        for row in rows[label]:
            print(label, row)
    for _, name in TRANSLATORS.values():
        path = load_recipe(name).folder / "figures" / "bleu_by_length.png"
        bleu_by_length_figure(rows, path)


PICTURES = {each.__name__: each for each in (attention, cell, samples, lengths)}


def main():
    """Draw the pictures that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)}"
    )
    names = parser.parse_args().names or [*PICTURES]
    matplotlib.use("Agg")
    warnings.filterwarnings("ignore", message=".*non-interactive")
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        PICTURES[name]()
        print(name)


if __name__ == "__main__":
    main()
