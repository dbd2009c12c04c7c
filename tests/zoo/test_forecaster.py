import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from other_backend import other_backends, run_on

from kerasrnn.kernels import KERNELS
from kerasrnn.zoo import Forecaster, ForecastLoss, Task

MONTHS = np.arange(72.0)
SEASONAL = 100 * np.exp(0.01 * MONTHS) * (1 + 0.2 * np.sin(np.pi * MONTHS / 6))
rng = np.random.default_rng(1)
WALKS = 50 * np.exp(np.cumsum(rng.normal(size=(5, 48)) * 0.05, axis=1))


def build(**kwargs):
    keras.utils.set_random_seed(2)
    return Forecaster(**{"horizon": 6, "length": 48, "units": 4} | kwargs)


@pytest.fixture(scope="module")
def model():
    return build()


def with_large_weights(model):
    """As if it had learned: what it reads matters."""
    draw = np.random.default_rng(3)
    model.set_weights([draw.normal(size=w.shape) * 0.3 for w in model.weights])
    return model


def test_untrained_it_continues_trend_and_season(model):
    """Half of the trend, all of the season, before anything is learned."""
    forecast = model.forecast([SEASONAL[:60]])[0]
    np.testing.assert_allclose(forecast, SEASONAL[60:66], rtol=0.06)
    flat = build(period=1, log=False).forecast([np.full(20, 7.0)])[0]
    np.testing.assert_allclose(flat, 7.0, rtol=1e-5)


def test_the_base_is_half_the_slope_from_the_smoothed_level(model):
    """By NumPy, of a series without a season, in which one α is the best by far."""
    jumps = np.repeat([3.0, 5.0, 4.0, 6.0], 12)  # The last value says most.
    u = np.log(jumps)
    slope = np.polyfit(np.arange(48), u, 1)[0]
    one = build(period=1, units=2)
    expected = np.exp(u[-1] + 0.5 * slope * np.arange(1, 7))
    np.testing.assert_allclose(one.forecast([jumps])[0], expected, rtol=0.02)


@pytest.mark.parametrize("log", [True, False])
def test_each_series_has_its_own_scale(log):
    model = with_large_weights(build(log=log))
    small = model.predict(list(WALKS), verbose=0)
    large = model.predict(list(1000 * WALKS), verbose=0)
    np.testing.assert_allclose(large, 1000 * small, rtol=2e-4)


@pytest.mark.long
def test_no_series_and_no_later_value_changes_a_forecast():
    """The scale is that of the window alone."""
    model = with_large_weights(build())
    together = model.predict(list(WALKS), verbose=0)
    for row, series in enumerate(WALKS):
        alone = model.predict([series], verbose=0)
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-5)
    long = np.concatenate([WALKS[0], [1e6, 1e-6]])
    np.testing.assert_allclose(
        model.predict([long[:48]], verbose=0), together[:1], rtol=1e-5
    )
    # What is before the window, neither.
    before = np.concatenate([[1e6] * 5, WALKS[0]])
    np.testing.assert_allclose(
        model.predict([before], verbose=0), together[:1], rtol=1e-5
    )


def test_targets_never_reach_the_forecast_of_evaluate():
    """Teacher forcing is for training: judging, the decoder is fed its own."""
    model = with_large_weights(build(decoder="recurrent"))
    past = model._as_inputs(list(WALKS), "x")
    fed = [np.asarray(model((past, f * WALKS[:, :6]))) for f in (1.0, 9.0)]
    np.testing.assert_array_equal(*fed)
    np.testing.assert_allclose(fed[0], model.predict(list(WALKS), verbose=0), rtol=1e-5)
    taught = [
        np.asarray(model((past, f * WALKS[:, :6].astype("float32")), training=True))
        for f in (1.0, 9.0)
    ]
    # The first step has not yet been fed anything.
    np.testing.assert_allclose(taught[0][:, 0], taught[1][:, 0], rtol=1e-6)
    assert np.abs(taught[0][:, 1:] / taught[1][:, 1:] - 1).max() > 1e-3


def test_missing_values_are_not_read():
    model = with_large_weights(build())
    series = WALKS[0].copy()
    series[[3, 20, 47]] = np.nan
    expected = model.predict([series], verbose=0)
    assert np.isfinite(expected).all()
    listed = [None if np.isnan(value) else value for value in series]
    np.testing.assert_array_equal(model.predict([listed], verbose=0), expected)
    # Steps that lie before a short series are missing too.
    short = model.predict([WALKS[0][-20:]], verbose=0)
    padded = np.concatenate([[np.nan] * 28, WALKS[0][-20:]])
    np.testing.assert_array_equal(model.predict([padded], verbose=0), short)


