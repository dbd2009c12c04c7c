import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kerasrnn.data import glove, load_glove


def test_rows_are_the_words_vectors(tmp_path, monkeypatch):
    vectors = np.arange(3 * 50, dtype="float32").reshape(3, 50)
    words, array = io.BytesIO(), io.BytesIO()
    pq.write_table(pa.table({"index": ["the", "film", "é"]}), words)
    np.save(array, vectors)
    wheel = tmp_path / "wheel.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr(glove.WORDS, words.getvalue())
        files.writestr(glove.VECTORS, array.getvalue())
    monkeypatch.setattr(glove, "fetch", lambda file: wheel)
    matrix = load_glove(["", "[UNK]", "é", "unheard", "film"], seed=3)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix[[0, 2, 4]], [np.zeros(50), *vectors[[2, 1]]])
    random = matrix[[1, 3]]
    assert 0.2 < random.std() < 0.4
    np.testing.assert_array_equal(
        random, load_glove(["", "[UNK]", "é", "unheard", "film"], seed=3)[[1, 3]]
    )
