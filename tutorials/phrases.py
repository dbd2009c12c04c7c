"""Phrases that are said in another language, some with a number or a text in them."""

import functools
import re

NUMBER = r"([−+-]?[\d.][\d.,%–−+e-]*)"


def translator(phrases):
    """A function that translates what is among phrases, and gives all else as it is.

    In a phrase `{}` stands for a number and `{text}` for any text of one line, which
    is translated too. The translation has `{}` in their places, or `{0}`, `{1}` … .

    >>> say = translator({"chunk {}": "토막 {}", "state": "상태", "of {text}": "{}의"})
    >>> say("chunk 3"), say("of state"), say("chunk x")
    ('토막 3', '상태의', 'chunk x')
    """
    patterns = []
    for phrase, translation in phrases.items():
        if "{" in phrase:
            pattern = re.escape(phrase).replace(r"\{text\}", "(.+)")
            pattern = pattern.replace(r"\{\}", NUMBER)
            patterns.append((re.compile(pattern), translation))

    @functools.cache
    def translate(text):
        if text in phrases:
            return phrases[text]
        for pattern, translation in patterns:
            if match := pattern.fullmatch(text):
                return translation.format(*map(translate, match.groups()))
        return text

    return translate
