import dataclasses
import json

import pytest
from tiny_run import CONFIG, write_recipe

from kerasrnn import catalogue
from kerasrnn.training import report
from kerasrnn.training.run_folder import FORMAT
from kerasrnn.zoo import load_recipe

RESULTS = {
    "recipe": "tiny",
    "headline": "test_accuracy",
    "data": {
        "name": "movie_snippets",
        "examples": {"train": 8214, "validation": 1034, "test": 1001},
        "labels": ["negative", "positive"],
    },
    "parameters": 12345,
    "metrics": {
        "test_accuracy": 0.8125,
        "test_accuracy_std": 0.0042,
        "test_loss": 0.4321,
        "test_loss_std": 0.01,
    },
    "preset_seed": 2,
    "runs": [
        {
            "seed": seed,
            "metrics": {"test_accuracy": 0.8 + seed / 100},
            "confusion_matrix": [[400, 100], [90, 411]],
            "wall_time_s": 40.0 + seed,
        }
        for seed in (1, 2)
    ],
    "date": "2026-01-02",
    "command": "kerasrnn train tiny --seed 1 2",
    "commit": "abc123",
    "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
    "hardware": {"processor": "A Processor", "cores": 2, "gpus": []},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    recipe = write_recipe(tmp_path / "zoo" / "tiny")
    write_recipe(tmp_path / "zoo" / "untrained", summary="An untrained one.")
    (recipe / "results.json").write_text(json.dumps(RESULTS))
    catalogue.catalogue_folder.cache_clear()
    monkeypatch.setattr(catalogue, "catalogue_folder", lambda: tmp_path / "zoo")
    return tmp_path


def test_table_and_card_take_their_numbers_from_the_results(folder):
    rows = report.results_table().splitlines()
    assert rows[2] == (
        "| [`tiny`](zoo/tiny/CARD.md) | A tiny one. | 81.2% ± 0.4% (2 seeds) accuracy "
        "| – | 12,345 | 42 s, 2 CPU cores | no |"
    )
    assert "| An untrained one. | not trained yet | – |" in rows[3]
    card = report.model_card(load_recipe("tiny"))
    for expected in (
        "Examples: 8,214 for train, 1,034 for validation, 1,001 for test.",
        "| test accuracy | 81.2% ± 0.4% (2 seeds) |",
        "| test loss | 0.432 ± 0.010 (2 seeds) |",
        "The preset is seed 2",
        "it has 82.0% test accuracy",
        "        negative       400       100",
        "`kerasrnn train tiny --seed 1 2` at commit `abc123`",
        "## Limits",
        "## Licence",
        "## Citation",
    ):
        assert expected in card
    assert "Not trained yet." in report.model_card(load_recipe("untrained"))


def test_what_it_began_with_is_in_the_card(folder):
    run = folder / "run"
    for name in ("preset", "figures"):
        (run / name).mkdir(parents=True)
    source = {"preset": "sentiment-movies", "sha256": "ab12"}
    settings = {"format": FORMAT, "model": CONFIG["model"], "from": source}
    (run / "run.json").write_text(json.dumps(settings))
    better = {"metrics": {"test_accuracy": 0.83}, "from": source}
    (run / "results.json").write_text(json.dumps(RESULTS | better))
    report.publish(run)
    card = (folder / "zoo" / "tiny" / "CARD.md").read_text()
    assert (
        "began with the weights of `sentiment-movies`, of which the SHA-256 is `ab12`"
    ) in card


def test_the_table_is_written_between_the_marks(folder, capsys):
    readme = folder / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    assert report.main(["--update", str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n| recipe |")
    assert text.endswith(f"|\n{report.END}\nafter\n")
    assert "old" not in text
    assert (folder / "zoo" / "tiny" / "CARD.md").is_file()
    readme.write_text("no marks")
    assert report.main(["--update", str(readme)]) == 1
    assert report.BEGIN in capsys.readouterr().err


def test_only_a_better_run_is_published(folder):
    run = folder / "run"
    for name in ("preset", "figures"):
        (run / name).mkdir(parents=True)
        (run / name / "new").write_text("")
    settings = {"format": FORMAT, "model": CONFIG["model"], "data": CONFIG["data"]}
    (run / "run.json").write_text(json.dumps(settings))
    worse = RESULTS | {"metrics": {"test_accuracy": 0.79}}
    (run / "results.json").write_text(json.dumps(worse))
    with pytest.raises(ValueError, match=r"tiny has 81.2% .* this run has 79.0%"):
        report.publish(run)
    better = RESULTS | {"metrics": {"test_accuracy": 0.83}}
    (run / "results.json").write_text(json.dumps(better))
    recipe = report.publish(run)
    assert recipe.results["metrics"]["test_accuracy"] == 0.83
    assert (folder / "zoo" / "tiny" / "preset" / "new").is_file()
    assert "83.0%" in (folder / "zoo" / "tiny" / "CARD.md").read_text()
    (run / "run.json").write_text(json.dumps(settings | {"data": {"name": "my.tsv"}}))
    with pytest.raises(ValueError, match="was trained with another data than"):
        report.publish(run)
    with pytest.raises(ValueError, match="holds no finished run"):
        report.publish(folder)


TRANSLATING = {
    **RESULTS,
    "recipe": "translating",
    "headline": "test_bleu",
    "task": "Seq2SeqAttention",
    "data": {
        "name": "bible_en_es",
        "languages": ["en", "es"],
        "examples": {"train": 20000, "validation": 900, "test": 901},
    },
    "metrics": {
        "test_bleu": 31.26,
        "test_bleu_std": 0.44,
        "test_chrf": 54.04,
        "test_bleu_500": 30.0,
        "test_bleu_greedy": 29.5,
        "test_bleu_shuffled_sources": 1.28,
        "test_bleu_shuffled_sources_std": 0.11,
        "test_accuracy": 0.5,
        "validation_bleu": 33.0,
    },
    "runs": [
        {
            "seed": seed,
            "metrics": {"test_bleu": 31 + seed / 10, "test_accuracy": 0.5},
            "wall_time_s": 40.0,
            "bleu_by_length": [
                {"low": 1, "high": 10, "sentences": 1200, "bleu": 40 + seed / 10},
                {"low": 11, "high": 83, "sentences": 30, "bleu": 17.25},
            ],
            "bleu_signature": "nrefs:1|tok:13a|version:2",
            "chrf_signature": "nrefs:1|nc:6|version:2",
        }
        for seed in (1, 2)
    ],
}


def test_peers_are_judged_later_too(folder, monkeypatch):
    class Judged:
        headline = "test_accuracy"

        def __init__(self, config):
            assert config["task"] == "SentimentClassifier"
            self.log = print

        def judge_peers(self):
            return {"coins": 0.5, "words": 0.785}

    path = folder / "zoo" / "tiny" / "results.json"
    with monkeypatch.context() as patch:
        patch.setattr(report, "kind_of", lambda task: Judged)
        report.measure_peers(load_recipe("tiny"))
    assert json.loads(path.read_text()) == {
        **RESULTS,
        "peers": {"coins": 0.5, "words": 0.785},
    }
    row = report.results_table([load_recipe("tiny")]).splitlines()[2]
    assert row.split(" | ")[2:4] == [
        "81.2% ± 0.4% (2 seeds) accuracy",
        "78.5%, words",
    ]
    with pytest.raises(ValueError, match="untrained has no results"):
        report.measure_peers(load_recipe("untrained"))


@pytest.fixture
def translating(folder):
    evaluation = {"search": "beam", "beam_width": 5}
    recipe = write_recipe(
        folder / "zoo" / "translating",
        task="Seq2SeqAttention",
        evaluation=evaluation,
        examples=["Don't be afraid, ¿no?"],
    )
    (recipe / "results.json").write_text(json.dumps(TRANSLATING))
    for file in ("figures/attention_maps.png", "preset/config.json"):
        (recipe / file).parent.mkdir()
        (recipe / file).write_text("{}")
    return folder


def test_translators_are_told_by_their_bleu(translating):
    rows = report.results_table([load_recipe("translating")]).splitlines()
    assert rows[2].split(" | ")[2] == "31.3 ± 0.4 (2 seeds) BLEU"
    card = report.model_card(load_recipe("translating"))
    for expected in (
        'texts = ["Don\'t be afraid, ¿no?"]',
        'model.generate(texts, beam_width=5, search="beam")',
        "Examples: 20,000 for train, 900 for validation, 901 for test.",
        "| test BLEU | 31.3 ± 0.4 (2 seeds) |",
        "| test BLEU, greedy search | 29.5 |",
        "| test chrF | 54.0 |",
        "it has 31.2 test BLEU",
        "`nrefs:1|tok:13a|version:2` and `nrefs:1|nc:6|version:2`",
        "a BLEU of 29.5; given the sources of other sentences, 1.3 ± 0.1 (2 seeds):",
        "| words of the source | sentences | test BLEU |\n|---|---|---|\n"
        "| 1 to 10 | 1,200 | 40.2 |\n| 11 to 83 | 30 | 17.2 |",
        "![Attention maps](figures/attention_maps.png)",
    ):
        assert expected in card
    assert "confusion" not in card
    assert "learning_curve" not in card
    assert "predict" not in card.split("## Data")[0]


def test_a_better_translator_is_published(translating):
    run = translating / "run"
    for name in ("preset", "figures"):
        (run / name).mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"format": FORMAT}))
    # Its accuracy does not count.
    metrics = TRANSLATING["metrics"] | {"test_bleu": 31.0, "test_accuracy": 0.9}
    (run / "results.json").write_text(json.dumps(TRANSLATING | {"metrics": metrics}))
    with pytest.raises(
        ValueError, match=r"translating has 31\.3 test BLEU .* this run has 31\.0"
    ):
        report.publish(run)
    metrics["test_bleu"] = 31.5
    (run / "results.json").write_text(json.dumps(TRANSLATING | {"metrics": metrics}))
    assert report.publish(run).results["metrics"]["test_bleu"] == 31.5


