"""What is open for long: sockets and streams, kept alive, re-checked and ended by one sweeper for all of them.

A timer or a task for each would cost more memory than the subscription itself.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from starlette.types import Message, Send

from schema.transport.context import Context
from schema.transport.errors import ApiError, ClientGone, ErrorCode, describe
from schema.transport.limits import Limits

logger = logging.getLogger(__name__)


class LiveConnection:
    """A socket or a stream, as the sweeper sees it. It is served by one `task`."""

    __slots__ = ("_send", "abandoned", "blocked_since", "context", "next_beat", "next_check", "opened", "task")

    def __init__(self, send: Send) -> None:
        self._send = send
        task = asyncio.current_task()
        assert task is not None
        self.task: asyncio.Task[Any] = task
        self.abandoned = False
        self.opened = time.monotonic()
        self.next_beat = self.next_check = float("inf")
        self.blocked_since: float | None = None  # since when one message has been waiting for the reader
        self.context: Context | None = None

    async def beat(self) -> None:
        """Shows the client that we are here, and looks whether it is."""
        raise NotImplementedError

    async def revoke(self) -> None:
        """Ends it because the credentials no longer hold."""
        raise NotImplementedError

    async def go_away(self) -> None:
        """Ends it politely: the client is to connect again."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Ends it without a word, because nothing more can be sent."""
        self.abandoned = True
        self.task.cancel()

    async def transmit(self, message: Message) -> None:
        """Sends; the server makes us wait while the client does not read, and so nothing is buffered here."""
        if self.blocked_since is None:
            self.blocked_since = time.monotonic()
        try:
            await self._send(message)
        except OSError:
            raise ClientGone from None
        finally:
            self.blocked_since = None


class Live:
    """All that is open on one endpoint."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: set[LiveConnection] = set()
        self._subscriptions: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweepers: list[asyncio.Task[None]] = []
        self.closing = False

    def add(self, connection: LiveConnection) -> None:
        self._open.add(connection)
        if not self._sweepers:
            self._sweepers = [asyncio.create_task(self._sweep()), asyncio.create_task(self._recheck())]

    def discard(self, connection: LiveConnection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._stop()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs a coroutine to its end, whatever becomes of the connection that asked for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @contextmanager
    def subscription(self, key: str | None) -> Iterator[None]:
        """Counts one subscription of this key; raises THROTTLED when it has too many."""
        if key is None:
            yield
            return
        if self._subscriptions[key] >= self._limits.subscriptions_per_key:
            raise ApiError(ErrorCode.THROTTLED, "Too many subscriptions are open with this key.")
        self._subscriptions[key] += 1
        try:
            yield
        finally:
            self._subscriptions[key] -= 1
            if not self._subscriptions[key]:
                del self._subscriptions[key]

    async def shutdown(self) -> None:
        """Ends everything politely, lets running mutations finish, and then stops waiting."""
        self.closing = True
        for connection in list(self._open):
            self.spawn(self._bounded(connection.go_away()))
        waiting = {connection.task for connection in self._open} | self._tasks
        if waiting:
            await asyncio.wait(waiting, timeout=self._limits.shutdown_seconds)
        for connection in list(self._open):
            connection.abandon()
        self._stop()

    def _stop(self) -> None:
        for sweeper in self._sweepers:
            sweeper.cancel()
        self._sweepers = []

    async def _bounded(self, word: Awaitable[None]) -> None:
        """A last word to a client that does not read must not wait for ever."""
        with suppress(TimeoutError, ClientGone):
            async with asyncio.timeout(self._limits.stalled_seconds):
                await word

    async def _sweep(self) -> None:
        limits = self._limits
        tick = min(1.0, min(limits.heartbeat_seconds, limits.stream_heartbeat_seconds, limits.init_seconds) / 4)
        while True:
            await asyncio.sleep(tick)
            now = time.monotonic()
            for connection in list(self._open):
                if connection.blocked_since is not None and now - connection.blocked_since > limits.stalled_seconds:
                    connection.abandon()
                elif now - connection.opened > limits.lifetime_seconds:
                    connection.opened = float("inf")
                    self.spawn(self._bounded(connection.go_away()))
                elif now > connection.next_beat and connection.blocked_since is None:
                    connection.next_beat = float("inf")
                    self.spawn(self._bounded(connection.beat()))

    async def _recheck(self) -> None:
        """Apart from the sweep, for a slow answer about one client must not delay the heartbeats of all."""
        tick = min(1.0, self._limits.recheck_seconds / 4)
        while True:
            await asyncio.sleep(tick)
            for connection in list(self._open):
                if connection.context is not None and time.monotonic() > connection.next_check:
                    connection.next_check = time.monotonic() + self._limits.recheck_seconds
                    await self._check(connection, connection.context)

    async def _check(self, connection: LiveConnection, context: Context) -> None:
        try:
            async with asyncio.timeout(self._limits.recheck_seconds):
                valid = await context.still_valid()
        except Exception as error:
            # Nobody knows; whoever revoked the key is asked again at the next round.
            logger.error("Could not re-check the credentials of a subscriber\n%s", describe(error))
            return
        if not valid:
            self.spawn(self._bounded(connection.revoke()))
