import pytest

from kerasrnn.printable import printable


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("safe\rsafe?\b\x7f\0", r"safe\rsafe?\x08\x7f\x00"),
        ("user\u202egnp.exe\u2066", r"user\u202egnp.exe\u2066"),
        ("\u2028\ud800", r"\u2028\ud800"),
    ],
)
def test_what_steers_a_terminal_is_escaped(text, shown):
    assert printable(text) == shown


def test_what_people_write_stays():
    text = "one\ttwo\n¡Añó! 한국어 👩‍🚀 می‌خواهم \\x1b é"
    assert printable(text) == text
