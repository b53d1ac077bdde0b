"""Tortoise's asyncpg backend, made safe against cancellation and against commits that are silent rollbacks.

The stock backend loses its pooled connection when a task is cancelled while its transaction opens. And
PostgreSQL answers COMMIT with ROLLBACK, not with an error, when a statement failed before and somebody
swallowed the exception: a payment that seems recorded and is not.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from itertools import count
from typing import Any, TypeVar

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    NestedTransactionContext,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import ConnectionToken, get_connections
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError

from kit.database.statements import json_text

T = TypeVar("T")
_savepoints = count(1)


class _TransactionClient(TransactionWrapper):
    """Plain BEGIN and COMMIT: asyncpg's transaction objects are slower and do not look at COMMIT's answer."""

    _savepoint: str | None = None

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_TransactionClient(self))

    async def raw_fetch(self, statement: str, args: tuple[Any, ...]) -> list[dict[str, Any]]:
        async with self._lock:
            return list(map(dict, await _translated(self._connection.fetch(statement, *args))))

    async def raw_execute(self, statement: str, args: tuple[Any, ...]) -> int:
        async with self._lock:
            return _affected(await _translated(self._connection.execute(statement, *args)))

    async def begin(self) -> None:
        await self._connection.execute("BEGIN")

    async def commit(self) -> None:
        self._end()
        if await _translated(self._connection.execute("COMMIT")) != "COMMIT":
            raise TransactionManagementError(
                "Nothing was committed: a statement had failed and its error was swallowed. "
                "Put a statement that may fail into a nested in_transaction()."
            )

    async def rollback(self) -> None:
        self._end()
        await self._connection.execute("ROLLBACK")

    def _end(self) -> None:
        if self._finalized:
            raise TransactionManagementError("Transaction already finalised")
        self._finalized = True

    async def savepoint(self) -> None:
        self._savepoint = f"s{next(_savepoints)}"
        await self._connection.execute(f"SAVEPOINT {self._savepoint}")

    async def release_savepoint(self) -> None:
        await self._connection.execute(f"RELEASE SAVEPOINT {self._savepoint}")

    async def savepoint_rollback(self) -> None:
        await self._connection.execute(f"ROLLBACK TO SAVEPOINT {self._savepoint}")


class _Transaction(TransactionContextPooled):
    __slots__ = ("_outside",)
    client: Any

    async def __aenter__(self) -> Any:
        self._outside: ConnectionToken | None = None
        await self.ensure_connection()
        self.client._connection = await self.client._parent._pool.acquire()
        try:
            await self.client.begin()
        except BaseException:
            await self._leave(undo=True)
            raise
        self._outside = get_connections().set(self.connection_name, self.client)
        return self.client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        ended = False
        try:
            if exc_type is None and not self.client._finalized:
                await self.client.commit()
            ended = self.client._finalized
        finally:
            await self._leave(undo=not ended)

    async def _leave(self, *, undo: bool) -> None:
        if self._outside is not None:
            get_connections().reset(self._outside)
        self.client._finalized = True
        pool, connection = self.client._parent._pool, self.client._connection
        if undo:  # a task of its own: our being cancelled must not keep the connection from the pool
            await asyncio.shield(_undo(pool, connection))
        else:
            await pool.release(connection)


async def _undo(pool: Any, connection: Any) -> None:
    try:
        # a connection that was lost needs none, and says so with an InterfaceError
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            await connection.execute("ROLLBACK")
    finally:
        await pool.release(connection)


class _Client(AsyncpgDBClient):
    def _in_transaction(self) -> TransactionContext:
        return _Transaction(_TransactionClient(self), self._pool_init_lock)

    async def create_pool(self, **kwargs: Any) -> Any:
        return await asyncpg.create_pool(None, init=_prepare, reset=_keep, **kwargs)

    async def raw_fetch(self, statement: str, args: tuple[Any, ...]) -> list[dict[str, Any]]:
        async with self.acquire_connection() as connection:
            return list(map(dict, await _translated(connection.fetch(statement, *args))))

    async def raw_execute(self, statement: str, args: tuple[Any, ...]) -> int:
        async with self.acquire_connection() as connection:
            return _affected(await _translated(connection.execute(statement, *args)))


async def _prepare(connection: Any) -> None:
    """Let dicts and lists be given for JSON parameters (lists stay arrays elsewhere); JSON reads as text."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=_json_parameter, decoder=str)


def _json_parameter(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)  # the ORM gives text already


async def _keep(connection: Any) -> None:
    """Instead of RESET ALL and friends, a round trip at each release.

    Safe because asyncpg itself still rolls back an open transaction, and nobody here changes the session:
    no SET without LOCAL, no session-level advisory lock, no LISTEN on a pooled connection.
    """


async def _translated(statement: Awaitable[T]) -> T:
    """Raises Tortoise's errors, as the ORM does, so that callers need not know the database."""
    try:
        return await statement
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(error) from error
    except (asyncpg.SyntaxOrAccessError, asyncpg.DataError) as error:
        raise OperationalError(error) from error


def _affected(status: str) -> int:
    """`INSERT 0 3`, `UPDATE 3`, `SELECT 3`, `CREATE TABLE`."""
    number = status.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0


client_class = _Client
