"""Forecasters from the command line, on series of the user's own."""

import json
import pathlib
import re
import shutil

import numpy as np
import pytest
import yaml
from killed_run import assert_same_run, stopped_after

from kerasrnn.catalogue import load_recipe
from kerasrnn.cli import main
from kerasrnn.metrics import smape
from kerasrnn.training import report, train
from kerasrnn.training.forecasting.forecasting import (
    Forecasting,
    ForecastingData,
    Windows,
    series_of,
)
from kerasrnn.zoo import Forecaster

pytestmark = pytest.mark.long

CONFIG = {
    "task": "Forecaster",
    "summary": "A tiny one.",
    "model": {"horizon": 3, "period": 4, "length": 12, "units": 3, "dropout": 0.1},
    "preprocessor": {},
    "data": {"name": "none", "splits": {"train": "none"}},
    "training": {
        "batch_size": 16,
        "epochs": 2,
        "patience": None,
        "learning_rate": 0.01,
        "checkpoint_every": 3,
        "least_past": 6,
    },
    "seed": 3,
}


def write_recipe(folder, **changes):
    folder.mkdir(parents=True)
    training = CONFIG["training"] | changes
    text = yaml.safe_dump(CONFIG | {"training": training})
    (folder / "config.yaml").write_text(text)
    return str(folder)


