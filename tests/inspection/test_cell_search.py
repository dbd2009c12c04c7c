import keras
import numpy as np
import pytest
from tiny_char_model import TEXT, TinyCharModel

from kerasrnn.inspection import find_cells, text_features, untrained_copy
from kerasrnn.inspection.unit_scores import ranks, unit_scores
from kerasrnn.layers import LSTM
from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel


def test_ranks_are_those_of_sorted_numbers_with_ties():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(3, 50)).round(1).astype("float16")
    x[0, :4] = 0.0, -0.0, 60000, -60000
    for row, found in zip(x, ranks(x), strict=True):
        less = (row[None] < row[:, None]).sum(axis=1)
        equal = (row[None] == row[:, None]).sum(axis=1)
        np.testing.assert_array_equal(found, less + (equal + 1) / 2)


def test_scores_of_all_units_are_those_of_pairs_one_by_one():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 40)).astype("float16")
    x[:, 3] = 0.7
    x[:, 5] = x[:, 5].round()
    events = draw.random((60, 2)) < 0.3
    numbers = draw.normal(size=(60, 3)) + 5
    auc, r = unit_scores(x, events, numbers)
    for unit in range(40):
        for k in range(2):
            higher = x[events[:, k], unit][:, None]
            lower = x[~events[:, k], unit]
            pairs = (higher > lower).mean() + 0.5 * (higher == lower).mean()
            assert auc[unit, k] == pytest.approx(pairs)
        for k in range(3):
            if unit == 3:
                assert r[unit, k] == 0
                continue
            expected = np.corrcoef(x[:, unit].astype(float), numbers[:, k])[0, 1]
            assert r[unit, k] == pytest.approx(expected, abs=1e-9)
    assert auc[3].tolist() == [0.5, 0.5]


def with_known_cells(units=6):
    """A model of which unit 2 knows brackets (low inside), unit 4 counts the line."""
    tokenizer = CharacterTokenizer("ab()\n ")
    model = TinyCharModel(LSTM, num_layers=2, units=units)
    model.preprocessor, model.size = tokenizer, tokenizer.vocabulary_size
    draw = np.random.default_rng(0)
    first, second = model.recurrent_layers = [
        LSTM(units, return_sequences=True, return_state=True) for _ in range(2)
    ]
    first.build((None, None, model.size))
    second.build((None, None, units))
    kernel, recurrent, bias = (draw.normal(size=w.shape) for w in first.get_weights())
    where = {c: i for i, c in enumerate(tokenizer.get_vocabulary())}
    i, f, c, o = range(0, 4 * units, units)
    for unit in (2, 4):
        for gate in (i, f, c, o):
            kernel[:, gate + unit] = recurrent[:, gate + unit] = 0
        bias[[i + unit, f + unit, c + unit, o + unit]] = -20, 20, 0, 20
    # Opened brackets are written, closed ones are forgotten.
    kernel[where["("], [i + 2, c + 2]] = 40, -9
    kernel[where[")"], [i + 2, f + 2]] = 40, -40
    # Every character counts 0.01, and a line feed ends it.
    bias[i + 4], bias[c + 4] = 20, 0.01
    kernel[where["\n"], [i + 4, f + 4]] = -40, -40
    first.set_weights([kernel, recurrent, bias])
    return model


