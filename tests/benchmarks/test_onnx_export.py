from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import onnx_export

    return onnx_export


def test_the_table_of_differences(benchmark, tmp_path, capsys):
    benchmark.print_differences(benchmark.Report("", None), 4, tmp_path)
    rows = [line for line in capsys.readouterr().out.splitlines() if ".layers" in line]
    cells = [row.strip("| ").split(" | ") for row in rows]
    assert {library for library, *_ in cells} == {"keras.layers", "kerasrnn.layers"}
    assert sum(int(count) for _, _, count, _, _ in cells) == 4
    assert all(float(worst) <= 1e-5 and off == "0" for *_, worst, off in cells)


def test_all_formats_of_a_layer_compute_the_same(benchmark, tmp_path, monkeypatch):
    monkeypatch.setitem(benchmark.SIZES, "A", (2, 3, 4, 5))
    sides = benchmark.sides_of("LSTM", "A", tmp_path, None)
    assert set(sides) == {"ONNX", "SavedModel"}
    assert all(len(side(2)) == 2 for side in sides.values())
