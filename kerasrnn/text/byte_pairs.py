"""Byte-pair encoding: which pieces of words are frequent, learned from counts."""

import collections
import heapq
import itertools
import re

BYTES = [bytes([byte]) for byte in range(256)]
SPACE = "▁"


def learn_byte_pairs(
    counts: dict[bytes, int], number: int, words: list[list[bytes]] | None = None
) -> list[bytes]:
    """Joins the most frequent pair of neighbours, over and over.

    Args:
        counts: How often each word occurs.
        number: How many pieces to make, beside the 256 bytes.
        words: Into which pieces each word is cut already. None: into its bytes.

    Returns:
        The pieces in the order in which they were made; fewer than `number` where no
        pair occurs twice any more. Of pairs equally frequent the one that comes
        first as bytes is joined first.

    Reference: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with
    Subword Units", algorithm 1.
    """
    if words is None:
        words = [[bytes([byte]) for byte in word] for word in counts]
    words = list(words)
    weights = list(counts.values())
    frequency: collections.Counter[tuple[bytes, bytes]] = collections.Counter()
    places: dict[tuple[bytes, bytes], set[int]] = collections.defaultdict(set)
    for index, word in enumerate(words):
        for pair in itertools.pairwise(word):
            frequency[pair] += weights[index]
            places[pair].add(index)
    heap = [(-count, pair) for pair, count in frequency.items()]
    heapq.heapify(heap)
    pieces: dict[bytes, None] = {}  # ordered, and each once
    while heap and len(pieces) < number:
        count, pair = heapq.heappop(heap)
        if -count != frequency[pair]:  # it has changed since it was put there
            if frequency[pair] > 1:
                heapq.heappush(heap, (-frequency[pair], pair))
            continue
        if -count < 2:
            break
        changed = set()
        pieces[b"".join(pair)] = None
        for index in sorted(places.pop(pair)):
            word, weight = words[index], weights[index]
            joined = join(word, pair)
            if len(joined) == len(word):
                continue
            for old in itertools.pairwise(word):
                frequency[old] -= weight
            for new in itertools.pairwise(joined):
                frequency[new] += weight
                places[new].add(index)
                changed.add(new)
            words[index] = joined
        # Falling counts are found when they are popped.
        for new in changed:
            heapq.heappush(heap, (-frequency[new], new))
    return list(pieces)


def join(word: list[bytes], pair: tuple[bytes, bytes]) -> list[bytes]:
    """`word` with the pair joined wherever it occurs, from the left."""
    joined, position = [], 0
    while position < len(word):
        if tuple(word[position : position + 2]) == pair:
            joined.append(pair[0] + pair[1])
            position += 2
        else:
            joined.append(word[position])
            position += 1
    return joined


def all_joins(pieces: list[bytes]) -> dict[tuple[int, int], int]:
    """Which two pieces make which, by their places in the list."""
    place = {piece: index for index, piece in enumerate(pieces)}
    joins = {}
    for piece, index in place.items():
        for cut in range(1, len(piece)):
            left, right = place.get(piece[:cut]), place.get(piece[cut:])
            if left is not None and right is not None:
                joins[left, right] = index
    return joins


def as_text(piece: bytes) -> str:
    """A piece as text: ▁ for a space, <0xC3> for a byte that is no character.

    No two pieces look alike: "<" is never joined to anything, and a ▁ of the text's
    own is shown in bytes.
    """
    return "".join(map(_shown, piece.decode("utf-8", "surrogateescape")))


def _shown(char):
    if char == " ":
        return SPACE
    raw = char.encode("utf-8", "surrogateescape")
    lone_byte = 0xDC80 <= ord(char) < 0xDD00
    if lone_byte or char == SPACE or char < " " or char == "\x7f":
        return "".join(f"<0x{byte:02X}>" for byte in raw)
    return char


def as_bytes(text: str) -> bytes:
    """The piece that `as_text` shows."""
    parts = re.split("<0x([0-9A-F]{2})>", text)
    return b"".join(
        bytes.fromhex(part) if place % 2 else part.replace(SPACE, " ").encode()
        for place, part in enumerate(parts)
    )
