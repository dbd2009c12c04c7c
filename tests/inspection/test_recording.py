import keras
import numpy as np
import pytest
from tiny_char_model import TEXT, TinyCharModel

from kerasrnn.inspection import Recording, record
from kerasrnn.inspection.gates import activations_of
from kerasrnn.layers import GRU, LSTM, SimpleRNN
from kerasrnn.text import CharacterTokenizer
from kerasrnn.zoo import CharLanguageModel

CELLS = ["simple_rnn", "lstm", "gru"]


def walk(model, text):
    """What each layer's cell does, step by step, after the start symbol: dicts."""
    ids = np.concatenate([[0], model.preprocessor.encode(text)])[None]
    x, found = np.asarray(model.embed(ids)), []
    for layer in model.recurrent_layers:
        states = layer.cell.get_initial_state(batch_size=1)
        rows = []
        for t in range(x.shape[1]):
            _, states = layer.cell(x[:, t], states)
            rows.append([np.asarray(s)[0] for s in keras.tree.flatten(states)])
        arrays = [np.stack(a) for a in zip(*rows, strict=True)]
        found.append([a[1:] for a in arrays])
        x = arrays[0][None]
    return found


@pytest.mark.parametrize("cell", CELLS)
def test_states_are_those_of_the_cells_after_each_character(cell):
    model = TinyCharModel(cell, scale=1.5)
    recording = record(model, TEXT)
    assert recording.text == TEXT and len(recording) == len(TEXT)
    assert recording.families == [cell] * 2
    for arrays, states in zip(recording.layers, walk(model, TEXT), strict=True):
        assert arrays["hidden"].dtype == "float32"
        np.testing.assert_allclose(arrays["hidden"], states[0], atol=1e-5)
        if cell == "lstm":
            np.testing.assert_allclose(arrays["cell"], states[1], atol=1e-5)


@pytest.mark.parametrize("library", ["kerasrnn", "keras"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "gru before"])
def test_the_hidden_state_follows_from_the_recorded_gates(cell, library):
    classes = {
        "kerasrnn": {"lstm": LSTM, "gru": GRU},
        "keras": {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU},
    }
    make = classes[library][cell[:4].strip()]

    def layer_class(units, **kwargs):
        if cell == "gru before":
            kwargs["reset_after"] = False
        return make(units, **kwargs)

    model = TinyCharModel(layer_class, scale=1.5)
    for arrays in record(model, TEXT).layers:
        h = arrays["hidden"]
        if cell == "lstm":
            i, f, o = (arrays[f"{g}_gate"] for g in ("input", "forget", "output"))
            c = arrays["cell"]
            np.testing.assert_allclose(
                c[1:], (f * np.roll(c, 1, 0) + i * arrays["candidate"])[1:], atol=1e-5
            )
            np.testing.assert_allclose(h, o * np.tanh(c), atol=1e-5)
        else:
            z = arrays["update_gate"]
            again = z * np.roll(h, 1, 0) + (1 - z) * arrays["candidate"]
            np.testing.assert_allclose(h[1:], again[1:], atol=1e-5)
            # The reset gate is in the candidate.
            assert ((arrays["reset_gate"] > 0) & (arrays["reset_gate"] < 1)).all()


@pytest.mark.parametrize("make", [LSTM, GRU, keras.layers.LSTM, keras.layers.GRU])
def test_other_activations_no_bias_and_a_state_before(make):
    keras.utils.set_random_seed(0)
    layer = make(
        4,
        activation="elu",
        recurrent_activation="hard_sigmoid",
        use_bias=False,
        return_sequences=True,
    )
    draw = np.random.default_rng(0)
    x = draw.normal(size=(2, 7, 3)).astype("float32")
    before = [s + 0.5 for s in layer.cell.get_initial_state(batch_size=2)]
    h = np.asarray(layer(x, initial_state=before))
    found = {k: np.asarray(v) for k, v in activations_of(layer, x, h, before).items()}
    elu = keras.activations.elu
    if "cell" in found:
        again = found["output_gate"] * np.asarray(elu(found["cell"]))
    else:
        z = found["update_gate"]
        previous = np.concatenate([np.asarray(before[0])[:, None], h[:, :-1]], 1)
        again = z * previous + (1 - z) * found["candidate"]
    np.testing.assert_allclose(again, h, atol=1e-5)


