"""The countries a payer can be in."""

from typing import Final

from babel import Locale

# What the CLDR calls a territory, and ISO 3166-1 gives no code: unions, pseudo-locales, parts of countries.
_NO_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])

COUNTRIES: Final = frozenset(
    code
    for code in map(str, Locale("en").territories)
    if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
)
"""The codes of ISO 3166-1 alpha-2, and XK, by which Kosovo goes."""
