"""Several writers at once: processes, lock orders, deadlocks."""

import asyncio
import sys

import asyncpg
import pytest

from kit.database.unit import Unit, unit_of_work
from tests.kit.models import Thing

pytestmark = pytest.mark.anyio


async def test_two_processes_that_read_then_write_lose_nothing(database: str) -> None:
    await Thing.create(name="counter")
    command = [sys.executable, "-m", "tests.kit.counting", database, "150"]
    processes = [await asyncio.create_subprocess_exec(*command) for _ in range(2)]
    assert [await process.wait() for process in processes] == [0, 0]
    assert (await Thing.get(name="counter")).count == 300


@pytest.mark.not_on_sqlite  # it has one writer at a time
async def test_opposite_lock_orders_both_get_through(database: str) -> None:
    await Thing.bulk_create([Thing(name="a", count=100), Thing(name="b", count=100)])
    both_hold_one = asyncio.Barrier(2)
    tries = 0

    async def transfer(unit: Unit, giver: str, taker: str) -> None:
        nonlocal tries
        tries += 1
        await unit.execute("UPDATE things SET count = count - 1 WHERE name = $1", giver)
        if tries <= 2:
            await both_hold_one.wait()
        await unit.execute("UPDATE things SET count = count + 1 WHERE name = $1", taker)

    await asyncio.gather(
        unit_of_work(lambda unit: transfer(unit, "a", "b")), unit_of_work(lambda unit: transfer(unit, "b", "a"))
    )
    assert tries == 3
    assert await Thing.all().values_list("count", flat=True) == [100, 100]


async def test_many_units_on_one_row_all_count(database: str) -> None:
    await Thing.create(name="counter")

    async def increment(unit: Unit) -> None:
        row = await unit.fetch_one("SELECT count FROM things WHERE name = 'counter' FOR UPDATE")
        assert row is not None
        await unit.execute("UPDATE things SET count = $1 WHERE name = 'counter'", row["count"] + 1)

    await asyncio.gather(*(unit_of_work(increment) for _ in range(100)))
    assert (await Thing.get(name="counter")).count == 100


@pytest.mark.not_on_sqlite  # it has no server
async def test_a_killed_connection_costs_one_unit_and_no_more(database: str) -> None:
    async def suicidal(unit: Unit) -> None:
        await unit.execute("INSERT INTO things (name, count, flag) VALUES ('a', 0, true)")
        await unit.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    async def healthy(unit: Unit) -> None:
        await unit.execute("INSERT INTO things (name, count, flag) VALUES ('a', 1, true)")

    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError)):
        await unit_of_work(suicidal)
    await unit_of_work(healthy)
    assert (await Thing.get(name="a")).count == 1
