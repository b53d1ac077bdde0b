"""Background work that survives: crashes, Redis restarts, shutdown."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from arq import ArqRedis, create_pool, func
from arq.jobs import deserialize_job, serialize_job
from arq.worker import Worker

from kit.embedded_redis import EmbeddedRedis, find_server
from kit.supervise import json_deserializer, json_serializer, keep_running, redis_settings, run_worker

pytestmark = pytest.mark.anyio
needs_server = pytest.mark.skipif(find_server() is None, reason="no redis-server on this machine")


async def stop(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    async with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def pool(redis: EmbeddedRedis) -> AsyncIterator[ArqRedis]:
    pool = await connected(redis)
    yield pool
    await pool.aclose()


async def connected(redis: EmbeddedRedis) -> ArqRedis:
    return await create_pool(
        redis_settings(redis.url), job_serializer=json_serializer, job_deserializer=json_deserializer
    )


def making(redis: EmbeddedRedis, job: Callable[..., Awaitable[None]]) -> Callable[[], Awaitable[Worker]]:
    async def make() -> Worker:
        return Worker(
            [func(job, name="job")],  # type: ignore[arg-type]
            redis_pool=await connected(redis),
            handle_signals=False,
            poll_delay=0.02,
            keep_result=0,
            job_serializer=json_serializer,
            job_deserializer=json_deserializer,
        )

    return make


async def test_what_fails_or_returns_is_started_again_with_growing_pauses(caplog: pytest.LogCaptureFixture) -> None:
    clock = asyncio.get_running_loop().time
    starts: list[float] = []

    async def run() -> None:
        starts.append(clock())
        if len(starts) % 2:
            raise KeyError("no")

    task = asyncio.create_task(keep_running("the thing", run, first_delay=0.02, longest_delay=0.08))
    while len(starts) < 5:
        await asyncio.sleep(0.01)
    await stop(task)
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    for pause, expected in zip(pauses, [0.02, 0.04, 0.08, 0.08], strict=False):
        assert expected * 0.8 <= pause
    assert "the thing failed and is started again" in caplog.text
    assert "the thing ended and is started again" in caplog.text


async def test_after_a_healthy_run_pauses_are_short_again() -> None:
    starts = 0

    async def run() -> None:
        nonlocal starts
        starts += 1
        await asyncio.sleep(0.01)
        raise KeyError("no")

    task = asyncio.create_task(keep_running("x", run, first_delay=0.01, longest_delay=60, healthy_after=0.005))
    await asyncio.sleep(0.5)
    await stop(task)
    assert starts > 8


@needs_server
async def test_the_worker_sits_out_a_restart_of_redis(redis: EmbeddedRedis, pool: ArqRedis) -> None:
    done: list[int] = []

    async def job(ctx: dict[str, Any], number: int) -> None:
        done.append(number)

    worker = asyncio.create_task(keep_running("the worker", lambda: run_worker(making(redis, job)), first_delay=0.05))
    await pool.enqueue_job("job", 1)
    await until(lambda: done == [1])
    assert redis._process
    os.kill(redis._process.pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    await pool.enqueue_job("job", 2)
    await until(lambda: done == [1, 2])
    await stop(worker)


@needs_server
async def test_a_crashed_worker_is_replaced(redis: EmbeddedRedis, pool: ArqRedis) -> None:
    done: list[int] = []
    crashes = 0

    async def job(ctx: dict[str, Any], number: int) -> None:
        done.append(number)

    async def make() -> Worker:
        nonlocal crashes
        worker = await making(redis, job)()
        if crashes < 2:
            crashes += 1

            async def crash(ctx: dict[Any, Any]) -> None:
                raise KeyError("on startup")

            worker.on_startup = crash
        return worker

    worker = asyncio.create_task(keep_running("the worker", lambda: run_worker(make), first_delay=0.02))
    await pool.enqueue_job("job", 1)
    await until(lambda: done == [1])
    await stop(worker)
    assert crashes == 2


@needs_server
async def test_shutdown_waits_for_running_jobs_and_takes_no_more(redis: EmbeddedRedis, pool: ArqRedis) -> None:
    done: list[str] = []
    started = asyncio.Event()

    async def job(ctx: dict[str, Any], name: str) -> None:
        started.set()
        await asyncio.sleep(0.3)
        done.append(name)

    worker = asyncio.create_task(run_worker(making(redis, job), patience=5))
    await pool.enqueue_job("job", "running")
    await started.wait()
    worker.cancel()
    await asyncio.sleep(0.05)
    await pool.enqueue_job("job", "late")
    await asyncio.wait([worker])
    assert done == ["running"]
    assert len(await pool.queued_jobs()) == 1


@needs_server
async def test_a_job_that_does_not_end_in_time_goes_back_into_the_queue(redis: EmbeddedRedis, pool: ArqRedis) -> None:
    started = asyncio.Event()

    async def job(ctx: dict[str, Any]) -> None:
        started.set()
        await asyncio.sleep(60)

    worker = asyncio.create_task(run_worker(making(redis, job), patience=0.1))
    await pool.enqueue_job("job")
    await started.wait()
    await stop(worker)
    assert [queued.function for queued in await pool.queued_jobs()] == ["job"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache.example", {"host": "cache.example", "port": 6379, "database": 0, "ssl": False}),
        ("redis://:p%40ss@h:6380/2", {"password": "p@ss", "port": 6380, "database": 2}),
        ("rediss://me:x@h/1", {"ssl": True, "username": "me", "password": "x", "database": 1}),
        ("unix:///run/redis/s?db=3", {"unix_socket_path": "/run/redis/s", "database": 3}),
    ],
)
async def test_settings_from_urls(url: str, expected: dict[str, Any]) -> None:
    settings = redis_settings(url)
    assert {name: getattr(settings, name) for name in expected} == expected
    assert settings.retry is not None


@pytest.mark.parametrize("url", ["http://h", "redis://h/zero", "redis://h:port", ""])
async def test_a_url_that_makes_no_sense_is_answered_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match="A Redis URL is redis://host:6379/0"):
        redis_settings(url)


async def test_jobs_travel_as_json() -> None:
    data = serialize_job("job", (1, "a"), {"k": [None]}, None, 5, serializer=json_serializer)
    assert data == b'{"t":null,"f":"job","a":[1,"a"],"k":{"k":[null]},"et":5}'
    job = deserialize_job(data, deserializer=json_deserializer)
    assert (job.function, list(job.args), job.kwargs) == ("job", [1, "a"], {"k": [None]})
    assert json_serializer({"r": KeyError("x")}) == b'{"r":"KeyError(\'x\')"}'
    with pytest.raises(TypeError, match="object has no form in JSON"):
        json_serializer({"a": object()})


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)
