"""The payer's locale, for amounts and dates only: the texts are English."""

from datetime import UTC, datetime
from functools import lru_cache

from babel.dates import format_date, format_datetime

from kit import locales

_LONGEST = 200


@lru_cache(maxsize=512)
def negotiate(accepted: str) -> str:
    """The locale that an Accept-Language header likes best, such as de_AT; English if none is known."""
    return next((found for _, tag in _ranked(accepted[:_LONGEST]) if (found := locales.known(tag))), "en")


def tag(locale: str) -> str:
    """The locale as HTML's lang attribute wants it."""
    return locale.replace("_", "-")


def moment(time: datetime, locale: str) -> str:
    """A date with its time, as a reader of the locale expects it; UTC, because nobody knows where the payer is."""
    return format_datetime(time.astimezone(UTC), "medium", locale=locale) + " UTC"


def day(time: datetime, locale: str) -> str:
    """A date, in UTC."""
    return format_date(time.astimezone(UTC).date(), "medium", locale=locale)


def _ranked(accepted: str) -> list[tuple[float, str]]:
    found = []
    for part in accepted.split(","):
        name, _, parameter = part.partition(";")
        if (weight := _weight(parameter)) > 0:
            found.append((weight, name.strip()))
    return sorted(found, key=lambda pair: -pair[0])


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
