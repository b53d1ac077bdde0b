"""One operation answered as server-sent events (graphql-sse, distinct connections)."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from graphql import GraphQLError
from starlette.types import Receive, Send
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from schema.transport.context import Context
from schema.transport.errors import ClientGone, ErrorCode, public
from schema.transport.limits import Limits
from schema.transport.live import Live, LiveConnection
from schema.transport.negotiation import EVENTS
from schema.transport.replies import Headers, body_of, encode, encode_headers, is_request_error

COMPLETE = b"event: complete\ndata:\n\n"  # without the empty `data`, browsers would not dispatch it


class Stream(LiveConnection):
    """Sends results as they come. Its lifetime or a shutdown ends it without `complete`, so that clients resume."""

    __slots__ = ("_ended", "_farewell", "_headers", "_limits", "_pump", "_refusal", "_started", "_starting")

    def __init__(self, send: Send, headers: Headers, limits: Limits, context: Context) -> None:
        super().__init__(send)
        self._headers = headers
        self._limits = limits
        self._starting = asyncio.Lock()
        self._started = False
        self._ended = False
        self._farewell = COMPLETE
        self._refusal: ExecutionResult | None = None
        self._pump: asyncio.Task[None] | None = None
        self.context = context
        self.next_check = time.monotonic() + limits.recheck_seconds

    async def serve(
        self, receive: Receive, live: Live, results: AsyncGenerator[ExecutionResult, None]
    ) -> ExecutionResult | None:
        """Runs the whole stream; returns the request error instead, when that comes before anything else."""
        live.add(self)
        self._pump = asyncio.create_task(self._forward(results))
        gone = asyncio.create_task(_disconnected(receive))
        try:
            return await self._until_end(self._pump, gone)
        except asyncio.CancelledError:
            if not self.abandoned:
                raise
            self.task.uncancel()
            return None
        finally:
            live.discard(self)
            self._pump.cancel()
            gone.cancel()
            await asyncio.wait({self._pump, gone})

    async def beat(self) -> None:
        if not self._ended:
            await self._write(b":\n\n")
        self.next_beat = time.monotonic() + self._limits.stream_heartbeat_seconds

    async def revoke(self) -> None:
        error = GraphQLError(
            "The credentials are no longer valid.", extensions={"code": ErrorCode.UNAUTHENTICATED.value}
        )
        self._end(event(ExecutionResult(data=None, errors=[error])) + COMPLETE)

    async def go_away(self) -> None:
        self._end(b"")

    def _end(self, farewell: bytes) -> None:
        self._farewell = farewell
        if self._pump is not None:
            self._pump.cancel()

    async def _until_end(self, pump: asyncio.Task[None], gone: asyncio.Task[None]) -> ExecutionResult | None:
        await asyncio.wait({pump, gone}, timeout=self._limits.grace_seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._refusal is None and not gone.done():
            await self._start()
            await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
        if self._refusal is None and not gone.done():
            self._ended = True
            await self.transmit({"type": "http.response.body", "body": self._farewell, "more_body": False})
        return self._refusal

    async def _forward(self, results: AsyncGenerator[ExecutionResult, None]) -> None:
        try:
            async with aclosing(results):
                async for result in results:
                    if not self._started and is_request_error(result):
                        self._refusal = result
                        return
                    await self._start()
                    await self._write(event(result))
        except ClientGone:
            return
        except Exception as error:
            result = PreExecutionError(data=None, errors=[public(error)])
            if self._started:
                self._farewell = event(result) + COMPLETE
            else:
                self._refusal = result

    async def _start(self) -> None:
        async with self._starting:
            if self._started:
                return
            self._started = True
            headers = {
                **self._headers,
                "Content-Type": f"{EVENTS}; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                "X-Content-Type-Options": "nosniff",
            }
            await self.transmit({"type": "http.response.start", "status": 200, "headers": encode_headers(headers)})
            await self._write(b":\n\n")  # so that the client sees the answer before the first event
            self.next_beat = time.monotonic() + self._limits.stream_heartbeat_seconds

    async def _write(self, data: bytes) -> None:
        await self.transmit({"type": "http.response.body", "body": data, "more_body": True})


def event(result: ExecutionResult) -> bytes:
    """`next`, with the cursor of the first root field as its id, so that Last-Event-ID can resume there."""
    cursor = _cursor(result.data)
    id_line = f"id: {cursor}\n" if cursor else ""
    return f"{id_line}event: next\ndata: {encode(body_of(result))}\n\n".encode()


def _cursor(data: dict[str, object] | None) -> str | None:
    value = next(iter(data.values()), None) if data else None
    cursor = value.get("cursor") if isinstance(value, dict) else None
    return cursor if isinstance(cursor, str) and cursor.isprintable() else None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
