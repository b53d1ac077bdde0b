"""Bare Starlette and asyncpg: a settled webhook as eight round trips, and as one statement; and a lifecycle."""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.comparators import lifecycle
from bench.comparators import statements as sql

_SECRET = os.environ.get("WEBHOOK_SECRET", "").encode()


@contextlib.asynccontextmanager
async def create_app() -> AsyncIterator[Starlette]:
    # As many connections as the product has.
    async with (
        asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=10, reset=_keep) as pool,
        httpx.AsyncClient(base_url=os.environ.get("PSP_URL", "")) as psp,
    ):
        app = Starlette(
            routes=[
                Route("/webhooks/stripe", _by_steps, methods=["POST"]),
                Route("/webhooks/at-once", _at_once, methods=["POST"]),
                Route("/orders", lifecycle.create_order, methods=["POST"]),
                Route("/checkouts", lifecycle.start_checkout, methods=["POST"]),
            ]
        )
        app.state.pool, app.state.psp = pool, psp
        yield app


async def _keep(_connection: Any) -> None:
    """No round trip at each release: the product has none either."""


async def _by_steps(request: Request) -> Response:
    event = _verified(await request.body(), request.headers["stripe-signature"])
    if event is None:
        return JSONResponse({"error": "signature"}, 400)
    async with request.app.state.pool.acquire() as connection:
        received = await settle(connection, *event)
    return JSONResponse({"received": received})


async def _at_once(request: Request) -> Response:
    event = _verified(await request.body(), request.headers["stripe-signature"])
    if event is None:
        return JSONResponse({"error": "signature"}, 400)
    async with request.app.state.pool.acquire() as connection:
        written = await connection.execute(sql.SETTLE_AT_ONCE, *_facts(*event))
    return JSONResponse({"received": "applied" if written == "INSERT 0 1" else "ignored"})


def _verified(body: bytes, header: str) -> tuple[str, Any] | None:
    """The payload and the event in it; None unless the secret signed it."""
    given = dict(part.split("=", 1) for part in header.split(","))
    wanted = hmac.new(_SECRET, given["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, given["v1"]):
        return None
    return body.decode(), json.loads(body)


async def settle(connection: Any, payload: str, event: dict[str, Any]) -> str:
    """A statement a round trip, as the product does it."""
    now, session = datetime.now(UTC), event["data"]["object"]
    await connection.execute("BEGIN")
    try:
        fresh = await connection.fetch(
            sql.INSERT_INBOX, _id("whk"), "stripe", event["id"], event["type"], payload, "applied", None, None, now
        )
        if fresh:
            await _apply(connection, event, session, now)
        await connection.execute("COMMIT")
    except BaseException:
        await connection.execute("ROLLBACK")
        raise
    return "applied" if fresh else "duplicate"


async def _apply(connection: Any, event: dict[str, Any], session: dict[str, Any], now: datetime) -> None:
    (payment,) = await connection.fetch(sql.LOCK, session["metadata"]["paygraph_payment"])
    amount, currency = session["amount_total"], session["currency"].upper()
    if payment["amount_minor"] != amount or payment["currency"] != currency or payment["status"] != "open":
        raise ValueError("not the payment that was expected")
    payment_id, order_id, merchant_id = payment["id"], payment["order_id"], payment["merchant_id"]
    await connection.execute(
        sql.UPDATE_PAYMENT, payment_id, amount, amount, session["payment_intent"], "captured", None, now
    )
    version = payment["order_version"]
    await connection.execute(sql.UPDATE_ORDER, order_id, "paid", now, version + 2, now)
    cause, captured, paid = _told(event, amount, currency)
    subject = (merchant_id, order_id, payment_id)
    occurred_at = datetime.fromtimestamp(event["created"], UTC)
    await connection.execute(
        sql.INSERT_EVENTS,
        *(_id("evt"), *subject, version + 1, "payment.captured", cause, captured, occurred_at, now),
        *(_id("evt"), *subject, version + 2, "order.paid", cause, paid, None, now),
    )
    entry = ("capture", payment_id, str(amount), 1, payment_id, None)
    accounts = ("psp_receivable", "merchant_payable", currency, amount)
    await connection.execute(sql.INSERT_POSTING, merchant_id, *entry, *accounts, now)


def _facts(payload: str, event: dict[str, Any]) -> tuple[Any, ...]:
    """The parameters of the one statement."""
    now, session = datetime.now(UTC), event["data"]["object"]
    amount, currency = session["amount_total"], session["currency"].upper()
    cause, captured, paid = _told(event, amount, currency)
    occurred_at = datetime.fromtimestamp(event["created"], UTC)
    payment_id = session["metadata"]["paygraph_payment"]
    first = (_id("whk"), event["id"], event["type"], payload, now, payment_id, amount, session["payment_intent"])
    return (*first, _id("evt"), cause, captured, occurred_at, _id("evt"), paid)


def _told(event: dict[str, Any], amount: int, currency: str) -> tuple[str, str, str]:
    """The JSON of the two events: their cause and what each tells."""
    moved = {"from": "open", "to": "captured", "authorized_by": amount, "captured_by": amount, "currency": currency}
    cause = {"kind": "webhook", "ref": event["id"]}
    return json.dumps(cause), json.dumps(moved), json.dumps({"total_minor": amount, "currency": currency})


def _id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(13)}"