SIDES = ("", "_greedy", "_shuffled_images", "_nearest_neighbour")
CAPTIONING = {
    **RESULTS,
    "recipe": "captioning",
    "headline": "test_cider_d",
    "task": "AttentionCaptioner",
    "data": {
        "name": "stamps_and_emoji",
        "examples": {"train": 3859, "validation": 525, "test": 352},
        "captions": {"train": 4493, "validation": 609, "test": 434},
        "scored": {
            "validation": {"stamps": 91, "emoji": 204},
            "test": {"stamps": 93, "emoji": 1890},
        },
    },
    "metrics": {
        **{
            f"test_cider_d{side}{group}": 2.0 / (1 + place) + len(group) / 100
            for place, side in enumerate(SIDES)
            for group in ("", "_stamps", "_emoji")
        },
        "test_cider_d_std": 0.044,
        "test_bleu_4": 31.26,
        "test_bleu_4_std": 0.44,
        "test_bleu_4_stamps": 40.0,
        "test_bleu_4_emoji": 22.52,
        "test_exact_match": 0.125,
        "test_exact_match_stamps": 0.25,
        "test_exact_match_emoji": 0.0,
        "test_accuracy": 0.5,
        "test_perplexity": 9.0,
        "validation_cider_d": 2.1,
    },
    "runs": [
        {
            "seed": seed,
            "metrics": {"test_cider_d": 2 + seed / 10, "test_accuracy": 0.5},
            "wall_time_s": 40.0,
            "signature": "nrefs:var|tok:none",
            "captions": [
                {
                    "key": f"picture {number}",
                    "references": ["a cat", "a | b"],
                    "hypothesis": f"cat {number} of seed {seed}" if number else "",
                }
                for number in range(24)
            ],
        }
        for seed in (1, 2)
    ],
}


