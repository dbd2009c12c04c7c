import numpy as np
import pytest

from kerasrnn.inspection import distance_from_diagonal, translation_attention
from kerasrnn.inspection.alignments import merged


def test_merging_sums_over_source_pieces_and_averages_over_target_pieces():
    values = np.array([[0.1, 0.2, 0.3, 0.4], [0.3, 0.2, 0.1, 0.4], [0, 0, 0, 1.0]])
    words, source, target = merged(
        values, ["▁low", "er", ".", "[END]"], ["▁más", "bajo", "[END]"]
    )
    assert (source, target) == (["lower", ".", "[END]"], ["másbajo", "[END]"])
    np.testing.assert_allclose(words, [[0.4, 0.2, 0.4], [0, 0, 1]])
    np.testing.assert_allclose(words.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["▁don", "'", "t", "!", "!"], ["don't", "!", "!"]),
        (["▁", "L", "<0xC3>", "<0xB6>", "w", ","], ["Löw", ","]),
        (["▁1", "9", "0", "9", "th"], ["1909", "th"]),
        (["▁(", "God", ")", "▁", "(", "he"], ["(", "God", ")", "(", "he"]),
        (["low", "▁", "▁", "[END]"], ["low", "", "", "[END]"]),
        (["<0xC3>", "[END]"], ["\ufffd", "[END]"]),
    ],
)
def test_where_words_begin(pieces, words):
    _, source, _ = merged(np.ones((1, len(pieces))), pieces, ["▁x"])
    assert source == words


@pytest.fixture(scope="module")
def translator():
    import keras

    from kerasrnn.text import PairTokenizer, SubwordTokenizer, WordTokenizer
    from kerasrnn.zoo import Seq2SeqAttention

    source = SubwordTokenizer(max_tokens=300)
    source.adapt(["low lower lowest slower slow"] * 3)
    pair = PairTokenizer(source, WordTokenizer(["bajo", "más", "lento"]))
    keras.utils.set_random_seed(1)
    model = Seq2SeqAttention(
        pair.source_vocabulary_size,
        pair.target_vocabulary_size,
        start_id=pair.start_id,
        end_id=pair.end_id,
        units=8,
        embedding_dim=8,
        preprocessor=pair,
    )
    # It is not trained; it shall say different words, look around, and end.
    model.set_weights([9 * weight for weight in model.get_weights()])
    bias = np.zeros(pair.target_vocabulary_size)
    bias[[0, 1, pair.start_id]] = -99
    model.decoder.output_bias.assign(bias)
    return model


def test_translation_attention_is_cut_to_the_tokens(translator):
    texts = ["slower, lowest low", "low"]
    alignments, sources, targets = translation_attention(
        translator, texts, max_length=5
    )
    for text, values, source, target in zip(
        texts, alignments, sources, targets, strict=True
    ):
        assert "".join(source[:-1]).replace("▁", " ").strip() == text
        assert source[-1] == "[END]"
        assert target[-1] == "[END]" or len(target) == 5
        assert not {"", "[START]"} & set(target)
        assert values.shape == (len(target), len(source))
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-5)
        told = " ".join(t for t in target if t != "[END]")
        assert translator.generate(text, max_length=5) == told


def test_translation_attention_of_words(translator):
    texts = ["slower, lowest low"]
    pieces, words = (
        translation_attention(translator, texts, max_length=5, merge_pieces=merge)
        for merge in (False, True)
    )
    assert words.sources == [["slower", ",", "lowest", "low", "[END]"]]
    assert words.targets == pieces.targets  # These are words already.
    np.testing.assert_allclose(words.alignments[0].sum(axis=1), 1, atol=1e-5)
    n = pieces.sources[0].index(",")
    np.testing.assert_allclose(
        words.alignments[0][:, 0], pieces.alignments[0][:, :n].sum(axis=1), atol=1e-6
    )


def test_translation_attention_needs_attention_a_tokenizer_and_texts(translator):
    from kerasrnn.zoo import Seq2Seq, Seq2SeqAttention

    blind = Seq2Seq(9, 9, start_id=1, end_id=2, units=4, embedding_dim=4)
    with pytest.raises(ValueError, match=r"`model` must be .* got a Seq2Seq"):
        translation_attention(blind, ["low"])
    bare = Seq2SeqAttention(9, 9, start_id=1, end_id=2, units=4, embedding_dim=4)
    with pytest.raises(ValueError, match="`model` must have a PairTokenizer"):
        translation_attention(bare, ["low"])
    for texts in ("low", []):
        with pytest.raises(ValueError, match="`texts` must be a list of strings"):
            translation_attention(translator, texts)


def test_distance_from_the_diagonal():
    assert distance_from_diagonal(np.eye(7)) == 0
    everywhere = np.full((200, 300), 1 / 300)
    assert distance_from_diagonal(everywhere) == pytest.approx(1 / 3, abs=1e-3)
    assert distance_from_diagonal(np.eye(50)[::-1]) == pytest.approx(0.5, abs=1e-2)
    near = np.eye(40, 40, k=1) + np.eye(40)
    assert distance_from_diagonal(near) == pytest.approx(0.5 / 40, rel=0.05)
