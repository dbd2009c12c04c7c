"""The CRF against sums and maxima over all sequences of tags, one by one."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn.layers import CRF

T, C = 4, 3
# Every mask of four steps: full, left, right, with holes, with no step at all.
MASKS = np.array(list(itertools.product([1, 0], repeat=T)), bool)
B = len(MASKS)
RNG = np.random.default_rng(0)
TAGS = RNG.integers(0, C, (B, T))
# Transitions and emissions from -scale to scale: a product of matrices is enough for
# the first two, whatever the emissions are.
SCALES = {"small": (1, 1), "wide emissions": (25, 200), "wide": (50, 50)}
backend = keras.backend.backend()
on_tensorflow = pytest.mark.skipif(
    backend != "tensorflow", reason="of TensorFlow's graphs"
)


def array(x):
    return ops.convert_to_numpy(x)


def make(scale, use_boundary=True, **options):
    values = keras.initializers.RandomUniform(-scale, scale, seed=1)
    return CRF(C, use_boundary=use_boundary, transition_initializer=values, **options)


class AllSequences:
    """Every sequence of tags of one row, with its features and its probability.

    A sequence's score is the product of its features and the scores: how often it has
    each tag at each step, each pair, each first and each last tag.
    """

    def __init__(self, emissions, mask, weights):
        self.steps = np.flatnonzero(mask)
        sequences = itertools.product(range(C), repeat=len(self.steps))
        self.sequences = np.array(list(sequences), int)
        self.features = np.array([self.features_of(s) for s in self.sequences])
        scores = np.concatenate(
            [np.where(np.isfinite(a), a, 0).ravel() for a in (emissions, *weights)]
        )
        size = len(scores)  # without boundary there are no scores of it
        self.features = self.features[:, :size]
        self.scores = self.features @ scores.astype("float64")
        highest = self.scores.max()
        self.log_z = highest + np.log(np.exp(self.scores - highest).sum())
        self.p = np.exp(self.scores - self.log_z)
        self.expected = self.p @ self.features

    def features_of(self, tags):
        at, pairs = np.zeros((T, C)), np.zeros((C, C))
        ends = np.zeros((2, C))
        at[self.steps, tags] = 1
        np.add.at(pairs, (tags[:-1], tags[1:]), 1)
        if len(tags):
            ends[0, tags[0]] = ends[1, tags[-1]] = 1
        return np.concatenate([at.ravel(), pairs.ravel(), ends.ravel()])

    def position(self, tags):
        return int(np.flatnonzero((self.sequences == tags[self.steps]).all(1))[0])

    def log_likelihood(self, tags):
        return self.scores[self.position(tags)] - self.log_z

    def likelihood_gradient(self, tags):
        return self.features[self.position(tags)] - self.expected

    def marginals(self):
        return self.expected[: T * C].reshape(T, C)

    def log_marginals_gradient(self, weights):
        """That of Σ w log P, of w (T, C)."""
        total = 0
        for t, c in itertools.product(self.steps, range(C)):
            has = self.features[:, t * C + c]
            given = (self.p * has) @ self.features / (self.p @ has)
            total += weights[t, c] * (given - self.expected)
        return total


def all_sequences(crf, emissions, mask):
    mask = np.ones((len(emissions), T), bool) if mask is None else mask
    weights = [array(w) for w in crf.weights]
    return [AllSequences(*row, weights) for row in zip(emissions, mask, strict=True)]


def emissions_of(scale, mask):
    emissions = RNG.uniform(-scale, scale, (B, T, C)).astype("float32")
    if mask is not None:
        emissions[~mask] = np.nan  # what nobody looks at may be anything
    return emissions


@pytest.mark.parametrize(
    "scale, use_boundary, masked",
    [
        ("small", True, True),
        ("small", False, False),
        ("wide emissions", True, True),
        ("wide", True, True),
        ("wide", False, False),
    ],
)
def test_it_is_the_sum_over_all_sequences(scale, use_boundary, masked):
    of_transitions, of_emissions = SCALES[scale]
    crf = make(of_transitions, use_boundary)
    mask = MASKS if masked else None
    emissions = emissions_of(of_emissions, mask)
    rows = all_sequences(crf, emissions, mask)
    tags = TAGS if mask is None else np.where(mask, TAGS, 99)

    expected = [row.log_likelihood(y) for row, y in zip(rows, TAGS, strict=True)]
    found = array(crf.log_likelihood(emissions, tags, mask))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)

    expected = np.array([row.marginals() for row in rows])
    found = array(crf.marginals(emissions, mask))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    logs = array(crf(emissions, mask=mask))
    shown = expected > 0
    np.testing.assert_allclose(
        logs[shown], np.log(expected[shown]), rtol=1e-5, atol=1e-4
    )

    found, scores = crf.decode(emissions, mask)
    found = array(found)
    assert found.dtype == "int32"
    for row, y in zip(rows, found, strict=True):
        assert row.scores[row.position(y)] == row.scores.max()
    np.testing.assert_allclose(
        array(scores), [row.scores.max() for row in rows], rtol=1e-5, atol=1e-5
    )
    if masked:
        assert not found[~mask].any() and not logs[~mask].any()


def gradients(function, values):
    """Those of `function` of tensors, in arrays."""
    values = [ops.convert_to_tensor(v) for v in values]
    if backend == "jax":
        import jax

        gradient = jax.jit(jax.grad(lambda values: function(*values)))
        return [array(g) for g in gradient(values)]
    if backend == "torch":
        import torch

        values = [v.detach().requires_grad_() for v in values]
        return [array(g) for g in torch.autograd.grad(function(*values), values)]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(values)
        result = function(*values)
    return [np.asarray(g) for g in tape.gradient(result, values)]


def with_weights(crf, method, *arguments):
    """`method` of the emissions and the layer's weights as tensors."""

    def function(emissions, *weights):
        mapping = list(zip(crf.weights, weights, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return method(emissions, *arguments)

    return function


@pytest.mark.parametrize(
    "scale, masked",
    [("small", True), ("wide emissions", True), ("wide", True), ("wide", False)],
)
def test_gradients_are_those_of_all_sequences(scale, masked):
    of_transitions, of_emissions = SCALES[scale]
    # Where a log marginal is -400, a change of it is no number of float32.
    of_emissions = min(of_emissions, 50)
    crf = make(of_transitions)
    mask = MASKS if masked else None
    emissions = emissions_of(of_emissions, mask)
    rows = all_sequences(crf, emissions, mask)
    row_weights = RNG.standard_normal(B).astype("float32")
    weights = RNG.standard_normal((B, T, C)).astype("float32")
    values = [emissions, *(array(w) for w in crf.weights)]

    def check(found, expected):
        expected = np.array(expected)
        np.testing.assert_allclose(
            found[0].reshape(B, -1), expected[:, : T * C], atol=1e-4
        )
        found = np.concatenate([g.ravel() for g in found[1:]])
        np.testing.assert_allclose(found, expected[:, T * C :].sum(0), atol=2e-4)

    def likelihood(emissions):
        likelihood = crf.log_likelihood(emissions, TAGS, mask)
        return ops.sum(ops.multiply(row_weights, likelihood))

    check(
        gradients(with_weights(crf, likelihood), values),
        [
            w * row.likelihood_gradient(y)
            for row, y, w in zip(rows, TAGS, row_weights, strict=True)
        ],
    )

    def marginals(emissions):
        return ops.sum(ops.multiply(weights, crf(emissions, mask=mask)))

    check(
        gradients(with_weights(crf, marginals), values),
        [
            row.log_marginals_gradient(w) + np.zeros(row.features.shape[1])
            for row, w in zip(rows, weights, strict=True)
        ],
    )


@pytest.mark.parametrize("batch, steps", [(2, 1), (0, 4)])
def test_one_step_and_no_rows(batch, steps):
    crf = make(1)
    emissions = RNG.standard_normal((batch, steps, C)).astype("float32")
    tags = np.zeros((batch, steps), int)
    start, end = (array(w) for w in crf.weights[1:])
    for mask in (None, np.ones((batch, steps), bool)):
        likelihood = array(crf.log_likelihood(emissions, tags, mask))
        found, scores = (array(r) for r in crf.decode(emissions, mask))
        logs = array(crf(emissions, mask=mask))
        assert likelihood.shape == scores.shape == (batch,)
        assert found.shape == (batch, steps) and logs.shape == (batch, steps, C)
        if batch:
            sums = emissions[:, 0] + start + end
            np.testing.assert_allclose(scores, sums.max(-1), rtol=1e-6)
            expected = sums[:, 0] - np.log(np.exp(sums).sum(-1))
            np.testing.assert_allclose(likelihood, expected, rtol=1e-5)
            np.testing.assert_allclose(logs[:, 0, 0], expected, rtol=1e-5)

        def loss(emissions, mask=mask):
            return ops.sum(crf.log_likelihood(emissions, tags, mask))

        values = [emissions, *(array(w) for w in crf.weights)]
        for gradient in gradients(with_weights(crf, loss), values):
            assert np.isfinite(gradient).all()


@pytest.mark.long
def test_long_sequences_lose_nothing():
    # In float32 sums of thousands would be too coarse for probabilities.
    crf, steps = make(3), 600
    emissions = RNG.uniform(0, 20, (2, steps, C)).astype("float32")
    a, start, end = (array(w).astype("float64") for w in crf.weights)
    alpha, beta = [start + emissions[:, 0]], [np.zeros((2, C)) + end]
    for t in range(1, steps):
        sums = np.logaddexp.reduce(alpha[-1][:, :, None] + a, axis=1)
        alpha.append(sums + emissions[:, t])
        sums = (emissions[:, -t] + beta[-1])[:, None] + a
        beta.append(np.logaddexp.reduce(sums, axis=2))
    logs = np.stack(alpha, 1) + np.stack(beta[::-1], 1)
    log_z = np.logaddexp.reduce(alpha[-1] + end, axis=1)
    expected = np.exp(logs - log_z[:, None, None])
    np.testing.assert_allclose(array(crf.marginals(emissions)), expected, atol=2e-6)


def test_a_mask_that_is_attached_is_used():
    tokens = np.array([[1, 0, 2, 0], [0, 0, 0, 0], [2, 1, 2, 1]])
    emissions = keras.layers.Embedding(3, C, mask_zero=True)(tokens)
    crf = make(1)
    mask = tokens != 0
    plain = array(emissions)
    np.testing.assert_array_equal(array(crf(emissions)), array(crf(plain, mask=mask)))
    np.testing.assert_array_equal(
        array(crf.decode(emissions)[0]), array(crf.decode(plain, mask)[0])
    )
    tags = np.ones((3, 4), int)
    np.testing.assert_array_equal(
        array(crf.log_likelihood(emissions, tags)),
        array(crf.log_likelihood(plain, tags, mask)),
    )
    assert not array(crf(emissions))[1].any()


def cycles(rows, steps):
    """Tags that go round, 0 1 2 0 …, four of ten seen as any one by chance."""
    rng = np.random.default_rng(3)
    tags = (rng.integers(0, C, (rows, 1)) + np.arange(steps)) % C
    seen = np.where(rng.random(tags.shape) < 0.4, rng.integers(0, C, tags.shape), tags)
    # 0 is padding.
    lengths = rng.integers(5, steps + 1, (rows, 1))
    return np.where(np.arange(steps) < lengths, seen + 1, 0), tags


@pytest.fixture(scope="module")
def task():
    return cycles(100, 10)


def tagger(crf):
    tokens = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(C + 1, C, mask_zero=True)
    return tokens, embedding(tokens)


def accuracy(probabilities, task):
    seen, tags = task
    return (probabilities.argmax(-1) == tags)[seen != 0].mean()


@pytest.mark.long
def test_plain_fit_learns_what_emissions_cannot_know(task, tmp_path):
    crf = CRF(C, name="crf")
    tokens, emissions = tagger(crf)
    outputs = crf(emissions)
    assert isinstance(outputs, keras.KerasTensor) and outputs.shape == (None, None, C)
    model = keras.Model(tokens, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.15), loss=loss, weighted_metrics=["accuracy"])
    history = model.fit(*task, batch_size=50, epochs=15, verbose=0).history
    # Each step by itself says no more than 1 - 0.4 · 2 / 3 = 73 % of them.
    logs = model.predict(task[0], batch_size=100, verbose=0)
    assert accuracy(logs, task) > 0.93
    if backend != "jax":  # where Keras's metrics count padding
        assert history["accuracy"][-1] > 0.93
    np.testing.assert_allclose(np.exp(logs[:, 0]).sum(-1), 1, rtol=1e-5)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(task[0], batch_size=100, verbose=0), logs
    )
    np.testing.assert_allclose(
        loaded.evaluate(*task, batch_size=100, verbose=0),
        model.evaluate(*task, batch_size=100, verbose=0),
        rtol=1e-6,
    )

    both = keras.Model(tokens, [outputs, crf(emissions, decode=True)])
    both.save(tmp_path / "both.keras")
    loaded = keras.models.load_model(tmp_path / "both.keras")
    found, tags = loaded.predict(task[0], batch_size=100, verbose=0)
    np.testing.assert_array_equal(found, logs)
    plain = keras.Model(tokens, emissions).predict(task[0], batch_size=100, verbose=0)
    np.testing.assert_array_equal(tags, array(crf.decode(plain, task[0] != 0)[0]))
    assert tags.dtype == "int32" and (tags == task[1])[task[0] != 0].mean() > 0.93
    with pytest.raises(
        ValueError, match=r"symbolic tensor.*`crf.emissions, decode=Tru"
    ):
        crf.decode(emissions)


