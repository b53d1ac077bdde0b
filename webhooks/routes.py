"""The door for PSPs' webhooks: verify the raw bytes, one domain call, answer."""

import asyncio
import logging

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from domain import inbox
from gateways.base import BadEvent, BadSignature
from gateways.registry import Gateways
from kit import clock
from kit.logs import bind
from webhooks.handlers import HANDLERS

MAX_BODY = 512 * 1024
BODY_SECONDS = 10
_log = logging.getLogger(__name__)


async def stripe_webhook(request: Request) -> Response:
    """POST /webhooks/stripe, and /webhooks/stripe/connect for what happens in vendors' accounts. 200: recorded, or
    known. 400: not signed by Stripe, stale, or no event; nothing is stored. 408: too slow. 413: too large. 503: nothing
    could be recorded, send it again."""
    gateways: Gateways = request.app.state.gateways
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _body(request)
    except TimeoutError:
        error = f"The body took longer than {BODY_SECONDS} seconds."
        return JSONResponse({"error": error}, 408, {"Connection": "close"})
    if body is None:
        return JSONResponse({"error": f"The body has more than {MAX_BODY} bytes."}, 413)
    gateway = gateways["stripe"]
    now = clock.now()
    try:
        event = gateway.verify_event(body, request.headers.get("stripe-signature"), now)
    except (BadSignature, BadEvent) as error:
        return JSONResponse({"error": str(error)}, 400)
    bind(event_token=event.token)
    try:
        receipt = await inbox.receive(event, body.decode(), handlers=HANDLERS, now=now)
    except Exception:
        _log.exception("A webhook could not be recorded")
        return JSONResponse({"error": "The event could not be recorded. Send it again."}, 503)
    return JSONResponse({"received": receipt.value})


async def _body(request: Request) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY:
                return None
            chunks.append(chunk)
    except ClientDisconnect:
        return b""
    return b"".join(chunks)
