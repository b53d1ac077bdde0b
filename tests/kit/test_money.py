"""Amounts as people type them."""

import pytest

from kit.money import parsed


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1234", "EUR", 123400),
        ("1,234.50", "EUR", 123450),
        ("1.234,50", "EUR", 123450),
        ("1 234,5", "EUR", 123450),
        ("€5", "EUR", 500),
        (" 5 € ", "EUR", 500),
        ("EUR 5,20", "EUR", 520),
        ("5 kwd", "KWD", 5000),
        ("¥500", "JPY", 500),
        ("500.5", "JPY", None),
        ("$5", "EUR", None),
        ("5 USD", "EUR", None),
        ("€", "EUR", None),
        ("-5", "EUR", None),
        ("0", "EUR", None),
        ("1e3", "EUR", None),
        ("ten", "EUR", None),
        ("", "EUR", None),
    ],
)
def test_an_amount_is_read_as_it_was_meant_or_not_at_all(text: str, currency: str, minor: int | None) -> None:
    assert parsed(text, currency) == minor
