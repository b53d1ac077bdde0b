"""Small things about HTTP: bounded bodies, our own address, connections that are lost on purpose."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.stripe.errors import InvalidParameter

MAX_BODY = 2_000_000
HOST = re.compile(r"[A-Za-z0-9.\-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


class LostConnection(Exception):
    """The client gets no answer: the connection is closed under it."""


async def read_body(request: Request) -> bytes:
    """The body, at most MAX_BODY bytes; raises InvalidParameter above."""
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise InvalidParameter("The request body is too large.")
        parts.append(chunk)
    return b"".join(parts)


def base_url(request: Request, public_url: str | None) -> str:
    """The address that payers reach us at, without a slash at its end."""
    if public_url:
        return public_url.rstrip("/")
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host if HOST.fullmatch(host) else 'localhost'}"


class NoAnswer(Response):
    """Closes the client's connection instead of answering."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raw_send = scope.get("sandbox.send", send)
        transport = getattr(getattr(raw_send, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        # the connection is out of reach behind a wrapper: an answer that breaks off does the same
        headers = [(b"content-length", b"9"), (b"connection", b"close")]
        await raw_send({"type": "http.response.start", "status": 500, "headers": headers})
