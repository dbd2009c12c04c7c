"""A model that goes on from another one, with more words than that knew."""

import keras
import numpy as np
import pytest

from kerasrnn.text import (
    CharacterTokenizer,
    PairTokenizer,
    SubwordTokenizer,
    TargetTokenizer,
    WordTokenizer,
)
from kerasrnn.zoo import (
    AttentionCaptioner,
    CharLanguageModel,
    SentimentClassifier,
    Seq2Seq,
    Seq2SeqAttention,
)

TEXTS = ["a fine film", "a dull film", "a film"]
SMALL = {"units": 4, "embedding_dim": 4}


def same_numbers(one, other):
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("members", [1, 2])
def test_a_classifier_keeps_what_it_knows_and_takes_other_labels(members):
    tokenizer = WordTokenizer(["film", "fine", "dull"])
    model = SentimentClassifier(
        preprocessor=tokenizer, labels=["bad", "good"], members=members, **SMALL
    )
    grown = model.grow_vocabulary(["new dull word"], labels=["good", "meh", "bad"])
    assert grown.preprocessor.get_vocabulary()[2:] == "film fine dull new word".split()
    assert grown.labels == ("good", "meh", "bad") and model.vocabulary_size == 5
    ids = np.array([[2, 3], [4, 1]])
    same_numbers(grown(ids)[:, 2], model(ids)[:, 0])
    same_numbers(grown(ids)[:, 0], model(ids)[:, 1])
    assert len(grown.readers) == members
    for reader, before in zip(grown.readers, model.readers, strict=True):
        new = reader.embedding.get_weights()[0][5:]
        known = before.embedding.get_weights()[0][1:]
        assert new.shape == (2, 4) and not np.array_equal(new[0], new[1])
        assert np.abs(new - known.mean(0)).max() < 0.5 * known.std(0).max()


def test_new_rows_lie_round_the_mean_at_a_tenth_of_the_deviation():
    words = [f"w{number}" for number in range(30)]
    model = SentimentClassifier(preprocessor=WordTokenizer(words), **SMALL)
    known = np.random.default_rng(0).normal(3, [1, 2, 4, 8], (32, 4))
    model.readers[0].embedding.set_weights([known])
    keras.utils.set_random_seed(1)
    grown = model.grow_vocabulary([" ".join(f"n{number}" for number in range(2000))])
    new = grown.readers[0].embedding.get_weights()[0][32:]
    # Padding, the first row, is no token.
    mean, deviation = known[1:].mean(0), known[1:].std(0)
    assert new.shape == (2000, 4)
    np.testing.assert_allclose(new.mean(0), mean, atol=0.01 * deviation.max())
    np.testing.assert_allclose(new.std(0), 0.1 * deviation, rtol=0.06)


def translator(model_class, **options):
    pairs = PairTokenizer(WordTokenizer(["film", "fine"]), WordTokenizer(["filme"]))
    return model_class(preprocessor=pairs, **SMALL, **options)


@pytest.mark.parametrize(
    ("model_class", "options"),
    [
        (Seq2Seq, {}),
        (Seq2Seq, {"tie_embeddings": False}),
        (Seq2SeqAttention, {"cell": "lstm", "num_layers": 2}),
    ],
)
def test_a_translator_says_the_same_with_the_marks_elsewhere(model_class, options):
    model = translator(model_class, **options)
    grown = model.grow_vocabulary(["fine dull film"], ["filme triste, filme"])
    assert model.preprocessor.source_vocabulary_size == 6
    assert grown.source_vocabulary_size == 7 and grown.target_vocabulary_size == 7
    old = model.preprocessor, model
    new = grown.preprocessor, grown
    logits = [
        np.asarray(m((p(["film fine"]), p.target_ids(["filme"])[:, :-1])))
        for p, m in (old, new)
    ]
    # Padding, unknown and the word; then start and end, which have moved.
    same_numbers(logits[1][..., [0, 1, 2, 5, 6]], logits[0])


