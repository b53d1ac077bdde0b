"""ASGI middleware: gives every request an id, logs it in one line, and sets the headers that every answer has."""

import asyncio
import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.logs import fresh

_log = logging.getLogger("request")
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET = frozenset({"/healthz", "/readyz"})


class RequestLog:
    """The id comes from X-Request-Id where a proxy set one, and goes back in the same header. A request that a stopping
    server has no more time for is told so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            return await self._app(scope, receive, send)
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _GIVEN.fullmatch(given) else f"req_{secrets.token_hex(8)}"
        fresh(request_id=request_id)
        started, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:
            if status or scope["type"] != "http":
                raise
            await JSONResponse({"error": "The server is stopping. Ask again."}, 503)(scope, receive, answer)
        finally:
            if scope["path"] not in _QUIET:
                self._line(scope, status, started)
        return None

    @staticmethod
    def _line(scope: Scope, status: int, started: float) -> None:
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        facts = {"status": status or "-", "ms": milliseconds}
        method = scope.get("method", "WS")
        _log.info("%s %s", method, _shown(scope["path"]), extra=facts)


def _shown(path: str) -> str:
    """The path without the part of a return page's address that nobody should learn from a log."""
    return re.sub(r"(/return/[^/]+/)[^/]+", r"\1…", path)
