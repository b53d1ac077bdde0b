"""Reads a small HTML form from a request that may hold anything."""

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import Request

_MOST_BYTES = 8 * 1024
_MOST_FIELDS = 20
_SECONDS = 10


class BadForm(Exception):
    """No form of ours; `status` is the HTTP status, the message is for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; raises BadForm. Text with control characters is none."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise BadForm(415, "This address takes an HTML form.")
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise BadForm(413, "That is too much for this form.")
    except TimeoutError:
        raise BadForm(408, f"The form took longer than {_SECONDS} seconds.") from None
    try:
        fields = parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=_MOST_FIELDS, keep_blank_values=True)
    except ValueError:
        raise BadForm(400, "The form could not be read.") from None
    if not all(value.isprintable() for _, value in fields):
        raise BadForm(400, "The form holds characters that cannot be shown.")
    return dict(fields)
