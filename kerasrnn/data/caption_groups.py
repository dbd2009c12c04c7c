"""Puts pictures that must not be parted by a split into one group."""

import re
from collections.abc import Hashable, Iterable, Mapping


def caption_key(caption: str) -> str:
    """What two captions have in common that say the same.

    Case, punctuation, spaces and the article that a caption starts with do not count.
    Captions without any letter or digit are told apart by what they are.

    Example:

    >>> caption_key("A  “Fuji” apple.") == caption_key("fuji apple")
    True
    """
    words = re.findall(r"\w+", caption.casefold())
    if len(words) > 1 and words[0] in ("a", "an", "the"):
        words = words[1:]
    return " ".join(words) or " ".join(caption.split())


def join_groups(reasons: Mapping[str, Iterable[Hashable]]) -> dict[str, str]:
    """The group of each item, where items that share a reason share a group.

    Args:
        reasons: of each item, what puts it together with others.

    Returns:
        Of each item, the first in alphabetical order of those in its group.

    Example:

    >>> join_groups({"x": [1], "b": [1, 2], "a": [2], "y": [3]})
    {'x': 'a', 'b': 'a', 'a': 'a', 'y': 'y'}
    """
    leader = {item: item for item in reasons}

    def find(item):
        while leader[item] != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    first: dict[Hashable, str] = {}
    for item, whys in reasons.items():
        for why in whys:
            one, other = sorted((find(item), find(first.setdefault(why, item))))
            leader[other] = one
    return {item: find(item) for item in reasons}
