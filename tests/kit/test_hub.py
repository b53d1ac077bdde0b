"""Live wake-ups: between processes, without Redis, and while Redis dies."""

import asyncio
import contextlib
import gc
import os
import signal
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from kit.embedded_redis import EmbeddedRedis, find_server
from kit.hub import Hub, Watch

pytestmark = pytest.mark.anyio
needs_server = pytest.mark.skipif(find_server() is None, reason="no redis-server on this machine")
NEVER = 3600.0


class Database:
    """The truth: the newest version of each topic."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.asked: list[set[str]] = []

    async def poll(self, topics: set[str]) -> dict[str, int]:
        self.asked.append(topics)
        return {topic: self.versions[topic] for topic in topics if topic in self.versions}


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    async with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


@contextlib.asynccontextmanager
async def running(*hubs: Hub) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(hub.run()) for hub in hubs]
    await asyncio.sleep(0.05)
    yield
    for task in tasks:
        task.cancel()
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True))


async def woken(watch: Watch, within: float = 5.0) -> bool:
    try:
        await asyncio.wait_for(watch.wait(), within)
    except TimeoutError:
        return False
    watch.clear()
    return True


async def test_watchers_here_are_woken_at_once_and_only_theirs() -> None:
    hub = Hub(None, Database().poll)
    with hub.watch("a") as first, hub.watch("a") as second, hub.watch("b") as other:
        hub.wake("a", "nobody")
        assert await woken(first, 0.1)
        assert await woken(second, 0.1)
        assert not await woken(other, 0.01)
        assert not await woken(first, 0.01)


async def test_news_that_comes_while_reading_wakes_again() -> None:
    hub = Hub(None, Database().poll)
    with hub.watch("a") as watch:
        watch.clear()
        hub.wake("a")  # while the reader awaits its query
        assert await woken(watch, 0.01)


async def test_an_abrupt_end_leaves_nothing_behind() -> None:
    hub = Hub(None, Database().poll)

    async def follow() -> None:
        with hub.watch("a") as watch:
            await watch.wait()

    tasks = [asyncio.create_task(follow()) for _ in range(50)]
    await asyncio.sleep(0)
    assert len(hub._watched["a"]) == 50
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert hub._watched == {}
    hub.wake("a")


@needs_server
async def test_hints_travel_between_processes(redis: EmbeddedRedis) -> None:
    async with Redis.from_url(redis.url) as one, Redis.from_url(redis.url, decode_responses=True) as two:
        here, there = Hub(one, Database().poll, NEVER), Hub(two, Database().poll, NEVER)
        async with running(here, there):
            with there.watch("a") as a, there.watch("b") as b:
                here.wake("a")
                assert await woken(a)
                assert not await woken(b, 0.02)
                here.wake("b", "a")
                assert await woken(b)
                assert await woken(a)


@needs_server
async def test_many_hints_become_few_messages(redis: EmbeddedRedis) -> None:
    async with Redis.from_url(redis.url) as client:
        here, there = Hub(client, Database().poll, NEVER), Hub(client, Database().poll, NEVER)
        async with running(here, there):
            with there.watch("t999") as watch:
                for number in range(1000):
                    here.wake("same", f"t{number}")
                assert await woken(watch)
        assert await client.xlen("wake") == 3


async def test_waking_never_blocks_or_raises_and_keeps_a_bounded_queue() -> None:
    async with Redis.from_url("unix:///nowhere/at/all") as client:
        hub = Hub(client, Database().poll, NEVER)
        hub.wake(*(f"t{number}" for number in range(25_000)))
        assert len(hub._hints) == 10_000
        async with running(hub):
            await asyncio.sleep(0.05)
            assert not hub._hints
            with hub.watch("a") as watch:
                hub.wake("a")
                assert await woken(watch, 0.1)


async def test_lost_hints_are_healed_by_one_poll_and_only_for_those_behind() -> None:
    database = Database()
    hub = Hub(None, database.poll, poll_interval=0.05)
    async with running(hub):
        with hub.watch("a") as behind, hub.watch("a") as ahead, hub.watch("b") as quiet:
            database.versions["a"] = 3
            behind.seen, ahead.seen = 2, 3
            assert await woken(behind, 0.5)
            assert not await woken(ahead, 0.12)
            assert not await woken(quiet, 0.01)
        database.asked.clear()
        await asyncio.sleep(0.12)
        assert database.asked == []


async def test_polls_ask_for_some_topics_at_a_time_and_survive_errors(caplog: pytest.LogCaptureFixture) -> None:
    database = Database()
    failures = 2

    async def poll(topics: set[str]) -> dict[str, int]:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError("the database is away")
        return await database.poll(topics)

    hub = Hub(None, poll, poll_interval=0.02)
    with contextlib.ExitStack() as stack:
        watches = [stack.enter_context(hub.watch(f"t{number}")) for number in range(1200)]
        async with running(hub):
            database.versions["t1199"] = 1
            assert await woken(watches[-1], 2)
    assert [len(topics) for topics in database.asked[:3]] == [500, 500, 200]
    assert [record.message for record in caplog.records] == ["Polling for missed news failed"] * 2


@needs_server
async def test_redis_dies_and_comes_back_and_every_watcher_gets_everything(
    redis: EmbeddedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database()
    async with Redis.from_url(redis.url) as one, Redis.from_url(redis.url) as two:
        here, there = Hub(one, database.poll, NEVER), Hub(two, database.poll, 0.2)
        got: list[int] = []

        async def follow() -> None:
            with there.watch("a") as watch:
                while True:
                    watch.clear()
                    got.extend(range(watch.seen + 1, database.versions.get("a", 0) + 1))
                    watch.seen = database.versions.get("a", 0)
                    if watch.seen == 60:
                        return
                    await watch.wait()

        async with running(here, there):
            follower = asyncio.create_task(follow())
            for version in range(1, 61):
                if version == 20:
                    assert redis._process
                    os.kill(redis._process.pid, signal.SIGKILL)
                database.versions["a"] = version
                here.wake("a")
                await asyncio.sleep(0.01)
            await asyncio.wait([follower], timeout=5)
            assert got == list(range(1, 61))
            async with asyncio.timeout(5):  # and hints travel again, without the poller
                with there.watch("b") as watch:
                    while not await woken(watch, 0.1):
                        here.wake("b")
        assert "Redis is away" in caplog.text


async def test_ten_thousand_idle_watchers_are_tiny() -> None:
    hub = Hub(None, Database().poll)
    topics = [f"ord_{number:026d}" for number in range(10_000)]
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    watches = [hub.watch(topic).__enter__() for topic in topics]
    waiters = [watch.wait() for watch in watches]
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    each = (after - before) / len(topics)
    print(f"{each:.0f} bytes each")
    assert each < 500
    hub.wake(*topics)
    await asyncio.gather(*waiters)