@pytest.mark.long
def test_fit_maximizes_the_likelihood_where_tags_are_an_input(task):
    crf = CRF(C)
    tokens, emissions = tagger(crf)
    tags = keras.Input((None,), dtype="int32")
    model = keras.Model([tokens, tags], crf(emissions, tags))
    model.compile(keras.optimizers.Adam(0.15))
    history = model.fit(list(task), batch_size=50, epochs=15, verbose=0).history
    plain = keras.Model(tokens, emissions).predict(task[0], batch_size=100, verbose=0)
    mask = task[0] != 0
    likelihood = array(crf.log_likelihood(plain, task[1], mask))
    loss = model.evaluate(list(task), batch_size=100, verbose=0)
    np.testing.assert_allclose(loss, -likelihood.sum() / mask.sum(), rtol=1e-5)
    assert history["loss"][0] > 3 * loss
    predictor = keras.Model(tokens, crf(emissions))
    logs = predictor.predict(task[0], batch_size=100, verbose=0)
    assert accuracy(logs, task) > 0.93


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_half_precision_is_in_what_comes_only(policy):
    crf = make(1, dtype=policy)
    dtype = crf.compute_dtype
    emissions = ops.cast(RNG.standard_normal((B, T, C)), dtype)
    logs = crf(emissions, mask=MASKS)
    assert keras.backend.standardize_dtype(logs.dtype) == "float32"
    single = make(1)
    single.set_weights([array(ops.cast(w, "float32")) for w in crf.weights])
    expected = single(ops.cast(emissions, "float32"), mask=MASKS)
    np.testing.assert_array_equal(array(logs), array(expected))
    outputs = crf(keras.KerasTensor((None, None, C), dtype))
    assert outputs.dtype == "float32"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"classes": 0}, "`classes` must be a positive integer; got 0"),
        ({"classes": 2.5}, "`classes` must be a positive integer; got 2.5"),
        ({"use_boundary": "no"}, "`use_boundary` must be True or False; got 'no'"),
        (
            {"transition_initializer": "ones and zeros"},
            "`transition_initializer` must be .*; got 'ones and zeros'",
        ),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        CRF(**{"classes": 3, **arguments})


