"""The locales that amounts and dates are written for."""

from datetime import UTC, datetime
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time

# Each locale that Babel loads stays in memory, so a stranger may choose among these only.
_CODES = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nb nl no pl pt ro ru sk sl sr sv sw ta"
    " th tr uk ur vi zh"
)
_TERRITORIES = "AE AR AT AU BE BR CA CH CN EG ES FR GB HK IE IN MX NZ PT SA SG TW US ZA"
_LANGUAGES, _REGIONS = frozenset(_CODES.split()), frozenset(_TERRITORIES.split())


@lru_cache(maxsize=512)
def known(name: str) -> str | None:
    """The locale of a tag such as de-AT, without a region that we do not know; None for an unknown language."""
    try:
        given = Locale.parse(name, sep="-")
    except (ValueError, TypeError, UnknownLocaleError):
        language = name.split("-")[0].lower()
        return language if language in _LANGUAGES else None
    if given.language not in _LANGUAGES:
        return None
    parts = [given.language, given.script, given.territory if given.territory in _REGIONS else None]
    return "_".join(part for part in parts if part)


def moment(time: datetime, locale: str) -> str:
    """A date with its time, as a reader of the locale expects it; UTC, because nobody knows where the reader is."""
    time = time.astimezone(UTC)
    return f"{format_date(time, 'medium', locale)}, {format_time(time, 'short', locale=locale)} UTC"


def day(time: datetime, locale: str) -> str:
    """A date, in UTC."""
    return format_date(time.astimezone(UTC), "medium", locale)