@pytest.mark.long
@pytest.mark.parametrize("decoder", ["mixture", "direct", "recurrent"])
def test_it_learns(decoder):
    """A level shift after every window, which no smoothing knows."""
    model = build(decoder=decoder, period=1, length=12, horizon=2, log=False, units=8)
    draw = np.random.default_rng(0)
    past = draw.normal(size=(256, 12)) + 10
    future = np.repeat(past[:, :1], 2, axis=1)  # what came first comes again
    model.compile(keras.optimizers.Adam(0.02))
    before = model.evaluate(past, future, verbose=0)
    model.fit(past, future, epochs=15, verbose=0)
    assert model.evaluate(past, future, verbose=0) < 0.97 * before


@pytest.mark.long
def test_missing_targets_teach_nothing():
    model = build()
    future = np.tile(WALKS[:, -1:], 6)
    holes = future.copy()
    holes[0] = np.nan
    holes[1, 3:] = np.nan
    loss = ForecastLoss((0.1, 0.9))
    told = model.predict(list(WALKS), verbose=0)
    found = np.asarray(loss.call(holes.astype("float32"), told))
    whole = np.asarray(loss.call(future[:, :3].astype("float32"), told[:, :3]))
    assert found[0] == 0
    np.testing.assert_allclose(found[1], whole[1], rtol=1e-6)
    weights = model.get_weights()
    model.fit(list(WALKS[:1]), holes[:1], verbose=0)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_loss_by_hand():
    y = np.array([[1.0, np.nan]], "float32")
    told = np.array([[[2.0, 1.5, 3.0], [0.0, 0.0, 0.0]]], "float32")
    # |1 − 2| + 2 · 0.9 · 0.5 + 2 · 0.1 · 2
    assert float(ForecastLoss()(y, told)) == pytest.approx(1 + 0.9 + 0.4)
    squared = ForecastLoss(point="mean")
    assert float(squared(y, 2 * told)) == pytest.approx(9 + 2 * 0.9 * 2 + 2 * 0.1 * 5)
    members = np.stack([told, 2 * told], axis=-1)
    expected = (2.3 + 3 + 2 * 0.9 * 2 + 2 * 0.1 * 5) / 2
    assert float(ForecastLoss()(y, members)) == pytest.approx(expected)
    clone = ForecastLoss.from_config(squared.get_config())
    assert (clone.point, clone.quantiles) == ("mean", (0.1, 0.9))
    with pytest.raises(ValueError, match="`point` must be one of median, mean; got 'x"):
        ForecastLoss(point="x")


@pytest.mark.long
def test_losses_of_keras_are_of_the_point_on_the_scale_of_the_series():
    model = build(log=False)
    model.compile(loss="mse")
    future = np.full((5, 6), 60.0)
    future[0, 0] = np.nan
    found = model.evaluate(list(WALKS), future, verbose=0)
    scale = np.abs(WALKS).mean(axis=1, keepdims=True)
    errors = (future - model.forecast(list(WALKS))) / scale
    assert found == pytest.approx(np.square(np.nan_to_num(errors)).mean(), rel=1e-4)


def test_quantiles_never_cross_and_hold_the_point():
    model = with_large_weights(build(quantiles=(0.05, 0.2, 0.7, 0.95)))
    point, *told = np.moveaxis(model.predict(list(WALKS), verbose=0), -1, 0)
    in_order = [*told[:2], point, *told[2:]]
    for low, high in itertools.pairwise(in_order):
        assert (low < high).all()


