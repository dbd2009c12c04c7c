"""Fonts of this machine that have the characters of a text."""

import functools
import unicodedata

# It comes with matplotlib.
FIRST = "DejaVu Sans"
# They draw a picture of a box, or other characters, for what they do not have.
UNFIT = ("Last Resort", "LastResort", "Adobe Blank", "cm")
LONGEST_LABEL = 28
EMPTY = "∅"
MISSING = "□"
MISSING_NOTE = f"{MISSING}: no font of this machine has the character"


def readable(text: str) -> str:
    """`text` without what cannot be seen, such as line feeds and zero-width marks."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


@functools.cache
def characters_of(path: str) -> frozenset:
    """Code points that a font file has."""
    from matplotlib import font_manager

    try:
        font = font_manager.get_font(path)
    except (OSError, RuntimeError):  # no font, or of a kind that is not read
        return frozenset()
    # Pictures of one size, as of emoji, are not drawn.
    return frozenset(font.get_charmap()) if font.scalable else frozenset()


def font_files() -> dict[str, str]:
    """The files of this machine's upright fonts of common weight, by family."""
    from matplotlib import font_manager

    # Of one family the last is kept, a condensed one where there is no other.
    fonts = sorted(
        font_manager.fontManager.ttflist, key=lambda f: f.stretch == "normal"
    )
    return {
        font.name: font.fname
        for font in fonts
        if font.style == "normal"
        and font.weight in (400, "normal", "regular")
        and not font.name.startswith(UNFIT)
    }


def fonts_for(texts) -> tuple[list[str], frozenset]:
    """Font families that have all characters of `texts`, and the characters in none.

    Other fonts are opened only where the first one lacks a character.
    """
    files = font_files()
    lacking = {ord(c) for text in texts for c in text}
    # Then a font made for many languages rather than another one for each.
    order = sorted(files, key=lambda name: (name != FIRST, "CJK" not in name, name))
    families = []
    for family in order:
        if not lacking:
            break
        if found := lacking & characters_of(files[family]):
            families.append(family)
            lacking -= found
    return families or [FIRST], frozenset(chr(c) for c in lacking)


def drawable(texts, longest: int | None = None) -> tuple[list[str], list[str], bool]:
    """Texts as a figure can show them, their fonts, and whether characters lack one.

    Args:
        texts: strings of any kind.
        longest: characters that one may have, where longer ones are to end in an
            ellipsis; an empty one is then shown as ∅. None: as long as they are.
    """
    texts = [readable(" ".join(str(text).split())) for text in texts]
    if longest is not None:
        texts = [shortened(text, longest) or EMPTY for text in texts]
    fonts, lacking = fonts_for(texts)
    table = str.maketrans(dict.fromkeys(lacking, MISSING))
    return [text.translate(table) for text in texts], fonts, bool(lacking)


def shortened(text: str, longest: int) -> str:
    """`text`, or its beginning and an ellipsis.

    Example:

    >>> shortened("a long label", 7)
    'a long…'
    """
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
