import argparse
import struct
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def own_data(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import own_data

    return own_data


def catalogue(messages):
    """A compiled catalogue of GNU gettext, by its format."""
    texts = [[text.encode() for text in side] for side in zip(*messages, strict=True)]
    at = 28 + 16 * len(messages)
    tables, body = [], b""
    for side in texts:
        for text in side:
            tables.append(struct.pack("<2I", len(text), at + len(body)))
            body += text + b"\0"
    count = len(messages)
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    return head + b"".join(tables) + body


def test_messages_are_read_and_chosen(own_data):
    content = catalogue(
        [
            ("", "Language: es\n"),
            ("_Save the file", "_Guardar\nel archivo"),
            ("menu\x04Open a file", "Abrir un archivo"),
            ("%d file here\0%d files here", "uno\0muchos"),
            ("Same as before", "Same as before"),
            ("One", "Uno"),
            ("word " * 41, "palabra"),
        ]
    )
    messages = list(own_data.read_catalogue(content))
    assert len(messages) == 5
    chosen = own_data.Messages("es", 10).chosen(messages)
    assert sorted(chosen) == [
        ("Open a file", "Abrir un archivo"),
        ("Save the file", "Guardar el archivo"),
    ]
    assert own_data.Messages("es", 1).chosen(messages) == chosen[:1]
    with pytest.raises(ValueError, match=r"`content` must be a \.mo file"):
        next(own_data.read_catalogue(content[::-1]))


def test_ratings_become_two_classes_or_three(own_data):
    lines = "1\t1.5\ta\tb\n2\t-0.6\tc\n3\t-0.4\td\n4\t0.5\te\n"
    three = [("positive", "a b"), ("negative", "c"), ("neutral", "d")]
    three.append(("positive", "e"))
    assert list(own_data.Ratings("", 3).read(lines)) == three
    assert list(own_data.Ratings("", 2).read(lines)) == three[:2] + three[3:]
    assert list(own_data.Ratings("", 2, neutral=0.95).read(lines)) == three[:1]


def test_a_row_says_what_was_run_and_who_is_better(own_data):
    results = {
        "headline": "test_bleu",
        "metrics": {"test_bleu": 18.12, "test_bleu_std": 0.4},
        "peers": {"nearest pair": 28.01},
        "data": {"examples": {"train": 2800, "validation": 350, "test": 350}},
        "runs": [{"wall_time_s": 60}, {"wall_time_s": 90}],
    }
    of_set = own_data.SETS["en-es"]
    expected = ["en-es", "3,500", "350", "`translate-en-es`, from `a`", "18.1 ± 0.4"]
    expected += ["nearest pair 28.0", "–", "not worth it", "1.2"]
    of_preset = {**results, "from": {"preset": "a"}}
    assert own_data.row("en-es", of_set, of_preset) == expected
    cells = own_data.row("en-es", of_set, {**results, "peers": {}})
    assert cells[3] == "`translate-en-es`, from scratch" and cells[5:8] == ["–"] * 3
    sizes = {"test": 400}
    assert own_data.by_chance("test_accuracy", {"a": 0.8}, sizes) == "± 2.0%"


def test_what_it_starts_from(own_data):
    assert own_data.started_from("en-de=runs/x") == ("en-de", "runs/x")
    assert own_data.started_from("en-es=") == ("en-es", "")
    with pytest.raises(argparse.ArgumentTypeError, match=r"of reviews-2, .*got 'x=y'"):
        own_data.started_from("x=y")
