"""A graphql-transport-ws client that costs next to nothing: a thousand of them fit beside the load."""

import asyncio
import base64
import json
import os
import struct
import time
from collections.abc import Callable
from typing import Any, cast

from bench.stage import BenchError

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


class Subscriber(asyncio.Protocol):
    """One socket with one subscription. `heard` is called with the time and the payload of every message of it."""

    def __init__(self, heard: Callable[[float, bytes], None] | None = None) -> None:
        self.heard = heard
        self.messages = 0
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._upgraded = False
        self._waiters: dict[str, asyncio.Future[bytes]] = {}

    @classmethod
    async def open(cls, port: int, key: str, query: str, variables: dict[str, Any]) -> "Subscriber":
        """Connects, introduces itself, subscribes, and returns with the first message."""
        loop = asyncio.get_running_loop()
        _, subscriber = await loop.create_connection(cls, "127.0.0.1", port)
        await subscriber._greet(key)
        first = subscriber._await("next")
        payload = {"query": query, "variables": variables}
        subscriber._say({"id": "1", "type": "subscribe", "payload": payload})
        await asyncio.wait_for(first, 30)
        return subscriber

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    async def _greet(self, key: str) -> None:
        accepted = self._await("101")
        nonce = base64.b64encode(os.urandom(16)).decode()
        self._send(
            "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )
        await asyncio.wait_for(accepted, 30)
        acknowledged = self._await("connection_ack")
        self._say({"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}})
        await asyncio.wait_for(acknowledged, 30)

    def _await(self, kind: str) -> "asyncio.Future[bytes]":
        self._waiters[kind] = asyncio.get_running_loop().create_future()
        return self._waiters[kind]

    def _settle(self, kind: str, message: bytes) -> None:
        waiter = self._waiters.pop(kind, None)
        if waiter and not waiter.done():
            waiter.set_result(message)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(BenchError(f"The server closed a socket ({exc})."))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, blank, rest = self._buffer.partition(b"\r\n\r\n")
            if not blank:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise BenchError(f"No WebSocket: {head[:200]!r}")
            self._upgraded, self._buffer = True, rest
            self._settle("101", head)
        while (frame := self._frame()) is not None:
            self._handle(*frame)

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole frame; servers do not mask and ours do not fragment."""
        if len(self._buffer) < 2:
            return None
        size, start = self._buffer[1] & 0x7F, 2
        if size >= 126:
            form, start = ("!H", 4) if size == 126 else ("!Q", 10)
            if len(self._buffer) < start:
                return None
            (size,) = struct.unpack_from(form, self._buffer, 2)
        if len(self._buffer) < start + size:
            return None
        opcode, payload = self._buffer[0] & 0x0F, self._buffer[start : start + size]
        self._buffer = self._buffer[start + size :]
        return opcode, payload

    def _handle(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            self._read(payload)
        elif opcode == _PING:
            self._send(_framed(_PONG, payload))
        elif opcode == _CLOSE:
            self.connection_lost(BenchError(payload[2:].decode(errors="replace")))

    def _read(self, payload: bytes) -> None:
        now = time.time()
        kind = payload[payload.find(b'"type"') :][:30]
        if b'"next"' in kind:
            self.messages += 1
            if self.heard:
                self.heard(now, payload)
            self._settle("next", payload)
        elif b"ack" in kind:
            self._settle("connection_ack", payload)
        elif b"ping" in kind:
            self._say({"type": "pong"})
        elif b"error" in kind:
            self.connection_lost(BenchError(payload[:500].decode()))

    def _say(self, message: dict[str, Any]) -> None:
        self._send(_framed(_TEXT, json.dumps(message).encode()))

    def _send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)


def _framed(opcode: int, payload: bytes) -> bytes:
    """A client's frame; its mask is all zeros, which leaves the payload as it is."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload
