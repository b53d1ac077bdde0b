"""One WebSocket that speaks graphql-transport-ws.

It is closed with the protocol's codes (4400 for what is no message, 4401, 4403, 4406, 4408, 4409, 4429) and with
1001 when its time is up or the server goes away, 1013 when a key is throttled, 4500 when we fail. A client that
misses a ping gets 4408, one whose key was revoked 4403. After 1001, 1013, 4403 and 4408 clients connect again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from schema.transport.context import AllowOrigin, OpenContext, close
from schema.transport.errors import ApiError, ClientGone, ErrorCode, Refused, public
from schema.transport.live import Live, LiveConnection
from schema.transport.operations import Operations
from schema.transport.payload import read_json, read_request
from schema.transport.replies import encode
from schema.transport.schema import Schema

PROTOCOL = "graphql-transport-ws"
LONGEST_ID = 200
LONGEST_REASON = 120  # bytes, of the 123 that a close frame has room for

_CLOSE_CODES = {
    ErrorCode.UNAUTHENTICATED: 4401,  # clients do not try again
    ErrorCode.FORBIDDEN: 4403,
    ErrorCode.THROTTLED: 1013,  # try again later
    ErrorCode.BAD_REQUEST: 4400,
    ErrorCode.INTERNAL: 4500,
}


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Socket(LiveConnection):
    """Serves one connection until it ends; afterwards no task and no generator of it is left."""

    __slots__ = (
        "_closed", "_initialised", "_live", "_open_context", "_operations", "_receive", "_schema", "_scope",
        "_waits_for_pong",
    )  # fmt: skip

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, schema: Schema, live: Live, open_context: OpenContext
    ) -> None:
        super().__init__(send)
        self._scope = scope
        self._receive = receive
        self._schema = schema
        self._live = live
        self._open_context = open_context
        self._operations = Operations(schema, live, self._say)
        self._initialised = False
        self._waits_for_pong = False
        self._closed = False
        self.next_beat = self.opened + schema.limits.init_seconds

    async def serve(self, allow_origin: AllowOrigin) -> None:
        """Runs the whole connection, from the handshake on."""
        await self._receive()  # websocket.connect
        if not await self._is_welcome(allow_origin):
            await self._send({"type": "websocket.close", "code": 4403, "reason": "Forbidden"})  # an HTTP 403
            return
        await self._shake_hands()
        if self._closed:
            return
        self._live.add(self)
        try:
            await self._listen()
        except asyncio.CancelledError:
            if not self.abandoned:
                raise
            self.task.uncancel()
        finally:
            self._live.discard(self)
            # Shielded, for a server that shuts down in a hurry cancels us.
            await asyncio.shield(self._live.spawn(self._clean_up()))

    async def beat(self) -> None:
        if self.context is None:
            if not self._initialised:
                await self._close(4408, "Connection initialisation timeout")
        elif self._waits_for_pong:
            await self._close(4408, "No pong")
        else:
            self._waits_for_pong = True
            await self._say({"type": "ping"})
        self.next_beat = time.monotonic() + self._schema.limits.heartbeat_seconds

    async def revoke(self) -> None:
        await self._close(4403, "Forbidden")

    async def go_away(self) -> None:
        await self._close(1001, "Going away")

    # The connection

    async def _is_welcome(self, allow_origin: AllowOrigin) -> bool:
        connection = HTTPConnection(self._scope)
        origin = connection.headers.get("origin")
        try:
            return origin is None or await allow_origin(origin, connection)
        except Exception as error:
            public(error)  # logs it
            return False

    async def _shake_hands(self) -> None:
        speaks = PROTOCOL in self._scope.get("subprotocols", ())
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL if speaks else None})
        if not speaks:
            await self._close(4406, "Subprotocol not acceptable")
        elif self._live.closing:
            await self.go_away()

    async def _listen(self) -> None:
        try:
            while (message := await self._receive())["type"] != "websocket.disconnect":
                self._waits_for_pong = False
                await self._handle(self._read(message))
            self._closed = True
        except _Close as reason:
            await self._close(reason.code, reason.reason)
        except Refused as refusal:
            await self._close(4400, str(refusal))
        except ClientGone:
            self._closed = True
        except Exception as error:
            public(error)  # logs it
            await self._close(4500, "Internal server error")

    def _read(self, message: Message) -> Mapping[str, Any]:
        text = message.get("text")
        most = self._schema.limits.message_bytes
        if text is None:
            raise _Close(4400, "Messages must be text")
        if len(text) > most or (not text.isascii() and len(text.encode()) > most):
            raise _Close(4400, f"A message may have at most {most} bytes")
        value = read_json(text)
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise _Close(4400, "A message must be an object with a type")
        return value

    async def _handle(self, message: Mapping[str, Any]) -> None:
        handler = _HANDLERS.get(message["type"])
        if handler is None:
            raise _Close(4400, "Unknown type of message")
        await handler(self, message)

    async def _clean_up(self) -> None:
        await self._operations.clean_up()
        await close(self.context)

    async def _close(self, code: int, reason: str) -> None:
        if not self._closed:
            self._closed = True
            reason = reason.encode()[:LONGEST_REASON].decode(errors="ignore")
            with suppress(ClientGone):
                await self.transmit({"type": "websocket.close", "code": code, "reason": reason})

    async def _say(self, message: Mapping[str, object]) -> None:
        if self._closed:
            return
        try:
            await self.transmit({"type": "websocket.send", "text": encode(message)})
        except RuntimeError:
            if not self._closed:  # it may have been closed while we waited for the reader
                raise

    # What the client says

    async def _on_init(self, message: Mapping[str, Any]) -> None:
        if self._initialised:
            raise _Close(4429, "Too many initialisation requests")
        self._initialised = True
        payload = _payload(message)
        try:
            self.context = await self._open_context(HTTPConnection(self._scope), payload)
        except ApiError as refusal:
            raise _Close(_CLOSE_CODES[refusal.code], refusal.message) from None
        self.next_check = time.monotonic() + self._schema.limits.recheck_seconds
        self.next_beat = time.monotonic() + self._schema.limits.heartbeat_seconds
        await self._say({"type": "connection_ack"})

    async def _on_ping(self, message: Mapping[str, Any]) -> None:
        payload = _payload(message)
        await self._say({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})

    async def _on_pong(self, message: Mapping[str, Any]) -> None:
        _payload(message)

    async def _on_complete(self, message: Mapping[str, Any]) -> None:
        self._operations.stop(_id(message))

    async def _on_subscribe(self, message: Mapping[str, Any]) -> None:
        if self.context is None:
            raise _Close(4401, "Unauthorized")
        id_ = _id(message)
        request = read_request(_payload(message))
        if id_ in self._operations:
            raise _Close(4409, f"Subscriber for {id_} already exists")
        await self._operations.start(id_, request, self.context)


def _payload(message: Mapping[str, Any]) -> dict[str, object] | None:
    payload = message.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise _Close(4400, "A payload must be an object")
    return payload


def _id(message: Mapping[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not 0 < len(id_) <= LONGEST_ID:
        raise _Close(4400, "An id must be a short string")
    return id_


_HANDLERS: dict[str, Callable[[Socket, Mapping[str, Any]], Awaitable[None]]] = {
    "connection_init": Socket._on_init,
    "ping": Socket._on_ping,
    "pong": Socket._on_pong,
    "complete": Socket._on_complete,
    "subscribe": Socket._on_subscribe,
}
