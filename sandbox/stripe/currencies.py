"""Currencies on the wire: how many decimals, the least amount, and what amounts are well formed."""

from __future__ import annotations

from typing import Final

from sandbox.stripe.errors import InvalidParameter

ZERO_DECIMAL: Final = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL: Final = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
WHOLE_UNITS_ONLY: Final = frozenset(["isk", "ugx"])
TWO_DECIMAL: Final = frozenset(
    [
        "aed",
        "afn",
        "all",
        "amd",
        "ang",
        "aoa",
        "ars",
        "aud",
        "awg",
        "azn",
        "bam",
        "bbd",
        "bdt",
        "bgn",
        "bmd",
        "bnd",
        "bob",
        "brl",
        "bsd",
        "bwp",
        "byn",
        "bzd",
        "cad",
        "cdf",
        "chf",
        "cny",
        "cop",
        "crc",
        "cve",
        "czk",
        "dkk",
        "dop",
        "dzd",
        "egp",
        "etb",
        "eur",
        "fjd",
        "fkp",
        "gbp",
        "gel",
        "gip",
        "gmd",
        "gtq",
        "gyd",
        "hkd",
        "hnl",
        "htg",
        "huf",
        "idr",
        "ils",
        "inr",
        "isk",
        "jmd",
        "kes",
        "kgs",
        "khr",
        "kyd",
        "kzt",
        "lak",
        "lbp",
        "lkr",
        "lrd",
        "lsl",
        "mad",
        "mdl",
        "mkd",
        "mmk",
        "mnt",
        "mop",
        "mur",
        "mvr",
        "mwk",
        "mxn",
        "myr",
        "mzn",
        "nad",
        "ngn",
        "nio",
        "nok",
        "npr",
        "nzd",
        "pab",
        "pen",
        "pgk",
        "php",
        "pkr",
        "pln",
        "qar",
        "ron",
        "rsd",
        "rub",
        "sar",
        "sbd",
        "scr",
        "sek",
        "sgd",
        "shp",
        "sle",
        "sos",
        "srd",
        "std",
        "szl",
        "thb",
        "tjs",
        "top",
        "try",
        "ttd",
        "twd",
        "tzs",
        "uah",
        "ugx",
        "usd",
        "uyu",
        "uzs",
        "wst",
        "xcd",
        "xcg",
        "yer",
        "zar",
        "zmw",
    ]
)
KNOWN: Final = ZERO_DECIMAL | TWO_DECIMAL | THREE_DECIMAL

MINIMUM: Final[dict[str, int]] = {
    **dict.fromkeys(
        [
            "usd",
            "eur",
            "aud",
            "cad",
            "chf",
            "brl",
            "nzd",
            "sgd",
            "inr",
            "php",
            "zar",
            "cop",
            "ars",
            "idr",
            "ils",
            "rub",
            "jpy",
            "krw",
        ],
        50,
    ),
    **dict.fromkeys(["aed", "myr", "pln", "ron"], 200),
    **dict.fromkeys(["nok", "sek"], 300),
    **dict.fromkeys(["mxn", "thb"], 1000),
    "gbp": 30,
    "dkk": 250,
    "hkd": 400,
    "czk": 1500,
    "huf": 17500,
}
MAXIMUM: Final = 999_999_999_999


def decimals(currency: str) -> int:
    """How many digits of an amount stand behind the decimal point."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def major(amount_minor: int, currency: str) -> str:
    """The amount as a plain decimal in units of the currency: 1999 usd is "19.99"."""
    places = decimals(currency)
    sign, digits = "-" if amount_minor < 0 else "", str(abs(amount_minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def minimum(currency: str) -> int:
    """The least amount that can be charged, in minor units."""
    return MINIMUM.get(currency, {0: 50, 2: 50, 3: 500}[decimals(currency)])


def step(currency: str) -> int:
    """What every amount that can be charged is a multiple of, in minor units."""
    if currency in THREE_DECIMAL:
        return 10
    return 100 if currency in WHOLE_UNITS_ONLY else 1


def require_known(currency: str, param: str = "currency") -> str:
    """The currency in lower case; refused if Stripe has no such currency."""
    lower = currency.lower()
    if lower not in KNOWN:
        raise InvalidParameter(
            f"Invalid currency: {currency[:20]}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(KNOWN))}",
            param=param,
        )
    return lower


def require_chargeable(amount_minor: int, currency: str, param: str = "amount") -> None:
    """Refuses an amount that is too small, too large, or has digits that its currency can't carry."""
    if amount_minor < minimum(currency):
        least = major(minimum(currency), currency)
        raise InvalidParameter(f"Amount must be at least {least} {currency}", code="amount_too_small", param=param)
    if amount_minor > MAXIMUM:
        raise InvalidParameter(
            f"Amount must be no more than {major(MAXIMUM, currency)} {currency}",
            code="amount_too_large",
            param=param,
        )
    if amount_minor % step(currency):
        raise InvalidParameter(
            f"Invalid amount: {amount_minor} {currency} must be a multiple of {step(currency)}", param=param
        )
