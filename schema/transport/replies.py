"""Answers over HTTP, and the refusal of what cannot be answered."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError
from starlette.types import Receive, Send
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from schema.transport.errors import ClientGone, ErrorCode, Refused, code_of, public, refused, retry_after
from schema.transport.negotiation import JSON
from schema.transport.payload import write_json

Headers = dict[str, str]


def body_of(result: ExecutionResult) -> dict[str, object]:
    """A result as the specification writes it: without `data` when nothing was executed."""
    body: dict[str, object] = {}
    if result.errors:
        body["errors"] = formatted(result.errors)
    if not is_request_error(result):
        body["data"] = result.data
    if result.extensions:
        body["extensions"] = result.extensions
    return body


def is_request_error(result: ExecutionResult) -> bool:
    """Whether nothing was executed; an error of the execution has a path."""
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(e.path is None for e in result.errors or ())


def formatted(errors: Sequence[GraphQLError]) -> list[Any]:
    return [error.formatted for error in errors]


def encode(body: Mapping[str, object]) -> str:
    """The JSON of a result, or of the masked error when a resolver made something that JSON cannot hold."""
    try:
        return write_json(body)
    except (TypeError, ValueError, RecursionError) as error:
        return write_json({"errors": [public(error).formatted], "data": None})


async def send_reply(
    send: Send, status: int, headers: Headers, body: bytes = b"", media_type: str | None = None
) -> None:
    """Sends a whole response. Nothing here may be cached or sniffed."""
    raw = [(b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    if media_type:
        raw += [(b"content-type", f"{media_type}; charset=utf-8".encode()), (b"x-content-type-options", b"nosniff")]
    raw += encode_headers(headers)
    try:
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})
    except OSError:
        raise ClientGone from None


def encode_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def send_result(send: Send, result: ExecutionResult, media_type: str, headers: Headers) -> None:
    """Answers with a result; a request error gets the status of its code."""
    status = 200
    if result.errors and is_request_error(result):
        status = _status(result.errors[0], media_type)
        headers = {**headers, **retry_after(result.errors[0])}
    await send_reply(send, status, headers, encode(body_of(result)).encode(), media_type)


async def send_refusal(send: Send, refusal: Refused, media_type: str, headers: Headers) -> None:
    """Answers what was refused before it came to GraphQL, or by GraphQL before the execution."""
    error = refusal.errors[0]
    status = refusal.status or _status(error, media_type)
    body = encode({"errors": formatted(refusal.errors)}).encode()
    await send_reply(send, status, {**headers, **retry_after(error), **refusal.headers}, body, media_type)


def _status(error: GraphQLError, media_type: str) -> int:
    """The older media type has 200 for every well-formed request that GraphQL finds fault with."""
    code = code_of(error)
    return 200 if media_type == JSON and code is ErrorCode.BAD_REQUEST else code.http_status


async def read_body(receive: Receive, declared: str, most: int, seconds: float) -> bytes:
    """The whole body; refuses one that is too big (413) or too slow (408)."""
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > most):
        raise _too_big(most)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > most:
                    raise _too_big(most)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise refused(f"The body took longer than {seconds:g} seconds.", 408, Connection="close") from None


def _too_big(most: int) -> Refused:
    # The connection is closed, for what is left of the body would be taken for the next request.
    return refused(f"The body may have at most {most} bytes.", 413, Connection="close")
