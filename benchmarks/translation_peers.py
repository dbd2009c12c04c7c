"""How good are the translations beside two peers that learn nothing like a network?

    python benchmarks/translation_peers.py [--models FOLDER ...]

The test split of `bible_en_es`, from English to Spanish, at most 40 words a side; what
is learned from has at most 60. The peers: the source itself, untranslated; and for each
verse the Spanish of the training verse whose English is nearest by TF-IDF of words and
pairs of words, among those that the models learn from and among all. BLEU is
sacreBLEU's, of the whole test set and of its first 500 verses. A folder of `--models`
is that of a run or of a recipe; its row is read from its `results.json`.
"""

import argparse
import json
import pathlib

from sklearn.feature_extraction.text import TfidfVectorizer
from timing import Report, number

from kerasrnn.data import load_translation
from kerasrnn.metrics import translation_scores

DATA, MAX_WORDS, TRAIN_WORDS, FIRST = "bible_en_es", 40, 60, 500
# What `results.json` calls the two columns.
METRICS = ("test_bleu", f"test_bleu_{FIRST}")


def nearest_verses(train, texts):
    """The translation of the training source that is nearest to each of `texts`."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    known = vectorizer.fit_transform(train.sources)
    similarity = vectorizer.transform(texts) @ known.T  # (texts, verses), sparse
    return list(train.targets[similarity.toarray().argmax(axis=1)])


def scores(hypotheses, references):
    """BLEU of all and of the first ones, and the signature."""
    found = [translation_scores(hypotheses[:n], references[:n]) for n in (None, FIRST)]
    return [score["bleu"] for score in found], found[0]["bleu_signature"]


def of_run(folder):
    """The two columns of a run's results; None for what it did not measure."""
    path = pathlib.Path(folder) / "results.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    if METRICS[0] not in metrics:
        raise ValueError(f"{path} must hold the metric {METRICS[0]!r}.")
    return [metrics.get(name) for name in METRICS]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--models", nargs="*", default=[], metavar="FOLDER")
    options.add_argument("--write", metavar="README", help="put the table there too")
    arguments = options.parse_args()
    all_train, test = (
        load_translation(DATA, split, languages=("en", "es"))
        for split in ("train", "test")
    )
    train, test = all_train.at_most(TRAIN_WORDS), test.at_most(MAX_WORDS)
    sources, references = list(test.sources), list(test.targets)
    peers = {
        "the source, untranslated": sources,
        "nearest training verse": nearest_verses(train, sources),
        f"nearest of all {len(all_train)} training verses": nearest_verses(
            all_train, sources
        ),
    }
    rows = {}
    for name, hypotheses in peers.items():
        rows[name], signature = scores(hypotheses, references)
    for folder in arguments.models:
        rows[f"`{pathlib.Path(folder).resolve().name}`"] = of_run(folder)
    report = Report("translation_peers", arguments.write)
    report.machine()
    report.line(
        f"`{DATA}`, English to Spanish, at most {MAX_WORDS} words a side: "
        f"{len(test)} verses to test, and {len(train)} of at most {TRAIN_WORDS} to "
        f"learn from. BLEU: `{signature}`."
    )
    report.line()
    report.head(["translation", "BLEU, whole test set", f"first {FIRST} verses"])
    for name, values in rows.items():
        report.row([name, *map(number, values)])
    report.close()


if __name__ == "__main__":
    main()
