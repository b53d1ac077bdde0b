"""Currencies and amounts. Amounts are integers of minor units; how many make one major unit differs by currency."""

import re
from decimal import Decimal

from babel import Locale
from babel.numbers import format_currency, get_currency_symbol

from kit import locales

_TYPED = re.compile(r"[0-9]{1,16}|[0-9]{0,16}[.,][0-9]{1,3}|[0-9]{1,3}(?:[.,'\u2019\s][0-9]{3})+(?:[.,][0-9]{1,3})?")
_GROUPING = re.compile(r"[.,'\u2019\s]")
_LONGEST_TYPED = 30
MAX_MINOR = 2**53 - 1  # the largest integer that every JSON client reads exactly

_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS "
    "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
EXPONENTS: dict[str, int] = {code: exponent for exponent, codes in _EXPONENTS.items() for code in codes.split()}
"""The ISO 4217 currencies in use, each with the number of decimals of its minor unit."""


def decimal_of(amount_minor: int, currency: str) -> Decimal:
    """The amount in major units, exact: 1050 EUR is 10.50, 1050 JPY is 1050, 1050 KWD is 1.050."""
    return Decimal(amount_minor).scaleb(-EXPONENTS[currency])


def formatted(amount_minor: int, currency: str, locale: str = "en") -> str:
    """The amount as a reader of `locale` expects it; an unknown locale reads as English."""
    known = Locale.parse(locales.known(locale.replace("_", "-")) or "en")
    pattern = known.currency_formats["standard"].pattern
    digits = EXPONENTS[currency]
    fraction = "." + "0" * digits if digits else ""
    exact = pattern.replace(".00", fraction)
    if get_currency_symbol(currency, known)[-1].isalpha():
        exact = exact.replace("¤#", "¤\u00a0#")  # CLDR's spacing, which Babel leaves out: KWD 1.050
    return format_currency(decimal_of(amount_minor, currency), currency, exact, locale=known, currency_digits=False)


def parsed(text: str, currency: str) -> int | None:
    """The minor units that a person typed, such as 1234, €1,234.50, 1.234,50 EUR or 1 234,5; None for no amount.

    The last mark is the decimal one if it stands once and leaves no more digits than the currency has decimals.
    """
    text = _without_currency(text.strip(), currency)
    if _TYPED.fullmatch(text) is None or len(text) > _LONGEST_TYPED:
        return None
    digits = EXPONENTS[currency]
    whole, mark, rest = text.rpartition(max(",.", key=text.rfind)) if set(text) & set(",.") else ("", "", "")
    is_decimal = mark and text.count(mark) == 1 and len(rest) <= digits
    if mark and not is_decimal and (len(rest) != 3 or whole.startswith("0")):
        return None
    units, fraction = (whole, rest) if is_decimal else (text, "")
    minor = int(_GROUPING.sub("", units) or "0") * 10**digits + int(fraction.ljust(digits, "0") or "0")
    return minor if 0 < minor <= MAX_MINOR else None


def _without_currency(text: str, currency: str) -> str:
    for name in (currency, currency.lower(), get_currency_symbol(currency, "en")):
        text = text.removeprefix(name).removesuffix(name).strip()
    return text
