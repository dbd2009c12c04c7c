import numpy as np
import pytest

from kerasrnn.inspection import text_features


def marked(text, name, kind):
    """The text's lines, each with ^ below what the feature is true of."""
    found = text_features(text, kind=kind)[name]
    assert found.dtype == bool and found.shape == (len(text),)
    marks = "".join("^" if f else "." for f in found)
    return [
        marks[a : a + len(line) + 1]
        for a, line in zip(
            np.cumsum([0, *(len(x) + 1 for x in text.split("\n"))]),
            text.split("\n"),
            strict=False,
        )
    ]


def test_where_in_the_line_and_how_far_indented():
    found = text_features("ab\n\tc d\n  \te\n\nf", kind="prose")
    np.testing.assert_array_equal(
        found["position in line"], [1, 2, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 0, 1]
    )
    np.testing.assert_array_equal(
        found["indentation"], [0, 0, 0, 8, 8, 8, 8, 0, 1, 2, 8, 8, 0, 0, 0]
    )
    found = text_features("  a\nb", kind="c")
    np.testing.assert_array_equal(found["indentation"], [1, 2, 2, 0, 0])


@pytest.mark.parametrize(
    ("name", "text", "marks"),
    [
        ("inside double quotes", 'a "bc" d "e"', "..^^^....^^."),
        ("inside double quotes", "“a” “b", "^^..^^"),
        ("inside double quotes", "“a ‘b “c” d’ e” f", "^" * 14 + "..."),
        ("inside double quotes", "“He’s ‘at, “it.”’ x” f", "^" * 19 + "..."),
        ("inside double quotes", "“sons’ ‘x” ‘so’ “y”", "^" * 9 + "......." + "^^."),
        ("inside double quotes", "“a\n\n“b” c\n\n“d\n\ne”", "^^^^^^" + "." * 11),
        ("inside double quotes", 'a "b\nc" d', "..^^^^..."),
        ("inside single quotes", "say 'Ay, so' now", "....^^^^^^^....."),
        ("inside single quotes", "he 'twas o' the boy's", "." * 21),
        ("inside single quotes", "'Tis mine. 'No,' quoth", "...........^^^^......."),
        ("inside single quotes", "'Lord o' the land!'", "^" * 18 + "."),
        ("inside single quotes", "‘so’ x", "^^^..."),
        ("stage direction", "[Exit.] no", "^^^^^^...."),
        ("inside brackets", "(a [b) c] {d}", "^^^^^........"),
    ],
)
def test_what_is_inside_in_prose(name, text, marks):
    assert "".join(marked(text, name, "prose")) == marks


def test_what_is_never_closed_ends_with_the_paragraph():
    text = '[Enter one\n\n"so\n\nsaid" he'
    assert "".join(marked(text, "stage direction", "prose")) == "^" * 10 + "." * 15
    assert not text_features(text, kind="prose")["inside double quotes"].any()


C = """\
/* a "b" ( */ int f(char *s)
{ // it's "
\tif (g("if (", '"') && h[0])
\t\tfor (;;) {
\t\t\tx();
\t\t}
\telse if (y) { z; }
#define M(a) \\
\t(a)
}
"""


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        (
            "inside a comment",
            [
                "^^^^^^^^^^^^.................",
                "..^^^^^^^^^.",
            ],
        ),
        ("inside a string", ["." * 29, "." * 12, ".......^^^^^.................."]),
        (
            "inside an if condition",
            [
                "." * 29,
                "." * 12,
                "....^^^^^^^^^^^^^^^^^^^^^^^..",
                "." * 13,
                "." * 8,
                "." * 4,
                ".........^^...........",
            ],
        ),
        (
            "inside an if body",
            [
                "." * 29,
                "." * 12,
                "." * 29,
                "..^^^^^^^^^^^",
                "^^^^^^^^",
                "^^..",
                ".............^^^^^....",
            ],
        ),
        (
            "preprocessor line",
            [
                *("." * n for n in (29, 12, 29, 13, 8, 4, 22)),
                "^" * 15,
                "^^^^.",
                "..",
            ],
        ),
        ("inside parentheses", ["." * 19 + "^^^^^^^^..", "." * 12]),
    ],
)
def test_what_is_inside_in_c(name, marks):
    found = [m for m in marked(C, name, "c") if m]
    for line, (got, expected) in enumerate(zip(found, marks, strict=False)):
        text = C.split("\n")[line] + "\n"
        assert got == expected.ljust(len(text), ".")[: len(text)], text


def test_depth_in_c():
    found = text_features('f(a[1]){ {x} "{" /*{*/ }', kind="c")
    np.testing.assert_array_equal(
        found["bracket depth"][:13], [0, 1, 1, 2, 2, 1, 0, 1, 1, 2, 2, 1, 1]
    )
    np.testing.assert_array_equal(found["brace depth"][7:], [1, 1, 2, 2, *[1] * 12, 0])
    # A brace in the first column closes all that branches of #if left open.
    text = "f {\n#if A\n if (x) {\n#else\n if (y) {\n#endif\n }\n}\ng"
    assert text_features(text, kind="c")["brace depth"][-3:].tolist() == [0, 0, 0]


def test_a_comment_that_is_never_closed_is_one_to_the_end():
    assert "".join(marked("a /* b", "inside a comment", "c")) == "..^^^^"
    assert "".join(marked('a /*/ "b', "inside a comment", "c")) == "..^^^^^^"


def test_which_kind_of_text_it_is():
    assert "inside a comment" in text_features(C)
    assert "stage direction" in text_features("HAMLET.\nTo be,\nor not;\nto be.\n")


def test_documents_are_read_one_by_one():
    apart = text_features(["(a", "", "b)"], kind="c")["inside parentheses"]
    assert apart.tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match="one character or more"):
        text_features([""])
    with pytest.raises(ValueError, match="'prose', 'c' or None; got 'java'"):
        text_features("a", kind="java")


def test_any_text_has_features_of_its_length():
    draw = np.random.default_rng(0)
    for _ in range(200):
        text = "".join(draw.choice([*"(){}[]'\"/*\\#\n \taAif;.é☃😀"], size=60))
        for kind in ("prose", "c"):
            for name, array in text_features(text, kind=kind).items():
                assert array.shape == (60,), name
                assert array.dtype in (bool, np.float32) and (array >= 0).all(), name
