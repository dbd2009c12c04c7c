"""`generate`: strings of all kinds in, translations in the same order out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from translators import make, pairs, talkative, word_tokenizers

from kerasrnn.decoding import greedy_search
from kerasrnn.text import PairTokenizer, WordTokenizer
from kerasrnn.zoo import Seq2Seq
from kerasrnn.zoo.decoder.generation import length_limit

BACKEND = keras.backend.backend()
TEXTS = pairs(40, longest=30)[0]


@pytest.fixture(scope="module")
def model():
    return talkative()


@pytest.fixture(scope="module")
def answers(model):
    return model.generate(TEXTS)


@pytest.mark.long
def test_batches_change_nothing(model, answers):
    assert len({*answers}) > 20
    for batch_size in (1, 7, 100):
        assert model.generate(TEXTS, batch_size=batch_size) == answers
    assert model.generate(TEXTS[::-1]) == answers[::-1]
    assert [model.generate(text) for text in TEXTS[:3]] == answers[:3]
    # As token by token, without sorting, batches or a graph.
    ids = np.asarray(model.preprocess(tf.constant([TEXTS[5]])))
    tokens = model.generate_ids(ids).token_ids
    text = model.preprocessor.detokenize(ops.convert_to_numpy(tokens)).numpy()[0]
    assert text.decode() == answers[5]


def test_sources_of_like_length_share_a_batch(model, monkeypatch):
    sizes, generate_ids = [], model.generate_ids

    def spy(ids, **options):
        sizes.append((ids.shape, (ops.convert_to_numpy(ids) != 0).mean()))
        return generate_ids(ids, **options)

    model.compiled_searches.value.clear()
    monkeypatch.setattr(model, "generate_ids", spy)
    tf.config.run_functions_eagerly(True)
    if BACKEND == "jax":
        monkeypatch.setattr("jax.jit", lambda f, **_: f)
    try:
        model.generate(TEXTS, batch_size=10, max_length=3)
    finally:
        tf.config.run_functions_eagerly(False)
        model.compiled_searches.value.clear()
    assert len(sizes) == 4
    if BACKEND != "jax":  # where widths are rounded up
        widths = [shape[1] for shape, _ in sizes]
        assert widths == sorted(widths, reverse=True) and widths[-1] < widths[0] / 2
        assert min(filled for _, filled in sizes) > 0.5


@pytest.mark.long
def test_a_second_call_does_not_trace_again(model, answers, monkeypatch):
    calls, generate_ids = [], model.generate_ids

    def counting(*arguments, **options):
        calls.append(1)
        return generate_ids(*arguments, **options)

    monkeypatch.setattr(model, "generate_ids", counting)
    options = {"search": "beam", "beam_width": 2}
    model.generate(TEXTS[:9], **options)
    traces = len(calls)
    assert traces >= 1
    model.generate(TEXTS[:9], **options)
    if BACKEND != "torch":  # which compiles nothing
        assert len(calls) == traces
    if BACKEND == "tensorflow":
        # One graph for all sizes and lengths, and each search's own.
        assert model.generate(TEXTS[0], max_length=5, **options) != ""
        assert len(calls) == traces == 1
        model.generate(TEXTS[0], search="beam", beam_width=3)
        assert len(calls) == 2
    # It is the weights' values that count, not those at the time of the trace.
    weights = model.get_weights()
    try:
        model.set_weights([-w for w in weights])
        assert model.generate(TEXTS) != answers
    finally:
        model.set_weights(weights)
    assert model.generate(TEXTS) == answers


@pytest.mark.parametrize(
    "form",
    [
        tuple,
        np.array,
        lambda texts: np.array(texts, object),
        lambda texts: [text.encode() for text in texts],
        tf.constant,
        tf.data.Dataset.from_tensor_slices,
        lambda texts: tf.data.Dataset.from_tensor_slices(texts).batch(3),
        lambda texts: tf.data.Dataset.from_tensor_slices((texts, texts)).batch(3),
    ],
)
def test_every_form_of_input_gives_the_same(model, answers, form):
    assert model.generate(form(TEXTS[:7])) == answers[:7]


def test_one_text_gives_one(model, answers):
    for text in (TEXTS[0], TEXTS[0].encode(), tf.constant(TEXTS[0]), np.str_(TEXTS[0])):
        assert model.generate(text) == answers[0]


def test_scores(model, answers):
    found, scores = model.generate(TEXTS, return_scores=True)
    assert found == answers and scores.shape == (40,) and scores.dtype == "float32"
    ids = np.asarray(model.preprocess(tf.constant([TEXTS[4]])))
    expected = ops.convert_to_numpy(model.generate_ids(ids).scores)
    np.testing.assert_allclose(scores[4], expected[0], rtol=1e-4)
    text, score = model.generate(TEXTS[4], return_scores=True)
    assert (text, type(score)) == (answers[4], float)
    assert score == pytest.approx(scores[4], rel=1e-4)


@pytest.mark.long
def test_n_best_gives_lists(model):
    options = {"search": "beam", "beam_width": 3}
    one = model.generate(TEXTS[:4], **options)
    three, scores = model.generate(TEXTS[:4], **options, n_best=3, return_scores=True)
    assert [row[0] for row in three] == one
    assert scores.shape == (4, 3) and (np.diff(scores) <= 0).all()
    assert model.generate(TEXTS[:4], **options, n_best=1) == [[t] for t in one]
    assert model.generate(TEXTS[1], **options, n_best=3) == three[1]
    assert model.generate(TEXTS[1], **options) == one[1]


@pytest.mark.long
def test_sampling_follows_its_seed(model):
    def draw(seed, **options):
        return model.generate(TEXTS, search="sample", seed=seed, **options)

    one = draw(3)
    assert draw(3) == one == draw(3, batch_size=5)
    assert draw(4) != one
    # Equal texts do not get equal draws.
    assert len({*model.generate([TEXTS[0]] * 9, search="sample", seed=1)}) > 3
    assert draw(3, temperature=0) == model.generate(TEXTS)
    assert draw(5, top_k=1) == model.generate(TEXTS)


def test_length_limit(model):
    for width, limit in (
        (1, 42),
        (16, 42),
        (17, 74),
        (100, 266),
        (256, 512),
        (999, 512),
    ):
        assert length_limit(width) == limit
        tensor = ops.convert_to_tensor(width)
        assert int(ops.convert_to_numpy(length_limit(tensor))) == limit
    # It never says its end token.
    endless = make(Seq2Seq, units=8, embedding_dim=8)
    bias = np.full(endless.target_vocabulary_size, -99.0)
    bias[3] = 99
    endless.decoder.output_bias.assign(bias)
    long, short = endless.generate(["one " * 20, "one"])
    assert (len(long.split()), len(short.split())) == (74, 42)
    assert len(endless.generate("one", max_length=5).split()) == 5
    assert endless.generate_ids([[2, 0]]).token_ids.shape == (1, 42)


def test_progress_bar(model, answers, capsys):
    model.generate(TEXTS)
    assert capsys.readouterr().out == ""
    model.generate(TEXTS, verbose=1)
    assert "40/40" in capsys.readouterr().out
    model.generate(TEXTS, batch_size=3)
    assert "40/40" in capsys.readouterr().out
    model.generate(TEXTS, batch_size=3, verbose=0)
    assert capsys.readouterr().out == ""


def test_nothing_gives_nothing(model):
    assert model.generate([]) == []
    texts, scores = model.generate([], return_scores=True)
    assert texts == [] and scores.shape == (0,)
    assert model.generate(tf.data.Dataset.from_tensor_slices(TEXTS).take(0)) == []
    for search in ("greedy", "beam", "sample"):
        ids = np.zeros((0, 3), int)
        found = model.generate_ids(ids, max_length=6, search=search)
        assert found.token_ids.shape in ((0, 6), (0, 1, 6))


def test_odd_texts_get_an_answer(model):
    odd = ["", " \t\n", "한국어 電影 😀", b"\xff\xfe one", "\ud800", "one"]
    found, scores = model.generate(odd, return_scores=True)
    assert all(isinstance(text, str) for text in found)
    assert np.isfinite(scores).all()
    # Who is in its batch does not matter, and white space is nothing.
    assert [model.generate(text) for text in odd] == found
    assert found[0] == found[1]


def test_what_the_tokenizer_cuts_is_told(model):
    long = "one " * 2000
    with pytest.warns(
        UserWarning, match="^1744 tokens at the ends of 1 of 3 texts wer"
    ):
        found = model.generate(["one two", long, "six " * 256])
    assert found[1] == model.generate("one " * 256)  # not cut, and told nothing
    tokenizer = PairTokenizer(WordTokenizer(["one"], max_length=None))
    endless = make(tokenizer=tokenizer, units=4, embedding_dim=4)
    assert isinstance(endless.generate(long, max_length=3), str)


@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
def test_sources_of_padding_only_and_of_no_width(model, search):
    for ids in (np.zeros((2, 3), int), np.zeros((2, 0), int)):
        found = model.generate_ids(ids, max_length=6, search=search)
        assert found.token_ids.shape[0] == 2
        assert np.isfinite(ops.convert_to_numpy(found.scores)).all()
    alignments = model.generate_ids(
        np.zeros((2, 3), int), max_length=6, source_length=3
    ).alignments
    assert not ops.convert_to_numpy(alignments).any()
    covered = model.generate_ids(
        np.zeros((2, 0), int), max_length=6, search="beam", coverage_penalty=0.2
    )
    assert np.isfinite(ops.convert_to_numpy(covered.scores)).all()


class Likeliest:
    """A sampler with KerasHub's interface."""

    def __call__(self, next, prompt, cache, index, mask, stop_token_ids):
        def body(prompt, cache, index):
            logits, _, cache = next(prompt, cache, index)
            token_ids = ops.cast(ops.argmax(logits, axis=-1), "int32")
            prompt = ops.slice_update(prompt, (0, index), token_ids[:, None])
            return prompt, cache, index + 1

        variables = (prompt, cache, ops.convert_to_tensor(index, "int32"))
        limit = ops.shape(prompt)[1] - index
        return ops.while_loop(
            lambda *_: ops.convert_to_tensor(True),
            body,
            variables,
            maximum_iterations=limit,
        )[0]


