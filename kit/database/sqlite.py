"""Tortoise's SQLite backend, made safe against cancellation, with transactions that take the write lock at once.

The stock backend keeps its asyncio lock for ever when a task is cancelled while its transaction (or the
connection) opens, and begins deferred: two processes that read before they write then fail at once with
"database is locked", whatever the busy timeout.
"""

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import aiosqlite
from tortoise.backends.base.client import ConnectionWrapper, NestedTransactionContext, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import ConnectionToken, get_connections
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError

from kit.database.statements import bind, for_sqlite

T = TypeVar("T")


class _Turn(ConnectionWrapper[aiosqlite.Connection]):
    """One statement's turn on the one connection."""

    __slots__ = ()

    async def __aenter__(self) -> aiosqlite.Connection:
        await self._lock.acquire()
        try:
            await self.ensure_connection()
        except BaseException:
            self._lock.release()
            raise
        return self.connection


class _Statements(SqliteClient):
    """What the client and its transactions have in common."""

    def acquire_connection(self) -> ConnectionWrapper[aiosqlite.Connection]:
        return _Turn(self._lock, self)

    async def raw_fetch(self, statement: str, args: tuple[Any, ...]) -> list[dict[str, Any]]:
        return await self._raw(_rows, statement, args)

    async def raw_execute(self, statement: str, args: tuple[Any, ...]) -> int:
        return await self._raw(_affected, statement, args)

    async def _raw(
        self, run: Callable[[sqlite3.Connection, str, list[Any]], T], statement: str, args: tuple[Any, ...]
    ) -> T:
        sql, order, expected = for_sqlite(statement)
        values = bind(order, expected, args)
        async with self.acquire_connection() as connection:
            try:
                # one trip to the connection's thread for the statement and all its rows
                result: T = await connection._execute(run, connection._conn, sql, values)  # type: ignore[no-untyped-call]
            except sqlite3.IntegrityError as error:
                raise IntegrityError(error) from error
            except sqlite3.OperationalError as error:
                raise OperationalError(error) from error
            return result


class _TransactionClient(_Statements, SqliteTransactionWrapper):
    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_TransactionClient(self))

    def acquire_connection(self) -> ConnectionWrapper[aiosqlite.Connection]:
        if self._finalized:  # or else its statements would slip into somebody else's transaction
            raise TransactionManagementError("The transaction has ended: no task may outlive it.")
        return super().acquire_connection()

    async def begin(self) -> None:
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error


class _Transaction(SqliteTransactionContext):
    __slots__ = ("_outside",)

    async def __aenter__(self) -> Any:
        self._outside: ConnectionToken | None = None
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            await self._leave(undo=True)
            raise
        self._outside = get_connections().set(self.connection_name, self.connection)
        return self.connection

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        committed = False
        try:
            if exc_type is None and not self.connection._finalized:
                await self.connection.commit()
                committed = True
        finally:
            await self._leave(undo=not committed)

    async def _leave(self, *, undo: bool) -> None:
        """Free the lock, last. A failed COMMIT leaves its transaction open, so that is undone too.

        Statements run in the connection's thread in the order given, cancelled or not: whoever gets the
        lock next comes after the rollback even when we are cancelled while we wait for it.
        """
        connection: aiosqlite.Connection | None = self.connection._connection
        self.connection._finalized = True
        try:
            if undo and connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    await connection.rollback()
        finally:
            if self._outside is not None:
                get_connections().reset(self._outside)
            self._trxlock.release()


class _Client(_Statements):
    def _in_transaction(self) -> TransactionContext:
        return _Transaction(_TransactionClient(self), self._lock)

    async def create_connection(self, with_db: bool) -> None:
        try:
            await super().create_connection(with_db)
        except BaseException:
            await self.close()  # half a connection lacks its pragmas, foreign keys among them
            raise


def _rows(connection: sqlite3.Connection, sql: str, values: list[Any]) -> list[dict[str, Any]]:
    cursor = connection.cursor()
    cursor.row_factory = None
    cursor.execute(sql, values)
    if cursor.description is None:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _affected(connection: sqlite3.Connection, sql: str, values: list[Any]) -> int:
    before = connection.total_changes
    cursor = connection.execute(sql, values)
    rows = cursor.fetchall()
    if cursor.rowcount >= 0:
        return cursor.rowcount
    if connection.total_changes == before:
        return len(rows)
    # the sqlite3 module does not count for WITH ... UPDATE
    return int(connection.execute("SELECT changes()").fetchone()[0])


client_class = _Client
