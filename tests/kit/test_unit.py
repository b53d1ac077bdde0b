"""Units of work."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError
from tortoise.transactions import in_transaction

from kit.database import reading
from kit.database.unit import Unit, drain, run_to_end, unit_of_work
from tests.kit.models import Thing

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC)
INSERT = "INSERT INTO things (name, count, flag, data, seen_at) VALUES ($1, $2, $3, $4, $5)"


async def insert(unit: Unit, name: str = "a", count: int = 0) -> int:
    return await unit.execute(INSERT, name, count, True, {"k": [1]}, NOW)


class SerializationFailure(Exception):
    sqlstate = "40001"


async def test_what_a_unit_does_is_committed_and_its_result_returned(database: str) -> None:
    assert await unit_of_work(insert) == 1
    assert await reading.fetch_one("SELECT name, count FROM things") == {"name": "a", "count": 0}


async def test_raw_and_orm_rows_compare_and_sort_alike(database: str) -> None:
    moments = [NOW.replace(microsecond=0), NOW, NOW + timedelta(seconds=1)]
    for number, moment in enumerate(moments):
        data = {"n": number}
        await Thing.create(name=f"orm{number}", seen_at=moment, data=data, flag=True)
        await reading.execute(INSERT, f"raw{number}", 0, True, data, moment)
        assert await Thing.filter(seen_at=moment).count() == 2
        assert len(await reading.fetch("SELECT id FROM things WHERE seen_at = $1", moment)) == 2
    rows = await reading.fetch("SELECT name, seen_at, data, flag FROM things ORDER BY seen_at, name")
    assert [row["name"] for row in rows] == ["orm0", "raw0", "orm1", "raw1", "orm2", "raw2"]
    assert [reading.decode_time(row["seen_at"]) for row in rows[::2]] == moments
    assert [reading.decode_json(row["data"]) for row in rows[::2]] == [{"n": 0}, {"n": 1}, {"n": 2}]
    for orm, raw in zip(rows[::2], rows[1::2], strict=True):
        assert {**orm, "name": ""} == {**raw, "name": ""}
    stored = await Thing.all().order_by("seen_at", "name")
    assert [(thing.name, thing.seen_at, thing.data, thing.flag) for thing in stored] == [
        (row["name"], reading.decode_time(row["seen_at"]), reading.decode_json(row["data"]), True) for row in rows
    ]


async def test_affected_rows_and_returning(database: str) -> None:
    async def work(unit: Unit) -> None:
        for number in range(3):
            await insert(unit, f"n{number}", number)
        assert await unit.execute("UPDATE things SET flag = $1 WHERE count >= $2", False, 1) == 2
        assert await unit.execute("UPDATE things SET flag = $1 WHERE count > 9", False) == 0
        assert await unit.execute("UPDATE things SET count = count + $1 RETURNING id", 1) == 3
        assert await unit.execute("WITH x AS (SELECT 1) UPDATE things SET count = 1 WHERE name <> 'n0'") == 2
        again = INSERT + " ON CONFLICT (name) DO NOTHING"
        assert await unit.execute(again, "n0", 0, True, None, NOW) == 0
        assert await unit.fetch(again + " RETURNING id", "n0", 0, True, None, NOW) == []
        assert await unit.fetch_one("SELECT name FROM things WHERE name = $1 FOR UPDATE", "n1") == {"name": "n1"}
        assert await unit.fetch_one("SELECT name FROM things WHERE name = $1", "?") is None
        found = await unit.fetch("SELECT name FROM things WHERE name = ANY($1) ORDER BY name", ["n2", "n0", "x"])
        assert found == [{"name": "n0"}, {"name": "n2"}]
        assert await unit.execute("DELETE FROM things WHERE name = ANY($1)", ["n2", "n0"]) == 2

    await unit_of_work(work)


async def test_a_list_is_json_in_a_json_column(database: str) -> None:
    await reading.execute("INSERT INTO things (name, count, flag, data) VALUES ('a', 0, $2, $1)", [1, {"b": 2}], False)
    assert (await Thing.get(name="a")).data == [1, {"b": 2}]


async def test_an_exception_undoes_the_unit_and_its_hooks(database: str) -> None:
    called: list[str] = []

    async def work(unit: Unit) -> None:
        unit.after_commit(lambda: called.append("hook"))
        await insert(unit)
        raise KeyError("no")

    with pytest.raises(KeyError):
        await unit_of_work(work)
    assert await Thing.all().count() == 0
    assert called == []


async def test_hooks_run_once_after_the_commit_and_their_errors_are_only_logged(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    async def work(unit: Unit) -> str:
        unit.after_commit(lambda: called.append("first"))
        unit.after_commit(lambda: called.remove("never there"))
        unit.after_commit(lambda: called.append("last"))
        await insert(unit)
        assert called == []
        return "done"

    assert await unit_of_work(work) == "done"
    assert called == ["first", "last"]
    assert [record.message for record in caplog.records] == ["After-commit hook failed"]


async def test_the_caller_is_cancelled_and_the_unit_completes(database: str) -> None:
    called: list[str] = []
    started = asyncio.Event()

    async def work(unit: Unit) -> None:
        started.set()
        await insert(unit)
        await asyncio.sleep(0.05)
        unit.after_commit(lambda: called.append("hook"))

    caller = asyncio.create_task(unit_of_work(work))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert called == []
    await drain()
    assert await Thing.all().count() == 1
    assert called == ["hook"]


async def test_a_failure_that_nobody_waits_for_is_logged(database: str, caplog: pytest.LogCaptureFixture) -> None:
    async def work(unit: Unit) -> None:
        await asyncio.sleep(0.02)
        raise KeyError("no")

    caller = asyncio.create_task(unit_of_work(work))
    await asyncio.sleep(0.01)
    caller.cancel()
    await drain()
    assert [record.message for record in caplog.records] == ["Work failed after its caller had gone"]


async def test_a_unit_is_tried_again_from_the_start_with_fresh_hooks(database: str) -> None:
    called: list[int] = []
    tries = 0

    async def work(unit: Unit) -> int:
        nonlocal tries
        tries += 1
        number = tries
        unit.after_commit(lambda: called.append(number))
        await insert(unit)
        if tries < 3:
            raise OperationalError("wrapped") from SerializationFailure()
        return number

    assert await unit_of_work(work) == 3
    assert called == [3]
    assert await Thing.all().count() == 1


async def test_retries_end(database: str) -> None:
    tries = 0

    async def work(unit: Unit) -> None:
        nonlocal tries
        tries += 1
        raise SerializationFailure

    with pytest.raises(SerializationFailure):
        await unit_of_work(work, attempts=2)
    assert tries == 2


async def test_a_unit_that_takes_too_long_is_undone(database: str) -> None:
    async def work(unit: Unit) -> None:
        await insert(unit)
        await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        await unit_of_work(work, timeout=0.1)
    assert await Thing.all().count() == 0


async def test_units_do_not_nest(database: str) -> None:
    async def nothing(unit: Unit) -> None: ...

    async def outer(unit: Unit) -> None:
        await unit_of_work(nothing)

    async def leaves(unit: Unit) -> None:
        await run_to_end(asyncio.sleep(0))

    for work in (outer, leaves):
        with pytest.raises(RuntimeError, match="do not nest"):
            await unit_of_work(work)


async def test_reads_inside_a_unit_see_its_writes(database: str) -> None:
    async def work(unit: Unit) -> int:
        await insert(unit)
        return len(await reading.fetch("SELECT id FROM things"))

    assert await unit_of_work(work) == 1


async def test_a_violated_constraint_is_the_same_error_for_raw_and_orm(database: str) -> None:
    await unit_of_work(insert)
    with pytest.raises(IntegrityError):
        await unit_of_work(insert)
    with pytest.raises(IntegrityError):
        await Thing.create(name="a")
    with pytest.raises(OperationalError):
        await reading.fetch("SELECT nothing FROM nowhere")


async def test_a_savepoint_lets_one_statement_fail(database: str) -> None:
    async def work(unit: Unit) -> None:
        await insert(unit, "a")
        with pytest.raises(IntegrityError):
            async with in_transaction():
                await insert(unit, "a")
        async with in_transaction():
            await insert(unit, "b")

    await unit_of_work(work)
    assert await Thing.all().order_by("name").values_list("name", flat=True) == ["a", "b"]


async def test_a_swallowed_error_never_looks_like_a_commit(database: str) -> None:
    called: list[str] = []

    async def work(unit: Unit) -> None:
        unit.after_commit(lambda: called.append("hook"))
        await insert(unit, "a")
        with pytest.raises(IntegrityError):
            await insert(unit, "a")

    if reading.dialect() == "sqlite":
        await unit_of_work(work)
        assert await Thing.all().count() == 1
    else:
        with pytest.raises(TransactionManagementError, match="Nothing was committed"):
            await unit_of_work(work)
        assert await Thing.all().count() == 0
        assert called == []


async def test_statements_gathered_in_a_unit_take_turns(database: str) -> None:
    async def work(unit: Unit) -> None:
        await asyncio.gather(
            *(insert(unit, f"raw{n}") for n in range(5)), *(Thing.create(name=f"orm{n}") for n in range(5))
        )

    await unit_of_work(work)
    assert await Thing.all().count() == 10


async def test_a_task_that_outlives_its_unit_writes_nothing(database: str) -> None:
    strays: list[asyncio.Task[object]] = []

    async def late() -> None:
        await asyncio.sleep(0.05)
        await Thing.create(name="stray")

    async def late_raw(unit: Unit) -> None:
        await asyncio.sleep(0.05)
        await insert(unit, "stray")

    async def work(unit: Unit) -> None:
        strays.extend([asyncio.create_task(late()), asyncio.create_task(late_raw(unit))])

    await unit_of_work(work)
    results = await asyncio.gather(*strays, return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results)
    assert await Thing.all().count() == 0


async def test_drain_gives_up(database: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    work = asyncio.create_task(run_to_end(asyncio.sleep(0.3)))
    await asyncio.sleep(0)
    await drain(timeout=0.05)
    assert [record.message for record in caplog.records] == ["1 pieces of work had not ended after 0.05 s"]
    await work


async def test_run_to_end_survives_its_caller(database: str) -> None:
    steps: list[str] = []

    async def ask_then_record() -> str:
        await asyncio.sleep(0.05)
        await unit_of_work(insert)
        steps.append("recorded")
        return "answer"

    assert await run_to_end(ask_then_record()) == "answer"
    await Thing.all().delete()
    caller = asyncio.create_task(run_to_end(ask_then_record()))
    await asyncio.sleep(0.01)
    caller.cancel()
    await drain()
    assert steps == ["recorded", "recorded"]
    assert await Thing.all().count() == 1
