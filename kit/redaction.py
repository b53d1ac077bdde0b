"""Takes secrets, card numbers and e-mail addresses out of text before it is logged, and finds card numbers in input."""

import re

_SECRET = re.compile(r"\b((?:sk|pk|rk)_(?:test|live)_|whsec_)[A-Za-z0-9+/=_-]{4,}")
_CLIENT_SECRET = re.compile(r"(_secret_)[A-Za-z0-9]{6,}")
_EMAIL = re.compile(r"([A-Za-z0-9])[A-Za-z0-9._%+-]*(@[A-Za-z0-9.-]+)")
_GAP = r"[\s.\-\u2010-\u2015\u2212]?"
_DIGITS = re.compile(rf"(?<![A-Za-z0-9])\d(?:{_GAP}\d){{12,}}(?![A-Za-z0-9])")
_APART = r"[^0-9A-Za-z]{1,3}"
_PRINTED = re.compile(
    rf"(?<!\d)(?:\d{{13,19}}|(?:\d{{4}}{_APART}){{3}}\d{{4}}(?:{_APART}\d{{3}})?|\d{{4}}{_APART}\d{{6}}{_APART}\d{{4,5}})(?!\d)"
)
"""As one row of digits, or in the groups that stand on cards, whatever is around and between them."""
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}"
    r"|(?:6\d|81|82|508)\d{11,17}|5[0678]\d{10,17}"
)
"""The beginnings and lengths of the numbers that card networks give out."""
_RANDOM = re.compile(
    r"(?<![0-9A-Za-z])(?=[0-9-]*[a-f])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32,128})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_GROUP = re.compile(r"\d+")
_FIRST_DIGITS = frozenset({2, 3, 4, 5, 6, 8, 9})  # no payer's card begins with another; times in milliseconds do


def redact(text: str) -> str:
    """The text without secrets: keys keep their prefix, e-mail addresses their first letter and domain."""
    text = _SECRET.sub(r"\1…", text)
    text = _CLIENT_SECRET.sub(r"\1…", text)
    text = _EMAIL.sub(r"\1…\2", text)
    text = _DIGITS.sub(lambda found: "[card number]" if _is_card(found[0]) else found[0], text)
    return _PRINTED.sub(lambda found: "[card number]" if _is_issued(found[0]) else found[0], text)


def holds_card_number(text: str) -> bool:
    """Whether 13 to 19 digits in the text look like a card's: any that stand alone, with or without blanks, dots and
    dashes between them, and what a card network gives out wherever it stands. UUIDs and digests are left alone."""
    text = _RANDOM.sub("", text)
    return any(map(_is_card, _DIGITS.findall(text))) or any(map(_is_issued, _PRINTED.findall(text)))


def _is_card(text: str) -> bool:
    """Any neighboring groups of the digits will do: an expiry or a CVC often stands right behind the number."""
    groups = _GROUP.findall(text)
    runs = ("".join(groups[i : i + n]) for i in range(len(groups)) for n in range(1, 20))
    return any(13 <= len(run) <= 19 and int(run[0]) in _FIRST_DIGITS and _luhn(run) for run in runs)


def _is_issued(text: str) -> bool:
    digits = "".join(str(int(digit)) for group in _GROUP.findall(text) for digit in group)
    return _ISSUED.fullmatch(digits) is not None and _luhn(digits)


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text]
    doubled = [d * 2 - 9 if d > 4 else d * 2 for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
