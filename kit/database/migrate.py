"""Brings the schema up to date, one process at a time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
from tortoise.context import TortoiseContext
from tortoise.migrations.api.migrate import migrate as apply_migrations

from kit.database.connect import CONNECTION, connection_config

_LOCK = 0x7061_7967_7261_7068
"""The advisory lock's number in the database: any, as long as all processes agree."""


async def migrate(
    database_url: str,
    *,
    app: str = "models",
    models: Sequence[str] = ("models",),
    migrations: str = "migrations",
    patience: float = 60.0,
) -> list[str]:
    """Apply the migrations that the database lacks; their names, in order.

    Tortoise takes no lock, so several processes that start at once would all create the first table. The
    others wait here, up to `patience` seconds (then TimeoutError), and find nothing left to do.
    Call it before the application connects: it works in a Tortoise context of its own.
    """
    connection = connection_config(database_url, pool_min=1, pool_max=2, statement_timeout_ms=0, command_timeout_s=3600)
    config = {
        "connections": {CONNECTION: connection},
        "apps": {
            app: {"models": list(models), "default_connection": CONNECTION, "migrations": migrations},
        },
    }
    applied: list[str] = []

    def progress(event: str, _app: str, name: str) -> None:
        if event == "apply_done":
            applied.append(name)

    async with _lock(connection, patience), TortoiseContext() as context:
        await context.init(config=config)
        await apply_migrations(config=config, progress=progress)
    return applied


def _lock(connection: dict[str, Any], patience: float) -> AbstractAsyncContextManager[None]:
    credentials = connection["credentials"]
    if "file_path" in credentials:
        return _file_lock(Path(credentials["file_path"]), patience)
    return _advisory_lock(credentials, patience)


@asynccontextmanager
async def _file_lock(database: Path, patience: float) -> AsyncIterator[None]:
    """A second, empty SQLite file beside the first: its lock works everywhere and dies with its process."""
    database.parent.mkdir(parents=True, exist_ok=True)
    path = database.with_name(database.name + ".migrating")
    with closing(sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)) as file:
        try:
            await asyncio.to_thread(file.execute, "BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise TimeoutError(f"Another process has been migrating for {patience} s ({path})") from error
        yield


@asynccontextmanager
async def _advisory_lock(credentials: dict[str, Any], patience: float) -> AsyncIterator[None]:
    keys = ("host", "port", "user", "password", "database", "ssl")
    connection = await asyncpg.connect(**{key: credentials[key] for key in keys if key in credentials})
    try:
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK, timeout=patience)
        except TimeoutError:
            raise TimeoutError(f"Another process has been migrating for {patience} s") from None
        yield
    finally:
        await connection.close()  # which frees the lock
