"""What only shows with a real server: slow and stalled clients, dropped ones, and the shutdown."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.schema.transport.conftest import Serve
from tests.schema.transport.toy import Toy

pytestmark = pytest.mark.anyio

HEAD = "POST /graphql HTTP/1.1\r\nHost: toy\r\nContent-Type: application/json\r\n"


async def until(condition: Callable[[], object], seconds: float = 8) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def talk(port: int, text: str) -> tuple[str, str]:
    """Sends something raw and reads until the server closes the connection; returns head and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    answer = (await asyncio.wait_for(reader.read(), 8)).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return head, body


async def open_stream(port: int, query: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    body = json.dumps({"query": query})
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
    writer.write(f"{HEAD}Accept: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    return reader, writer


async def open_socket(port: int, query: str) -> ClientConnection:
    socket = await connect(
        f"ws://127.0.0.1:{port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")], max_queue=1
    )
    await send(socket, {"type": "connection_init", "payload": {"authorization": "Bearer anna"}})
    assert await receive(socket) == {"type": "connection_ack"}
    await send(socket, {"id": "1", "type": "subscribe", "payload": {"query": query}})
    return socket


async def send(socket: ClientConnection, message: dict[str, object]) -> None:
    await socket.send(json.dumps(message))


async def receive(socket: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(socket.recv(), 8))


async def close_code(socket: ClientConnection) -> int | None:
    await asyncio.wait_for(socket.wait_closed(), 8)
    return socket.close_code


def subscription_tasks() -> list[str]:
    names = [str(task.get_coro()) for task in asyncio.all_tasks()]
    return [name for name in names if "Operations" in name or "Stream." in name or "Live." in name]


async def test_a_body_that_does_not_come_is_408(serve: Serve) -> None:
    async with serve(Toy(body_seconds=0.2)) as port:
        head, body = await talk(port, f"{HEAD}Content-Length: 50\r\n\r\n{{")
    assert head.startswith("HTTP/1.1 408 ")
    assert json.loads(body)["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


async def test_a_body_that_is_too_big_is_413_whether_declared_or_not(serve: Serve) -> None:
    async with serve(Toy(body_bytes=100)) as port:
        declared = await talk(port, f"{HEAD}Content-Length: 101\r\n\r\n")
        chunked = await talk(port, f"{HEAD}Transfer-Encoding: chunked\r\n\r\n65\r\n{'x' * 101}\r\n")
    for head, body in (declared, chunked):
        assert head.startswith("HTTP/1.1 413 ")
        assert json.loads(body)["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


async def test_dropped_clients_leave_no_generator_and_no_task_behind(serve: Serve) -> None:
    toy = Toy()
    async with serve(toy) as port:
        for _ in range(3):
            socket = await open_socket(port, "subscription { idle }")
            await receive(socket)
            socket.transport.abort()
            reader, writer = await open_stream(port, "subscription { idle }")
            await reader.readuntil(b'"idle":0')
            writer.transport.abort()
        await until(lambda: toy.journal.closed_contexts == 6)
        assert toy.journal.closed_streams == 6
        await until(lambda: not subscription_tasks())


async def test_a_mutation_outlives_its_socket(serve: Serve) -> None:
    toy = Toy()
    async with serve(toy) as port:
        socket = await open_socket(port, 'mutation { note(text: "kept", seconds: 0.3) }')
        await send(socket, {"type": "ping"})
        assert await receive(socket) == {"type": "pong"}
        socket.transport.abort()
        await until(lambda: toy.journal.closed_contexts == 1)
        assert toy.journal.mutations == ["kept"]


@pytest.mark.parametrize("kind", ["socket", "stream"])
async def test_a_reader_that_stalls_stops_the_generator_and_is_dropped_in_the_end(serve: Serve, kind: str) -> None:
    toy = Toy(stalled_seconds=1.0)
    query = "subscription { ticks(to: 100000, kilobytes: 100) { number padding } }"
    async with serve(toy) as port:
        transport: asyncio.BaseTransport
        if kind == "socket":
            transport = (await open_socket(port, query)).transport
        else:
            transport = (await open_stream(port, query))[1].transport
        await until(lambda: toy.journal.sent > 0)
        await until(lambda: toy.journal.closed_streams == 1)
        assert toy.journal.sent < 1_000  # what fits into the buffers of both ends, of 10 GB
        transport.abort()


async def test_a_shutdown_ends_sockets_and_streams_and_waits_for_mutations(serve: Serve) -> None:
    toy = Toy()
    async with serve(toy) as port:
        socket = await open_socket(port, "subscription { idle }")
        await receive(socket)
        reader, _writer = await open_stream(port, "subscription { idle }")
        await reader.readuntil(b'"idle":0')
        busy = await open_socket(port, 'mutation { note(text: "kept", seconds: 0.3) }')
        await asyncio.sleep(0.05)

        started = time.monotonic()
        await toy.endpoint.shutdown()
        assert toy.journal.mutations == ["kept"]
        assert time.monotonic() - started < 4
        assert b"complete" not in await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 8)
        for closed in (socket, busy):
            assert await close_code(closed) == 1001

        head, _ = await talk(port, _late_subscription())
        assert head.startswith("HTTP/1.1 503 ")
    assert toy.journal.closed_streams == 2


def _late_subscription() -> str:
    body = json.dumps({"query": "subscription { idle }"})
    return f"{HEAD}Connection: close\r\nAccept: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n{body}"


@pytest.mark.parametrize("scope", [{"type": "http", "method": "GET"}, {"type": "websocket"}], ids=["http", "websocket"])
async def test_nothing_is_raised_when_the_client_is_gone_before_the_answer(scope: dict[str, object]) -> None:
    incoming = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "[]"}]

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        if message["type"] != "websocket.accept":
            raise OSError("gone")

    endpoint: Any = Toy().endpoint
    common = {"headers": [], "query_string": b"", "path": "/graphql", "subprotocols": ["graphql-transport-ws"]}
    await endpoint({**common, **scope}, receive, send)
