"""Layers, presets and `predict` work where no extra is installed."""

import os
import subprocess
import sys

import pytest

# `None` in `sys.modules` makes Python say that there is no such module.
BLOCK = """
import sys

import pytest

for name in (
    "tensorflow_datasets", "importlib_resources", "pyarrow",
    "matplotlib", "pyppmd", "pysword", "resvg_py", "sacrebleu", "sklearn",
):
    sys.modules[name] = None
"""
USE = """
import numpy as np
import kerasrnn.data, kerasrnn.inspection, kerasrnn.training, kerasrnn.vision
from kerasrnn.cli import main
from kerasrnn.data import batches_by_length, read_pairs
from kerasrnn.layers import LSTM

print("layer", LSTM(4)(np.ones((2, 5, 3), "float32")).shape)
main(["list"])
main(["predict", "sentiment-movies", "a gripping, funny film"])

for data_set in (
    lambda: kerasrnn.data.MovieSnippets(),
    lambda: kerasrnn.data.load_text_classification("movie_snippets"),
    lambda: kerasrnn.data.load_translation("bible_en_es"),
    lambda: kerasrnn.data.load_documents("shakespeare_plays"),
    lambda: kerasrnn.data.load_captions("stamps_and_emoji"),
    lambda: kerasrnn.data.load_glove(["", "the"]),
):
    try:
        data_set()
    except ImportError as error:
        print("told:", error)
"""


@pytest.mark.long
def test_nothing_of_an_extra_is_needed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", BLOCK + USE],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "layer (2, 4)" in done.stdout
    assert "positive" in done.stdout
    told = [line for line in done.stdout.splitlines() if line.startswith("told: ")]
    advice = "which comes with the extra `train`: pip install 'kerasrnn[train]'."
    data_sets = f"told: Data sets need tensorflow_datasets, {advice}"
    vectors = f"told: GloVe's word vectors need pyarrow, {advice}"
    assert told == [data_sets] * 5 + [vectors]
