"""Properties of a text, character by character, that a cell may keep track of."""

import re
from collections.abc import Sequence

import numpy as np

OPENS, CLOSES = "([{", ")]}"
PARTNER = dict(zip(CLOSES, OPENS, strict=True))
TAB = 8

# Words that begin or end with an apostrophe, which is no quotation mark there.
ELISIONS = (
    "Tis|Twas|Twere|Twill|Twould|Twixt|Tween|Gainst|Mongst|Fore|Faith|Save|Gins|Cause|"
    "Sblood|Sdeath|Sfoot|Slid|Slight|Swounds|Zounds|Od|Ods|Em|Way"
)
SPOKEN = re.compile(
    rf"(?<!\w)'(?=[A-Z])(?!(?:{ELISIONS})\b)"
    r"(?P<spoken>(?:(?!\n\s*\n).)*?)"
    r"(?:(?<=[.,;:!?\-])|(?<=[a-z])(?<!\bo)(?<!\bi)(?<!\bth)(?<!\bwi)(?<!\bt)(?<!\bha))"
    r"'(?!\w)",
    re.DOTALL,
)
# In C. What begins first is what the rest belongs to.
TOKEN = re.compile(
    r"(?P<comment>/\*.*?(?:\*/|\Z)|//[^\n]*)"
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<character>'(?:\\.|[^'\\\n]){1,8}')",
    re.DOTALL,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\.|[^\n\\])*", re.DOTALL | re.MULTILINE)
IF = re.compile(r"\bif\s*\(")
HEAD = re.compile(r"\s*(?:if|for|while|switch|\w*for_each\w*)\s*\(")


def text_features(text: str | Sequence[str], kind: str | None = None) -> dict:
    r"""Say of every character of a text what it is inside of, and how deep.

    The value at a character is what a reader knows who has just read it: an opening
    mark is inside, the closing one is outside again. What can be told from the last few
    characters, such as capitals, is left out: any weights know it. All texts have

    - "position in line": characters since the line's beginning, 0 at a line feed;
    - "indentation": columns of space that the line begins with, a tab being 8;
    - "bracket depth": round, square and curly ones that are open;
    - "inside brackets": round or square ones.

    Prose and plays have

    - "inside double quotes" that are closed before the next blank line; of curly ones,
      those too that go on in the next paragraph, which then begins with one, or up to
      the text's end;
    - "inside single quotes": speech that begins with a capital, so that apostrophes
      are left out;
    - "stage direction": inside square brackets.

    C has, where comments and strings count for nothing else,

    - "inside a comment", "inside a string";
    - "brace depth": of curly brackets;
    - "inside parentheses";
    - "inside an if condition", "inside an if body";
    - "preprocessor line".

    Args:
        text: A string; or a list of documents, whose features are joined.
        kind: "prose" or "c"; None: "c" where more lines end in ; or { than in any
            other mark.

    Returns:
        A dict of arrays (T,): bool, or float32 for what is counted.

    Raises:
        ValueError: No text, or another kind.

    Example:

    >>> from kerasrnn.inspection import text_features
    >>> found = text_features('a "b" c', kind="prose")
    >>> found["inside double quotes"].astype(int)
    array([0, 0, 1, 1, 0, 0, 0])
    >>> text_features("if (x)\n\ty();", kind="c")["inside an if body"].astype(int)
    array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0])

    Reference: Karpathy et al. 2016, section 4.2.
    """
    documents = [text] if isinstance(text, str) else text
    if not isinstance(documents, (list, tuple)) or not any(documents):
        raise ValueError(
            "`text` must be a string of one character or more, or a list of such; got "
            f"{text!r}."
        )
    if kind is None:
        kind = "c" if looks_like_c("\n".join(documents)) else "prose"
    if kind not in KINDS:
        raise ValueError(f"`kind` must be 'prose', 'c' or None; got {kind!r}.")
    each = [{**lines(d), **KINDS[kind](d)} for d in documents if d]
    return {name: np.concatenate([f[name] for f in each]) for name in each[0]}


def looks_like_c(text) -> bool:
    """Whether more lines end as statements of C do than as sentences do."""
    return len(re.findall(r"[;{}]\s*\n", text)) > len(re.findall(r"[^;{}]\n", text)) / 3


def lines(text) -> dict:
    """What is known of where a character is in its line."""
    places = np.arange(len(text))
    feeds = where_is(text, "\n")
    # The last line feed up to each character, −1 before the first.
    feed = np.maximum.accumulate(np.where(feeds, places, -1))
    position = places - feed
    space = where_is(text, " ") | where_is(text, "\t")
    # Whether nothing but space has been read in this line.
    last_mark = np.maximum.accumulate(np.where(space | feeds, -1, places))
    leading = space & (last_mark <= feed)
    indentation = np.zeros(len(text), "float32")
    for match in re.finditer(r"^[ \t]+", text, re.MULTILINE):
        column = 0
        for place in range(*match.span()):
            column += TAB - column % TAB if text[place] == "\t" else 1
            indentation[place] = column
    # What the line's leading space came to goes on to the line's end.
    source = np.where(leading | (position <= 1), places, 0)
    indentation = indentation[np.maximum.accumulate(source)]
    indentation[feeds] = 0
    return {
        "position in line": position.astype("float32"),
        "indentation": indentation,
    }


