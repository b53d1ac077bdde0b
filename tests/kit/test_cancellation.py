"""Cancelling tasks at any moment leaves no lock held, no connection lost, no transaction open."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from kit.database import reading
from kit.database.unit import Unit, drain, unit_of_work
from tests.kit.models import Thing

pytestmark = pytest.mark.anyio

INSERT = "INSERT INTO things (name, count, flag) VALUES ($1, 0, $2)"


async def orm_transaction(name: str) -> None:
    async with in_transaction():
        await Thing.create(name=name)
        async with in_transaction():
            await Thing.filter(name=name).update(count=1)


async def raw_transaction(name: str) -> None:
    async with in_transaction():
        await reading.execute(INSERT, name, True)
        await reading.fetch("SELECT id FROM things WHERE name = $1 FOR UPDATE", name)


async def statements(name: str) -> None:
    await reading.execute(INSERT, name, True)
    await reading.fetch("SELECT id FROM things WHERE name = $1", name)
    await Thing.get(name=name)


async def opening(name: str) -> None:
    async with in_transaction():
        pass


@pytest.mark.parametrize("scenario", [orm_transaction, raw_transaction, statements, opening])
async def test_600_cancellations_leave_nothing_behind(
    database: str, scenario: Callable[[str], Awaitable[None]]
) -> None:
    await sweep(scenario, 600)
    await nothing_is_left_behind()


async def test_600_cancelled_callers_and_every_unit_is_whole(database: str) -> None:
    committed: set[str] = set()

    async def record(name: str) -> None:
        async def work(unit: Unit) -> None:
            unit.after_commit(lambda: committed.add(name))
            await unit.execute(INSERT, name, True)
            await unit.execute("UPDATE things SET count = count + 1 WHERE name = $1", name)

        await unit_of_work(work)

    await sweep(record, 600)
    await drain()
    rows = await reading.fetch("SELECT name, count FROM things")
    assert {row["name"] for row in rows} == committed
    assert {row["count"] for row in rows} == {1}
    await nothing_is_left_behind()


async def test_units_that_run_out_of_time_leave_nothing_behind(database: str) -> None:
    async def one(number: int) -> bool:
        async def work(unit: Unit) -> None:
            await unit.execute(INSERT, f"n{number}", True)
            await asyncio.sleep(random.uniform(0, 0.004))

        try:
            await unit_of_work(work, timeout=random.uniform(0.0005, 0.02))
        except TimeoutError:
            return False
        return True

    done = await asyncio.gather(*(one(number) for number in range(300)))
    rows = await reading.fetch("SELECT name FROM things")
    assert {row["name"] for row in rows} == {f"n{number}" for number, ok in enumerate(done) if ok}
    await nothing_is_left_behind()


async def sweep(scenario: Callable[[str], Awaitable[None]], cancellations: int) -> None:
    """Start tasks, sixteen at a time, and cancel each after 0 to 4 ms."""
    slots = asyncio.Semaphore(16)

    async def one(number: int) -> None:
        async with slots:
            task = asyncio.ensure_future(scenario(f"n{number}"))
            await asyncio.sleep(random.uniform(0, 0.004))
            task.cancel()
            await asyncio.wait([task], timeout=20)
            assert task.done()

    await asyncio.gather(*(one(number) for number in range(cancellations)))


async def nothing_is_left_behind() -> None:
    async with asyncio.timeout(5):
        await orm_transaction("afterwards")
    assert await Thing.get(name="afterwards").values_list("count", flat=True) == 1
    client = get_connection("default")
    if reading.dialect() == "sqlite":
        assert not client._lock.locked()  # type: ignore[attr-defined]
        assert not client._connection.in_transaction
    else:
        assert client._pool.get_idle_size() == client._pool.get_size()
        open_transactions = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
        row = await reading.fetch_one(open_transactions + " AND state LIKE 'idle in transaction%'")
        assert row == {"n": 0}