def write_series(path, count=6, steps=40, shift=20.0):
    draw = np.random.default_rng(0)
    lines = ["series,time,value"]
    for number in range(count):
        season = np.tile([3.0, 0.0, -2.0, -1.0], steps)[:steps]
        values = shift + season + np.cumsum(draw.normal(size=steps)) * 0.3
        lines += [f"s{number},{t},{v:.4f}" for t, v in enumerate(values)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecaster")
    recipe = write_recipe(folder / "tiny")
    data = write_series(folder / "series.csv")
    output = folder / "run"
    assert main(["train", recipe, "--data", data, "--output", str(output)]) == 0
    return output, data, recipe


def test_a_run_has_results_and_figures(run):
    output, _, _ = run
    results = json.loads((output / "results.json").read_text())
    # 40 steps: the last 3 test, 3 validate, and futures end at 34: origins 6 to 31.
    assert results["data"]["examples"] == {"train": 156, "validation": 6, "test": 6}
    assert results["data"]["series"] == 6
    assert set(results["peers"]) == {"seasonal naive", "smoothing alone"}
    assert len(results["runs"][0]["smape_by_horizon"]) == 3
    figures = {path.name for path in (output / "figures").iterdir()}
    assert figures == {*Forecasting.figures}


@pytest.mark.long
def test_the_results_are_those_of_the_preset(run):
    output, data, _ = run
    results = json.loads((output / "results.json").read_text())
    model = Forecaster.from_preset(output)
    rows = [line.split(",") for line in pathlib.Path(data).read_text().split()[1:]]
    series = np.array([float(row[2]) for row in rows]).reshape(6, 40)
    told = model.predict(list(series[:, :37]), verbose=0)
    true = series[:, 37:]
    expected = smape(true, told[..., 0]).mean()
    assert results["metrics"]["test_smape"] == pytest.approx(expected, rel=1e-5)
    inside = (true >= told[..., 1]) & (true <= told[..., 2])
    assert results["metrics"]["test_coverage"] == pytest.approx(inside.mean())
    naive = np.tile(series[:, 33:37], 2)[:, :3]
    expected = smape(true, naive).mean()
    assert results["peers"]["seasonal naive"] == pytest.approx(expected)


def test_it_is_asked_judged_and_exported(run, tmp_path, capsys):
    output, data, _ = run
    assert main(["predict", str(output), "20 23 18 19 20 nan 18 19"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "series\tstep\tforecast\tq10\tq90"
    model = Forecaster.from_preset(output)
    expected = model.predict([[20, 23, 18, 19, 20, None, 18, 19]], verbose=0)[0]
    found = [[float(cell) for cell in line.split("\t")] for line in lines]
    assert [row[:2] for row in found] == [[1, 1], [1, 2], [1, 3]]
    np.testing.assert_allclose([row[2:] for row in found], expected, rtol=1e-5)
    assert main(["predict", str(output), data]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 6 * 3
    assert main(["evaluate", str(output)]) == 0
    printed = capsys.readouterr().out
    results = json.loads((output / "results.json").read_text())
    assert f"smape {results['metrics']['test_smape']:.4g}" in printed
    assert "the network:" in printed
    other = write_series(tmp_path / "other.csv", count=2, steps=11)
    assert main(["evaluate", str(output), "--data", other]) == 0
    printed = capsys.readouterr().out
    # Three origins, a horizon apart: all of them are judged.
    assert "from 9 steps before the end, 2 series: smape" in printed
    assert "mean of 3 origins: smape" in printed
    served = str(tmp_path / "served")
    assert main(["export", str(output), "--output", served]) == 0
    assert "forecast" in capsys.readouterr().out


def test_it_goes_on_from_a_trained_one(run, tmp_path):
    output, data, recipe = run
    target = str(tmp_path / "on")
    arguments = ["train", recipe, "--data", data, "--from", str(output)]
    assert main([*arguments, "--epochs", "1", "--output", target]) == 0
    results = json.loads((tmp_path / "on" / "results.json").read_text())
    assert results["from"]["goes_on"] is True


@pytest.mark.slow
def test_it_goes_on_after_a_stop(run, tmp_path, capsys):
    whole, data, recipe = run
    broken = tmp_path / "broken"
    with stopped_after(step=10):
        train(recipe, data=data, output=broken, log=str)
    assert main(["train", recipe, "--data", data, "--output", str(broken)]) == 0
    # In the middle of an epoch.
    told = re.search(r"Going on from epoch 2, step (\d+)", capsys.readouterr().out)
    assert int(told[1]) > 0
    assert_same_run(whole, broken)


def kind(data, **training):
    config = json.loads(json.dumps(CONFIG))
    config["training"] |= training
    log = []
    return Forecasting(config, data, log.append), log


def test_nothing_of_validation_and_test_is_learned_from(tmp_path):
    """Values after the training part change no batch."""
    data = write_series(tmp_path / "series.csv")
    batches = []
    for values in ("1", "999"):
        lines = pathlib.Path(data).read_text().splitlines()
        later = re.compile(r",(3[4-9]),.*")
        changed = [later.sub(rf",\1,{values}", line) for line in lines]
        path = tmp_path / f"{values}.csv"
        path.write_text("\n".join(changed))
        task, _ = kind(str(path))
        fit_data = task.fit_data(task.build_model(1))
        batches.append(list(fit_data.dataset(fit_data.order(3, 0))))
    for one, other in zip(*batches, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("log", [True, False])
def test_each_series_counts_alike_and_half_are_mirrored(log):
    model = Forecaster(3, period=4, length=12, units=2, log=log)
    series = [np.arange(1.0, 100.0), np.arange(201.0, 215.0)]
    rows = np.array([0] * 90 + [1] * 10)
    origins = np.array([*range(3, 93), *range(2, 12)])
    splits = {"train": Windows(rows, origins), "validation": None}
    data = ForecastingData(
        model, series, splits, batch_size=8, balanced=True, mirrored=True
    )
    order = data.order(5, 1)
    pairs = np.concatenate(order)
    assert len(pairs) == 100 and 30 < (rows[pairs[:, 0]] == 1).sum() < 70
    assert 30 < pairs[:, 1].sum() < 70
    np.testing.assert_array_equal(np.concatenate(data.order(5, 1)), pairs)
    assert (np.concatenate(data.order(5, 2)) != pairs).any()
    number, turned = order[0][0]
    past, future = next(iter(data.dataset(order)))
    expected = series[rows[number]][origins[number] : origins[number] + 3]
    if turned:
        expected = 1 / expected if log else -expected
    np.testing.assert_allclose(future[0], expected, rtol=1e-6)
    last = series[rows[number]][origins[number] - 1]
    last = (1 / last if log else -last) if turned else last
    assert float(past[0, -1]) == pytest.approx(last)
    plain = ForecastingData(
        model, series, splits, batch_size=8, balanced=False, mirrored=False
    )
    pairs = np.concatenate(plain.order(5, 1))
    assert sorted(pairs[:, 0]) == list(range(100)) and not pairs[:, 1].any()


def test_values_below_zero_are_learned_without_logarithms(tmp_path):
    task, log = kind(write_series(tmp_path / "series.csv", shift=0.0))
    assert task.config["model"]["log"] is False
    assert task.build_model(1).log is False
    assert any(line.startswith("model.log False (the least value is -") for line in log)


def test_short_series_are_told_and_left_out(tmp_path):
    long = write_series(tmp_path / "series.csv", count=1)
    lines = "".join(f"short,{t},5\n" for t in range(8))
    pathlib.Path(long).write_text(pathlib.Path(long).read_text() + lines)
    task, log = kind(long)
    assert "1 of 2 series are too short to learn from: fewer than 10 steps" in log
    assert task.examples == {"train": 26, "validation": 2, "test": 2}
    only = write_series(tmp_path / "only.csv", count=2, steps=9)
    with pytest.raises(ValueError, match=r"a series of 10 steps or more.* has 9"):
        kind(only)


def test_what_is_no_series_is_told(run, tmp_path, capsys):
    output, _, _ = run
    assert main(["predict", str(output), "no-such.csv"]) == 1
    assert "must be a file of series,time,value, or a series" in capsys.readouterr().err
    assert main(["predict", str(output), "1 2 inf"]) == 1
    assert "must hold finite numbers" in capsys.readouterr().err
    below = write_series(tmp_path / "below.csv", shift=0.0)
    assert main(["evaluate", str(output), "--data", below]) == 1
    assert "must have values above zero, 1e-30 at least" in capsys.readouterr().err
    assert main(["predict", str(output), "1e30 2e30 1e30"]) == 1
    assert "less than 1e+30 in size, or NaN" in capsys.readouterr().err
    large = tmp_path / "large.csv"
    large.write_text("".join(f"a,{t},{t + 1}e30\n" for t in range(40)))
    recipe = run[2]
    for command in (
        ["predict", str(output), str(large)],
        ["evaluate", str(output), "--data", str(large)],
        ["train", recipe, "--data", str(large), "--output", str(tmp_path / "none")],
    ):
        assert main(command) == 1
        told = capsys.readouterr().err
        assert "must hold finite numbers of less than 1e+30 in size" in told
        assert "got 1e+30" in told
        assert command[0] == "predict" or f"`series a of {large}` must" in told
    short = write_series(tmp_path / "short.csv", steps=3)
    assert main(["evaluate", str(output), "--data", short]) == 1
    assert (
        "more than 3 steps, the horizon; the longest has 3" in capsys.readouterr().err
    )
    assert series_of("1;2,3") == (["1"], [[1.0, 2.0, 3.0]])


@pytest.mark.slow
def test_a_constant_series_is_learned_from(tmp_path):
    path = tmp_path / "constant.csv"
    path.write_text("".join(f"a,{t},7\nb,{t},{t % 4 + 1}\n" for t in range(40)))
    recipe = write_recipe(tmp_path / "tiny", epochs=1)
    output = tmp_path / "run"
    assert main(["train", recipe, "--data", str(path), "--output", str(output)]) == 0
    model = Forecaster.from_preset(output)
    assert model.forecast([[7.0] * 12])[0] == pytest.approx(7, rel=0.05)


def test_its_card(run, tmp_path, monkeypatch):
    output, _, recipe = run
    folder = tmp_path / "tiny"
    shutil.copytree(recipe, folder)
    for name in ("preset", "figures"):
        shutil.copytree(output / name, folder / name)
    shutil.copyfile(output / "results.json", folder / "results.json")
    card = report.model_card(load_recipe(str(folder)))
    for expected in (
        "They are from 6 series.",
        "| test sMAPE |",
        "| test coverage of the interval |",
        "Beside it, seasonal naive: sMAPE ",
        "model.predict([months])",
    ):
        assert expected in card
