"""How good is the forecaster on M3's monthly series, beside statsforecast?

    python benchmarks/forecasting.py --statsforecast-python PYTHON [--figure PNG]

All forecast the same 1,428 series 18 months ahead, from all but the published test
parts, and are judged on these by the same code. `AutoETS`, `Theta` and `SeasonalNaive`
are those of statsforecast, with a season of 12 months and their own 80 % intervals, and
run in an environment of their own (`pip install statsforecast`). "smoothing alone" is
the network before it learns. The row of the recipe is the mean of its seeds, from its
`results.json`; "the preset" is the seed that ships, run here. Times are of all series.
"""

import json
import os
import subprocess
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from timing import Report, judged, number, parser

from kerasrnn.catalogue import load_recipe
from kerasrnn.data import load_series
from kerasrnn.inspection import error_by_horizon_figure
from kerasrnn.metrics import forecast_scores
from kerasrnn.zoo import Forecaster

RECIPE, HORIZON, PERIOD = "forecast-m3-monthly", 18, 12
PEERS = ("AutoETS", "Theta", "SeasonalNaive")
MOST = 13.8  # or less, where AutoETS or Theta is better
BY_STATSFORECAST = """
import json, sys, time
import numpy as np, pandas as pd
from statsforecast import StatsForecast, models

name, horizon, period = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
series = json.load(sys.stdin)
rows = [(i, t, v) for i, one in enumerate(series) for t, v in enumerate(one)]
frame = pd.DataFrame(rows, columns=["unique_id", "ds", "y"])
begin = time.perf_counter()
model = getattr(models, name)(season_length=period)
told = StatsForecast([model], freq=1, n_jobs=1).forecast(
    df=frame, h=horizon, level=[80]
)
seconds = time.perf_counter() - begin
told = told.sort_values(["unique_id", "ds"])
columns = [name, f"{name}-lo-80", f"{name}-hi-80"]
arrays = [told[c].to_numpy().reshape(len(series), horizon).tolist() for c in columns]
print(json.dumps([seconds, *arrays]))
"""


def by_statsforecast(python, name, past):
    """Seconds, and forecasts with the ends of their intervals."""
    command = [python, "-c", BY_STATSFORECAST, name, str(HORIZON), str(PERIOD)]
    text = json.dumps([series.tolist() for series in past])
    with tempfile.TemporaryFile("w+") as given:
        given.write(text)
        given.seek(0)
        done = subprocess.run(command, stdin=given, stdout=subprocess.PIPE, check=True)
    seconds, *told = json.loads(done.stdout)
    return seconds, np.stack(told, axis=-1)


def version_of(python):
    """What of statsforecast runs in the other environment."""
    code = "import statsforecast; print(statsforecast.__version__)"
    done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, check=True)
    return f"statsforecast {done.stdout.decode().strip()}"


def by_network(model, past):
    """The same of a `Forecaster`."""
    model.predict(past[:2], verbose=0)  # traced
    begin = time.perf_counter()
    told = model.predict(past, batch_size=512, verbose=0)
    return time.perf_counter() - begin, told


def untrained(model):
    """The same model before it learns anything."""
    found = Forecaster.from_config(model.get_config())
    found.set_weights([np.zeros(w.shape) for w in found.weights])
    return found


def main():
    options = parser(__doc__, runs=1)
    options.add_argument("--statsforecast-python", metavar="PYTHON")
    options.add_argument("--figure", metavar="PNG", help="draw the error by horizon")
    options = options.parse_args()
    series = load_series("m3_competition", "monthly").values
    past = [one[:-HORIZON] for one in series]
    true = np.stack([one[-HORIZON:] for one in series])
    model = Forecaster.from_preset(RECIPE)
    found = {
        "the preset": by_network(model, past),
        "smoothing alone": by_network(untrained(model), past),
    }
    versions = []
    if options.statsforecast_python:
        versions = [version_of(options.statsforecast_python)]
        for name in PEERS:
            found[name] = by_statsforecast(options.statsforecast_python, name, past)
    scores = {
        name: forecast_scores(
            true, told[..., 0], told[..., 1], told[..., 2], past=past, period=PERIOD
        )
        for name, (_, told) in found.items()
    }
    results = load_recipe(RECIPE).results
    metrics = results["metrics"]
    report = Report("forecasting", options.write)
    report.machine(versions)
    report.head(["forecasts by", "sMAPE", "MASE", "in the 80 % interval", "time"])
    most = min(MOST, *(scores[name]["smape"] for name in PEERS[:2] if name in scores))
    report.row(
        [
            f"{RECIPE}, mean of {len(results['runs'])} seeds",
            judged(metrics["test_smape"], most=round(most, 2)),
            f"{metrics['test_mase']:.3f}",
            f"{metrics['test_coverage']:.1%}",
            "–",
        ]
    )
    for name, (seconds, _) in found.items():
        score = scores[name]
        report.row(
            [
                name,
                f"{score['smape']:.2f}",
                f"{score['mase']:.3f}",
                f"{score['coverage']:.1%}",
                f"{number(seconds)} s",
            ]
        )
    report.close()
    if options.figure:
        by_horizon = {name: s["smape_by_horizon"] for name, s in scores.items()}
        error_by_horizon_figure(by_horizon, options.figure)


if __name__ == "__main__":
    main()