@pytest.fixture
def captioning(folder):
    groups = {"stamps": ["drawing"], "emoji": ["emoji"]}
    recipe = write_recipe(
        folder / "zoo" / "captioning",
        task="AttentionCaptioner",
        evaluation={"search": "beam", "beam_width": 5, "groups": groups},
        examples=None,
        card={"limits": ["It sees stamps."], "licence": "Free.", "citation": "Xu."},
    )
    (recipe / "results.json").write_text(json.dumps(CAPTIONING))
    for file in ("figures/attention.png", "figures/gallery.png", "preset/config.json"):
        (recipe / file).parent.mkdir(exist_ok=True)
        (recipe / file).write_text("{}")
    return folder


def test_captioners_are_told_by_their_cider(captioning):
    rows = report.results_table([load_recipe("captioning")]).splitlines()
    assert rows[2].split(" | ")[2] == "2.00 ± 0.04 (2 seeds) CIDEr-D"
    card = report.model_card(load_recipe("captioning"))
    for expected in (
        "from kerasrnn.zoo import AttentionCaptioner\n",
        'model.generate("photo.png", beam_width=5, search="beam")\n```',
        "Examples: 3,859 for train, 525 for validation, 352 for test.",
        "Captions: 4,493 for train, 609 for validation, 434 for test. Pictures that "
        "are scored in the test: 93 stamps, 1,890 emoji.",
        "| test score | mean | stamps | emoji |\n|---|---|---|---|\n"
        "| CIDEr-D | 2.00 ± 0.04 | 2.07 | 2.06 |\n"
        "| BLEU-4 | 31.3 ± 0.4 | 40.0 | 22.5 |\n"
        "| exact match | 12.5% | 25.0% | 0.0% |\n"
        "| CIDEr-D, greedy search | 1.00 | 1.07 | 1.06 |\n"
        "| CIDEr-D, caption of the nearest training picture | 0.50 | 0.57 | 0.56 |\n"
        "| CIDEr-D, captions of other pictures | 0.67 | 0.74 | 0.73 |\n"
        "| CIDEr-D, times that of the nearest training picture | 4.00 | 3.63 | 3.68 |",
        "`nrefs:var|tok:none`. In the mean every group counts alike.",
        "| test perplexity | 9.00 |",
        "it has 2.20 test CIDEr-D",
        "| test picture | people | model |\n|---|---|---|\n"
        "| picture 0 | a cat / a \\| b | (nothing) |\n"
        "| picture 3 | a cat / a \\| b | cat 3 of seed 2 |\n",
        "![Where it looks for every word](figures/attention.png)",
        "what the model says](figures/gallery.png)",
        "- It sees stamps.",
        "## Licence\n\nFree.",
        "## Citation\n\nXu.",
    ):
        assert expected in card
    assert card.count("| picture ") == 8
    assert card.count("CIDEr-D, greedy") == 1
    assert "groups" not in card.split("## Data")[0]