X = np.zeros((2, T, C), "float32")
Y = np.zeros((2, T), int)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"emissions": X[0]}, r"`emissions` .*\(batch, steps, classes=3\); got \(4, 3"),
        ({"emissions": X[:, :, :2]}, r"`emissions` .*classes=3\); got \(2, 4, 2\)"),
        ({"emissions": X.tolist()[0]}, r"`emissions` .*classes=3\); got \(4, 3\)"),
        ({"emissions": X[:, :0]}, r"`emissions` .* at least one step; .*\(2, 0, 3\)"),
        ({"emissions": X + 1j}, "`emissions` .* real numbers; got .*complex"),
        ({"tags": Y[:, :2]}, r"`tags` .* \(batch, steps\)=\(2, 4\); got \(2, 2\)"),
        ({"tags": Y[0]}, r"`tags` .* \(batch, steps\)=\(2, 4\); got \(4,\)"),
        ({"tags": Y + 3}, "`tags` .* from 0 to 2; got 3"),
        ({"tags": Y - 1}, "`tags` .* from 0 to 2; got -1"),
        ({"tags": Y + 0.5}, "`tags` .* integers; got the dtype float"),
        ({"mask": Y[:, :2]}, r"`mask` must be .*\(2, 4\); got \(2, 2\)"),
    ],
)
def test_a_wrong_call_is_named(change, message):
    crf = CRF(C)
    call = {"emissions": X, "tags": Y, "mask": None, **change}
    with pytest.raises(ValueError, match=message):
        crf.log_likelihood(**call)
    with pytest.raises(ValueError, match=message):
        crf(**call)
    if "tags" not in change:
        del call["tags"]
        for method in (crf.decode, crf.marginals):
            with pytest.raises(ValueError, match=message):
                method(**call)


