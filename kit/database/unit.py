"""Units of work: the only way to a transaction, and work that is carried through when its caller goes away."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.connection import get_connection
from tortoise.context import get_current_context
from tortoise.transactions import in_transaction

from kit.database.connect import CONNECTION
from kit.database.reading import RawClient, current

T = TypeVar("T")

_RETRIED = {"40001": "serialization failure", "40P01": "deadlock", "55P03": "lock timeout"}
_log = logging.getLogger(__name__)
_running: set[asyncio.Task[Any]] = set()


class Unit:
    """One transaction."""

    __slots__ = ("_client", "_hooks")

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self._hooks: list[Callable[[], None]] = []

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Call `hook` once after the commit, even if the caller is gone. What it raises is only logged."""
        self._hooks.append(hook)

    async def fetch(self, statement: str, *args: Any) -> list[dict[str, Any]]:
        """Rows of a raw statement, written for PostgreSQL: `$1`, `$2`; see `kit.database.statements`."""
        return await self._client.raw_fetch(statement, args)

    async def fetch_one(self, statement: str, *args: Any) -> dict[str, Any] | None:
        """The first row."""
        rows = await self._client.raw_fetch(statement, args)
        return rows[0] if rows else None

    async def execute(self, statement: str, *args: Any) -> int:
        """How many rows the statement touched."""
        return await self._client.raw_execute(statement, args)

    async def insert(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Rows of the same columns, in one statement. Table and columns are our own words, never a caller's."""
        names, count = ", ".join(rows[0]), len(rows[0])
        places = (
            f"({', '.join(f'${at + n}' for n in range(1, count + 1))})" for at in range(0, count * len(rows), count)
        )
        values = [value for row in rows for value in row.values()]
        await self.execute(f"INSERT INTO {table} ({names}) VALUES {', '.join(places)}", *values)  # noqa: S608


async def unit_of_work(
    work: Callable[[Unit], Awaitable[T]],
    *,
    timeout: float = 10.0,  # noqa: ASYNC109 - it ends the unit; a timeout around the call would not
    attempts: int = 4,
) -> T:
    """Run `work` in one transaction that is carried through even when the caller is cancelled.

    After a deadlock, a lock timeout or a serialization failure, `work` is called again from the start with
    a fresh unit, so it must touch nothing but the database. `timeout` is in seconds, for all attempts
    together; a commit that has begun is waited for. Raises TimeoutError, or what `work` raised: in both
    cases nothing was written. Units do not nest: RuntimeError.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    return await run_to_end(_attempts(work, deadline, attempts))


async def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in a task of its own, which goes on when the caller is cancelled (`drain` waits for it).

    Refused inside a unit of work: the task would inherit a transaction that it may outlive.
    """
    if _inside_a_unit():
        work.close()
        raise RuntimeError("A unit of work is open already: finish it first, units do not nest.")
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            task.add_done_callback(_report)
        raise


def _inside_a_unit() -> bool:
    if get_current_context() is None:
        return False
    return isinstance(get_connection(CONNECTION), TransactionalDBClient)


async def drain(timeout: float = 15.0) -> None:  # noqa: ASYNC109 - it gives up, it cancels nothing
    """Wait, at shutdown, up to `timeout` seconds for units and other work whose caller may be gone."""
    deadline = asyncio.get_running_loop().time() + timeout
    while _running and (left := deadline - asyncio.get_running_loop().time()) > 0:
        await asyncio.wait(set(_running), timeout=left)
    if _running:
        _log.warning("%d pieces of work had not ended after %s s", len(_running), timeout)


async def _attempts(work: Callable[[Unit], Awaitable[T]], deadline: float, attempts: int) -> T:
    for attempt in range(1, attempts + 1):
        try:
            return await _once(work, deadline)
        except Exception as error:
            reason = _RETRIED.get(_sqlstate(error) or "")
            if reason is None or attempt == attempts:
                raise
            _log.info("Unit of work tried again after a %s (attempt %d)", reason, attempt)
        await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311
    raise ValueError("attempts must be at least 1")


async def _once(work: Callable[[Unit], Awaitable[T]], deadline: float) -> T:
    async with asyncio.timeout_at(deadline) as limit, in_transaction(CONNECTION):
        unit = Unit(current())
        result = await work(unit)
        limit.reschedule(None)  # cut short, a commit would leave us not knowing whether it happened
    for hook in unit._hooks:
        try:
            hook()
        except Exception:
            _log.exception("After-commit hook failed")
    return result


def _sqlstate(error: BaseException | None) -> str | None:
    while error is not None:
        if state := getattr(error, "sqlstate", None):
            return str(state)
        error = error.__cause__
    return None


def _report(task: asyncio.Task[Any]) -> None:
    """The caller was cancelled: nobody else will see the error."""
    if not task.cancelled() and (error := task.exception()):
        _log.error("Work failed after its caller had gone", exc_info=error)