def bracket_text(seed, size=3000):
    draw = np.random.default_rng(seed)
    parts = ["a b", "(ab a)", "b\n", "\n(a)", "bba ", "(b\na)"]
    return "".join(draw.choice(parts, size=size // 4))


def test_cells_that_are_there_are_found_with_their_signs():
    model = with_known_cells()
    text = bracket_text(0)
    features = text_features(text, kind="prose")
    found = find_cells(model, text, features, best=2, streams=3, warm_up=100)
    (inside, second), line = (
        found.cells[name] for name in ("inside brackets", "position in line")
    )
    assert (inside.layer, inside.unit, inside.sign) == (0, 2, -1)
    assert inside.score == inside.chosen_score == 1.0
    assert second.chosen_score <= 1.0
    assert (line[0].layer, line[0].name, line[0].unit) == (0, "cell", 4)
    assert line[0].sign == 1 and line[0].score_name == "|r|"
    assert line[0].score > 0.999
    (above,) = (name for name in found.cells if name.startswith("position in line > "))
    assert found.cells[above][0].score > 0.999
    assert found.cells[above][0].unit == 4
    assert found.searched == 2 * 2 * 6
    assert sum(found.sizes) == len(text) and found.sizes[0] == len(text) // 2
    # No such text: never true.
    assert "of 0 characters of the part" in found.left_out["inside double quotes"]
    table = str(found).splitlines()
    assert table[0].split() == "feature held-out score when chosen unit".split()
    assert any(r.startswith("inside brackets") and r.endswith("2 −") for r in table)
    assert any(
        row.startswith("left out: inside double quotes, true of 0") for row in table
    )
    scores = [cells[0].score for cells in found.cells.values()]
    assert scores == sorted(scores, reverse=True)


def test_what_judges_plays_no_part_in_the_choice():
    model = with_known_cells()
    text = bracket_text(1)
    half = len(text) // 2
    inside = text_features(text, kind="prose")["inside brackets"]
    turned = np.concatenate([inside[:half], ~inside[half:]])
    found = find_cells(model, text, {"brackets": turned}, streams=1)
    best = found.best()[0]
    # The same unit is chosen, and is as wrong as can be.
    assert (best.unit, best.sign, best.chosen_score) == (2, -1, 1.0)
    assert best.score == 0.0


def test_documents_and_a_cut_inside_of_one_give_the_activations_of_the_text():
    model = with_known_cells()
    documents = [bracket_text(seed, 900) for seed in (1, 2, 3)]
    features = text_features(documents, kind="prose")
    found = find_cells(model, documents, features, choose_on=0.4, warm_up=500)
    assert found.cells["inside brackets"][0].score == 1.0
    # Without a warm-up the second part does not know what is open at its beginning.
    assert found.sizes[0] == int(0.4 * sum(map(len, documents)))
    assert set(found.cells) == set(
        find_cells(
            model, documents, features, names=["output_gate"], choose_on=0.4
        ).cells
    )


def test_an_untrained_copy_is_a_control():
    keras.utils.set_random_seed(0)
    tokenizer = CharacterTokenizer("ab()\n ")
    model = CharLanguageModel(
        preprocessor=tokenizer, cell="lstm", units=6, num_layers=1, embedding_dim=3
    )
    model.set_weights([w + 1 for w in model.get_weights()])
    before = model.get_weights()
    one, same, other = (untrained_copy(model, seed=seed) for seed in (1, 1, 2))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    kernel, recurrent, bias = one.recurrent_layers[0].get_weights()
    for a, b in zip(
        (kernel, recurrent), same.recurrent_layers[0].get_weights()[:2], strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert abs(kernel - other.recurrent_layers[0].get_weights()[0]).max() > 0.1
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(6), atol=1e-5)
    assert bias.tolist() == [0] * 6 + [1] * 6 + [0] * 12
    np.testing.assert_array_equal(
        one.embedding.get_weights()[0], model.embedding.get_weights()[0]
    )
    text = bracket_text(0)
    found = find_cells(one, text, text_features(text, kind="prose"))
    # A unit that knows brackets scores 1, as above.
    assert 0.5 < found.cells["inside brackets"][0].score < 0.99


def test_mistakes_are_named():
    model = TinyCharModel("gru", num_layers=1)
    with pytest.raises(ValueError, match=r"\['x'\]` must have .*; got .*\(3,\)"):
        find_cells(model, TEXT, {"x": [1, 2, 3]})
    with pytest.raises(ValueError, match=r"\['x'\]` must be finite"):
        find_cells(model, TEXT, {"x": np.full(len(TEXT), np.nan)})
    with pytest.raises(ValueError, match="booleans or numbers; got <U1"):
        find_cells(model, TEXT, {"x": list(TEXT)})
    for share in (0, 1, 0.001):
        with pytest.raises(ValueError, match=f"`choose_on` must .* got {share}"):
            find_cells(model, TEXT, choose_on=share)
    with pytest.raises(ValueError, match=r"`best` must be .* got 0"):
        find_cells(model, TEXT, best=0)
    with pytest.raises(ValueError, match=r"must be a Keras model.* TinyCharModel"):
        untrained_copy(model)
    found = find_cells(model, TEXT, {"always": np.ones(len(TEXT), bool)})
    assert found.cells == {} and "false of 0" in found.left_out["always"]
    assert "left out: always" in str(found)
