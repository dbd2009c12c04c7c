"""What simple methods score beside a network."""

import json

import numpy as np
import pytest
import tiny_captions
import tiny_run
import tiny_translation
import toy_task

from kerasrnn.data.text_classification import Examples
from kerasrnn.data.translation import TextPairs
from kerasrnn.metrics import cider_d, translation_scores
from kerasrnn.training import evaluate, train
from kerasrnn.training.captioning.captioning import Captioning
from kerasrnn.training.kinds import KINDS
from kerasrnn.training.language_model import text_peers as of_texts
from kerasrnn.training.language_model.language_modelling import LanguageModelling
from kerasrnn.training.peers import judge_peers, peers_line
from kerasrnn.training.report import model_card
from kerasrnn.training.sentiment import linear_peer as linear
from kerasrnn.training.sentiment.text_classification import TextClassification
from kerasrnn.training.translation import nearest_pairs as nearest
from kerasrnn.training.translation.translation import Translation
from kerasrnn.zoo import load_recipe


def copied(config):
    return json.loads(json.dumps(config))


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A finished run, with its lines."""
    folder = tmp_path_factory.mktemp("toy")
    data = folder / "counts.tsv"
    data.write_text("".join(f"{n % 3 + 1}\t{'aa ' * (n % 3 + 1)}\n" for n in range(60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerasrnn.training.kinds.KINDS", [*KINDS, toy_task.Counting])
        lines = []
        recipe = toy_task.write_recipe(folder / "count-words")
        train(recipe, data=data, output=folder / "run", log=lines.append)
        yield folder, lines


@pytest.mark.long
def test_one_line_ends_the_training_and_the_evaluation(toy):
    folder, lines = toy
    results = json.loads((folder / "run" / "results.json").read_text())
    # Of 1, 2, 3, 1, ... the test part is each tenth, 1, 2, 3, 1, 2, 3, the mean 2.
    assert results["peers"] == {"the mean": pytest.approx(2 / 3, abs=1e-3)}
    loss = results["metrics"]["test_loss"]
    worth = "worth it" if loss < 2 / 3 else "not worth it"
    expected = f"the mean: loss 0.667; the network: {loss:.3f}; the network is {worth}"
    told = [line.strip() for line in lines if "the network" in line]
    assert told == [expected]
    told = []
    evaluate(str(folder / "run"), log=told.append)
    assert told[-1].strip() == expected
    # Of other data, which the peer was not judged on, it says nothing.
    other = folder / "other.tsv"
    other.write_text((folder / "counts.tsv").read_text() + "1\tbb\n")
    told = []
    evaluate(str(folder / "run"), other, log=told.append)
    assert not [line for line in told if "the network" in line]
    (folder / "count-words" / "results.json").write_text(json.dumps(results))
    card = model_card(load_recipe(str(folder / "count-words")))
    assert f"Beside it, {expected}." in card


def test_a_peer_that_fails_breaks_nothing():
    class Broken(toy_task.Counting):
        def __init__(self):
            self.log = lines.append

        def judge_peers(self):
            raise MemoryError("no\nroom")

    lines = []
    assert judge_peers(Broken()) == {}
    assert lines == ["Without a simple peer: MemoryError: no room"]


@pytest.mark.parametrize(
    ("score", "metric", "worth"),
    [
        (0.75, "test_accuracy", "the network: 75.0%; the network is not worth it"),
        (0.76, "test_accuracy", "the network: 76.0%; the network is worth it"),
        (0.76, "test_loss", "the network: 0.760; the network is not worth it"),
        (0.74, "test_loss", "the network: 0.740; the network is worth it"),
    ],
)
def test_worth_is_to_be_better_than_every_peer(score, metric, worth):
    peers = {"one": 0.75, "other": 0.70 if metric == "test_accuracy" else 0.8}
    assert peers_line(peers, metric, score).endswith(worth)


def classification(tmp_path):
    file = tiny_run.write_tsv(tmp_path / "texts.tsv")
    log = []
    return TextClassification(copied(tiny_run.CONFIG), file, log.append), log


def test_a_linear_model_of_words(tmp_path):
    pytest.importorskip("sklearn")
    task, log = classification(tmp_path)
    assert not any("scikit-learn" in line for line in log)
    peers = task.judge_peers()
    assert list(peers) == ["TF-IDF and logistic regression"]
    # Who counts the good words and the bad ones of a text is right as often.
    test = task.splits["test"]
    counted = [
        sum(text.count(word) for word in tiny_run.GOOD)
        - sum(text.count(word) for word in tiny_run.BAD)
        for text in test.texts
    ]
    names = np.array(task.labels)[test.labels]
    expected = np.mean((np.array(counted) > 0) == (names == "good"))
    assert peers[linear.NAME] == pytest.approx(expected, abs=0.08)
    assert expected > 0.8


def test_a_linear_model_of_three_classes():
    pytest.importorskip("sklearn")
    labels = np.arange(90) % 3
    texts = [f"{'abc'[n]}{'abc'[n]} and {row}" for row, n in enumerate(labels)]
    examples = Examples(np.array(texts, object), labels, ("+", "-", "0"))
    splits = {"train": examples, "validation": examples, "test": examples}
    assert linear.linear_peer(splits) == {linear.NAME: 1}


def test_a_linear_model_of_a_script_without_spaces():
    pytest.importorskip("sklearn")
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 120)
    texts = ["".join(draw.choice([*"天地玄黄", "好悪"[n]], 30)) for n in labels]
    examples = Examples(np.array(texts, object), labels, ("+", "-"))
    splits = {"train": examples, "validation": examples, "test": examples}
    assert linear.linear_peer(splits)[linear.NAME] == 1


def test_a_linear_model_learns_the_texts_that_weigh_most():
    weights = np.array([0.3, 1.0, 0.3, 0.5, 0.3, 1.0], "float32")
    assert linear._heaviest(weights, 2).tolist() == [1, 5]
    assert linear._heaviest(weights, 5).tolist() == [0, 1, 3, 4, 5]
    assert linear._heaviest(weights, 6).tolist() == [*range(6)]


def test_a_linear_model_of_many_texts_says_of_how_many(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(linear, "MOST_TEXTS", 100)  # of two classes
    task, _ = classification(tmp_path)
    assert list(task.judge_peers()) == [f"{linear.NAME}, of 50 texts"]


def test_without_scikit_learn_a_line_says_so_before_the_training(tmp_path, monkeypatch):
    found = linear.importlib.util.find_spec
    monkeypatch.setattr(
        linear.importlib.util,
        "find_spec",
        lambda name, *more: None if name == "sklearn" else found(name, *more),
    )
    task, log = classification(tmp_path)
    assert (
        "No linear model will be judged beside the network: it needs scikit-learn "
        "(pip install 'kerasrnn[peers]')." in log
    )
    assert judge_peers(task) == {}


def by_definition(known, text):
    """Cosines of TF-IDF vectors of runs of three letters, one by one."""

    def runs(text):
        text = f" {text} "
        return [text[at : at + 3] for at in range(len(text) - 2)]

    def vector(text):
        found = {}
        for run in set(runs(text)):
            seen = sum(run in runs(other) for other in known)
            if seen:
                rarity = np.log((1 + len(known)) / (1 + seen)) + 1
                found[run] = (1 + np.log(runs(text).count(run))) * rarity
        return found

    def cosine(one, other):
        lengths = [np.sqrt(sum(w * w for w in v.values())) for v in (one, other)]
        return sum(one[run] * other.get(run, 0) for run in one) / np.prod(lengths)

    return [cosine(vector(text), vector(other)) for other in known]


@pytest.mark.long
def test_the_nearest_pair_is_that_of_the_largest_cosine():
    draw = np.random.default_rng(3)
    texts = [
        " ".join("".join(draw.choice([*"aeiolnrst"], 3)) for _ in range(6))
        for _ in range(40)
    ]
    known, asked = texts[:30], texts[30:]
    found = nearest.NearestTexts(known)
    for text in asked:
        assert found.find(text) == int(np.argmax(by_definition(known, text)))
    assert [found.find(text.upper()) for text in known] == list(range(30))
    # Of what is like nothing, the first.
    assert found.find("") == found.find("ЖЖЖ") == 0


def test_translations_are_judged_beside_the_nearest_pair(tmp_path, monkeypatch):
    data = tiny_translation.write_pairs(tmp_path / "pairs.tsv")
    task = Translation(copied(tiny_translation.CONFIG), data, lambda line: None)
    train_pairs, test = task.splits["train"], task.splits["test"]
    known = nearest.NearestTexts(train_pairs.sources)
    found = [train_pairs.targets[known.find(source)] for source in test.sources]
    bleu = translation_scores([str(text) for text in found], test.targets)["bleu"]
    assert task.judge_peers() == {"nearest pair": bleu}
    monkeypatch.setattr(nearest, "MOST", 2)
    pairs = TextPairs(*(np.array([*"abc"], object) for _ in "st"), ("s", "t"))
    name, found = nearest.nearest_pairs(pairs, ["a", "b", "c"])
    assert (name, found) == ("nearest pair, of 2 pairs", ["a", "a", "c"])


@pytest.mark.long
def test_captions_are_judged_beside_the_nearest_picture(tmp_path, monkeypatch):
    pictures = tiny_captions.write_pictures(tmp_path / "pictures")
    tiny_captions.see_with_grid_encoder(monkeypatch)
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path / "cache"))
    task = Captioning(copied(tiny_captions.CONFIG), pictures, lambda line: None)
    sides = [np.mean(task.features[n], 1, dtype="float32") for n in ("train", "test")]
    known, asked = (side / np.linalg.norm(side, axis=1)[:, None] for side in sides)
    rows = np.argmax(asked @ known.T, axis=1)
    captions = [task.splits["train"].captions[row][0] for row in rows]
    expected = cider_d(captions, task.splits["test"].captions).scores.mean()
    assert task.judge_peers() == {"nearest picture": pytest.approx(expected)}
    # Of several groups the table says it.
    monkeypatch.setattr(task, "groups", lambda part: {"a": [0], "b": [1]})
    assert task.judge_peers() == {}


LINES = ("to be or not to be\n", "that is the question\n", "whether it is nobler\n")


@pytest.mark.parametrize("most", [10**6, 1000])
def test_texts_are_judged_beside_n_grams_and_compressors(tmp_path, monkeypatch, most):
    pytest.importorskip("pyppmd")
    monkeypatch.setattr(of_texts, "MOST", most)
    monkeypatch.setattr(
        "kerasrnn.training.language_model.language_modelling.cache_directory",
        lambda: tmp_path,
    )
    draw, file = np.random.default_rng(1), tmp_path / "book.txt"
    file.write_text("".join(draw.choice(LINES, 400)))
    config = copied(load_recipe("char-lm").config)
    task = LanguageModelling(config, file, lambda line: None)
    peers = task.judge_peers()
    cut = "" if most > 8000 else ", of the last 1,000"
    names = [f"n-grams of 6 characters{cut}", "xz", "PPMd"]
    assert list(peers) == names
    # Which of three lines comes is all that is not known.
    least = np.log2(3) / np.mean([len(line) for line in LINES])
    assert least < peers[names[0]] < 2.5 * least
    assert least < peers[names[1]]
    assert least < peers[names[2]] < 2 * least


def test_without_pyppmd_a_line_says_so_before_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "kerasrnn.training.language_model.language_modelling.cache_directory",
        lambda: tmp_path,
    )
    found = of_texts.importlib.util.find_spec
    monkeypatch.setattr(
        of_texts.importlib.util,
        "find_spec",
        lambda name, *more: None if name == "pyppmd" else found(name, *more),
    )
    file, log = tmp_path / "book.txt", []
    file.write_text("".join(LINES * 40))
    config = copied(load_recipe("char-lm").config)
    task = LanguageModelling(config, file, log.append)
    assert of_texts.NO_PPMD in log
    assert [name for name in judge_peers(task) if "PPMd" in name] == []
    log.clear()
    LanguageModelling(copied(load_recipe("chars-hello").config), None, log.append)
    assert log == []


def test_a_text_that_is_learned_by_heart_has_no_peers():
    config = copied(load_recipe("chars-hello").config)
    assert LanguageModelling(config, None, lambda line: None).judge_peers() == {}