def test_captions_of_one_group_have_one_column(captioning):
    data = {**CAPTIONING["data"], "scored": {"test": {"all": 12}}}
    results = CAPTIONING | {"data": data}
    file = captioning / "zoo" / "captioning" / "results.json"
    file.write_text(json.dumps(results))
    card = report.model_card(load_recipe("captioning"))
    assert "| test score | value |\n|---|---|\n| CIDEr-D | 2.00 ± 0.04 |\n" in card
    assert "counts alike" not in card


def test_a_better_captioner_is_published(captioning):
    run = captioning / "run"
    for name in ("preset", "figures"):
        (run / name).mkdir(parents=True)
    for name in ("captions.tsv", "gallery.html"):
        (run / name).write_text("")
    (run / "run.json").write_text(json.dumps({"format": FORMAT}))
    # Neither its accuracy nor its BLEU counts.
    metrics = CAPTIONING["metrics"] | {"test_cider_d": 1.9, "test_bleu_4": 90.0}
    (run / "results.json").write_text(json.dumps(CAPTIONING | {"metrics": metrics}))
    with pytest.raises(
        ValueError, match=r"captioning has 2\.00 test CIDEr-D .* this run has 1\.90"
    ):
        report.publish(run)
    metrics["test_cider_d"] = 2.1
    (run / "results.json").write_text(json.dumps(CAPTIONING | {"metrics": metrics}))
    recipe = report.publish(run)
    assert recipe.results["metrics"]["test_cider_d"] == 2.1
    found = {path.name for path in recipe.folder.iterdir()}
    assert found == {"config.yaml", "results.json", "CARD.md", "preset", "figures"}