@pytest.mark.long
def test_members_learn_each_by_itself_and_tell_their_mean():
    model = with_large_weights(build(members=3))
    past = model._as_inputs(list(WALKS), "x")
    each = np.asarray(model(past, training=True))
    assert each.shape == (5, 6, 3, 3)
    np.testing.assert_allclose(
        np.log(model(past)), np.log(each).mean(axis=-1), rtol=1e-4, atol=1e-4
    )
    assert np.isfinite(model.fit(list(WALKS), WALKS[:, :6], verbose=0).history["loss"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (np.full(30, 4.0), 4.0),
        ([4.0], 4.0),
        ([np.nan, 4.0, np.nan], 4.0),
        (np.zeros(30), 0.0),
        (np.full(30, -4.0), -4.0),
        (np.full(30, 1e20), 1e20),
    ],
)
def test_constant_series_go_on_as_they_are(series, expected):
    model = build(log=False)
    assert model.forecast([series])[0] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_negative_values_and_zeros_are_read_without_logarithms():
    model = with_large_weights(build(log=False))
    series = np.sin(np.pi * np.arange(40) / 6)
    series[series < 0.1] = 0
    above, below = (model.forecast([s]) for s in (series, -series))
    assert np.isfinite(above).all() and np.isfinite(below).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([], "`x` must hold at least one series; got none"),
        (None, "`x` must be a list of series.*; got NoneType"),
        ([1.0, 2.0], r"`x` must be a list of series.*Put it in a list: \[series\]"),
        ([[]], r"`x\[0\]` must be a series \(steps,\) of one value or more"),
        ([[1.0], [np.nan]], r"`x\[1\]` must have a value among its last 48 steps"),
        ([[1.0, np.inf]], r"`x\[0\]` must hold finite numbers.*; got inf"),
        ([[1.0, 1e39]], r"`x\[0\]` must hold .* less than 1e\+30 in .*; got 1e\+39"),
        ([[1e30, 2e30] * 20], r"`x\[0\]` must hold .* less than 1e\+30.*; got 1e\+30"),
        ([[1.0], [-9.9999999e29]], r"`x\[1\]` must hold .*; got -9.9999999e\+29"),
        ([[1.0, 0.0]], r"`x\[0\]` must be above zero, 1e-30 at .* `log=True`; got 0.0"),
        ([[1e-40] * 20], r"`x\[0\]` must be above zero, 1e-30 at least.*; got 1e-40"),
        ([[2.0, -3.0]], r"got -3.0. Make it with log=False"),
        ([["a", "b"]], r"`x\[0\]` must hold numbers"),
        ([[[1.0], [2.0]]], r"`x\[0\]` must be a series \(steps,\).*got the shape"),
        ("series", "must be a list of series"),
    ],
)
def test_what_is_no_series_is_told(model, x, message):
    with pytest.raises((TypeError, ValueError), match=message):
        model.predict(x, verbose=0)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones((5, 5)), r"`y` must hold the next 6 values .*shape \(5, 5\)"),
        (np.ones(5), r"`y` must hold the next 6 values"),
        (np.ones((4, 6)), "`y` must hold one value for each of the 5 examples"),
        (np.full((5, 6), np.inf), "`y` must hold finite numbers"),
        (np.full((5, 6), 1e30), r"`y` must hold .* of less than 1e\+30 in .*; got 1"),
        (np.zeros((5, 6)), "`y` must be above zero"),
        (None, "`y` must hold the labels to learn; got None"),
    ],
)
def test_what_are_no_futures_is_told(model, y, message):
    with pytest.raises(ValueError, match=message):
        model.fit(list(WALKS), y, verbose=0)
    if y is not None:
        with pytest.raises(ValueError, match=message):
            model.evaluate(list(WALKS), y, verbose=0)


@pytest.mark.long
@pytest.mark.parametrize("log", [True, False])
def test_whatever_is_accepted_is_read(log):
    """A series in another unit: the same forecast in that unit."""
    model = build(log=log)
    units = np.array([[1.0], [1e-28], [1e27]])
    expected, *found = model.forecast(units * WALKS[0]) / units
    np.testing.assert_allclose(found, [expected] * 2, rtol=1e-3)
    # Near and far at once: on logarithms the small ones are there, too.
    wide = [2e-30, 9e29] * 24
    assert np.isfinite(model.predict([wide], verbose=0)).all()
    assert np.isfinite(model.evaluate([wide], np.full((1, 6), 2e-30), verbose=0))


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_values_that_would_count_as_missing_are_refused(model, method):
    arguments = [] if method == "predict" else [np.full((1, 6), 1e29)]
    with pytest.raises(ValueError, match=r"`x\[0\]` must hold .* 1e\+30 in .*1e\+30"):
        getattr(model, method)([[1e30, 2e30] * 20], *arguments, verbose=0)


