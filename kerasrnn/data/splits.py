"""Which examples are to train, to validate and to test."""

import hashlib
from collections.abc import Iterable

SPLITS = ("train", "validation", "test")
# Of so many keys, none of the splits stays empty.
FEWEST = 10


def split_of(key: str) -> str:
    """The split of the example with this key, the same on every machine.

    Of the keys 80 % are to train, 10 % to validate and 10 % to test.

    Args:
        key: what the examples that must not be parted have in common.

    Example:

    >>> [split_of(key) for key in ("one", "two", "three")]
    ['train', 'validation', 'train']
    """
    return {0: "test", 1: "validation"}.get(_number(key) % 10, "train")


def splits_of(keys: Iterable[str]) -> dict[str, str]:
    """The split of each of these keys, as `split_of` gives it.

    Where a split would stay empty, and there are ten keys or more, it gets the key with
    the least SHA-1 of the largest split.

    Args:
        keys: what the examples that must not be parted have in common.

    Example:

    >>> found = splits_of(f"line {number}" for number in range(12))
    >>> sorted(set(found.values()))
    ['test', 'train', 'validation']
    """
    found = {key: split_of(key) for key in keys}
    if len(found) >= FEWEST:
        for split in SPLITS:
            of_split: dict[str, list[str]] = {name: [] for name in SPLITS}
            for key, name in found.items():
                of_split[name].append(key)
            if not of_split[split]:
                largest = max(of_split.values(), key=len)
                found[min(largest, key=_number)] = split
    return found


def _number(key):
    return int(hashlib.sha1(key.encode()).hexdigest(), 16)


def split_by_position(
    length: int,
    *,
    validation_at_most: int | None = None,
    test_at_most: int | None = None,
) -> tuple[int, int]:
    """Where the training text and the validation text end; the rest is to test.

    The first 85 % are to train, the next 5 % to validate, the last 10 % to test. Where
    one of the last two would be longer than allowed, the training text gets the rest.

    Args:
        length: characters of the whole text.
        validation_at_most: most characters to validate; None: no limit.
        test_at_most: most characters to test; None: no limit.

    Example:

    >>> split_by_position(1000)
    (850, 900)
    >>> split_by_position(1000, validation_at_most=20, test_at_most=30)
    (950, 970)
    """
    train, validation = length * 85 // 100, length * 90 // 100
    test_size, validation_size = length - validation, validation - train
    if test_at_most is not None:
        test_size = min(test_size, test_at_most)
    if validation_at_most is not None:
        validation_size = min(validation_size, validation_at_most)
    return length - test_size - validation_size, length - test_size