def character_recipe(metrics, **adaptation):
    """The recipe of a character model that was trained."""
    run = {**RESULTS["runs"][0], "metrics": metrics, "sample": "MEO.\nAy me!"}
    del run["confusion_matrix"]
    results = {
        **RESULTS,
        "task": "CharLanguageModel",
        "data": {"name": "plays", "examples": {"train": 1234}, "unit": "characters"},
        "headline": "test_bits_per_character",
        "metrics": metrics,
        "runs": [run],
        "preset_seed": run["seed"],
    }
    recipe = load_recipe("tiny")
    config = {
        **recipe.config,
        "task": "CharLanguageModel",
        "evaluation": {"prompt": "RO", "length": 5, **adaptation},
        "model": {"cache_size": 1200},
    }
    return dataclasses.replace(recipe, config=config, results=results)


def test_card_of_a_language_model(folder):
    recipe = character_recipe({"test_bits_per_character": 1.9, "test_perplexity": 3.7})
    (recipe.folder / "samples.md").write_text("# Samples\n")
    card = report.model_card(recipe)
    assert "Characters: 1,234 for train." in card
    assert "| test bits per character | 1.900 |" in card
    assert "remembers the last 1,200 characters" in card
    assert "````text\nROMEO.\nAy me!\n````" in card
    assert "[What it wrote as it learned](samples.md)" in card
    assert "1.900 bits per character |" in report.results_table([recipe])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"learning_rate": 0}, "Adapted: a `TextMemory` finds"),
        ({}, "(`DynamicEvaluation`), and a `TextMemory` finds"),
        ({"orders": None}, "(`DynamicEvaluation`); each character"),
    ],
)
def test_the_card_says_how_a_character_model_adapted(folder, settings, told):
    bits = {"test_bits_per_character": 1.9, "test_bits_per_character_adapted": 1.25}
    recipe = character_recipe(bits, adaptation=settings)
    assert told in report.model_card(recipe)
    row = report.results_table([recipe])
    assert "1.900 bits per character; 1.250 adapted |" in row


def test_figures_of_a_preset_are_drawn_anew(folder, monkeypatch, capsys):
    recipe = folder / "zoo" / "tiny"
    assert report.main(["--draw", "tiny"]) == 1
    assert "tiny has no preset to be drawn" in capsys.readouterr().err
    (recipe / "preset").mkdir()
    (recipe / "preset" / "config.json").write_text("{}")
    monkeypatch.setattr("kerasrnn.zoo.Task.from_preset", lambda path: path)

    class Kind:
        files = ()
        figures = {}

        def __init__(self, config):
            pass

        def draw(self, model, run, figures):
            assert model == recipe / "preset"
            assert run["seed"] == 2
            (figures / "a.png").write_bytes(b"picture")
            (figures.parent / "large.html").write_text("not kept")

    monkeypatch.setattr(report, "kind_of", lambda task: Kind)
    report.draw(load_recipe("tiny"))
    assert (recipe / "figures" / "a.png").read_bytes() == b"picture"
    assert not list(recipe.glob("*.html"))


def test_a_score_in_words(folder):
    assert load_recipe("tiny").score == "test accuracy 81.2% ± 0.4%"
    assert load_recipe("untrained").score is None
