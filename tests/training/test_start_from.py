"""Training that begins with a trained model, or goes on with a finished run."""

import json
import random
import re
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tiny_captions
import tiny_run
import tiny_translation
import toy_task

from kerasrnn.text import (
    CharacterTokenizer,
    PairTokenizer,
    SubwordTokenizer,
    TargetTokenizer,
    WordTokenizer,
)
from kerasrnn.training import train
from kerasrnn.training.kinds import KINDS, kind_of
from kerasrnn.training.later import Later
from kerasrnn.training.recipe_optimizer import recipe_optimizer
from kerasrnn.training.starting_point import StartingPoint
from kerasrnn.zoo import (
    AttentionCaptioner,
    CharLanguageModel,
    SentimentClassifier,
    Seq2Seq,
    Seq2SeqAttention,
    Task,
    load_recipe,
)

pytestmark = pytest.mark.long

TRAINING = {"epochs": 2, "learning_rate": 0.02}


@pytest.fixture(autouse=True)
def one_line(monkeypatch):
    monkeypatch.setattr("kerasrnn.training.kinds.KINDS", [*KINDS, toy_task.Counting])


def write_recipe(folder, **training):
    return toy_task.write_recipe(folder, **{**TRAINING, **training})


def write_counts(path, letters="abcdefgh"):
    draw, lines = random.Random(0), []
    for _ in range(80):
        count = draw.randint(1, 9)
        lines.append(f"{count}\t{' '.join(draw.choice(letters) for _ in range(count))}")
    path.write_text("\n".join(lines) + "\n")
    return path


