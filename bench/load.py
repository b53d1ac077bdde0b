"""The load: prepared HTTP requests over kept-alive connections, with as little client in the way as possible."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from bench.stage import BenchError

CONNECTIONS = 16


def request(path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a POST with a JSON body."""
    given = {"host": "127.0.0.1", "content-type": "application/json", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body


@dataclass(slots=True)
class Run:
    """What came of a load. `client_share` is how much of one core the load itself took."""

    done: int
    seconds: float
    client_share: float
    latencies: list[float] = field(repr=False)

    @property
    def per_second(self) -> float:
        return self.done / self.seconds


class Connection(asyncio.Protocol):
    """One connection; one request at a time. Answers must have a content-length, as all of ours do."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[bytes] | None = None
        self._received = b""
        self._wanted = 0

    @classmethod
    async def open(cls, port: int) -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        """Sends a request; the future is the whole answer, head and body."""
        assert self._transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        self._received, self._wanted = b"", 0
        self._transport.write(request)
        return self._waiter

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            self._wanted = _length(self._received)
        if self._wanted and len(self._received) >= self._wanted and self._waiter and not self._waiter.done():
            self._waiter.set_result(self._received)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(BenchError(f"The server closed the connection ({exc})."))

    def close(self) -> None:
        if self._transport:
            self._transport.close()


def _length(received: bytes) -> int:
    """How long the answer is as a whole; 0 while its head is not complete."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return 0
    lowered = received[:head].lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    end = lowered.find(b"\r\n", start)
    return head + 4 + int(lowered[start : end if end >= 0 else head])


async def drive(port: int, requests: Iterable[bytes], *, expect: bytes, connections: int = CONNECTIONS) -> Run:
    """Sends all requests, each answer before the next request of its connection; raises BenchError for an answer
    that is no 200 with `expect` in it."""
    opened = [await Connection.open(port) for _ in range(connections)]
    waiting, latencies = iter(requests), list[float]()
    cpu, started = time.process_time(), time.perf_counter()
    await asyncio.gather(*(_drain(connection, waiting, expect, latencies) for connection in opened))
    seconds = time.perf_counter() - started
    share = (time.process_time() - cpu) / seconds
    for connection in opened:
        connection.close()
    return Run(len(latencies), seconds, share, latencies)


async def _drain(connection: Connection, waiting: Iterator[bytes], expect: bytes, latencies: list[float]) -> None:
    for asked in waiting:
        started = time.perf_counter()
        check(await connection.ask(asked), expect)
        latencies.append(time.perf_counter() - started)


def check(answer: bytes, expect: bytes) -> bytes:
    """The body of a good answer."""
    if not answer.startswith(b"HTTP/1.1 200") or expect not in answer:
        raise BenchError(f"Not the answer that was expected:\n{answer[:1500].decode(errors='replace')}")
    return answer.partition(b"\r\n\r\n")[2]


async def post(port: int, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """One request on a connection of its own; the body of its answer."""
    connection = await Connection.open(port)
    try:
        return check(await connection.ask(request(path, body, headers)), b"")
    finally:
        connection.close()
