import json

import pytest
from tiny_run import CONFIG, write_recipe

from kerasrnn.catalogue import (
    metric_label,
    metric_text,
    predict_command,
)
from kerasrnn.zoo import SentimentClassifier, list_recipes, load_recipe


def test_recipes_are_listed_and_read():
    assert {"sentiment-imdb", "sentiment-movies"} <= set(list_recipes())
    recipe = load_recipe("sentiment-movies")
    assert recipe.config["data"]["name"] == "movie_snippets"
    SentimentClassifier(10, **recipe.config["model"])
    imdb = load_recipe("sentiment-imdb")
    assert imdb.preset is None
    assert "Not trained yet. Train it: kerasrnn train sentiment-imdb" in imdb.describe()


def test_a_folder_is_a_recipe_too(tmp_path):
    recipe = load_recipe(str(write_recipe(tmp_path / "mine")))
    assert recipe.name == "mine"
    assert recipe.config == CONFIG
    assert "units                6" in recipe.describe()


def test_an_unknown_name_is_told_with_the_closest():
    with pytest.raises(
        ValueError, match=r"Did you mean .sentiment-movies.\?"
    ) as caught:
        load_recipe("sentiment_movies")
    assert "sentiment-imdb, sentiment-movies" in str(caught.value)


def test_a_config_that_is_no_recipe_is_told(tmp_path):
    folder = write_recipe(tmp_path / "mine")
    (folder / "config.yaml").write_text("task: SentimentClassifier\nmodel: {}\n")
    with pytest.raises(ValueError, match="missing: preprocessor, data, training"):
        load_recipe(str(folder))
    (folder / "config.yaml").write_text("a: [")
    with pytest.raises(ValueError, match="is not valid YAML"):
        load_recipe(str(folder))
    # Nothing in a recipe is executed.
    (folder / "config.yaml").write_text("a: !!python/object/apply:os.getcwd []")
    with pytest.raises(ValueError, match="is not valid YAML"):
        load_recipe(str(folder))


@pytest.mark.parametrize(
    "content, message",
    [
        ("a: &a [x]\nb: [*a, *a]", "not valid YAML: aliases are not read .*line 2"),
        ("a: &a {k: v}\nb: {<<: *a}", "not valid YAML: aliases are not read"),
        ("a: &a [*a]", "not valid YAML: aliases are not read"),
        ("[" * 5000, "is not valid YAML"),
        (b"a: \xff", "is not valid YAML: 'utf-8' codec can't decode byte 0xff"),
        ("a: \x1b[2J", "is not valid YAML"),
        ("#" * (1 << 20) + "\n", "must be a file of at most 1,048,576 bytes; it has"),
    ],
)
def test_a_hostile_config_is_refused(tmp_path, content, message):
    folder = write_recipe(tmp_path / "mine")
    content = content if isinstance(content, bytes) else content.encode()
    (folder / "config.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=rf"(?s)config\.yaml.* {message}"):
        load_recipe(str(folder))


# As a translator is judged: its accuracy is that of single words.
METRICS = {
    "test_accuracy": 0.61,
    "test_bleu": 31.26,
    "test_bleu_std": 0.44,
    "test_bleu_shuffled_sources": 1.28,
    "test_chrf": 54.04,
    "test_perplexity": 7.125,
    "test_length_ratio": 0.9876,
    "train_tokens_per_second": 12345.6,
    "validation_loss": 2.3456,
    "test_novelty": 0.12345,
}


def test_metrics_are_told_as_they_are_meant():
    assert {metric_label(name): metric_text(METRICS, name) for name in METRICS} == {
        "test accuracy": "61.0%",
        "test BLEU": "31.3 ± 0.4",
        "test BLEU, std": "0.4",
        "test BLEU, shuffled sources": "1.3",
        "test chrF": "54.0",
        "test perplexity": "7.12",
        "test length ratio": "0.988",
        "train tokens per second": "12,346",
        "validation loss": "2.346",
        "test novelty": "0.123",
    }


# As a captioner is judged: over all pictures, by kind, and beside its controls.
CAPTION_METRICS = {
    "test_accuracy": 0.61,
    "test_cider_d": 2.3456,
    "test_cider_d_emoji": 1.25,
    "test_cider_d_greedy": 2.0,
    "test_cider_d_shuffled_images": 0.125,
    "test_cider_d_shuffled_images_stamps": 0.25,
    "test_cider_d_nearest_neighbour": 1.5,
    "test_bleu_1": 45.67,
    "test_bleu_4_stamps": 12.34,
    "test_bleu_4_greedy_stamps": 12.0,
    "test_exact_match_emoji": 0.125,
    "validation_cider_d": 2.0,
}


def test_metrics_of_captioners():
    found = {
        metric_label(name): metric_text(CAPTION_METRICS, name)
        for name in CAPTION_METRICS
    }
    assert found == {
        "test accuracy": "61.0%",
        "test CIDEr-D": "2.35",
        "test CIDEr-D, emoji": "1.25",
        "test CIDEr-D, greedy search": "2.00",
        "test CIDEr-D, shuffled images": "0.12",
        "test CIDEr-D, shuffled images stamps": "0.25",
        "test CIDEr-D, nearest neighbour": "1.50",
        "test BLEU-1": "45.7",
        "test BLEU-4, stamps": "12.3",
        "test BLEU-4, greedy search, stamps": "12.0",
        "test exact match, emoji": "12.5%",
        "validation CIDEr-D": "2.00",
    }


def test_a_command_shows_a_model_what_it_takes():
    command = predict_command("runs/mine", "photo.png")
    assert command == "kerasrnn predict runs/mine photo.png"
    for example in ("a text of your own", '"a text of your own"'):
        command = predict_command("runs/mine", example)
        assert command == 'kerasrnn predict runs/mine "a text of your own"'


def test_results_are_described(tmp_path):
    folder = write_recipe(tmp_path / "mine", task="Seq2SeqAttention")
    assert load_recipe(str(folder)).headline is None
    results = {
        "headline": "test_bleu",
        "metrics": METRICS,
        "runs": [{"wall_time_s": 60.4}],
        "parameters": 12345,
        "date": "2026-01-02",
        "hardware": {"processor": "A Processor"},
    }
    (folder / "results.json").write_text(json.dumps(results))
    recipe = load_recipe(str(folder))
    assert recipe.headline == "test_bleu"
    lines = [" ".join(line.split()) for line in recipe.describe().splitlines()]
    assert "results (1 seed, 2026-01-02)" in lines
    assert "test BLEU 31.3 ± 0.4" in lines
    assert "test BLEU, shuffled sources 1.3" in lines
    assert "training time 60 s on A Processor" in lines
    assert not any("std" in line for line in lines)
