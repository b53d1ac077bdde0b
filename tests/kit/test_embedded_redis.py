"""The embedded Redis."""

import asyncio
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from subprocess import PIPE

import pytest
from arq import create_pool
from arq.worker import Worker, func
from redis.asyncio import Redis

from kit import embedded_redis
from kit.embedded_redis import EmbeddedRedis, EmbeddedRedisError, find_server
from kit.supervise import json_deserializer, json_serializer, redis_settings

pytestmark = pytest.mark.anyio
needs_server = pytest.mark.skipif(find_server() is None, reason="no redis-server on this machine")


async def say(url: str, *command: str) -> object:
    async with Redis.from_url(url, decode_responses=True) as client:
        return await client.execute_command(*command)


async def gone(pid: int) -> bool:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        await asyncio.sleep(0.02)
    return False


@needs_server
async def test_it_remembers_across_restarts_and_leaves_nothing_running(tmp_path: Path) -> None:
    redis = EmbeddedRedis(tmp_path / "redis")
    await redis.start()
    assert redis.durable
    assert redis._process
    first, sockets = redis._process.pid, redis._sockets
    await say(redis.url, "SET", "a", "1")
    await redis.stop()
    assert await gone(first)
    assert sockets
    assert not sockets.exists()
    async with redis:
        assert await say(redis.url, "GET", "a") == "1"


@needs_server
async def test_two_side_by_side_do_not_disturb_each_other(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path / "a") as a, EmbeddedRedis(tmp_path / "b") as b:
        await say(a.url, "SET", "who", "a")
        assert await say(b.url, "GET", "who") is None
        await b.stop()
        assert await say(a.url, "GET", "who") == "a"


@needs_server
async def test_one_directory_serves_one_server(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path) as first:
        with pytest.raises(EmbeddedRedisError, match="Another embedded Redis works in"):
            await EmbeddedRedis(tmp_path).start(patience=0.2)
        assert await say(first.url, "PING") is True


@needs_server
async def test_a_killed_application_leaves_no_orphan_and_starts_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.kit.orphaning", str(tmp_path)]
    application = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert application.stdout
    server, sockets = (await application.stdout.readline()).decode().split()
    application.kill()
    await application.wait()
    async with EmbeddedRedis(tmp_path) as redis:
        assert await say(redis.url, "PING") is True
    assert await gone(int(server))
    shutil.rmtree(sockets)  # all that is left


@needs_server
async def test_a_server_that_dies_is_started_again_at_the_same_address(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path) as redis:
        await say(redis.url, "SET", "a", "1")
        await asyncio.sleep(1.1)  # the file is written every second
        assert redis._process
        old = redis._process.pid
        os.kill(old, signal.SIGKILL)
        assert await gone(old)
        async with asyncio.timeout(10):
            while redis._process.pid == old:
                await asyncio.sleep(0.02)
        async with Redis.from_url(redis.url, decode_responses=True) as client:
            for _ in range(100):
                try:
                    assert await client.get("a") == "1"
                    break
                except OSError:
                    await asyncio.sleep(0.05)


async def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho the disk is full\nexit 3\n")
    broken.chmod(0o700)
    monkeypatch.setattr(embedded_redis, "find_server", lambda: str(broken))
    redis = EmbeddedRedis(tmp_path / "data")
    with pytest.raises(EmbeddedRedisError, match=r"ended with 3. It says: the disk is full. REDIS_URL can"):
        await redis.start()
    assert redis._sockets is None


async def test_without_a_server_and_an_imitation_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_redis, "find_server", lambda: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddedRedisError, match="install one, or set REDIS_URL"):
        await EmbeddedRedis(tmp_path).start()


async def test_the_imitation_runs_jobs_and_says_that_it_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("fakeredis")
    monkeypatch.setattr(embedded_redis, "find_server", lambda: None)
    monkeypatch.setattr("arq.worker.log_redis_info", None)  # so that it is put back afterwards
    done: list[int] = []

    async def job(ctx: dict[str, object], number: int) -> None:
        done.append(number)

    caplog.set_level(logging.WARNING)
    async with EmbeddedRedis(tmp_path) as redis:
        assert not redis.durable
        assert "are lost at exit" in caplog.text
        pool = await create_pool(
            redis_settings(redis.url), job_serializer=json_serializer, job_deserializer=json_deserializer
        )
        await pool.enqueue_job("job", 7)
        worker = Worker(
            [func(job, name="job")],
            redis_pool=pool,
            burst=True,
            handle_signals=False,
            poll_delay=0.02,
            job_serializer=json_serializer,
            job_deserializer=json_deserializer,
        )
        await worker.main()
        await pool.aclose()
    assert done == [7]
