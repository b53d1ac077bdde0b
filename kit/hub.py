"""Wakes whoever waits for news of a topic, here and in the other processes. A wake-up is a hint, never the news.

Hints travel through a Redis stream and may be lost. One poller in each process asks the database what is
newest and wakes the watchers that are behind, so nothing depends on Redis and no watcher has a timer.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

_STREAM = "wake"
_KEPT = 10_000  # messages in the stream, about
_WAITING = 10_000  # hints not yet published: more are dropped
_BATCH = 500  # topics in one message, and in one question to the database
_BLOCK_MS = 2_000
_log = logging.getLogger(__name__)
_LOST = (RedisError, OSError)  # OSError: the socket file is gone while the server restarts


class Watch:
    """One reader's place at a topic. `clear`, read everything newer than `seen`, set `seen`, `wait`, repeat."""

    __slots__ = ("_hub", "_topic", "_waiter", "_woken", "seen")

    def __init__(self, hub: "Hub", topic: str) -> None:
        self.seen = 0
        self._hub = hub
        self._topic = topic
        self._woken = False
        self._waiter: asyncio.Future[None] | None = None

    def __enter__(self) -> "Watch":
        self._hub._watched.setdefault(self._topic, []).append(self)
        return self

    def __exit__(self, *_: object) -> None:
        watches = self._hub._watched[self._topic]
        watches.remove(self)
        if not watches:
            del self._hub._watched[self._topic]

    def clear(self) -> None:
        """Before reading: a hint that comes while we read must wake us again."""
        self._woken = False

    def wait(self) -> Awaitable[None]:
        """Returns at once if woken since `clear`. For one waiter at a time."""
        self._waiter = asyncio.get_running_loop().create_future()
        if self._woken:
            self._waiter.set_result(None)
        return self._waiter

    def _wake(self) -> None:
        self._woken = True
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


class Hub:
    """One for each process and event loop; `run` must be running for hints to travel and to be healed.

    `poll` is given some of the watched topics and answers the newest version of each that has one. Watchers
    whose `seen` is less are woken, at most `poll_interval` seconds late.
    """

    def __init__(
        self,
        redis: "Redis | None",
        poll: Callable[[set[str]], Awaitable[dict[str, int]]],
        poll_interval: float = 2.0,
    ) -> None:
        self._redis = redis
        self._ask = poll
        self._interval = poll_interval
        self._watched: dict[str, list[Watch]] = {}
        self._hints: dict[str, None] = {}  # a set that keeps its order
        self._hinted = asyncio.Event()
        self._resync = asyncio.Event()
        self._name = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._away: dict[str, bool] = {}

    def watch(self, topic: str) -> Watch:
        """`with hub.watch(topic) as watch:`"""
        return Watch(self, topic)

    def wake(self, *topics: str) -> None:
        """Wake the watchers of these topics, here now and elsewhere soon. Never blocks, never raises."""
        self._wake_here(topics)
        if self._redis is None:
            return
        for topic in topics:
            if len(self._hints) < _WAITING:
                self._hints[topic] = None
        self._hinted.set()

    async def run(self) -> None:
        """Until cancelled. Redis may come and go; an exception here is a defect, so start it again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll_forever())
            if self._redis is not None:
                tasks.create_task(self._listen(self._redis))
                tasks.create_task(self._publish(self._redis))

    def _wake_here(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for watch in self._watched.get(topic, ()):
                watch._wake()

    async def _poll_forever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._interval):
                    await self._resync.wait()
            except TimeoutError:
                pass
            self._resync.clear()
            try:
                await self._heal()
            except Exception:
                _log.exception("Polling for missed news failed")

    async def _heal(self) -> None:
        for topics in _batches(list(self._watched)):
            for topic, newest in (await self._ask(set(topics))).items():
                for watch in self._watched.get(topic, ()):
                    if watch.seen < newest:
                        watch._wake()

    async def _publish(self, redis: "Redis") -> None:
        while True:
            await self._hinted.wait()
            self._hinted.clear()
            hints, self._hints = list(self._hints), {}
            try:
                for topics in _batches(hints):
                    message = json.dumps([self._name, topics])
                    await redis.xadd(_STREAM, {"m": message}, maxlen=_KEPT, approximate=True)
                self._is_away("publishing", False)
            except _LOST as error:  # what could not be sent is dropped: the pollers find it
                self._is_away("publishing", True, error)

    async def _listen(self, redis: "Redis") -> None:
        last: Any = None
        while True:
            try:
                if last is None:  # a concrete id, so that nothing slips between two reads
                    newest = await redis.xrevrange(_STREAM, count=1)
                    last = newest[0][0] if newest else "0-0"
                    self._resync.set()
                for _, messages in await redis.xread({_STREAM: last}, block=_BLOCK_MS, count=100) or ():
                    for message_id, fields in messages:
                        last = message_id
                        self._receive(fields)
                self._is_away("listening", False)
            except _LOST as error:
                self._is_away("listening", True, error)
                last = None
                await asyncio.sleep(0.2)

    def _receive(self, fields: dict[Any, Any]) -> None:
        (message,) = fields.values()
        sender, topics = json.loads(message)
        if sender != self._name:
            self._wake_here(topics)

    def _is_away(self, doing: str, away: bool, error: Exception | None = None) -> None:
        """Say it once when Redis goes, and once when it is back."""
        if away != self._away.get(doing, False):
            self._away[doing] = away
            if away:
                _log.warning("Redis is away (%s: %r): live updates come by polling", doing, error)
            else:
                _log.info("Redis is back (%s)", doing)


def _batches(topics: list[str]) -> Iterator[list[str]]:
    rest = iter(topics)
    while batch := list(islice(rest, _BATCH)):
        yield batch
