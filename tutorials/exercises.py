"""Judges the answers to the exercises; one answer to each is in `solutions/`.

A page calls `check` with the name of its file and with answers. A file of `solutions/`
has, for each exercise `name`, an answer `name`, a function `check_name` that judges any
answer, and in `MISTAKES` some that are wrong.
"""

import functools
import importlib.util
import os
import pathlib

import numpy as np
from exercises_korean import in_korean

SOLUTIONS = pathlib.Path(__file__).with_name("solutions")


class HintError(AssertionError):
    """An answer is wrong; the text is a hint."""


def expect(condition, hint):
    """Stop with a hint unless a condition holds."""
    if not condition:
        raise HintError(f"{said('Not yet.')} {said(hint)}")


def said(text):
    """What a check says, in the reader's language."""
    return in_korean(text) if os.environ.get("KERASRNN_LANGUAGE") == "ko" else text


def close(found, expected, tolerance=1e-4):
    """Whether an answer has the shape and nearly the numbers of what is expected."""
    try:
        found, expected = np.asarray(found, float), np.asarray(expected, float)
    except (TypeError, ValueError):  # it holds something that is no number
        return False
    return (
        found.shape == expected.shape
        and bool(np.isfinite(found).all())
        and bool((np.abs(found - expected) <= tolerance).all())
    )


def is_open(answer):
    """Whether an answer is, or has in it, the three dots that are to be filled in."""
    code = getattr(answer, "__code__", None)
    return answer is ... or (code is not None and ... in code.co_consts)


@functools.cache
def solutions_of(page):
    """The module of `solutions/` for a page."""
    place = importlib.util.spec_from_file_location(
        f"solutions_{page}", SOLUTIONS / f"{page}.py"
    )
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def check(page, **answers):
    """Say "right" of each answer, or stop with a hint; pass over what is left open."""
    for name, answer in answers.items():
        if is_open(answer):
            print(f"{name}: {said('write your answer in the place of the dots')}")
            continue
        getattr(solutions_of(page), f"check_{name}")(answer)
        print(f"{name}: right")
