"""A translator from recipe to results, with a kill on the way."""

import json

import numpy as np
import pytest
from killed_run import assert_same_run, finish, kill_after, start
from tiny_translation import CONFIG, pairs, write_pairs, write_translation_recipe

from kerasrnn.data import TextPairs
from kerasrnn.text import PairTokenizer, SubwordTokenizer
from kerasrnn.training import evaluate
from kerasrnn.training.translation.translation import Translation, bleu_by_length
from kerasrnn.training.translation.translation_data import TranslationData, pair_ids


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An uninterrupted run, what it printed, and one that was killed on the way."""
    folder = tmp_path_factory.mktemp("translation")
    recipe = write_translation_recipe(folder / "tiny")
    data = write_pairs(folder / "pairs.tsv")
    whole, broken = folder / "whole", folder / "broken"
    uninterrupted = start(recipe, data, whole)
    # In the fourth epoch, when there are two to average.
    kill_after(start(recipe, data, broken), broken, step=110)
    assert "Going on from epoch" in finish(start(recipe, data, broken))
    return whole, finish(uninterrupted), broken


@pytest.mark.slow
def test_a_kill_changes_no_bit(trained):
    assert_same_run(trained[0], trained[2])


@pytest.mark.slow
def test_it_learns_to_translate_and_says_how_well(trained):
    output, printed, _ = trained
    results = json.loads((output / "results.json").read_text())
    metrics, run = results["metrics"], results["runs"][0]
    assert metrics["test_bleu"] > 50
    assert metrics["test_bleu_greedy"] > 50
    assert metrics["test_bleu_shuffled_sources"] < 30
    assert metrics["test_perplexity"] < 2
    assert metrics["validation_bleu"] > 50
    assert metrics["train_tokens_per_second"] > 1
    assert run["cut"]["test_sources"] == 0
    assert "tok:13a" in run["bleu_signature"]
    (row,) = run["bleu_by_length"]
    assert (row["low"], row["high"]) == (1, 10)
    assert row["sentences"] == results["data"]["examples"]["test"]
    assert row["bleu"] == metrics["test_bleu"]
    lines = (output / "translations.tsv").read_text().splitlines()
    assert lines[0] == "source\treference\thypothesis"
    assert len(lines) == 1 + row["sentences"]
    right = sum(line.split("\t")[1] == line.split("\t")[2] for line in lines[1:])
    assert right > 0.5 * row["sentences"]
    assert len(run["translations"]) == 20
    for name in ("learning_curve", "bleu_by_length", "attention_maps"):
        assert (output / "figures" / f"{name}.png").stat().st_size > 5000
    for expected in (
        f"Test BLEU {metrics['test_bleu']:.1f}, on {row['sentences']} sentences",
        "reference  ",
        "BLEU ",
        "The mean of 2 epochs has val_bleu",
    ):
        assert expected in printed


@pytest.mark.slow
def test_the_run_ends_with_the_mean_where_it_is_as_good(trained):
    run = json.loads((trained[0] / "results.json").read_text())["runs"][0]
    of_epochs = [epoch["val_bleu"] for epoch in run["history"]]
    is_mean = run["averages_tried"]["val_bleu"] >= max(of_epochs)
    assert len(run["kept_epochs"]) == (2 if is_mean else 1)
    assert of_epochs[run["kept_epochs"][0]] == max(of_epochs)


@pytest.mark.slow
def test_evaluate_judges_it_on_a_file(trained, tmp_path):
    output = trained[0]
    data = write_pairs(tmp_path / "more.tsv")
    with open(data, "a") as file:
        file.write("one two three four\tcuatro tres dos uno\n")
    lines = []
    scores = evaluate(str(output), data, log=lines.append)
    assert scores["bleu"] > 50
    assert lines[0] == "901 sentences"
    assert f"BLEU {scores['bleu']:.2f}" in lines[1]
    # Of what it learned from, the test part, with the score that the run had.
    results = json.loads((output / "results.json").read_text())
    scores = evaluate(str(output), log=lines.append)
    assert scores["bleu"] == pytest.approx(results["metrics"]["test_bleu"])


class Upper:
    """Stands in for a PairTokenizer: a number for each letter, between 1 and 2."""

    def call(self, strings):
        import tensorflow as tf

        return tf.strings.unicode_decode(strings, "UTF-8").to_tensor(0)

    def target_ids(self, strings):
        import tensorflow as tf

        ids = tf.strings.unicode_decode(strings, "UTF-8")
        ones = tf.ones([ids.nrows(), 1], tf.int32)
        return tf.concat([ones, ids, 2 * ones], 1).to_tensor(0)


def test_every_pair_comes_once_an_epoch_in_batches_that_fit():
    sources, targets = map(np.array, zip(*pairs(200), strict=True))
    texts = TextPairs(sources.astype(object), targets.astype(object), ("en", "es"))
    ids = pair_ids(Upper(), texts)
    data = TranslationData(ids, ids, max_tokens=300, scores=None)
    order = data.order(1, 0)
    assert [batch.tolist() for batch in data.order(1, 0)] == [
        batch.tolist() for batch in order
    ]
    seen = []
    for source_ids, target_ids in data.dataset(order).as_numpy_iterator():
        assert source_ids.size <= 300
        assert target_ids[:, 1:].size <= 300
        assert (target_ids[:, 0] == 1).all()
        for row in source_ids:
            seen.append("".join(map(chr, row[row != 0])))
    assert sorted(seen) == sorted(sources)
    assert data.dataset(order).element_spec[0].shape.as_list() == [None, None]


def test_words_are_cut_otherwise_in_every_epoch():
    sources, targets = map(np.array, zip(*pairs(60), strict=True))
    texts = TextPairs(sources.astype(object), targets.astype(object), ("en", "es"))
    pair = PairTokenizer(SubwordTokenizer(max_tokens=300))
    pair.adapt(list(texts.sources), list(texts.targets))

    def cut(seed, epoch):
        return pair_ids(pair.with_dropout(0.3, seed=100 * seed + epoch), texts)

    def rows(data, epoch):
        order = data.order(1, epoch)
        batches = list(data.dataset(order).as_numpy_iterator())
        assert all(source_ids.size <= 300 for source_ids, _ in batches)
        return [row[row != 0].tolist() for ids, _ in batches for row in ids]

    ids = pair_ids(pair, texts)
    data = TranslationData(ids, ids, max_tokens=300, scores=None, cut=cut)
    first, second = rows(data, 0), rows(data, 1)
    plain = rows(TranslationData(ids, ids, max_tokens=300, scores=None), 0)
    assert sum(map(len, first)) > 1.1 * sum(map(len, plain))
    assert sorted(first) != sorted(second)
    read = [
        sorted(
            text.decode()
            for row in some
            for text in pair.source.detokenize([row]).numpy()
        )
        for some in (first, second)
    ]
    assert read == [sorted(sources)] * 2
    # A run that goes on from the second epoch has the same.
    again = TranslationData(ids, ids, max_tokens=300, scores=None, cut=cut)
    assert rows(again, 1) == second


@pytest.mark.slow
def test_a_kill_changes_no_bit_where_words_are_cut_otherwise(tmp_path):
    training = CONFIG["training"] | {"piece_dropout": 0.2, "epochs": 3}
    pieces = CONFIG["preprocessor"] | {"tokenizer": "SubwordTokenizer"}
    recipe = write_translation_recipe(
        tmp_path / "pieces",
        training=training | {"max_tokens": 1500},
        preprocessor=pieces | {"max_tokens": 300, "max_length": 60},
    )
    data = write_pairs(tmp_path / "pairs.tsv")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    uninterrupted = start(recipe, data, whole)
    kill_after(start(recipe, data, broken), broken, step=40)
    assert "Going on from epoch" in finish(start(recipe, data, broken))
    finish(uninterrupted)
    assert_same_run(whole, broken)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"training": {"piece_dropout": 2}}, "`piece_dropout` .* from 0 to 1; got 2"),
        ({"evaluation": {"tokenize": "words"}}, "`tokenize` must be one of 13a"),
    ],
)
def test_settings_are_checked_before_anything_is_read(change, message):
    with pytest.raises(ValueError, match=message):
        Translation(CONFIG | change, path="nothing.tsv")


def test_bleu_by_length_counts_every_sentence_once():
    sources = ["a b c d e", " ".join("a" * 10), " ".join("a" * 11), " ".join("a" * 99)]
    rows = bleu_by_length(sources, sources, [*sources[:3], "no such words here"])
    assert [(row["low"], row["high"], row["sentences"]) for row in rows] == [
        (1, 10, 2),
        (11, 20, 1),
        (61, None, 1),
    ]
    assert [round(row["bleu"]) for row in rows] == [100, 100, 0]
