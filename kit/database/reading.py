"""Raw reads: `await reading.fetch("SELECT ... WHERE id = $1", id)`. Inside a unit of work they see its writes.

Rows are dicts as the database gives them. On SQLite booleans are 0 and 1, UUIDs are text, and times and
JSON want `decode_time` and `decode_json`, which are harmless on PostgreSQL.
"""

from typing import Any, Literal, Protocol, cast

from tortoise.connection import get_connection

from kit.database.connect import CONNECTION
from kit.database.statements import decode_json, decode_time

__all__ = ["RawClient", "current", "decode_json", "decode_time", "dialect", "execute", "fetch", "fetch_one"]


class RawClient(Protocol):
    """What both backends add to Tortoise's client."""

    async def raw_fetch(self, statement: str, args: tuple[Any, ...]) -> list[dict[str, Any]]: ...
    async def raw_execute(self, statement: str, args: tuple[Any, ...]) -> int: ...


def current() -> RawClient:
    """The open transaction of this task, or else the database."""
    return cast(RawClient, get_connection(CONNECTION))


def dialect() -> Literal["sqlite", "postgres"]:
    return cast(Literal["sqlite", "postgres"], get_connection(CONNECTION).capabilities.dialect)


async def fetch(statement: str, *args: Any) -> list[dict[str, Any]]:
    return await current().raw_fetch(statement, args)


async def fetch_one(statement: str, *args: Any) -> dict[str, Any] | None:
    """The first row."""
    rows = await current().raw_fetch(statement, args)
    return rows[0] if rows else None


async def execute(statement: str, *args: Any) -> int:
    """Runs one statement that needs no transaction around it; how many rows it touched."""
    return await current().raw_execute(statement, args)
