"""What does `kerasrnn train` make of a file of one's own, beside a simple method?

    python benchmarks/own_data.py [--sets reviews-2 en-es ...] [--seeds 1 2 3]
        [--from en-de=RECIPE ...] [--small N] [--output FOLDER]

Files as a user has them, made of packages: ratings of sentences from Amazon reviews and
of tweets, from the archive of `movie_snippets`, in two classes (what is near nought is
left out) and in three; and messages of the program GnuCash with their translations,
many of which repeat one another, from its Debian package.

The command is run in a process of its own, for all seeds; the table shows its test
scores, those of the simple peer that it judges beside the network, the standard error
of the peer's accuracy on so many texts, and how long a seed took. It starts from what
it chooses by itself, or from what `--from` says (`en-es=scratch` is from scratch).

`--small N` takes the first N lines of each file and one epoch, to try the script.
"""

import argparse
import dataclasses
import hashlib
import io
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from timing import Report

from kerasrnn.catalogue import metric_text
from kerasrnn.data.movie_snippets import ARCHIVE, INNER_ARCHIVE
from kerasrnn.fetching import PackageFile, fetch
from kerasrnn.fetching.debian_package import fetch_debian, open_debian
from kerasrnn.training.peers import peers_line

CATALOGUES = PackageFile(
    package="gnucash-common",
    version="1:4.13-1",
    filename="gnucash-common_4.13-1_all.deb",
    sha256="8477b415856eb671125ee63ac6a4ee1d23efeca3de6e55e5a14c6ebb32642b31",
    source="gnucash",
)
CATALOGUE = "./usr/share/locale/{}/LC_MESSAGES/gnucash.mo"
MAGIC = 0x950412DE  # of a catalogue in the byte order of this file
WORDS = range(2, 41)  # of a message

COLUMNS = (
    "file",
    "lines",
    "to test",
    "recipe",
    "the network",
    "the simple peer",
    "by chance",
    "the network is",
    "minutes a seed",
)


@dataclasses.dataclass(frozen=True)
class Ratings:
    """Sentences, each with the mean rating of people, from -4 to 4.

    Args:
        file: In the archive.
        classes: 2 leaves out what is rated near nought; 3 calls it "neutral".
        neutral: What is rated less than so far from nought is near it.
    """

    file: str
    classes: int
    neutral: float = 0.5
    recipe: str = "sentiment-movies"
    start: str = ""

    def rows(self):
        """Pairs of a class and a text."""
        with zipfile.ZipFile(fetch(ARCHIVE)) as archive:
            inner = archive.read(INNER_ARCHIVE)
        with tarfile.open(fileobj=io.BytesIO(inner)) as files:
            content = files.extractfile(f"hutto_ICWSM_2014/{self.file}").read()
        return list(self.read(content.decode("utf-8", "replace")))

    def read(self, content):
        """Rows of lines of id, tab, mean rating, tab, text."""
        for line in content.splitlines():
            _, rating, text = line.split("\t", 2)
            label = "positive" if float(rating) > 0 else "negative"
            if abs(float(rating)) < self.neutral:
                label = "neutral"
            if label != "neutral" or self.classes == 3:
                yield label, " ".join(text.split())


@dataclasses.dataclass(frozen=True)
class Messages:
    """Messages of a program and their translations.

    Args:
        language: Into which they are translated.
        count: How many, those with the smallest SHA-1.
    """

    language: str
    count: int
    recipe: str = "translate-en-es"
    start: str = ""

    def rows(self):
        """Pairs of an English and a translated text, each English one once."""
        with open_debian(fetch_debian(CATALOGUES)) as files:
            content = files.extractfile(CATALOGUE.format(self.language)).read()
        return self.chosen(read_catalogue(content))

    def chosen(self, messages):
        pairs = {}
        for source, target in messages:
            source, target = plain(source), plain(target)
            if len(source.split()) in WORDS and target and target != source:
                pairs.setdefault(source, target)
        keys = sorted(pairs, key=lambda text: hashlib.sha1(text.encode()).hexdigest())
        return [(key, pairs[key]) for key in keys[: self.count]]


REVIEWS, TWEETS = (
    "amazonReviewSnippets_GroundTruth.txt",
    "tweets_GroundTruth.txt",
)
SETS = {
    "reviews-2": Ratings(REVIEWS, 2, neutral=0.95),
    "reviews-3": Ratings(REVIEWS, 3),
    "tweets-2": Ratings(TWEETS, 2),
    "tweets-3": Ratings(TWEETS, 3),
    "en-es": Messages("es", 3500, start="translate-en-es"),
    "en-de": Messages("de", 3500),
    "en-ko": Messages("ko", 758),
}


