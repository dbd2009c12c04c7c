import json

import numpy as np
import pytest

from kerasrnn.text import CharacterStreams, CharacterText
from kerasrnn.training import evaluate, train
from kerasrnn.training.language_model.adapted_scores import adaptation, beginning_of
from kerasrnn.training.language_model.every_number import every_number
from kerasrnn.training.language_model.language_modelling import LanguageData
from kerasrnn.zoo import CharLanguageModel, Recipe, Task, load_recipe

pytestmark = pytest.mark.long

BOOK = "".join(f"{n} bottles of beer on the wall, {n} bottles.\n" for n in range(400))


def recipe(**training):
    config = {
        "task": "CharLanguageModel",
        "model": {"units": 16, "num_layers": 1, "dropout": 0.1, "cache_size": 90},
        "preprocessor": {"class": "CharacterTokenizer", "max_tokens": 100},
        "data": {"name": "own"},
        "training": {
            "batch_size": 8,
            "chunk": 40,
            "epochs": 2,
            "learning_rate": 0.01,
            "patience": None,
            "samples": {"steps": [0, 5, 60], "length": 20},
            **training,
        },
        "evaluation": {
            "length": 30,
            "prompt": "7",
            "adaptation": {"rows": 2, "segment": 20, "orders": [3, 6, 12]},
        },
    }
    return Recipe("bottles", None, config)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    path = tmp_path_factory.mktemp("book") / "book.txt"
    path.write_text(BOOK, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(folder))