def test_a_shared_tokenizer_stays_shared():
    tokenizer = SubwordTokenizer(max_tokens=270)
    pairs = PairTokenizer(tokenizer)
    pairs.adapt(TEXTS, TEXTS)
    model = Seq2Seq(preprocessor=pairs, **SMALL)
    grown = model.grow_vocabulary(["a dulcet dulcet"], ["a dulcet dulcet"], most=3)
    assert grown.preprocessor.target is grown.preprocessor.source
    assert grown.source_vocabulary_size == model.source_vocabulary_size + 3


@pytest.mark.parametrize("embedding_dim", [None, 3])
def test_a_language_model_knows_characters_between_its_own(embedding_dim):
    tokenizer = CharacterTokenizer("ace")
    model = CharLanguageModel(
        preprocessor=tokenizer, units=4, num_layers=2, embedding_dim=embedding_dim
    )
    grown = model.grow_vocabulary(["abcde"])
    assert grown.preprocessor.get_vocabulary() == ["", "[UNK]", *"abcde"]
    known = [0, 1, 2, 4, 6]
    same_numbers(
        np.asarray(grown(np.array([[0, 2, 6, 4]])))[..., known],
        model(np.array([[0, 2, 4, 3]])),
    )


def test_every_member_of_an_ensemble_grows():
    model = translator(Seq2Seq, members=2)
    grown = model.grow_vocabulary(["fine dull film"], ["filme triste, filme"])
    pairs = (m.encoders_and_decoders() for m in (model, grown))
    for (encoder, decoder), (to_read, to_write) in zip(*pairs, strict=True):
        for old, new, known in (
            (encoder, to_read, [0, 1, 2, 3, 5, 6]),
            (decoder, to_write, [0, 1, 2, 5, 6]),
        ):
            rows = new.embedding.get_weights()[0][known]
            np.testing.assert_array_equal(rows, old.embedding.get_weights()[0])


def test_a_captioner_keeps_its_scale():
    tokenizer = TargetTokenizer(WordTokenizer(["film"]))
    options = {"encoder": None, "feature_dim": 3}
    model = AttentionCaptioner(preprocessor=tokenizer, **SMALL, **options)
    features = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
    model.adapt(2 * features + 1)
    grown = model.grow_vocabulary(["a film"])
    same_numbers(
        np.asarray(grown((features, np.array([[4, 2], [4, 2]]))))[..., [0, 1, 2, 4, 5]],
        model((features, np.array([[3, 2], [3, 2]]))),
    )


def test_more_pieces_change_no_text_and_old_ones_keep_their_numbers():
    tokenizer = SubwordTokenizer(max_tokens=264, add_end=True)
    tokenizer.adapt(["low lower lowest", "slow"])
    grown = tokenizer.grown(["slower and slower, lower and lower"] * 3, most=50)
    old, new = tokenizer.get_vocabulary(), grown.get_vocabulary()
    assert new[: len(old)] == old and len(set(new)) == len(new) > len(old)
    assert "▁slower" in new and grown.max_tokens >= len(new)
    text = ["slower and lower Löw"]
    assert grown.detokenize(grown(text)).numpy()[0].decode() == text[0]
    assert grown(text).shape[1] < tokenizer(text).shape[1]
    assert tokenizer.grown(text, most=0).get_vocabulary() == old


def test_growing_a_full_vocabulary_makes_room():
    tokenizer = WordTokenizer(max_tokens=4)
    tokenizer.adapt(["a a b b c"])
    assert tokenizer.grown(["c d"], most=1).get_vocabulary()[2:] == ["a", "b", "c"]
    assert tokenizer.grown(["c d"]).max_tokens == 6


def test_what_cannot_grow_is_told():
    model = SentimentClassifier(9, **SMALL)
    with pytest.raises(ValueError, match="`preprocessor` must be a tokenizer whose"):
        model.grow_vocabulary(["film"])
    model = SentimentClassifier(preprocessor=WordTokenizer(["a"]), **SMALL)
    with pytest.raises(ValueError, match=r"got .*kernel \(4, 16\) where the new one"):
        model.grow_vocabulary(["film"], units=5)
