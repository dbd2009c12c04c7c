"""How recipes of `Forecaster` are trained and judged."""

import dataclasses
import functools
import os

import keras
import numpy as np

from kerasrnn.metrics import forecast_scores, seasonal_naive
from kerasrnn.training.forecasting.backtest import backtest, futures_at, told_of
from kerasrnn.training.search_results import spread
from kerasrnn.training.task_kind import TaskKind, metric_names
from kerasrnn.zoo import Forecaster, ForecastLoss
from kerasrnn.zoo.forecasting.series_inputs import SMALLEST, check_values

# Of the user's own series, so many origins are forecast from when they are judged.
ORIGINS = 3
SHOWN = 6


@dataclasses.dataclass(frozen=True)
class Windows:
    """Places in series from which to forecast.

    Args:
        rows: (N,) numbers of series.
        origins: (N,) how many of its steps are past.
    """

    rows: np.ndarray
    origins: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


class Forecasting(TaskKind):
    """Forecasting many series with one network.

    The last `horizon` steps of each series are to test, those before to validate, and
    windows that end before these are learned from.

    Args:
        config: The recipe.
        path: A file of series,time,value in place of the recipe's data, or None.
        log: Called with every line for the user.
        source: What to begin with, a trained forecaster, or None: anew.
    """

    models = (Forecaster,)
    monitor = "val_smape"
    selected_by = "validation_smape"
    headline = "test_smape"
    unit = "windows"
    few = 500
    of_few = (
        "the network hardly leaves what exponential smoothing says, from which it "
        "begins. One that is trained already is a better beginning (--from)."
    )
    plural = "forecasters"
    data_format = "a file with series,time,value on each line"
    printed = (
        "the texts are names of files of series,time,value, or series as numbers: a "
        "line for each step ahead, with its quantiles"
    )
    exported = "the past of series in, forecasts and quantiles out"
    input_example = "series.csv"
    served_example = (
        "months = [[112.0, 118.0, 132.0, 129.0, 121.0, 135.0, 148.0, 148.0]]\n"
        'print(answer(past=tf.constant(months))["forecast"].numpy())'
    )
    figures = {
        "forecasts.png": "Series with forecasts and intervals",
        "error_by_horizon.png": "Error by horizon",
        "learning_curve.png": "Learning curve",
    }

    def __init__(self, config, path=None, log=print, source=None):
        from kerasrnn.data import origins_of

        super().__init__(config, path, log, source)
        model = config["model"]
        self.horizon = model.get("horizon", 18)
        self.period = model.get("period", 12)
        self.series = read_data(config["data"], path)
        self.values = self.series.values
        if path is not None:
            self._fit_to_data()
        ends = np.array([len(values) for values in self.values], int)
        rows, origins = origins_of(
            [
                values[: max(len(values) - 2 * self.horizon, 0)]
                for values in self.values
            ],
            horizon=self.horizon,
            first=config["training"].get("least_past", 24),
        )
        self.splits = {"train": Windows(rows, origins)}
        for name, back in (("validation", 2), ("test", 1)):
            found = futures_at(self.values, ends - back * self.horizon, self.horizon)
            self.splits[name] = Windows(found, ends[found] - back * self.horizon)
        for name, part in self.splits.items():
            if not len(part):
                steps = 3 * self.horizon + 1
                raise ValueError(
                    f"`data` must have a series of {steps} steps or more: the last "
                    f"{self.horizon} to test, {self.horizon} to validate, and "
                    f"{self.horizon} and a past to learn from; there is none for "
                    f"{name}: the longest has {ends.max(initial=0)}."
                )

    def _fit_to_data(self):
        """What follows from series of the user's own."""
        lengths = [len(values) for values in self.values]
        short = sum(length < 3 * self.horizon + 1 for length in lengths)
        if short:
            self.log(
                f"{short:,} of {len(lengths):,} series are too short to learn from: "
                f"fewer than {3 * self.horizon + 1} steps"
            )
        least = min(
            values[np.isfinite(values)].min(initial=1) for values in self.values
        )
        if least < SMALLEST and self.config["model"].get("log", True):
            self.derive("model", "log", False, f"the least value is {least:g}")
        most = max(max(lengths) - 3 * self.horizon, 1)
        self.derive_at_most(
            "training", "least_past", most, f"the longest has {max(lengths)} steps"
        )

    @property
    def data_results(self) -> dict:
        return {"series": len(self.series)}

    def build_model(self, seed: int):
        """The untrained model, compiled."""
        keras.utils.set_random_seed(seed)
        training = self.config["training"]
        if self.source is None:
            model = Forecaster(**self.config["model"])
        else:
            model = self.started_model(None)
        steps = -(-len(self.splits["train"]) // _batch_size(training))
        model.compile(
            self.optimizer(steps),
            ForecastLoss(model.quantiles, training.get("point", "median")),
        )
        return model

    def fit_data(self, model):
        """What `resumable_fit` learns from."""
        training = self.config["training"]
        return ForecastingData(
            model,
            self.values,
            self.splits,
            batch_size=_batch_size(training),
            balanced=training.get("balanced", True),
            mirrored=training.get("mirrored", True),
        )

    def judge(self, model, fitted, folder) -> dict:
        """What the results say of a trained model, as it ships."""
        scores = self._scores(model, "test")
        metrics = {f"test_{name}": scores[name] for name in told_of(scores)}
        validation = {f"validation_{n}": fitted.metrics[f"val_{n}"] for n in ("smape",)}
        return {
            "metrics": {**metrics, **validation},
            "smape_by_horizon": scores["smape_by_horizon"],
        }

    def _scores(self, model, part):
        windows = self.splits[part]
        return backtest(model, self.values, windows.rows, windows.origins)

    @functools.cached_property
    def _peers(self):
        """Test scores of the simple peers, by name."""
        windows = self.splits["test"]
        past = [
            self.values[row][:origin]
            for row, origin in zip(windows.rows, windows.origins, strict=True)
        ]
        naive = seasonal_naive(past, self.horizon, self.period)
        true = np.stack(
            [
                self.values[row][origin : origin + self.horizon]
                for row, origin in zip(windows.rows, windows.origins, strict=True)
            ]
        )
        # What the network begins with: nothing is learned.
        untrained = Forecaster(**self.config["model"])
        untrained.set_weights([np.zeros(w.shape) for w in untrained.weights])
        return {
            "seasonal naive": forecast_scores(true, naive),
            "smoothing alone": self._scores(untrained, "test"),
        }

    def judge_peers(self) -> dict[str, float]:
        """Test sMAPE of the last season again, and of smoothing."""
        return {name: scores["smape"] for name, scores in self._peers.items()}

    def draw(self, model, run, folder):
        """The figures of the run that is kept."""
        from kerasrnn.inspection import error_by_horizon_figure, forecasts_figure

        super().draw(model, run, folder)
        by_horizon = {"this model": run["smape_by_horizon"]}
        for name, scores in self._peers.items():
            by_horizon[name] = scores["smape_by_horizon"]
        error_by_horizon_figure(by_horizon, folder / "error_by_horizon.png")
        windows = self.splits["test"]
        shown = spread(len(windows), SHOWN)
        rows, origins = windows.rows[shown], windows.origins[shown]
        past = [
            self.values[row][:origin] for row, origin in zip(rows, origins, strict=True)
        ]
        future = [
            self.values[row][origin : origin + self.horizon]
            for row, origin in zip(rows, origins, strict=True)
        ]
        forecasts_figure(
            past,
            model.predict(past, verbose=0),
            folder / "forecasts.png",
            future=future,
            names=[self.series.names[row] for row in rows],
        )

    def report(self, model, results, run):
        """Tell the user how good the model is."""
        super().report(model, results, run)
        windows = self.splits["test"]
        row, origin = windows.rows[0], windows.origins[0]
        past = self.values[row][:origin]
        forecast = model.predict([past], verbose=0)[0]
        name = self.series.names[row]
        self.log(f"\nThe series {name}, {origin} steps, goes on, says the model:")
        for step, values in enumerate(forecast[:3], start=1):
            true = self.values[row][origin + step - 1]
            self.log(f"  step {step}: {_interval(model, values)}; it was {true:,.6g}")

    @classmethod
    def evaluate(cls, model, data, path, settings, log, *, part=None):
        values = read_data(data or {}, path).values
        positive_only(model, values, path)
        whole = path is not None and part is None
        count = settings.get("origins", ORIGINS if whole else 1)
        ends = np.array([len(one) for one in values], int)
        scores: dict = {}
        for back in range(1, count + 1):
            # The whole horizon is behind each origin.
            origins = ends - back * model.horizon
            rows = futures_at(values, origins, model.horizon)
            if not len(rows):
                continue
            found = backtest(model, values, rows, origins[rows])
            scores[back] = found
            told = ", ".join(f"{name} {found[name]:.4g}" for name in told_of(found))
            ago = back * model.horizon
            log(f"from {ago} steps before the end, {len(rows):,} series: {told}")
        if not scores:
            raise ValueError(
                f"{path or 'The data'} must have a series of more than {model.horizon} "
                f"steps, the horizon; the longest has {ends.max(initial=0)}."
            )
        names = told_of(scores[min(scores)])
        mean = {
            name: float(np.mean([s[name] for s in scores.values() if name in s]))
            for name in names
        }
        if len(scores) > 1:
            told = ", ".join(f"{name} {mean[name]:.4g}" for name in names)
            log(f"mean of {len(scores)} origins: {told}")
        return mean

    @classmethod
    def predict(cls, model, batches, *, alone):
        columns = ["forecast", *(f"q{100 * q:g}" for q in model.quantiles)]
        yield "\t".join(["series", "step", *columns]) + "\n"
        for texts in batches:
            for text in texts:
                if isinstance(text, bytes):
                    text = text.decode("utf-8", errors="replace")
                names, series = series_of(text)
                forecasts = model.predict(series, verbose=0)
                for name, steps in zip(names, forecasts, strict=True):
                    for step, values in enumerate(steps, start=1):
                        told = "\t".join(f"{value:.6g}" for value in values)
                        yield f"{name}\t{step}\t{told}\n"

    @classmethod
    def usage(cls, recipe):
        return (
            "months = [112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118]\n"
            "model.predict([months])  # (1, horizon, 3): forecast, and its interval"
        )

    @classmethod
    def told_of_data(cls, found):
        return f"They are from {found['series']:,} series."

    @classmethod
    def told_of_results(cls, recipe, run, table_of):
        return [table_of(metric_names(recipe))]


class ForecastingData:
    """What a forecaster learns from, as `resumable_fit` takes it.

    Args:
        model: A `Forecaster`.
        values: Of each series its values.
        splits: `Windows` of "train" and "validation".
        batch_size: Windows in a step.
        balanced: Whether each series is as likely as another, however long it is.
        mirrored: Whether half of the windows are turned upside down, so that no
            direction is learned which all series of a time had in common.
    """

    def __init__(self, model, values, splits, *, batch_size, balanced, mirrored):
        self.values, self.train = values, splits["train"]
        self.validation = splits["validation"]
        self.length, self.horizon, self.log = model.length, model.horizon, model.log
        self.batch_size, self.mirrored = batch_size, mirrored
        counts = np.bincount(self.train.rows)
        self.chances = 1.0 / counts[self.train.rows] if balanced else None
        if balanced:
            self.chances /= self.chances.sum()

    def order(self, seed, epoch):
        """Of each step (batch, 2): numbers of windows, and which are mirrored."""
        generator = np.random.default_rng([seed, epoch])
        count = len(self.train)
        if self.chances is None:
            drawn = generator.permutation(count)
        else:
            drawn = generator.choice(count, count, p=self.chances)
        turned = generator.integers(0, 2, count) * self.mirrored
        pairs = np.stack([drawn, turned], axis=1)
        starts = range(0, count, self.batch_size)
        return [pairs[at : at + self.batch_size] for at in starts]

    def dataset(self, order):
        import tensorflow as tf

        from kerasrnn.data import series_windows

        pairs = np.concatenate(order)
        windows = series_windows(
            self.values,
            length=self.length,
            horizon=self.horizon,
            rows=self.train.rows[pairs[:, 0]],
            origins=self.train.origins[pairs[:, 0]],
        ).batch(self.batch_size)
        turned = tf.data.Dataset.from_tensor_slices(pairs[:, 1].astype(bool)).batch(
            self.batch_size
        )

        def mirror(window, turned):
            def other_way(values):
                upside_down = 1.0 / values if self.log else -values
                return tf.where(turned[:, None], upside_down, values)

            past, future = window
            return other_way(past), other_way(future)

        return tf.data.Dataset.zip((windows, turned)).map(mirror).prefetch(2)

    def validate(self, model):
        rows, origins = self.validation.rows, self.validation.origins
        scores = backtest(model, self.values, rows, origins)
        found = {f"val_{name}": scores[name] for name in told_of(scores)}
        return {"val_loss": scores["loss"], **found}


def read_data(data, path=None):
    """The series of a recipe's data set, or of a file of the user's own.

    Raises:
        ValueError: They cannot be read, or a value is too large for a forecaster.
    """
    from kerasrnn.data import load_series, read_series

    if path is not None:
        found = read_series(path)
        for name, values in zip(found.names, found.values, strict=True):
            check_values(values, f"series {name} of {path}", positive=False)
        return found
    split = data.get("splits", {}).get("train", "train")
    return load_series(data["name"], split)


def positive_only(model, values, path):
    """Raise a ValueError where a model on logarithms is to read other numbers."""
    least = min((one[np.isfinite(one)].min(initial=1) for one in values), default=1)
    if model.log and least < SMALLEST:
        raise ValueError(
            f"{path or 'The data'} must have values above zero, {SMALLEST:g} at least, "
            f"for this model, which works on logarithms; got {least:g}. Train one on "
            f"them: `kerasrnn train forecast-m3-monthly --data {path}` sees to it."
        )


def series_of(text: str) -> tuple[list[str], list]:
    """Names and values of series: those of a file, or one that is written out.

    Args:
        text: The path of a file of series,time,value; or numbers with spaces, commas or
            semicolons between, `nan` where one is missing.

    Raises:
        ValueError: It is neither.

    Example:

    >>> series_of("112, 118 nan 129")
    (['1'], [[112.0, 118.0, nan, 129.0]])
    """
    from kerasrnn.data import read_series

    if os.path.isfile(text):
        found = read_series(text)
        return list(found.names), list(found.values)
    try:
        numbers = [float(n) for n in text.replace(",", " ").replace(";", " ").split()]
    except ValueError:
        numbers = []
    if not numbers:
        raise ValueError(
            "An input must be a file of series,time,value, or a series as numbers with "
            f"spaces between; got {text[:80]!r}."
        )
    return ["1"], [numbers]


def _interval(model, values):
    quantiles = zip(model.quantiles, values[1:], strict=True)
    told = ", ".join(f"{q:.0%} below {value:,.6g}" for q, value in quantiles)
    return f"{values[0]:,.6g}" + (f" ({told})" if told else "")


def _batch_size(training):
    return int(training.get("batch_size", 256))
