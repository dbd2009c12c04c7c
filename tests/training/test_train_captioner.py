"""Captioners from recipe to results, one of them with a kill on the way."""

import json

import keras
import numpy as np
import pytest
from killed_run import assert_same_run, finish, kill_after, start
from tiny_captions import (
    CONFIG,
    PROGRAM,
    captions_and_pictures,
    see_with_grid_encoder,
    write_caption_recipe,
    write_pictures,
)

from kerasrnn.data import CaptionedImages
from kerasrnn.training import CaptionSamples, CaptionScores
from kerasrnn.training.captioning.caption_data import CaptionData, caption_ids
from kerasrnn.training.captioning.captioning import (
    Captioning,
    best_first,
    evaluation_captions,
    load_caption_splits,
)
from kerasrnn.zoo import Task

pytest.importorskip("sacrebleu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("captions") / "shapes")


@pytest.fixture(scope="module")
def trained(pictures):
    """Runs of both models, what they printed, and one that was killed on the way."""
    folder = pictures.parent
    attention = write_caption_recipe(folder / "attention")
    plain = write_caption_recipe(
        folder / "plain", task="ImageCaptioner", evaluation={"max_length": 12}
    )
    whole, broken, other = folder / "whole", folder / "broken", folder / "other"

    def begin(recipe, output):
        return start(recipe, pictures, output, program=PROGRAM)

    # Two at a time.
    uninterrupted = begin(attention, whole)
    kill_after(begin(attention, broken), broken, step=30)
    printed = [finish(uninterrupted)]
    looks_once = begin(plain, other)
    assert "Going on from epoch" in finish(begin(attention, broken))
    printed.append(finish(looks_once))
    return (whole, other), printed, broken


@pytest.mark.slow
def test_a_kill_changes_no_bit(trained):
    (whole, _), _, broken = trained
    assert_same_run(whole, broken)
    one, other = ((path / "captions.tsv").read_bytes() for path in (whole, broken))
    assert one == other


@pytest.mark.slow
@pytest.mark.parametrize("attends", [True, False])
def test_it_learns_to_say_what_it_sees_and_how_well(trained, attends):
    outputs, printed, _ = trained
    output, printed = (outputs[not attends], printed[not attends])
    results = json.loads((output / "results.json").read_text())
    metrics, run = results["metrics"], results["runs"][0]
    of_epochs = [epoch["val_cider_d"] for epoch in run["history"]]
    assert of_epochs[0] < 0.5 * max(of_epochs)
    assert metrics["validation_cider_d"] > 4
    assert metrics["test_cider_d"] > 4
    assert metrics["test_cider_d_greedy"] > 4
    assert metrics["test_cider_d_shuffled_images"] < 0.6 * metrics["test_cider_d"]
    assert metrics["test_bleu_1"] > 80
    assert metrics["test_bleu_4"] > 50
    assert metrics["test_exact_match"] > 0.3
    assert metrics["test_perplexity"] < 2
    # Captions of a split stand in no other, so that none of its can be right.
    assert 0 < metrics["test_cider_d_nearest_neighbour"] < metrics["test_cider_d"]
    nearest = metrics["test_cider_d_nearest_neighbour"]
    assert results["peers"] == {"nearest picture": nearest}
    line = f"nearest picture: CIDEr-D {nearest:.2f}; the network: "
    assert f"{line}{metrics['test_cider_d']:.2f}; the network is worth it" in printed
    assert not any(name.endswith("_all") for name in metrics)
    sizes, data = results["data"]["examples"], results["data"]
    assert sum(sizes.values()) == len(list(captions_and_pictures()))
    assert data["captions"]["test"] > sizes["test"]
    assert data["scored"]["test"] == {"all": sizes["test"]}
    assert "CIDEr-D: n 1-4" in run["signature"]
    assert run["evaluation"].get("beam_width") == (2 if attends else None)
    assert len(run["captions"]) == min(24, sizes["test"])
    lines = (output / "captions.tsv").read_text().splitlines()
    assert lines[0] == "key\treference\thypothesis"
    rows = [line.split("\t") for line in lines[1:]]
    assert len({key for key, *_ in rows}) == sizes["test"]
    right = np.mean([reference == found for _, reference, found in rows])
    assert 0.3 < right <= metrics["test_exact_match"]
    for expected in (
        f"Test CIDEr-D {metrics['test_cider_d']:.2f}, on pictures that the model",
        f"of other pictures {metrics['test_cider_d_shuffled_images']:.2f}",
        "  reference  a ",
    ):
        assert expected in printed
    # Of the two best epochs there is a mean where they are near each other.
    was_tried = run["averages_tried"] is not None
    assert ("The mean of 2 epochs has val_cider_d" in printed) == was_tried
    assert was_tried or len(run["kept_epochs"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("attends", [True, False])
def test_figures_and_gallery(trained, attends):
    output = trained[0][not attends]
    names = {"learning_curve.png", "gallery.png"}
    names |= {"attention.png"} if attends else set()
    figures = output / "figures"
    assert {path.name for path in figures.iterdir()} == names
    assert all((figures / name).stat().st_size > 5000 for name in names)
    page = (output / "gallery.html").read_text(encoding="utf-8")
    rows = (output / "captions.tsv").read_text().splitlines()[1:]
    assert page.count("<img") == len(rows)
    for row in rows:
        _, reference, found = row.split("\t")
        assert reference in page
        assert found in page


def test_captions_that_are_right_come_first():
    captions = [["A fly."], ["the number 2"], ["a cat", "A sail boat."], ["a dog"]]
    found = ["a fly", "the number 9", "a sail boat", "no"]
    scores = np.array([5.0, 6.3, 5.5, 0.0])
    order = best_first(np.array([3, 0, 1, 2]), scores, found, captions)
    assert order.tolist() == [2, 0, 1, 3]


@pytest.mark.slow
@pytest.mark.parametrize("attends", [True, False])
def test_the_preset_says_the_same(trained, pictures, attends, monkeypatch):
    see_with_grid_encoder(monkeypatch)
    output = trained[0][not attends]
    model = Task.from_preset(output / "preset")
    run = json.loads((output / "results.json").read_text())["runs"][0]
    rows = (output / "captions.tsv").read_text().splitlines()[1:]
    expected = {key: found for key, _, found in (row.split("\t") for row in rows)}
    files = [pictures / key for key in expected]
    found = model.generate(files, verbose=0, **run["evaluation"])
    assert found == list(expected.values())


def captioning(pictures, log=print, **changes):
    training = CONFIG["training"] | changes.pop("training", {})
    return Captioning({**CONFIG, "training": training, **changes}, pictures, log)


def test_a_recipe_cannot_tune_its_encoder(pictures):
    with pytest.raises(ValueError, match="`fine_tune` of a recipe must be false"):
        captioning(pictures, model={**CONFIG["model"], "fine_tune": True})


def test_a_folder_without_captions(tmp_path):
    with pytest.raises(ValueError, match=r"captions\.tsv: No such file"):
        captioning(tmp_path)


@pytest.mark.long
def test_a_damaged_picture_is_named(pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASRNN_CACHE_DIR", str(tmp_path / "cache"))
    see_with_grid_encoder(monkeypatch)
    folder = tmp_path / "damaged"
    folder.mkdir()
    for path in pictures.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    task = captioning(folder, log=lambda line: None)
    key = task.splits["train"].keys[7]
    (folder / key).write_bytes((folder / key).read_bytes()[:40])
    with pytest.raises(ValueError, match=f"the picture {key!r} "):
        task.features  # noqa: B018


class Letters:
    """Stands in for a TargetTokenizer: a number for each letter, between 1 and 2."""

    def target_ids(self, strings):
        import tensorflow as tf

        ids = tf.strings.unicode_decode(strings, "UTF-8")
        ones = tf.ones([ids.nrows(), 1], tf.int32)
        return tf.concat([ones, ids, 2 * ones], 1).to_tensor(0)


FEATURES = np.arange(20, dtype="float16")[:, None, None] * np.ones((3, 2), "float16")
# Of the last four pictures one is too long, and three are variants.
CAPTIONS = [[f"{chr(97 + n)}" * (1 + n % 3), "zz"] for n in range(19)] + [["y" * 9]]
VARIANTS = np.arange(20) > 15


def data_of(variant_share=0.5, batch_size=8, **options):
    return CaptionData(
        FEATURES,
        caption_ids(Letters(), CAPTIONS),
        None,
        variants=VARIANTS,
        variant_share=variant_share,
        max_tokens=6,
        batch_size=batch_size,
        scores=None,
        **options,
    )


def seen_of(data, order):
    """(picture, caption) of every example of an epoch."""
    seen = []
    for features, ids in data.dataset(order).as_numpy_iterator():
        assert features.dtype == np.float32
        assert features.shape[1:] == (3, 2)
        assert len(features) == len(ids) <= data.batch_size
        assert (ids[:, 0] == 1).all()
        for picture, row in zip(features, ids, strict=True):
            assert (picture == picture[0, 0]).all()
            text = "".join(map(chr, row[row > 2]))
            seen.append((int(picture[0, 0]), text))
    return seen


def test_every_caption_comes_once_an_epoch_with_its_picture():
    data = data_of(variant_share=1.0)
    order = data.order(1, 0)
    assert [b.tolist() for b in data.order(1, 0)] == [b.tolist() for b in order]
    again = data_of(variant_share=1.0).order(1, 0)
    assert [b.tolist() for b in again] == [b.tolist() for b in order]
    assert [b.tolist() for b in data.order(1, 1)] != [b.tolist() for b in order]
    assert [b.tolist() for b in data.order(2, 0)] != [b.tolist() for b in order]
    expected = [(n, text) for n in range(19) for text in CAPTIONS[n]]
    # The caption of nine letters, eleven tokens, is not learned from.
    assert sorted(seen_of(data, order)) == sorted(expected)
    # A run that goes on in the middle of an epoch sees the rest of it.
    before = sum(map(len, order[:2]))
    assert seen_of(data, order[2:]) == seen_of(data, order)[before:]


def test_pictures_are_moved_in_training():
    still, moving = data_of(), data_of(grid=(3, 1, 2), shift=1)
    order = moving.order(1, 0)
    assert [batch.shape[1:] for batch in order] == [(3,)] * len(order)
    numbers, others = np.concatenate(order)[:, 0], np.concatenate(still.order(1, 0))
    np.testing.assert_array_equal(np.sort(numbers), np.sort(others))
    moving.features = np.random.default_rng(0).normal(size=(20, 3, 2))
    shifts = set()
    for batch, (features, ids) in zip(order, moving.dataset(order), strict=True):
        for shift, picture, row in zip(batch, features, ids, strict=True):
            number, down, _ = shift
            before = moving.features[moving.rows[number]]
            expected = before[np.clip(np.arange(3) - down, 0, 2)]
            np.testing.assert_allclose(picture, expected, rtol=1e-6)
            caption = moving.ids[number].numpy()
            assert row.numpy()[: len(caption)].tolist() == caption.tolist()
            shifts.add(down)
    assert shifts == {-1, 0, 1}


def test_each_epoch_draws_its_share_of_the_variants():
    data = data_of()
    drawn = []
    for epoch in range(8):
        seen = seen_of(data, data.order(1, epoch))
        assert len(set(seen)) == len(seen)
        assert sum(n < 16 for n, _ in seen) == 32
        drawn.append({(n, text) for n, text in seen if n > 15})
        assert len(drawn[-1]) == 3  # half of six captions
    assert set.union(*drawn) == {(n, t) for n in (16, 17, 18) for t in CAPTIONS[n]}
    nothing = data_of(variant_share=0.0)
    assert max(n for n, _ in seen_of(nothing, nothing.order(1, 0))) == 15


def test_variants_and_other_kinds_are_not_scored():
    task = object.__new__(Captioning)
    kinds = ("drawing", "photograph", "emoji", "emoji", "sign")
    task.splits = {
        "test": CaptionedImages(
            tuple("abcde"),
            (("a cat",),) * 5,
            kinds,
            lambda: iter(()),
            variants=(False, False, False, True, False),
        )
    }
    task.named_groups = {"stamps": ["drawing", "photograph"], "emoji": ["emoji"]}
    groups = task.groups("test")
    assert {n: rows.tolist() for n, rows in groups.items()} == {
        "stamps": [0, 1],
        "emoji": [2],
    }
    task.named_groups = None
    assert task.groups("test")["all"].tolist() == [0, 1, 2, 4]
    task.named_groups = {"none": ["poem"], "emoji": ["emoji"]}
    assert list(task.groups("test")) == ["emoji"]


def test_a_recipe_may_have_several_data_sets(monkeypatch):
    """As drawings, and photographs of another data set."""

    def load(name, split, *, config, kinds, most_captions):
        key = f"{name}/{config} {split} {kinds} {most_captions}"
        variants = (name == "drawings",)
        return CaptionedImages(
            (key,), (("a",),), ("",), lambda: iter([key]), variants=variants
        )

    monkeypatch.setattr("kerasrnn.data.load_captions", load)
    data = {
        "name": "drawings",
        "config": "en",
        "splits": {"test": "test_drawings+test_things"},
        "most_captions": 1,
        "also": [{"name": "stamps", "kinds": ["photograph"]}, {"name": "mine"}],
    }
    splits = load_caption_splits(data)
    assert splits["train"].keys == (
        "drawings/en train None 1",
        "stamps/None train ['photograph'] None",
        "mine/None train None None",
    )
    assert list(splits["validation"].read()) == list(splits["validation"].keys)
    assert splits["test"].keys[0] == "drawings/en test_drawings+test_things None 1"
    # What only varies others is not judged.
    assert evaluation_captions(data).keys == splits["test"].keys[1:]


class Parrot(keras.Model):
    """Says of each picture what it is told to, the epoch after the first."""

    def __init__(self, says):
        super().__init__()
        self.says, self.dense = says, keras.layers.Dense(1)
        self.calls = []

    def call(self, inputs):
        return self.dense(inputs)

    def generate(self, pictures, **options):
        self.calls.append(options)
        assert len(pictures) == 3
        return self.says if len(self.calls) > 1 else [""] * 3


def test_scores_and_samples_with_plain_fit():
    references = [["a red cat"], ["two blue dogs", "dogs"], ["one green sun sets"]]
    says = ["a red cat", "two blue dogs", "nothing at all"]
    model = Parrot(says)
    groups = {"animals": [0, 1], "sky": [2]}
    scores = CaptionScores(np.zeros((3, 2)), references, groups=groups, max_length=7)
    lines = []
    samples = CaptionSamples(
        np.zeros((3, 2)), references, every=2, log=lines.append, search="beam"
    )
    stop = keras.callbacks.EarlyStopping("val_cider_d", mode="max", patience=5)
    model.compile("sgd", "mse")
    history = model.fit(
        np.ones((4, 2)),
        np.ones((4, 1)),
        epochs=2,
        verbose=0,
        callbacks=[scores, stop, samples],
    ).history
    assert history["val_cider_d"][0] == 0
    animals, sky = (history[f"val_cider_d_{name}"][1] for name in groups)
    assert animals > 3
    assert sky == 0
    # Groups count alike, however many pictures they have.
    assert history["val_cider_d"][1] == pytest.approx(animals / 2)
    assert stop.best == history["val_cider_d"][1]
    assert scores.measure(model)["val_cider_d"] == history["val_cider_d"][1]
    assert model.calls == [
        {"verbose": 0, "max_length": 7},
        {"verbose": 0, "max_length": 7},
        {"verbose": 0, "search": "beam"},
        {"verbose": 0, "max_length": 7},
    ]
    assert lines == [
        "  reference  a red cat",
        "      model  a red cat",
        "",
        "  reference  two blue dogs / dogs",
        "      model  two blue dogs",
        "",
        "  reference  one green sun sets",
        "      model  nothing at all",
        "",
    ]
    one = CaptionScores(np.zeros((3, 2)), references).measure(model)
    assert set(one) == {"val_cider_d", "val_bleu_4", "val_cider_d_all"}


def test_a_missing_sacrebleu_is_told_at_once(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'kerasrnn\[translate\]'"):
        CaptionScores([b""], [["a cat"]])
