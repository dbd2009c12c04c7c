import importlib.util
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import crf

    return crf


@pytest.mark.long
def test_all_sides_compute_the_same(benchmark):
    case = benchmark.arrays((3, 5, 4), padded=True)
    results = {
        what: [np.asarray(r) for r in benchmark.our_call(what, **case)()]
        for what in ("train", "decode", "log marginals")
    }
    with pytest.raises(ValueError, match="a side: the sides differ by"):
        benchmark.check(results["train"], results["log marginals"], "a side")
    if importlib.util.find_spec("torchcrf"):
        from crf_torch import crf_call

        for what in ("train", "decode"):
            call, arrays = crf_call(what, **case)
            benchmark.check(results[what], arrays(call()), what)
