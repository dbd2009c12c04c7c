import re
import unicodedata

# What English glues to the word before it: man|'s, is|n't.
CLITICS = ("n't", "'s", "'re", "'ve", "'ll", "'d", "'m")
BEFORE_CLITIC = re.compile(rf"(?<=\w)(?=(?:{'|'.join(CLITICS)})\b)")
NOT_IN_NUMBER = re.compile(r"(?<!\d)[,:]|[,:](?!\d)")
IN_WORDS = frozenset("-'./,:")  # , and : in numbers only, as NOT_IN_NUMBER sees to
# Punctuation that is a word of its own, as in "keycap: #".
SPOKEN = frozenset("#%&*@\\")


def caption_tokens(text: str) -> list[str]:
    """The words of a caption that scores of captions compare.

    Lower-case, in Unicode's form NFC, without punctuation of any script, and with
    English contractions parted: close to what the COCO evaluation makes of a caption,
    which is Stanford's Penn Treebank tokenizer less a list of punctuation. Unlike it,
    brackets go away as well, as does the last point of `u.s.`; symbols such as $ and
    + are words in both.

    Args:
        text: A caption.

    Returns:
        Its words, which may be none.

    Example:

    >>> from kerasrnn.metrics import caption_tokens
    >>> caption_tokens("A man’s red T-shirt, isn't it (3,000 won)?")
    ['a', 'man', "'s", 'red', 't-shirt', 'is', "n't", 'it', '3,000', 'won']
    >>> caption_tokens("“빨간” 사과!")
    ['빨간', '사과']

    Reference: Chen et al. 2015, "Microsoft COCO Captions", section 4.1.
    """
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    text = BEFORE_CLITIC.sub(" ", NOT_IN_NUMBER.sub(" ", text))
    tokens = "".join(map(parted, text)).split()
    tokens = [t if t in CLITICS else t.strip("-'./") for t in tokens]
    return [token for token in tokens if token]


def parted(character: str) -> str:
    """A character with spaces around it, or a space, where it is no part of a word."""
    kind = unicodedata.category(character)[0]
    if character == "`" or (kind == "P" and character not in SPOKEN | IN_WORDS):
        return " "
    return f" {character} " if kind == "S" or character in SPOKEN else character