@pytest.mark.slow
def test_a_sampler_of_keras_hub_is_a_search(model, answers):
    sampler = Likeliest()
    assert model.generate(TEXTS, search=sampler) == answers
    ids = np.asarray(model.preprocess(tf.constant(TEXTS[:4])))
    found = model.generate_ids(ids, search=sampler, source_length=ids.shape[1])
    expected = model.generate_ids(ids, source_length=ids.shape[1])
    for a, b in zip(found, expected, strict=True):
        a, b = ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_samplers_of_keras_hub_are_searches(model, answers):
    samplers = pytest.importorskip("keras_hub").samplers
    assert model.generate(TEXTS, search=samplers.GreedySampler()) == answers
    assert model.generate(TEXTS, search=samplers.TopKSampler(k=1)) == answers
    beams = samplers.BeamSampler(num_beams=3, return_all_beams=True)
    found, scores = model.generate(
        TEXTS[:5], search=beams, max_length=6, return_scores=True
    )
    assert scores.shape == (5, 3) and all(len(row) == 3 for row in found)
    drawn = model.generate(TEXTS[:5], search=samplers.TopPSampler(p=0.9, seed=1))
    assert all(isinstance(text, str) for text in drawn)


ONE = np.array([[2, 3]])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"search": "best"},
            ValueError,
            "`search` must be one of greedy, sample, beam",
        ),
        ({"search": 3}, ValueError, "a sampler of KerasHub; got 3"),
        ({"max_length": 0}, ValueError, "`max_length` must be .* at least 1; got 0"),
        ({"max_length": 2.5}, TypeError, "`max_length` must be .*; got 2.5"),
        ({"beam_width": 3}, ValueError, "`beam_width` is no option of search='greedy'"),
        (
            {"search": "beam", "top_k": 3},
            ValueError,
            "`top_k` is no option of .*; got 3",
        ),
        ({"search": Likeliest(), "top_k": 3}, ValueError, "of search=Likeliest, which"),
        (
            {"search": "beam", "beam_width": 0},
            ValueError,
            "`beam_width` must be an integer of at least 1",
        ),
        (
            {"search": "beam", "beam_width": 2, "n_best": 3},
            ValueError,
            "`n_best` must be at most beam_width=2; got 3",
        ),
        (
            {"search": "beam", "length_penalty": -1},
            ValueError,
            "`length_penalty` must be at least 0; got -1",
        ),
        (
            {"search": "sample", "temperature": -0.5},
            ValueError,
            "`temperature` must be at least 0, which is greedy; got -0.5",
        ),
        (
            {"search": "sample", "top_p": 0},
            ValueError,
            "`top_p` must be above 0 and at",
        ),
        ({"search": "sample", "top_p": 1.5}, ValueError, "`top_p` must .*; got 1.5"),
        ({"search": "sample", "top_k": 0}, ValueError, "`top_k` must be an integer"),
    ],
)
def test_bad_options_are_named(model, options, error, message):
    with pytest.raises(error, match=message):
        model.generate("one", **options)
    with pytest.raises(error, match=message):
        model.generate_ids(ONE, **options)


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (None, TypeError, "`inputs` must be a string, a list .*; got NoneType"),
        (
            ONE,
            ValueError,
            r"a flat list of strings; got an array of the shape \(1, 2\)",
        ),
        (
            np.array([2, 3]),
            TypeError,
            r"item 0 is .*2.* \(int64\). Token ids go to `gene",
        ),
        (["one", None], TypeError, "item 1 is None"),
        ({"one": 1}, TypeError, "got dict"),
        (
            tf.data.Dataset.from_tensor_slices([1, 2]),
            ValueError,
            "must be a dataset of strings",
        ),
        (
            tf.data.Dataset.from_tensor_slices(["one"]).repeat(),
            ValueError,
            "must be a finite dataset",
        ),
    ],
)
def test_bad_inputs_are_named(model, inputs, error, message):
    with pytest.raises(error, match=message):
        model.generate(inputs)


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (
            [[2, 99]],
            ValueError,
            "`source_ids` must be token ids from 0 to 9; got 2 to 99",
        ),
        ([[-1, 2]], ValueError, "got -1 to 2"),
        ([[2.0, 3.0]], TypeError, "`source_ids` must be integer token ids; got float"),
        (
            [2, 3],
            ValueError,
            r"`source_ids` must be \(batch, steps\); got the shape \(2,",
        ),
        ([[2], [3, 4]], ValueError, "got rows of different lengths"),
    ],
)
def test_bad_ids_are_named(model, ids, error, message):
    with pytest.raises(error, match=message):
        model.generate_ids(ids)