@pytest.mark.long
def test_long_texts_in_chunks_and_documents_side_by_side():
    model = TinyCharModel("lstm", num_layers=2, scale=1.5)
    text = (TEXT * 7)[:901]  # several chunks, the last one short
    whole = record(model, text)
    for arrays, states in zip(whole.layers, walk(model, text), strict=True):
        np.testing.assert_allclose(arrays["cell"], states[1], atol=1e-5)
    documents = [text[:300], "", text[300:310], text[310:900], text[900:]]
    joined = record(model, documents, streams=3, warm_up=0)
    assert joined.text == text
    # With streams of documents nothing is cut but the long one.
    apart = [record(model, d) for d in documents if d]
    for number in range(2):
        for name, array in joined.layers[number].items():
            expected = np.concatenate([a.layers[number][name] for a in apart])
            np.testing.assert_allclose(array[:310], expected[:310], atol=1e-5)
            np.testing.assert_allclose(array[900:], expected[900:], atol=1e-5)


def test_pieces_of_a_text_warm_up_before_they_are_kept():
    model = TinyCharModel("gru", num_layers=1)
    text = TEXT * 5
    exact = record(model, text, names=["hidden"]).layers[0]["hidden"]
    pieces = {
        warm_up: record(
            model, text, names=["hidden"], streams=4, warm_up=warm_up
        ).layers[0]["hidden"]
        for warm_up in (0, 60)
    }
    # Without, a piece begins as a document does; with, the state before is forgotten.
    assert abs(pieces[0] - exact).max() > 0.05
    np.testing.assert_allclose(pieces[60], exact, atol=1e-4)


def test_what_is_kept_can_be_chosen():
    model = TinyCharModel("lstm", num_layers=1)
    everything = record(model, TEXT)
    assert set(everything.layers[0]) == {
        "hidden",
        "cell",
        "input_gate",
        "forget_gate",
        "output_gate",
        "candidate",
    }
    some = record(model, TEXT, names=["cell"], dtype="float16")
    assert list(some.layers[0]) == ["cell"]
    assert some.layers[0]["cell"].dtype == "float16"
    np.testing.assert_allclose(
        some.layers[0]["cell"], everything.layers[0]["cell"], atol=2e-3
    )
    np.testing.assert_array_equal(
        everything.unit("cell", layer=0, unit=2), everything.layers[0]["cell"][:, 2]
    )
    assert "cell (5 units)" in repr(some)


@pytest.mark.parametrize("cell", CELLS)
def test_the_models_logits_follow_from_what_is_recorded(cell):
    tokenizer = CharacterTokenizer()
    tokenizer.adapt([TEXT])
    keras.utils.set_random_seed(0)
    model = CharLanguageModel(
        preprocessor=tokenizer, cell=cell, units=6, num_layers=2, embedding_dim=4
    )
    hidden = record(model, TEXT).layers[-1]["hidden"]
    ids = np.pad(tokenizer.encode(TEXT).astype("int32"), (1, 0))[None]
    logits = np.asarray(model(ids))[0, 1:]
    np.testing.assert_allclose(model.output_layer(hidden), logits, atol=1e-5)


def test_mistakes_are_named():
    model = TinyCharModel("gru", num_layers=1)
    for text in ("", [], [""]):
        with pytest.raises(ValueError, match="`text` must hold one character or more"):
            record(model, text)
    with pytest.raises(ValueError, match=r"string or a list of strings; got a bytes"):
        record(model, b"a")
    with pytest.raises(ValueError, match=r"among hidden, update_gate.* got 'cell'"):
        record(model, "a", names=["cell"])
    with pytest.raises(ValueError, match="must be a list of names; got 'hidden'"):
        record(model, "a", names="hidden")
    with pytest.raises(ValueError, match="'float16' or 'float32'; got 'float64'"):
        record(model, "a", dtype="float64")
    with pytest.raises(ValueError, match=r"`streams` must be an integer of 1 .* got 0"):
        record(model, "a", streams=0)
    with pytest.raises(ValueError, match="must have `recurrent_layers`"):
        record(SimpleRNN(2), "a")
    recording = record(model, "ab")
    with pytest.raises(ValueError, match="`layer` must be from 0 to 0; got 1"):
        recording.unit("hidden", layer=1, unit=0)
    with pytest.raises(ValueError, match=r"one of hidden, .* in layer 0; got 'cell'"):
        recording.unit("cell", layer=0, unit=0)
    with pytest.raises(ValueError, match="`unit` must be from 0 to 4; got 5"):
        recording.unit("hidden", layer=0, unit=5)
    with pytest.raises(ValueError, match=r"\(2, ·\); got 'hidden' of shape \(3, 1\)"):
        Recording("ab", [{"hidden": np.ones((3, 1))}], ["gru"])
    model.recurrent_layers = [GRU(2, go_backwards=True)]
    with pytest.raises(ValueError, match="goes backwards"):
        record(model, "a")
    model.recurrent_layers = []
    with pytest.raises(ValueError, match="with none of them"):
        record(model, "a")