@pytest.fixture(scope="module")
def run(book, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASRNN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        lines = []
        results = train(recipe(), data=book, output=folder, log=lines.append)
    return folder, results, "\n".join(lines)


def test_it_learns_a_text_of_ones_own(run):
    _, results, told = run
    metrics = results["metrics"]
    # What a text says once it says again.
    alone = metrics["test_bits_per_character_without_cache"]
    assert alone > metrics["test_bits_per_character"] + 0.2
    # All characters alike would be log2(30).
    assert metrics["test_bits_per_character"] < 3
    assert metrics["test_perplexity"] == pytest.approx(
        2 ** metrics["test_bits_per_character"]
    )
    adapted = metrics["test_bits_per_character_adapted"]
    assert adapted < metrics["test_bits_per_character"] - 0.1
    sizes = results["data"]["examples"]
    assert sum(sizes.values()) == len(BOOK)
    assert f"{sizes['test']:,} characters that it has not seen" in told
    assert results["runs"][0]["sample"] in told


@pytest.mark.long
def test_the_preset_is_what_was_judged(run, book):
    folder, results, _ = run
    model = Task.from_preset(folder)
    assert isinstance(model, CharLanguageModel)
    test = BOOK[-results["data"]["examples"]["test"] :]
    found = model.evaluate(test)["bits_per_character"]
    expected = results["metrics"]["test_bits_per_character"]
    assert found == pytest.approx(expected, rel=1e-5)
    lines = []
    own = folder.parent / "test.txt"
    own.write_bytes(test.encode())
    scores = evaluate(str(folder), own, log=lines.append)
    assert scores["bits_per_character"] == pytest.approx(expected, rel=1e-5)
    again = evaluate(str(folder), log=lines.append)  # the test part of its own file
    assert again["bits_per_character"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.long
def test_a_run_is_judged_as_it_learns_and_remembers(run):
    folder, results, _ = run
    lines = []
    scores = evaluate(str(folder), log=lines.append, adapt=True)
    expected = results["metrics"]["test_bits_per_character_adapted"]
    assert scores["bits_per_character"] == pytest.approx(expected, rel=1e-4)
    assert f"  bits per character   {expected:.4f}" in lines
    other = folder.parent / "other.txt"
    other.write_text("99 bottles")
    with pytest.raises(ValueError, match=r"`adapt` reads the text .* left out with"):
        evaluate(str(folder), other, log=lines.append, adapt=True)
    with pytest.raises(ValueError, match="`adapt` must be false but for a language"):
        evaluate("sentiment-movies", log=lines.append, adapt=True)


def test_without_a_rate_nothing_is_learned_and_without_orders_nothing_kept(run):
    folder, *_ = run
    model = Task.from_preset(folder)
    text = CharacterText.of_documents([BOOK[:900]], model.preprocessor)
    assert adaptation(model, text, text, learning_rate=0, orders=None) == (None, None)
    dynamic, memory = adaptation(model, text, text, learning_rate=0.5, orders=None)
    assert (dynamic.learning_rate, memory) == (0.5, None)
    dynamic, memory = adaptation(model, text, text, learning_rate=0, orders=[3, 5])
    assert dynamic is None and list(memory.weights) == [3, 5]
    short = beginning_of(CharacterText(text.ids, [100, 300, 900]), 300)
    assert (len(short), short.ends.tolist()) == (300, [100, 300])


@pytest.mark.slow
def test_a_model_learned_in_bfloat16_ships_in_float32(book, tmp_path):
    config = recipe(dtype="mixed_bfloat16", epochs=1)
    results = train(config, data=book, output=tmp_path / "run", log=lambda _: None)
    model = Task.from_preset(tmp_path / "run")
    assert model.dtype_policy.name == "float32"
    assert results["metrics"]["test_bits_per_character"] < 4.5
    logits = np.array(model(np.array([[5, 6, 7, 8]])))
    learned_in = Task.from_preset(tmp_path / "run", dtype="mixed_bfloat16")
    close = np.array(learned_in(np.array([[5, 6, 7, 8]])))
    assert 0 < np.abs(logits - close).max() < 0.05
    # What ended after the training goes on from its last checkpoint.
    for path in ("results.json", "seed-1/results.json"):
        (tmp_path / "run" / path).unlink()
    again = train(config, data=book, output=tmp_path / "run", log=lambda _: None)
    assert again["metrics"] == results["metrics"]


def test_the_run_leaves_a_page_of_samples(run):
    folder, *_ = run
    page = (folder / "samples.md").read_text()
    titles = [line for line in page.splitlines() if line.startswith("## ")]
    assert titles == ["## Before training", "## After 5 steps", "## After 60 steps"]
    samples = page.split("````text\n")[1:]
    assert len({sample.split("\n````")[0] for sample in samples}) == 3


class KilledError(Exception):
    """What stands for a kill."""


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_in_the_same_weights(run, book, tmp_path):
    folder, *_ = run
    # In the middle of an epoch, between two checkpoints.
    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        from kerasrnn.training.language_model.text_samples import TextSamples

        def stop(self, batch, logs=None):
            self.step += 1
            self.write()
            if self.step == 60:
                raise KilledError

        patch.setattr(TextSamples, "on_train_batch_end", stop)
        with pytest.raises(KilledError):
            train(recipe(checkpoint_every=13), data=book, output=out, log=str)
    lines = []
    train(recipe(checkpoint_every=13), data=book, output=out, log=lines.append)
    assert any("Going on from epoch 2, step" in line for line in lines)
    for mine, theirs in zip(
        Task.from_preset(out).get_weights(),
        Task.from_preset(folder).get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)
    assert (out / "samples.md").read_text() == (folder / "samples.md").read_text()


def test_epochs_of_so_many_steps_go_through_the_text():
    ids = np.arange(2, 102).astype("uint8")
    text = CharacterText(ids, [100])
    data = LanguageData(CharacterStreams(text, 2, 10), text, steps_per_epoch=3)
    assert [data.order(1, epoch) for epoch in range(3)] == [
        [0, 1, 2],
        [3, 4, 0],
        [1, 2, 3],
    ]


def test_validation_text_is_read_in_many_places():
    ids = np.full(9000, 2, "uint8")
    data = LanguageData(None, CharacterText(ids, [100, 9000]), steps_per_epoch=1)
    assert data.validation.ends.tolist() == [100, 2250, 4500, 6750, 9000]


def test_hello(tmp_path):
    lines = []
    results = train(
        load_recipe("chars-hello"), output=tmp_path / "out", log=lines.append
    )
    assert results["metrics"]["test_bits_per_character"] < 0.1
    assert results["runs"][0]["sample"] == "ello"
    model = Task.from_preset(tmp_path / "out")
    shown = every_number(model, "hello")
    assert "\n".join(shown) in "\n".join(lines)
    assert shown[0].split() == ["e", "h", "l", "o"]
    assert shown[1].split()[3:] == ["0.00", "1.00", "0.00", "0.00", "'h'"]
    # The same numbers by hand.
    kernel, recurrent, bias = model.recurrent_layers[0].get_weights()
    ids = model.preprocessor.encode("hel")
    h = np.zeros(3)
    for before in [0, *ids]:
        h = np.tanh(kernel[before] + h @ recurrent + bias)
    hidden = [float(number) for number in shown[10].split()[1:]]
    np.testing.assert_allclose(hidden, h, atol=0.006)


def test_recipes_of_the_catalogue_can_be_built():
    for name in ("char-lm", "chars-shakespeare", "chars-kernel-c", "chars-bible"):
        config = load_recipe(name).config
        assert config["preprocessor"]["class"] == "CharacterTokenizer"
        model = CharLanguageModel(100, **config["model"])
        assert model.count_params() > 500_000
        json.dumps(config)