def test_other_mistakes(model):
    with pytest.raises(ValueError, match=r"`batch_size` must be .*at least 1; got 0"):
        model.generate("one", batch_size=0)
    with pytest.raises(ValueError, match="`source_length` is no option of search='gr"):
        model.generate("one", source_length=3)
    blind = make(Seq2Seq, units=4, embedding_dim=4)
    with pytest.raises(ValueError, match="`coverage_penalty` needs a model that atte"):
        blind.generate("one", search="beam", coverage_penalty=0.1)
    with pytest.raises(ValueError, match="`source_length` needs a model that attends"):
        blind.generate_ids(ONE, source_length=2)
    blind.preprocessor = None
    with pytest.raises(ValueError, match="`generate_ids` needs none"):
        blind.generate("one")
    other = PairTokenizer(WordTokenizer(["one"]), WordTokenizer(["uno"]))
    blind.preprocessor = other
    with pytest.raises(
        ValueError, match="the model's `target_vocabulary_size`, 10; go"
    ):
        blind.generate("one")
    blind.preprocessor = word_tokenizers()
    assert isinstance(blind.generate("one"), str)


def test_the_searches_of_the_package_are_those_of_the_model(model):
    ids = np.asarray(model.preprocess(tf.constant(TEXTS[:3])))
    step, state = model.decoding(ids)
    expected = greedy_search(
        step, state, [model.start_id] * 3, max_length=9, end_id=model.end_id
    )
    found = model.generate_ids(ids, max_length=9)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(found.token_ids), ops.convert_to_numpy(expected.token_ids)
    )
