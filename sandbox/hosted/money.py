"""Amounts as a payer reads them."""

from __future__ import annotations

from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, get_currency_symbol

from sandbox.stripe.currencies import decimals, major


def locale_of(wanted: str | None) -> Locale:
    """The session's locale; English where it is automatic or unknown."""
    try:
        return Locale.parse((wanted or "en").replace("auto", "en"), sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def shown(amount_minor: int, currency: str, wanted: str | None = None) -> str:
    """Minor units as text in the locale: 1999 usd is "$19.99", 1999 jpy "¥1,999"."""
    places, locale, code = decimals(currency), locale_of(wanted), currency.upper()
    digits = f"0.{'0' * places}" if places else "0"
    pattern = locale.currency_formats["standard"].pattern.replace("0.00", digits)
    if get_currency_symbol(code, locale)[-1:].isalpha():
        pattern = pattern.replace("¤#", "¤\u00a0#")
    amount = Decimal(major(amount_minor, currency))
    return format_currency(amount, code, pattern, locale=locale, currency_digits=False)