def test_datasets_of_windows(model):
    past = WALKS.astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices((past, past[:, :6])).batch(2)
    model.evaluate(dataset, verbose=0)
    with pytest.raises(ValueError, match=r"dataset of batches of windows \(batch, 48"):
        model.evaluate(dataset.map(lambda x, y: (x[:, :40], y)), verbose=0)
    with pytest.raises(ValueError, match="dataset of batches of windows"):
        model.predict(dataset.map(lambda x, y: {"past": x}), verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "rnn"}, "`cell` must be one of simple_rnn, lstm, gru; got 'rnn'"),
        ({"decoder": "x"}, "`decoder` must be one of mixture, direct, recurrent; got"),
        ({"horizon": 0}, "`horizon` must be an integer of at least 1; got 0"),
        ({"length": 50}, "`length` must be a multiple of `period`=12, and 2 .* 50"),
        ({"members": 0}, "`members` must be an integer of at least 1"),
        ({"log": 1}, "`log` must be True or False; got 1"),
        ({"quantiles": (0.9, 0.1)}, r"`quantiles` must be increasing .*\(0.9, 0.1\)"),
        ({"quantiles": (0.5,)}, "`quantiles` must be increasing numbers"),
        ({"quantiles": 0.9}, "`quantiles` must be increasing numbers"),
        ({"preprocessor": str}, "`preprocessor` must be None: a Forecaster reads num"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build(**arguments)


@pytest.mark.long
def test_saved_and_loaded_it_tells_the_same(tmp_path):
    model = with_large_weights(
        build(decoder="recurrent", members=2, cell="gru", num_layers=2, quantiles=())
    )
    clone = Forecaster.from_config(model.get_config())
    assert clone.get_config() == model.get_config()
    expected = model.predict(list(WALKS), verbose=0)
    assert expected.shape == (5, 6, 1)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(list(WALKS), verbose=0), expected)
    model.save_to_preset(tmp_path / "preset")
    preset = Task.from_preset(tmp_path / "preset")
    assert isinstance(preset, Forecaster)
    np.testing.assert_allclose(
        preset.predict(list(WALKS), verbose=0), expected, rtol=1e-2
    )


@pytest.mark.long
def test_exported_it_tells_the_same(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = with_large_weights(build())
    short = [series[-20:].astype("float32") for series in WALKS]
    expected = model.predict(short, verbose=0)
    serve = tf.saved_model.load(model.export(tmp_path / "saved"))
    told = serve.signatures["serving_default"](past=tf.constant(short))
    np.testing.assert_allclose(told["forecast"], expected[..., 0], rtol=1e-5)
    np.testing.assert_allclose(told["quantiles"], expected[..., 1:], rtol=1e-5)
    folder = model.export(tmp_path / "onnx", format="onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    windows = model._as_inputs(short, "x")
    forecast, quantiles = session.run(["forecast", "quantiles"], {"past": windows})
    np.testing.assert_allclose(forecast, expected[..., 0], rtol=1e-4)
    np.testing.assert_allclose(quantiles, expected[..., 1:], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["mixture", "recurrent"])
def test_a_phone_tells_the_same(tmp_path, decoder):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    model = with_large_weights(build(decoder=decoder))
    folder = model.export(tmp_path / "litert", format="litert")
    run = interpreter.Interpreter(str(folder / "model.tflite")).get_signature_runner()
    windows = model._as_inputs([WALKS[0][-20:]], "x")
    expected = model.predict([WALKS[0][-20:]], verbose=0)
    np.testing.assert_allclose(
        run(past=windows)["forecast"], expected[..., 0], rtol=1e-4
    )


def test_explain_says_which_kernel_reads(model):
    (layer,) = model.readers[0].recurrent_layers
    for training in (True, False):
        kernel, how, *declined = layer.explain(training).splitlines()
        assert kernel.removeprefix("kernel: ") in KERNELS
        assert how.startswith("how: ")
        assert declined[0].startswith("not keras: ")


OTHER = """
import json, sys
import numpy as np
from kerasrnn.zoo import Task
model = Task.from_preset(sys.argv[1])
series = [np.exp(np.sin(np.arange(40.0) / 3 + k)) for k in range(4)]
series[1][5] = np.nan
told = model.predict(series, verbose=0)
history = model.fit(series, np.ones((4, 6)), epochs=2, verbose=0)
print("RESULT", json.dumps([told.tolist(), history.history["loss"]]))
"""


@pytest.fixture(scope="module")
def expected_elsewhere(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    with_large_weights(build(decoder="recurrent")).save_to_preset(folder)
    model = Task.from_preset(folder)
    series = [np.exp(np.sin(np.arange(40.0) / 3 + k)) for k in range(4)]
    series[1][5] = np.nan
    told = model.predict(series, verbose=0)
    history = model.fit(series, np.ones((4, 6)), epochs=2, verbose=0)
    return folder, told, history.history["loss"]


@pytest.mark.slow
@other_backends
def test_on_other_backends(backend, expected_elsewhere):
    folder, told, losses = expected_elsewhere
    found, history = run_on(backend, OTHER, folder)
    np.testing.assert_allclose(found, told, rtol=2e-4)
    np.testing.assert_allclose(history, losses, rtol=1e-3)