@pytest.mark.long
@on_tensorflow
@pytest.mark.parametrize("jit", [True, False])
def test_graphs_of_unknown_sizes_are_the_eager_numbers(jit):
    import tensorflow as tf

    crf = make(1)
    emissions = RNG.standard_normal((B, T, C)).astype("float32")
    shapes = [(B, T, C), (B, T)] if jit else [(None, None, C), (None, None)]

    @tf.function(
        jit_compile=jit,
        input_signature=[
            tf.TensorSpec(shapes[0], "float32"),
            tf.TensorSpec(shapes[1], "int32"),
            tf.TensorSpec(shapes[1], "bool"),
        ],
    )
    def graph(emissions, tags, mask):
        with tf.GradientTape() as tape:
            likelihood = crf.log_likelihood(emissions, tags, mask)
        gradient = tape.gradient(likelihood, crf.transitions.value)
        return likelihood, gradient, crf(emissions, mask=mask), *crf.decode(emissions)

    with tf.GradientTape() as tape:
        likelihood = crf.log_likelihood(emissions, TAGS, MASKS)
    gradient = tape.gradient(likelihood, crf.transitions.value)
    logs = crf(emissions, mask=MASKS)
    expected = (likelihood, gradient, logs, *crf.decode(emissions))
    found = graph(emissions, TAGS.astype("int32"), MASKS)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    # A tag that is none cannot raise here.
    wrong = np.where(MASKS, TAGS, -1).astype("int32")
    assert np.isfinite(graph(emissions, wrong, MASKS)[0]).all()
    wrong[2, 0] = C
    assert np.flatnonzero(np.isnan(graph(emissions, wrong, MASKS)[0])).tolist() == [2]


def test_it_is_made_again_from_its_configuration():
    crf = CRF(
        C,
        use_boundary=False,
        transition_initializer="glorot_uniform",
        transition_regularizer=keras.regularizers.L2(0.5),
        transition_constraint="non_neg",
        name="tags",
        dtype="bfloat16",
    )
    again = CRF.from_config(crf.get_config())
    assert again.get_config() == crf.get_config()
    assert [w.shape for w in again.weights] == [(C, C)]
    (loss,) = crf.losses
    expected = 0.5 * (array(ops.cast(crf.transitions, "float32")) ** 2).sum()
    np.testing.assert_allclose(
        array(ops.cast(ops.stop_gradient(loss), "float32")), expected, rtol=0.02
    )