def run(folder, recipe, data, **options):
    lines = []
    results = train(recipe, data=data, output=folder, log=lines.append, **options)
    return results, lines


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A recipe, data, and a run of two epochs of them."""
    folder = tmp_path_factory.mktemp("finished")
    recipe = write_recipe(folder / "count-words")
    data = write_counts(folder / "counts.tsv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerasrnn.training.kinds.KINDS", [*KINDS, toy_task.Counting])
        run(folder / "run", recipe, data)
    return recipe, data, folder / "run"


def last_weights(folder):
    return sorted((folder / "seed-3" / "checkpoints").glob("*.npz"))[-1]


def assert_same_arrays(one, other):
    with np.load(last_weights(one)) as one, np.load(last_weights(other)) as other:
        assert one.files == other.files
        for name in one.files:
            if name != "state.json":
                np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_two_epochs_and_two_more_are_four(finished, tmp_path):
    recipe, data, two = finished
    whole, _ = run(tmp_path / "whole", recipe, data, epochs=4)
    more, lines = run(tmp_path / "more", recipe, data, epochs=2, start_from=two)
    assert_same_arrays(tmp_path / "whole", tmp_path / "more")
    assert more["metrics"] == whole["metrics"]
    assert more["runs"][0]["history"] == whole["runs"][0]["history"]
    assert more["from"] == {
        "preset": str(two),
        "sha256": StartingPoint.read(two).sha256,
        "vocabulary": {"text": {"known": 10, "new": 0}},
        "goes_on": True,
    }
    assert "Going on from epoch 3, step 0." in lines
    settings = json.loads((tmp_path / "more" / "run.json").read_text())
    assert settings["from"]["sha256"] == more["from"]["sha256"]


class KilledError(Exception):
    pass


def kill_in_second_epoch(patch):
    evaluate = toy_task.CountingData.validate
    calls = []

    def validate(data, model):
        calls.append(1)
        if len(calls) == 2:
            raise KilledError
        return evaluate(data, model)

    patch.setattr(toy_task.CountingData, "validate", validate)


def test_a_run_goes_on_in_its_own_folder_though_it_is_killed(
    finished, tmp_path, monkeypatch
):
    recipe, data, two = finished
    shutil.copytree(two, tmp_path / "run")
    shutil.copytree(two, tmp_path / "other")
    options = {"recipe": recipe, "data": data, "epochs": 3}
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        kill_in_second_epoch(patch)
        run(tmp_path / "run", **options, start_from=tmp_path / "run")
    # Meanwhile the finished run is what it was.
    assert len(json.loads((tmp_path / "run" / "results.json").read_text())["runs"]) == 1
    Task.from_preset(tmp_path / "run")
    again, lines = run(tmp_path / "run", **options, start_from=tmp_path / "run")
    assert "Going on from epoch 4, step 0." in lines
    run(tmp_path / "whole", **options, start_from=tmp_path / "other")
    assert_same_arrays(tmp_path / "run", tmp_path / "whole")
    assert len(again["runs"][0]["history"]) == 5
    assert not (tmp_path / "run" / "next").exists()


@pytest.mark.long
def test_it_is_told_how_to_go_on(finished):
    recipe, data, two = finished
    with pytest.raises(ValueError, match=rf"go on with it \(--from {two}\)"):
        run(two, recipe, data, epochs=5)


@pytest.mark.long
def test_other_data_bring_new_words(finished, tmp_path):
    recipe, _, two = finished
    data = write_counts(tmp_path / "more.tsv", "abcxyz")
    before = Task.from_preset(two)
    results, lines = run(tmp_path / "run", recipe, data, start_from=two, epochs=1)
    assert f"Vocabulary: 10 tokens of {two}, and 3 new ones" in lines
    assert results["from"]["vocabulary"] == {"text": {"known": 10, "new": 3}}
    assert results["from"]["goes_on"] is False
    assert results["runs"][0]["derived"] == {"training.learning_rate": 0.01}
    assert len(results["runs"][0]["history"]) == 1
    after = Task.from_preset(tmp_path / "run").preprocessor.get_vocabulary()
    assert after[:10] == before.preprocessor.get_vocabulary()
    assert sorted(after[10:]) == ["x", "y", "z"]


def test_a_killed_run_goes_on_unless_its_source_has_changed(
    finished, tmp_path, monkeypatch
):
    recipe, _, two = finished
    data = write_counts(tmp_path / "more.tsv", "abcxyz")
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        kill_in_second_epoch(patch)
        run(tmp_path / "run", recipe, data, start_from=two)
    # It goes on, to the same weights, where nothing changed.
    run(tmp_path / "run", recipe, data, start_from=two)
    run(tmp_path / "whole", recipe, data, start_from=two)
    assert_same_arrays(tmp_path / "run", tmp_path / "whole")
    source = StartingPoint.read(two)
    other = {**source.config, "files": {**source.config["files"]}}
    other["files"]["model.weights.h5"] = "f" * 64
    monkeypatch.setattr(
        StartingPoint, "read", lambda name: StartingPoint(str(two), two, other)
    )
    with pytest.raises(ValueError, match=r"from\.sha256 was .*, is f{64}\. Give"):
        run(tmp_path / "run", recipe, data, start_from=two)


def test_a_wrong_source_is_told_before_anything_is_made(finished, tmp_path):
    recipe, data, two = finished
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "run.json").write_text("{}")
    tokenizer = WordTokenizer(["film"])
    for name, options in (("lstm", {"cell": "lstm"}), ("mean", {"pooling": "mean"})):
        SentimentClassifier(preprocessor=tokenizer, units=2, **options).save_to_preset(
            tmp_path / name
        )
    tiny = str(tiny_run.write_recipe(tmp_path / "tiny"))
    for wrong, recipe_of, expected in (
        ("sentiment-movies", recipe, "must be a trained WordCounter, as the recipe"),
        (two, tiny, "must be a trained SentimentClassifier, as the recipe asks"),
        (tmp_path / "lstm", tiny, "must have the recipe's cell, 'simple_rnn'; .*lstm"),
        (tmp_path / "none", recipe, "There is no preset"),
        (tmp_path / "begun", recipe, "is not finished, and has no model yet"),
    ):
        with pytest.raises(ValueError, match=expected):
            run(tmp_path / "run", recipe_of, data, start_from=wrong)
    with pytest.raises(ValueError, match=r"`seeds` must be among \[3\], those of"):
        run(tmp_path / "run", recipe, data, start_from=two, seeds=[3, 4])
    assert not (tmp_path / "run").exists()


def test_a_run_whose_schedule_ended_goes_on_gently():
    training = {"schedule": "linear", "learning_rate": 0.4, "warmup_steps": 300}
    source = StartingPoint("run", "run", {"model": {}}, goes_on=True)
    config = {"model": {}, "training": {**training, "epochs": 5}}
    task = toy_task.TaskKind(config, "mine.tsv", lambda line: None, source)
    task.first_step = 1000
    task.optimizer(20)
    assert config["training"]["learning_rate"] == pytest.approx(0.1)
    assert config["training"]["warmup_steps"] == 10
    optimizer = recipe_optimizer(config["training"], 20, first_step=1000)
    schedule = keras.optimizers.schedules.deserialize(
        optimizer.get_config()["learning_rate"]
    )
    found = [float(schedule(step)) for step in (1000, 1009, 1010, 1055, 1100)]
    assert found == pytest.approx([0.01, 0.1, 0.1, 0.05, 0.0])
    assert isinstance(schedule, Later)


def test_each_seed_derives_from_the_recipe():
    source = StartingPoint("run", "run", {"model": {}})
    config = {"model": {}, "training": {"learning_rate": 0.4, "warmup_steps": 50}}
    config["training"]["epochs"] = 3
    task = toy_task.TaskKind(config, "mine.tsv", lambda line: None, source)
    for steps, warmup in ((10, 3), (100, 30), (10, 3)):
        task.derive_schedule(steps)
        assert config["training"]["learning_rate"] == pytest.approx(0.2)
        assert config["training"]["warmup_steps"] == warmup
    task.derive_schedule(1000)
    assert task.derived == {"training.learning_rate": pytest.approx(0.2)}


# Each kind of model, untrained, as a source of the same kind.


def started(folder, model, config, data):
    """The task and its model that begin with `model`, and what was told."""
    model.save_to_preset(folder / "source")
    source = StartingPoint.read(folder / "source")
    config = json.loads(json.dumps(config))
    source.check(config)
    lines = []
    task = kind_of(config["task"])(config, data, lines.append, source)
    return task, task.build_model(1), lines


def same_numbers(one, other):
    one, other = np.asarray(one), np.asarray(other)
    np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-3)  # Half precision.


def test_a_classifier_takes_the_sizes_and_its_own_classes(tmp_path):
    data = tiny_run.write_tsv(tmp_path / "mine.tsv")
    tokenizer = WordTokenizer(["film", "fine"], max_length=12)
    sizes = {"cell": "simple_rnn", "bidirectional": False, "embedding_dim": 8}
    source = SentimentClassifier(
        preprocessor=tokenizer, units=5, labels=["good", "bad"], dropout=0.5, **sizes
    )
    task, model, lines = started(tmp_path, source, tiny_run.CONFIG, data)
    assert any(line.startswith("model.units 5 (of ") for line in lines)
    assert task.derived["model.units"] == 5 and model.units == 5
    assert model.dropout == tiny_run.CONFIG["model"]["dropout"]
    assert model.labels == ("bad", "good")
    assert model.preprocessor.get_vocabulary()[:4] == ["", "[UNK]", "film", "fine"]
    known = np.array([[2, 3]])
    same_numbers(model(known), np.asarray(source(known))[:, ::-1])


@pytest.mark.parametrize("model_class", [Seq2Seq, Seq2SeqAttention])
def test_a_translator_goes_on_with_more_words(tmp_path, model_class):
    data = tiny_translation.write_pairs(tmp_path / "pairs.tsv")
    pair = PairTokenizer(WordTokenizer(["one", "two"]), WordTokenizer(["uno"]))
    source = model_class(preprocessor=pair, units=4, embedding_dim=4)
    config = {**tiny_translation.CONFIG, "task": model_class.__name__}
    task, model, lines = started(tmp_path, source, config, data)
    assert task.vocabulary == {
        "source": {"known": 4, "new": 8},
        "target": {"known": 3, "new": 9},
    }
    assert any("of the target: 3 tokens of " in line for line in lines)
    logits = [
        np.asarray(m((m.preprocessor(["one two"]), np.array([[m.start_id, 2]]))))
        for m in (source, model)
    ]
    same_numbers(logits[1][..., [0, 1, 2, 12, 13]], logits[0])


def test_a_captioner_goes_on_with_its_scale(tmp_path, monkeypatch):
    tiny_captions.see_with_grid_encoder(monkeypatch)
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path / "cache"))
    data = tiny_captions.write_pictures(tmp_path / "pictures")
    tokenizer = TargetTokenizer(WordTokenizer(["red", "frame"]))
    source = AttentionCaptioner(preprocessor=tokenizer, units=4, embedding_dim=4)
    features = np.random.default_rng(1).normal(size=(2, 16, 10)).astype("float32")
    source.adapt(features * 3 + 1)
    task, model, _ = started(tmp_path, source, tiny_captions.CONFIG, data)
    assert task.vocabulary["target"]["known"] == 4
    logits = [
        np.asarray(m((features, np.array([[m.start_id, 2]] * 2))))
        for m in (source, model)
    ]
    more = [model.start_id, model.end_id]
    same_numbers(logits[1][..., [0, 1, 2, 3, *more]], logits[0])


def test_a_language_model_learns_new_characters_of_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path / "cache"))
    data = tmp_path / "book.txt"
    data.write_text("a cab and a bad dab " * 40)
    source = CharLanguageModel(
        preprocessor=CharacterTokenizer("az c"), units=4, num_layers=1
    )
    config = {
        "task": "CharLanguageModel",
        "model": {"units": 9, "num_layers": 1},
        "preprocessor": {"class": "CharacterTokenizer", "max_tokens": 8},
        "data": {"name": "book"},
        "training": {"epochs": 1, "batch_size": 4, "chunk": 10},
    }
    task, model, lines = started(tmp_path, source, config, data)
    # Room for two more of b, d and n: the most frequent ones.
    assert model.preprocessor.get_vocabulary()[2:] == [" ", "a", "b", "c", "d", "z"]
    assert any("6 tokens of" in line and "2 new ones" in line for line in lines)
    text = model.preprocessor.decode(task.splits["train"].ids[:13])
    assert text == "a cab a\ufffdd a b"
    old, new = (
        np.asarray(m(np.array([m.preprocessor.encode("a ca")])))
        for m in (source, model)
    )
    same_numbers(new[..., [0, 1, 2, 3, 5, 7]], old)


def test_pieces_grow_by_those_of_the_pairs(tmp_path):
    data = tiny_translation.write_pairs(tmp_path / "pairs.tsv")
    tokenizers = [SubwordTokenizer(max_tokens=270) for _ in range(2)]
    pair = PairTokenizer(*tokenizers)
    pair.adapt(["the sun", "the sun"], ["el sol", "el sol"])
    source = Seq2SeqAttention(preprocessor=pair, units=4, embedding_dim=4)
    task, model, _ = started(tmp_path, source, tiny_translation.CONFIG, data)
    known = pair.source.get_vocabulary()
    assert model.preprocessor.source.get_vocabulary()[: len(known)] == known
    assert "▁seven" in model.preprocessor.source.get_vocabulary()
    assert task.vocabulary["source"]["new"] > 9


def test_a_classifier_of_few_texts_begins_with_the_recipes_preset(tmp_path):
    recipe, kind = load_recipe("sentiment-movies"), kind_of("SentimentClassifier")
    file, lines = tmp_path / "my.tsv", []

    def suggested(recipe, *texts):
        file.write_text("".join(f"{n % 2}\t{t} {n}\n" for n, t in enumerate(texts)))
        return kind.suggested_start(recipe, file, lines.append)

    english = ["the story is fine", "a dull film"] * 20
    assert suggested(recipe, *english) == "sentiment-movies"
    (told,) = lines
    assert told.startswith("Begins with the preset sentiment-movies, which has read")
    assert re.search(r"knows \d+% of their words \(--from scratch: ", told)
    # Of another language, of as many texts, and where there is no preset: with nothing.
    assert suggested(recipe, *["정말 좋은 영화", "지루한 영화"] * 20) is None
    results = json.loads(json.dumps(recipe.results))
    results["data"]["examples"]["train"] = 20
    assert suggested(replace(recipe, results=results), *english) is None
    assert suggested(replace(recipe, name="mine"), *english) is None
    assert suggested(replace(recipe, results=None), *english) is None
    assert len(lines) == 1
    # Of a line that names the columns, whoever learns from the file tells, once.
    assert suggested(recipe, *english) == "sentiment-movies"
    file.write_text(f"kind\ttext\n{file.read_text()}")
    assert kind.suggested_start(recipe, file, lines.append) == "sentiment-movies"
    with pytest.warns(UserWarning, match="'kind', stands there alone"):
        kind(json.loads(json.dumps(recipe.config)), file, str)


def test_scratch_is_nothing(tmp_path, monkeypatch):
    suggested = []
    monkeypatch.setattr(
        toy_task.Counting,
        "suggested_start",
        classmethod(lambda *_: suggested.append("asked") or "nothing-like-it"),
    )
    options = {
        "data": write_counts(tmp_path / "counts.tsv"),
        "epochs": 1,
        "log": str,
        "output": tmp_path / "out",
    }
    recipe = write_recipe(tmp_path / "count-words")
    assert "from" not in train(recipe, start_from="scratch", **options)
    assert suggested == []
    with pytest.raises(ValueError, match="nothing-like-it"):
        train(recipe, **options | {"output": tmp_path / "other"})