def prose(text) -> dict:
    """Quotes and stage directions."""
    size = len(text)
    depth, _, pairs = brackets(text, closes_all=r"\n[ \t]*\n")
    quotes, opened = curly_quotes(text), None
    for match in re.finditer(r'"|\n[ \t]*\n', text):
        if match[0] == '"' and opened is None:
            opened = match.start()
        else:
            if match[0] == '"':
                quotes.append((opened, match.start()))
            opened = None
    return {
        "bracket depth": depth,
        "inside brackets": inside(size, [p for p in pairs if text[p[0]] in "(["]),
        "inside double quotes": inside(size, quotes),
        "inside single quotes": inside(
            size,
            [(m.start(), m.end() - 1) for m in SPOKEN.finditer(text)]
            + [(m.start(), m.end() - 1) for m in re.finditer("‘[^’]*’", text)],
        ),
        "stage direction": inside(size, [p for p in pairs if text[p[0]] == "["]),
    }


def curly_quotes(text) -> list:
    """Spans of speech in curly double quotes, those in it in single quotes included.

    A double quote inside a double one opens a further paragraph of the same speech, but
    where it stands inside a single one. An apostrophe is no closing quote: that has a
    mark of punctuation before it.
    """
    spans: list[tuple[int, int]] = []
    opened: list[tuple[str, int]] = []  # marks that are open, and where
    for match in re.finditer(r"[“”‘]|(?<=[.,;:!?”—])’(?!\w)|\n[ \t]*\n", text):
        mark, place = match[0], match.start()
        innermost = opened[-1][0] if opened else ""
        if mark in "“‘":
            if innermost != mark and (opened or mark == "“"):
                opened.append((mark, place))
        elif mark == "’":
            if innermost == "‘":
                opened.pop()
        elif mark == "”":
            if innermost == "‘":
                opened.pop()  # It was never closed.
            if opened:
                spans.append((opened.pop()[1], place))
        elif text[match.end() : match.end() + 1] != "“":
            opened = []
    return spans + [(place, len(text)) for _, place in opened[:1]]


def c_source(text) -> dict:
    """Comments, strings, nesting and conditions."""
    size = len(text)
    spans: dict[str | None, list] = {"comment": [], "string": [], "character": []}
    for match in TOKEN.finditer(text):
        # A comment to the end of the line, or of the text, has no closing mark.
        closed = match[0][:2] != "//" and match[0][-1] in "/\"'"
        spans[match.lastgroup].append((match.start(), match.end() - closed))
    # The same text, with nothing in the place of comments and strings.
    code = TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    depth, match_of, pairs = brackets(code, closes_all=r"(?<=\n)\}")
    braces = counted(size, [p for p in pairs if code[p[0]] == "{"])
    conditions, bodies = [], []
    for match in IF.finditer(code):
        start = match.end() - 1
        if start not in match_of:
            continue
        conditions.append((start, match_of[start]))
        begin = match_of[start] + 1
        # A loop or another `if` without braces is the statement, whole.
        place = begin
        while head := HEAD.match(code, place):
            if head.end() - 1 not in match_of:
                break
            place = match_of[head.end() - 1] + 1
        while place < size and code[place].isspace():
            place += 1
        while begin < size and code[begin].isspace():
            begin += 1
        if place < size and code[place] == "{":
            end = match_of.get(place, size)
        else:
            end = code.find(";", place)
            end = size if end < 0 else end
        bodies.append((begin, end))
    return {
        "bracket depth": depth,
        "inside brackets": inside(size, [p for p in pairs if code[p[0]] in "(["]),
        "inside a comment": inside(size, spans["comment"]),
        "inside a string": inside(size, spans["string"]),
        "brace depth": braces,
        "inside parentheses": inside(size, [p for p in pairs if code[p[0]] == "("]),
        "inside an if condition": inside(size, conditions),
        "inside an if body": inside(size, bodies),
        "preprocessor line": inside(size, [m.span() for m in DIRECTIVE.finditer(code)]),
    }


KINDS = {"prose": prose, "c": c_source}


def where_is(text, character) -> np.ndarray:
    """Where a character is: (T,) booleans."""
    return np.frombuffer(text.encode("utf-32-le"), "<u4") == ord(character)


def counted(size, spans) -> np.ndarray:
    """How many spans [start, end) each place is in: (T,) float32."""
    steps = np.zeros(size + 1, "int32")
    for column, sign in ((0, 1), (1, -1)):
        np.add.at(steps, np.array([s[column] for s in spans], "int64"), sign)
    return np.cumsum(steps[:-1]).astype("float32")


def inside(size, spans) -> np.ndarray:
    """Whether each place is in a span [start, end): (T,) booleans."""
    return counted(size, spans) > 0


def brackets(text, closes_all):
    """Depth (T,), place of each opening bracket's closing one, and spans of all.

    A closing bracket whose partner is not open is passed over; one whose partner is
    open closes what is open inside it too. What `closes_all` matches, such as a blank
    line, closes all, so that one bracket that was never closed is soon forgotten.
    """
    opened, match_of, spans = [], {}, []

    def close(until, place):
        while len(opened) > until:
            spans.append((opened.pop(), place))

    for match in re.finditer(rf"(?P<all>{closes_all})|[()\[\]{{}}]", text):
        place = match.start()
        if match["all"]:
            if opened and text[place] == "}" and text[opened[0]] == "{":
                match_of[opened[0]] = place
            close(0, place)
        elif text[place] in OPENS:
            opened.append(place)
        else:
            partner = PARTNER[text[place]]
            for level in reversed(range(len(opened))):
                if text[opened[level]] == partner:
                    match_of[opened[level]] = place
                    close(level, place)
                    break
    close(0, len(text))
    return counted(len(text), spans), match_of, spans
