"""Keeps background work alive: any coroutine, and arq's worker inside our own process."""

import asyncio
import json
import logging
import random
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import unquote

from arq.connections import RedisSettings
from arq.worker import Worker
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

_log = logging.getLogger(__name__)
_CLOSING = 3.0  # seconds that a worker's goodbye to Redis may take


async def keep_running(
    name: str,
    run: Callable[[], Awaitable[object]],
    *,
    first_delay: float = 0.5,
    longest_delay: float = 30.0,
    healthy_after: float = 60.0,
) -> None:
    """Call `run` again whenever it fails or returns, until cancelled.

    Between calls it waits twice as long as before, from `first_delay` to `longest_delay` seconds with some
    jitter; after `healthy_after` seconds of running it starts from the first delay again.
    """
    clock = asyncio.get_running_loop().time
    delay = first_delay
    while True:
        started = clock()
        try:
            await run()
            _log.error("%s ended and is started again", name)
        except Exception:
            _log.exception("%s failed and is started again", name)
        if clock() - started >= healthy_after:
            delay = first_delay
        await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311
        delay = min(2 * delay, longest_delay)


async def run_worker(make: Callable[[], Awaitable[Worker]], *, patience: float = 10.0) -> None:
    """Run one arq worker until it crashes or we are cancelled; give it to `keep_running`.

    `make` builds it with `handle_signals=False` and a pool of its own, which is closed with it. When
    cancelled it takes no more jobs, waits up to `patience` seconds for those that run, then cancels the
    rest, which arq runs again later.
    """
    worker = await make()
    main = asyncio.create_task(worker.main(), name="arq worker")
    try:
        await asyncio.wait([main])
        main.result()
    except asyncio.CancelledError:
        worker.allow_pick_jobs = False
        await _idle(worker, main, patience)
        raise
    finally:
        main.cancel()
        await asyncio.wait([main], timeout=_CLOSING)  # a time-out that comes just then can swallow the cancellation
        main.cancel()
        await _close(worker)


async def _idle(worker: Worker, main: "asyncio.Task[None]", patience: float) -> None:
    deadline = asyncio.get_running_loop().time() + patience
    # job_counter counts a job from before it is claimed: the list of tasks would miss one being picked
    while worker.job_counter and not main.done() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def _close(worker: Worker) -> None:
    """Cancels what still runs, which puts it back into the queue, and closes the connections."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # arq calls redis' close() instead of aclose()
        try:
            async with asyncio.timeout(_CLOSING):  # a Redis that is away would be tried again and again
                await worker.close()
        except (RedisError, OSError, asyncio.CancelledError) as error:
            _log.warning("The worker did not close cleanly: %r", error)
            if worker.pool:
                await worker.pool.connection_pool.disconnect()


def redis_settings(url: str) -> RedisSettings:
    """arq's settings for a redis://, rediss:// or unix:// URL, patient enough to sit out a restart of Redis.

    A command is tried again for about half a minute. Raises ValueError for a URL that makes no sense.
    """
    try:
        settings = RedisSettings.from_dsn(url)
    except (RuntimeError, ValueError):
        raise ValueError("A Redis URL is redis://host:6379/0, rediss://… or unix:///path/to/socket.") from None
    settings.username = unquote(settings.username) if settings.username else None
    settings.password = unquote(settings.password) if settings.password else None
    settings.retry = Retry(ExponentialBackoff(cap=1, base=0.05), 30)
    # a unix socket that is not there yet is an OSError of its own
    settings.retry_on_error = [RedisConnectionError, RedisTimeoutError, ConnectionError, FileNotFoundError]
    return settings


def json_serializer(job: dict[str, Any]) -> bytes:
    """For arq's pool and worker, instead of pickle. Arguments must be JSON; exceptions become their repr."""
    return json.dumps(job, default=_repr_of_exception, separators=(",", ":")).encode()


def json_deserializer(data: bytes) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(data))


def _repr_of_exception(value: object) -> str:
    if isinstance(value, BaseException):
        return repr(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
