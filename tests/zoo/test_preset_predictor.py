"""A trained model as a function of columns, and Ray Data that calls it."""

import importlib.util
import json

import numpy as np
import own_network
import pytest
from tiny_translator import translator

from kerasrnn.zoo import PresetPredictor, SentimentClassifier

TEXTS = ["a gripping, funny film", "dull", "", "a warm film", "too long, too loud"]
BAD = {1: b"a d\xffll film", 4: None, 6: 3.5}
LINES = 400

PROGRAM = """
import json, sys
import pyarrow as pa, pyarrow.parquet as pq, ray
from kerasrnn.zoo import PresetPredictor

source, folder = sys.argv[1:]
schema = pa.schema({"text": pa.binary()})
made = folder + "/lines.parquet"
with open(source, "rb") as lines, pq.ParquetWriter(made, schema) as writer:
    while block := lines.readlines(2**12):
        column = pa.array([line.rstrip(b"\\r\\n") for line in block], pa.binary())
        writer.write_table(pa.table([column], schema))
# Reading and writing need CPUs beside those of the models.
ray.init(address="local", num_cpus=4, _node_ip_address="127.0.0.1",
         include_dashboard=False, log_to_driver=False)
ray.data.DataContext.get_current().execution_options.preserve_order = True
found = ray.data.read_parquet(made).map_batches(
    PresetPredictor, fn_constructor_args=["sentiment-movies"], batch_size=64,
    compute=ray.data.ActorPoolStrategy(size=2))
rows = [[row["text"].hex(), row["answer"], row["problem"]] for row in found.iter_rows()]
print("RESULT" + json.dumps(rows), flush=True)
"""


@pytest.fixture(scope="module")
def predict():
    return PresetPredictor("sentiment-movies", column="review")


def test_every_row_that_comes_in_goes_out_and_bad_ones_are_told(predict):
    values = list(TEXTS)
    for row, value in BAD.items():
        values.insert(row, value)
    column = np.array(values, object)
    found = predict({"key": np.arange(8), "review": column})
    np.testing.assert_array_equal(found["key"], np.arange(8))
    np.testing.assert_array_equal(found["review"], column)
    expected = predict.model.predict(TEXTS, verbose=0)
    good = [row for row in range(8) if row not in BAD]
    labels = [predict.model.labels[row.argmax()] for row in expected]
    assert found["answer"][good].tolist() == labels
    assert {*labels} == {"negative", "positive"}
    np.testing.assert_allclose(found["probability"][good], expected.max(1), rtol=1e-5)
    assert np.isnan(found["probability"][[*BAD]]).all()
    assert found["answer"][[*BAD]].tolist() == [None] * 3
    assert found["problem"].tolist() == [
        *(None, "`review` is not UTF-8", None, None),
        *("`review` must be a text; got None", None),
        *("`review` must be a text; got 3.5", None),
    ]


def test_batches_with_nothing_to_read(predict):
    assert predict({"review": []})["answer"].tolist() == []
    found = predict({"review": [None]})
    assert found["answer"].tolist() == [None]
    assert found["problem"].tolist() == ["`review` must be a text; got None"]


def test_a_translator_writes(tmp_path):
    model = translator()
    model.save_to_preset(tmp_path / "preset")
    predict = PresetPredictor(tmp_path / "preset", max_length=7)
    found = predict({"text": ["one two", b"\xff", b"three"]})
    expected = predict.model.generate(["one two", "three"], max_length=7)
    assert found["answer"].tolist() == [expected[0], None, expected[1]]
    assert "probability" not in found


def test_what_cannot_be_read_from(predict, tmp_path):
    with pytest.raises(ValueError, match="`batch` must have the column 'review'; it "):
        predict({"text": ["a film"]})
    name = "caption-stamps"
    with pytest.raises(ValueError, match=f"which read texts; {name} is a ImageCapti"):
        PresetPredictor(name)


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("ray", "pyarrow")),
    reason="ray is not installed",
)
def test_ray_data_keeps_order_and_loses_no_row(tmp_path):
    if reason := own_network.why_there_is_none():
        pytest.skip(reason)
    lines = [f"{TEXTS[n % 4]} number {n}\u2028".encode() for n in range(LINES)]
    lines[7], lines[200], lines[-1] = b"\xff\xfe bad", b"", b"caf\xe9"
    (tmp_path / "lines.txt").write_bytes(b"\n".join(lines) + b"\n")
    program = own_network.Program("-c", PROGRAM, tmp_path / "lines.txt", tmp_path)
    code, printed = program.wait(500)
    program.end()
    assert code == 0, printed
    rows = json.loads(printed.split("RESULT")[1].splitlines()[0])
    assert [bytes.fromhex(text) for text, _, _ in rows] == lines
    bad = {7: "`text` is not UTF-8", LINES - 1: "`text` is not UTF-8"}
    assert {n: row[2] for n, row in enumerate(rows) if row[2]} == bad
    model = SentimentClassifier.from_preset("sentiment-movies")
    good = [line.decode() for n, line in enumerate(lines) if n not in bad]
    expected = model.predict(good, verbose=0).argmax(1)
    answers = [row[1] for n, row in enumerate(rows) if n not in bad]
    assert answers == [model.labels[best] for best in expected]