def read_catalogue(content):
    """Messages and translations of a compiled catalogue of GNU gettext.

    Those with a plural, which have several, are left out.
    """
    if struct.unpack("<I", content[:4])[0] != MAGIC:
        raise ValueError("`content` must be a .mo file, least byte first.")
    count, *tables = struct.unpack("<3I", content[8:20])

    def text(table, number):
        size, start = struct.unpack_from("<2I", content, table + 8 * number)
        return content[start : start + size].decode("utf-8")

    for number in range(count):
        source, target = (text(table, number) for table in tables)
        if source and "\0" not in source:
            yield source.rpartition("\x04")[2], target  # without its context


def plain(text):
    """A message on one line, without the marks of the keys that choose it."""
    return " ".join(text.replace("_", "").split())


def train(name, of_set, start, arguments, folder):
    """The results of the command, on a file of this set."""
    rows = of_set.rows()[: arguments.small]
    file = folder / f"{name}.tsv"
    file.write_text("".join(f"{a}\t{b}\n" for a, b in rows), encoding="utf-8")
    command = ["train", of_set.recipe, "--data", str(file)]
    command += ["--output", str(folder / name)]
    command += ["--seed", *map(str, arguments.seeds)]
    command += ["--from", start] if start else []
    command += ["--epochs", "1"] if arguments.small else []
    subprocess.run(
        [sys.executable, "-m", "kerasrnn", *command],
        check=True,
        stdout=sys.stderr,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    text = (folder / name / "results.json").read_text(encoding="utf-8")
    return json.loads(text)


def by_chance(headline, peers, sizes):
    """The standard error of the peer's accuracy on so many test texts."""
    if headline != "test_accuracy" or not peers:
        return "–"
    p = max(peers.values())
    return f"± {math.sqrt(p * (1 - p) / sizes['test']):.1%}"


def row(name, of_set, results):
    """The cells of the table."""
    metrics, headline = results["metrics"], results["headline"]
    peers, score = results["peers"], metrics[headline]
    sizes = results["data"]["examples"]
    verdict = "–"
    if peers:
        verdict = peers_line(peers, headline, score).rpartition("the network is ")[2]
    start = results.get("from", {}).get("preset")
    times = [run["wall_time_s"] / 60 for run in results["runs"]]
    return [
        name,
        f"{sum(sizes.values()):,}",
        f"{sizes['test']:,}",
        f"`{of_set.recipe}`, {f'from `{start}`' if start else 'from scratch'}",
        metric_text(metrics, headline),
        "; ".join(
            f"{peer} {metric_text({headline: value}, headline)}"
            for peer, value in peers.items()
        )
        or "–",
        by_chance(headline, peers, sizes),
        verdict,
        f"{sum(times) / len(times):.1f}",
    ]


def started_from(text):
    name, is_there, start = text.partition("=")
    if name not in SETS or not is_there:
        raise argparse.ArgumentTypeError(
            f"must be SET=PRESET, of {', '.join(SETS)}; got {text!r}"
        )
    return name, start


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS])
    options.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    options.add_argument(
        "--from",
        dest="starts",
        nargs="+",
        type=started_from,
        default=[],
        metavar="SET=PRESET",
        help="what the command starts from; SET=scratch is from scratch",
    )
    options.add_argument("--small", type=int, metavar="N", help="N lines, one epoch")
    options.add_argument(
        "--output",
        metavar="FOLDER",
        help="keep files and runs there, and go on with what is there",
    )
    options.add_argument("--write", metavar="README", help="put the table there too")
    arguments = options.parse_args()
    starts = dict(arguments.starts)
    report = Report("own_data", arguments.write)
    report.machine()
    report.line(
        "Test accuracy, and BLEU of translations by beam search; mean ± standard "
        f"deviation over the seeds {', '.join(map(str, arguments.seeds))}."
    )
    report.line()
    report.head(COLUMNS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(arguments.output or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.sets:
            of_set = SETS[name]
            start = starts.get(name, of_set.start)
            results = train(name, of_set, start, arguments, folder)
            report.row(row(name, of_set, results))
    report.close()


if __name__ == "__main__":
    main()
