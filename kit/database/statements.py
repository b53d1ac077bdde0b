"""Raw statements are written once, for PostgreSQL; this is how they, their arguments and their rows fit SQLite."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

_TOKEN = re.compile(
    r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/         # what must stay as it is
  | (?P<any> (?<![<>!]) = \s* ANY \s* \( \s* \$(?P<list>\d+) (?:::[\w\[\]]+)? \s* \) )
  | (?P<lock> \b FOR \s+ (?: (?:NO \s+ KEY \s+)? UPDATE | (?:KEY \s+)? SHARE ) \b
              (?: \s+ OF \s+ \w+ (?: \s*,\s* \w+ )* )? (?: \s+ (?: SKIP \s+ LOCKED | NOWAIT ) \b )? )
  | (?P<cast> :: \s* \w+ (?:\[\])? )
  | [A-Za-z_][\w$]*                                              # a$1 is a name
  | \$(?P<number>\d+)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


@lru_cache(maxsize=1024)
def for_sqlite(statement: str) -> tuple[str, tuple[int, ...], int]:
    """The statement with `?` for each `$n`, the argument each `?` stands for, and how many there are.

    Row locks disappear (a SQLite transaction is alone anyway), and so do `::casts` (SQLite stores what
    it is given); `= ANY($n)` reads a list. Strings, quoted names and comments stay as they are.
    """
    order: list[int] = []

    def replace(token: re.Match[str]) -> str:
        if number := token["number"] or token["list"]:
            order.append(int(number) - 1)
            return "?" if token["number"] else "IN (SELECT value FROM json_each(?))"
        return "" if token["lock"] or token["cast"] else token[0]

    translated = _TOKEN.sub(replace, statement)
    return translated, tuple(order), max(order, default=-1) + 1


def bind(order: Iterable[int], expected: int, args: tuple[Any, ...]) -> list[Any]:
    """The arguments in the order of their `?`, in the form the ORM would have stored them in SQLite."""
    if len(args) != expected:
        raise ValueError(f"the statement has {expected} parameters, {len(args)} were given")
    return [adapt(args[index]) for index in order]


def adapt(value: Any) -> Any:
    adapter = _ADAPTERS.get(type(value))
    return value if adapter is None else adapter(value)


def _time_text(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value} says no time zone: is it UTC?")
    return value.astimezone(UTC).isoformat(" ")


def json_text(value: Any) -> str:
    """Compact JSON; UUIDs become strings."""
    return json.dumps(value, separators=(",", ":"), default=_uuid_text)


def _uuid_text(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_ADAPTERS: dict[type, Callable[[Any], Any]] = {
    datetime: _time_text,
    dict: json_text,
    list: json_text,
    tuple: json_text,
    UUID: str,
    bool: int,
}


def decode_time(value: datetime | str) -> datetime:
    """A time out of a raw row: SQLite keeps text, PostgreSQL gives datetimes. Always aware, in UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC)


def decode_json(value: Any) -> Any:
    """A JSON column out of a raw row: both databases give text."""
    return json.loads(value) if isinstance(value, str | bytes) else value
