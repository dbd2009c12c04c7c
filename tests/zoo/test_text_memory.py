"""What stood before is found, and weighed; no character tells of itself."""

import numpy as np
import pytest

from kerasrnn.text import CharacterText, CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel, TextMemory
from kerasrnn.zoo.language_model import text_memory as module

LETTERS = 5


def random_text(lengths, letters=LETTERS, seed=0):
    draw = np.random.default_rng(seed)
    ids = draw.integers(2, 2 + letters, sum(lengths)).astype("uint8")
    return CharacterText(ids, np.cumsum(lengths))


KNOWN, TEXT = random_text([150, 200]), random_text([90, 110], seed=1)


def documents(text):
    return np.split(text.ids, text.ends[:-1])


def by_definition(known, text, order):
    """Place -> (share, repeat, how often, how many others, same document), by hand."""
    told = [] if known is None else documents(known)
    followed, found, first = {}, {}, 0
    for number, document in enumerate([*told, *documents(text)]):
        padded = [0] * order + document.tolist()
        for at, character in enumerate(document):
            before = followed.setdefault(tuple(padded[at : at + order]), [])
            if number >= len(told) and before:
                symbols = [symbol for symbol, _ in before]
                found[first + at] = (
                    symbols.count(character) / len(symbols),
                    float(symbols[-1] == character),
                    len(symbols),
                    len(set(symbols)),
                    before[-1][1] == number,
                )
            before.append((character, number))
        if number >= len(told):
            first += len(document)
    return found


def kind_of(often, others, recent):
    seen = sum(often >= low for low in module.SEEN) - 1
    followers = sum(others >= low for low in module.FOLLOWERS) - 1
    return (seen * len(module.FOLLOWERS) + followers) * 2 + recent


@pytest.mark.parametrize("known", [KNOWN, None])
def test_the_evidence_is_the_definition(known):
    orders = (1, 2, 3, 5)
    for found in module.evidence(known, TEXT, orders):
        expected = by_definition(known, TEXT, found.order)
        order = np.argsort(found.places)
        assert found.places[order].tolist() == sorted(expected)
        rows = [expected[place] for place in sorted(expected)]
        assert found.shares[order].tolist() == [row[0] for row in rows]
        assert found.repeats[order].tolist() == [row[1] for row in rows]
        assert found.kinds[order].tolist() == [kind_of(*row[2:]) for row in rows]


def with_last(text, symbol):
    ids = text.ids.copy()
    ids[-1] = symbol
    return CharacterText(ids, text.ends)


def test_probabilities_of_all_characters_sum_to_one_and_none_tells_of_itself():
    known = random_text([400], letters=2)
    text = random_text([60, 80], letters=2, seed=1)
    memory = TextMemory(known, orders=(2, 3, 6))
    p = np.log(np.full(len(text), 0.5))
    memory.fit(random_text([300], letters=2, seed=2), np.log(np.full(300, 0.5)))
    found = [memory.mix(with_last(text, 2 + letter), p) for letter in range(2)]
    assert np.exp([of_letter[-1] for of_letter in found]).sum() == pytest.approx(1)
    # What comes later changes nothing of what came before.
    np.testing.assert_array_equal(found[0][:-1], found[1][:-1])
    assert abs(found[0][-1] - np.log(0.5)) > 1e-3


def test_it_mixes_order_by_order():
    memory = TextMemory(KNOWN, orders=(1, 3))
    p = np.full(len(TEXT), 1 / LETTERS)
    memory.fit(TEXT, np.log(p))
    for order in (1, 3):
        weights = memory.weights[order]
        np.testing.assert_allclose(weights.sum(axis=1), 1)
        for place, (share, repeat, *rest) in by_definition(KNOWN, TEXT, order).items():
            w = weights[kind_of(*rest)]
            p[place] = w @ [p[place], share, repeat]
    found = memory.mix(TEXT, np.full(len(TEXT), np.log(1 / LETTERS)))
    np.testing.assert_allclose(found, np.log(p), rtol=1e-9)


def test_the_weights_are_the_likeliest():
    draw = np.random.default_rng(0)
    mixed = draw.random((4000, 3)) * [1.0, 0.2, 2.0]
    kinds = draw.integers(0, 2, 4000)
    found = module.likeliest_weights(mixed, kinds)
    for kind in range(2):
        own = mixed[kinds == kind]
        least = -np.log(own @ found[kind]).mean()
        for step in draw.normal(0, 0.02, (30, 3)):
            other = np.abs(found[kind] + step)
            assert -np.log(own @ (other / other.sum())).mean() > least - 2e-3
    np.testing.assert_allclose(found[2], module.PRIOR)  # of which nothing is known


def test_random_text_is_not_learned_and_a_repeated_one_is():
    guess = np.full(3000, np.log(1 / 20))
    known, validation, test = (random_text([3000], 20, seed) for seed in range(3))
    memory = TextMemory(known).fit(validation, guess)
    assert memory.mix(test, guess).mean() > guess[0] - 0.02
    again = CharacterText(np.r_[test.ids[:1500], known.ids[:1500]], [3000])
    mixed = CharacterText(np.r_[validation.ids[:1500], known.ids[1500:]], [3000])
    memory = TextMemory(known).fit(mixed, guess)
    found = memory.mix(again, guess)
    assert found[1520:].mean() > -0.2
    # Of the text itself, too, in another document.
    twice = CharacterText(np.r_[test.ids[:1500], test.ids[:1500]], [1500, 3000])
    assert (
        TextMemory(orders=(4, 8)).fit(twice, guess).mix(twice, guess)[1520:].mean() > -1
    )


def test_a_model_remembers_names_of_its_training_text():
    text = "struct page_counter *counter; "
    tokenizer = CharacterTokenizer(sorted(set(text)))
    model = CharLanguageModel(preprocessor=tokenizer, units=4, num_layers=1)
    memory = model.remember([text * 3], text * 2)
    plain, found = (
        model.evaluate(text, **options) for options in ({}, {"memory": memory})
    )
    assert found["bits_per_character"] < plain["bits_per_character"] / 3
    scores = model.score(["", text, "page"], memory=memory)
    assert [len(score) for score in scores] == [0, len(text), 4]
    first = model.score(text, memory=memory)
    assert found["loss"] == pytest.approx(-first.mean(), rel=1e-5)


def test_wrong_use():
    with pytest.raises(TypeError, match=r"`known` must be a CharacterText.*got str"):
        TextMemory("text")
    for orders in ((), (0, 2), (3, 3), (4, 2), (2.5,), ("a", 3), 3.5):
        with pytest.raises(ValueError, match=r"`orders` must be integers that rise"):
            TextMemory(orders=orders)
    with pytest.raises(ValueError, match="has no weights yet: `fit` finds them"):
        TextMemory(KNOWN).mix(TEXT, np.zeros(len(TEXT)))
    with pytest.raises(ValueError, match=r"each of the text's 200 .* shape \(7,\)"):
        TextMemory(KNOWN).fit(TEXT, np.zeros(7))
