"""Server-sent events of pages: kept alive, bounded in time, and ended when the client goes or the server stops."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

HEARTBEAT = 15.0
LIFETIME = 15 * 60.0
FAREWELL = 1.0
MOST = 5_000
_RETRY = "retry: 2000\n\n"
_log = logging.getLogger(__name__)


class Streams:
    """The streams of one app."""

    def __init__(self) -> None:
        self.ending = asyncio.Event()
        self.open = 0


def of(app: Starlette) -> Streams:
    """The app's streams."""
    if not hasattr(app.state, "streams"):
        app.state.streams = Streams()
    found: Streams = app.state.streams
    return found


def end_all(app: Starlette) -> None:
    """Ends every page stream, so that the server can stop; browsers come again."""
    of(app).ending.set()


def stream(request: Request, messages: AsyncGenerator[str, None]) -> Response:
    """The messages as a stream; 503 when there are too many streams or the server is about to stop."""
    streams = of(request.app)
    if streams.ending.is_set() or streams.open >= MOST:
        return PlainTextResponse("Come again in a moment.", 503, headers={"Retry-After": "5"})
    return _Stream(streams, messages)


def cursor(request: Request) -> int:
    """The version that the browser has shown; Last-Event-ID is newer than the address."""
    given = request.headers.get("last-event-id") or request.query_params.get("after", "0")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def message(version: int, told: Mapping[str, Any]) -> str:
    """One message: what is told as of the version."""
    return f"id: {version}\ndata: {json.dumps(told)}\n\n"


class _Stream(Response):
    def __init__(self, streams: Streams, messages: AsyncGenerator[str, None]) -> None:
        super().__init__(
            media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        del self.headers["content-length"]
        self._streams = streams
        self._messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.open += 1
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await self._until_end(receive, send)
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(FAREWELL):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.open -= 1
            await self._messages.aclose()

    async def _until_end(self, receive: Receive, send: Send) -> None:
        """Until the first of: the last message, the client's leave, the server's end, the end of its life."""
        works = [
            asyncio.create_task(work)
            for work in (self._write(send), _beat(send), _gone(receive), self._streams.ending.wait())
        ]
        try:
            await asyncio.wait(works, timeout=LIFETIME, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def _write(self, send: Send) -> None:
        try:
            await _send(send, _RETRY)
            async for message in self._messages:
                await _send(send, message)
        except OSError:
            return  # the client is gone
        except Exception:
            _log.exception("A page's live updates broke off; the browser comes again")


async def _send(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _beat(send: Send) -> None:
    with contextlib.suppress(OSError):
        while True:
            await asyncio.sleep(HEARTBEAT)
            await _send(send, ":\n\n")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
