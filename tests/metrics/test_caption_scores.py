import numpy as np
import pytest

pytest.importorskip("sacrebleu")

from kerasrnn.metrics import caption_scores, caption_tokens, cider_d, count_documents

# The scores of these are those of pycocoevalcap 1.2, the COCO evaluation's own code
# (`CiderScorer(n=4, sigma=6.0)`, `BleuScorer(n=4)` with the closest length).
HYPOTHESES = [
    "a dog runs in the snow",
    "a red apple",
    "smiling cat face",
    "fox",
    "the man with a big hat sits on a big bench in the park",
    "dog dog dog dog",
    "a house",
]
REFERENCES = [
    ["a dog runs through the snow", "dog in the snow"],
    ["a red apple on a tree", "red apple", "an apple"],
    ["smiling cat face"],
    ["fox"],
    ["a man in a hat sits on a bench in the park"],
    ["a small dog"],
    ["an umbrella", "rain"],
]
COCO_CIDER = [
    4.02118232550797,
    3.29820313163993,
    7.5,
    2.5,
    3.9655799038177846,
    0.3243082800527842,
    0.0,
]
COCO_BLEU = [72.72727272506889, 62.5786218753228, 53.906027303847594, 38.01567265385468]


def test_cider_d_is_that_of_the_coco_evaluation():
    mean, scores = cider_d(HYPOTHESES, REFERENCES)
    np.testing.assert_allclose(scores, COCO_CIDER, rtol=1e-12)
    assert mean == pytest.approx(3.087039091574067, rel=1e-12)


def test_bleu_is_that_of_the_coco_evaluation():
    scores = caption_scores(HYPOTHESES, REFERENCES)
    bleu = [scores[f"bleu_{n}"] for n in (1, 2, 3, 4)]
    np.testing.assert_allclose(bleu, COCO_BLEU, rtol=1e-9)
    assert scores["cider_d"] == pytest.approx(np.mean(COCO_CIDER))
    assert scores["exact_match"] == pytest.approx(2 / 7)  # the cat and the fox
    assert scores["signature"].startswith("nrefs:var|")
    assert "eff:no|tok:none|smooth:none" in scores["signature"]


def test_captions_that_are_their_references():
    references = [["a red apple on a tree"], ["two boats on the sea"]]
    scores = caption_scores([r[0] for r in references], references)
    assert [scores[f"bleu_{n}"] for n in (1, 2, 3, 4)] == pytest.approx([100.0] * 4)
    assert scores["cider_d"] == pytest.approx(10)
    assert scores["exact_match"] == 1


def test_the_caption_of_another_picture_gains_nothing():
    references = [["a red apple on a tree"], ["two boats at sea today"]]
    scores = caption_scores([r[0] for r in references[::-1]], references)
    assert scores["bleu_1"] == scores["cider_d"] == scores["exact_match"] == 0


def test_short_captions_lack_orders():
    texts = ["fox", "red fox", "the red fox", "the red fox runs", "grey cat"]
    references = [[t, "another thing"] for t in texts]
    # Half of each, because one of two references has nothing in common.
    np.testing.assert_allclose(
        cider_d(texts, references).scores[:4], [1.25, 2.5, 3.75, 5]
    )


def test_a_caption_too_long_is_penalised_as_the_equation_says():
    # Two words more; all of the reference's n-grams weigh log 2.
    scores = cider_d(["red fox sat there", "x"], [["red fox"], ["grey cat"]]).scores
    cosines = [2 / np.sqrt(4 * 2), 1 / np.sqrt(3 * 1), 0, 0]
    expected = 10 * np.mean(cosines) * np.exp(-(2**2) / (2 * 6**2))
    assert scores[0] == pytest.approx(expected)


def test_repeating_a_right_word_gains_nothing():
    references = [["red fox"], ["grey cat"]]
    once, _ = cider_d(["fox", "dog"], references).scores
    twice, _ = cider_d(["fox fox", "dog"], references).scores
    assert 0 < twice < once


def test_document_frequencies_of_other_references():
    # One picture alone: every n-gram is in all references, and weighs nothing.
    assert cider_d(["red fox"], [["red fox"]]).mean == 0
    others = [["red apple"], ["red boat"], ["red fox"], ["grey fox"]]
    frequencies = count_documents(others)
    assert frequencies.counts["red",] == 3
    assert frequencies.counts["red", "fox"] == 1
    assert frequencies.documents == 4
    scores = cider_d(["red fox"], [["red cat"]], document_frequencies=frequencies)
    red, fox, cat = np.log([4 / 3, 4 / 2, 4 / 1])
    cosine = red**2 / np.hypot(red, fox) / np.hypot(red, cat)
    assert scores.mean == pytest.approx(10 * cosine / 4)


def test_a_phrase_of_two_references_is_in_one_picture():
    counts, _ = count_documents([["a cat", "A cat!"], ["cat"]])
    assert counts["cat",] == 2
    assert counts["a", "cat"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A man's red T-shirt, isn't it?", "a man 's red t-shirt is n't it"),
        ("They’ll, can't — we've", "they 'll ca n't we 've"),
        ("keycap: # and keycap: * 100% & $5", "keycap # and keycap * 100 % & $ 5"),
        ("St. Lucia; 3,000 people, 3:30", "st lucia 3,000 people 3:30"),
        ("the “curly” and `plain` (quoted) [ones]", "the curly and plain quoted ones"),
        ("빨간 사과, 녹색 잎! ‘안녕’…", "빨간 사과 녹색 잎 안녕"),
        ("हिन्दी में। ÉTÉ", "हिन्दी में été"),
        ("-- ... !", ""),
    ],
)
def test_words_of_captions(text, words):
    assert caption_tokens(text) == words.split()


def test_decomposed_korean_is_the_same():
    import unicodedata

    text = "빨간 사과"
    other = unicodedata.normalize("NFD", text)
    assert other != text
    assert caption_scores([other], [[text]])["exact_match"] == 1


def test_case_and_punctuation_do_not_count():
    scores = caption_scores(["A dog, in the snow."], [["a DOG in the snow"]])
    assert scores["exact_match"] == 1
    assert scores["bleu_4"] == pytest.approx(100)


def test_empty_captions_score_nothing():
    scores = caption_scores(["", "..."], [["a dog"], ["a cat"]])
    assert scores["bleu_1"] == scores["bleu_4"] == scores["cider_d"] == 0
    assert scores["exact_match"] == 0


def test_captions_that_do_not_fit():
    for score in (caption_scores, cider_d):
        with pytest.raises(ValueError, match="got 0 hypotheses and 0 lists"):
            score([], [])
        with pytest.raises(ValueError, match="got 1 hypotheses and 2 lists"):
            score(["a"], [["a"], ["b"]])
        with pytest.raises(
            ValueError, match=r"`references\[1\]` must hold one .* none"
        ):
            score(["a", "b"], [["a"], []])
        with pytest.raises(ValueError, match=r"`references\[0\]` .* list .*got 'ab'"):
            score(["a"], ["ab"])
        with pytest.raises(
            ValueError, match=r"`references\[0\]` .* strings; got \[3\]"
        ):
            score(["a"], [[3]])
        with pytest.raises(ValueError, match=r"`hypotheses\[0\]` .* got b'a'"):
            score([b"a"], [["a"]])
