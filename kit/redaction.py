"""Takes secrets, card numbers and e-mail addresses out of text before it is logged, and finds card numbers in input."""

import re

_SECRET = re.compile(r"\b((?:sk|pk|rk)_(?:test|live)_|whsec_)[A-Za-z0-9+/=_-]{4,}")
_CLIENT_SECRET = re.compile(r"(_secret_)[A-Za-z0-9]{6,}")
_EMAIL = re.compile(r"([A-Za-z0-9])[A-Za-z0-9._%+-]*(@[A-Za-z0-9.-]+)")
_GAP = r"[\s.\-\u2010-\u2015\u2212]?"
_DIGITS = re.compile(rf"(?<![A-Za-z0-9])\d(?:{_GAP}\d){{12,}}(?![A-Za-z0-9])")
_GROUP = re.compile(r"\d+")
_FIRST_DIGITS = frozenset({2, 3, 4, 5, 6, 8, 9})  # no payer's card begins with another; times in milliseconds do


def redact(text: str) -> str:
    """The text without secrets: keys keep their prefix, e-mail addresses their first letter and domain."""
    text = _SECRET.sub(r"\1…", text)
    text = _CLIENT_SECRET.sub(r"\1…", text)
    text = _EMAIL.sub(r"\1…\2", text)
    return _DIGITS.sub(lambda found: "[card number]" if _is_card(found[0]) else found[0], text)


def holds_card_number(text: str) -> bool:
    """Whether 13 to 19 digits in the text, with or without blanks, dots and dashes, look like a card's."""
    return any(_is_card(found) for found in _DIGITS.findall(text))


def _is_card(text: str) -> bool:
    """Any neighboring groups of the digits will do: an expiry or a CVC often stands right behind the number."""
    groups = _GROUP.findall(text)
    runs = ("".join(groups[i : i + n]) for i in range(len(groups)) for n in range(1, 20))
    return any(13 <= len(run) <= 19 and int(run[0]) in _FIRST_DIGITS and _luhn(run) for run in runs)


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text]
    doubled = [d * 2 - 9 if d > 4 else d * 2 for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
