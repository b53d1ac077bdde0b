"""The first two steps of a lifecycle by bare asyncpg, a statement a round trip, with the same call to the PSP."""

import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bench.comparators import statements as sql


async def create_order(request: Request) -> Response:
    """{"idempotencyKey", "currency", "items"}: the order, in one commit."""
    body, now = await request.json(), datetime.now(UTC)
    items, order_id = body["items"], _id("ord")
    total = sum(item["unitAmount"]["amountMinor"] * item["quantity"] for item in items)
    async with request.app.state.pool.acquire() as connection:
        merchant_id, key_id = await _authenticate(connection, request)
        async with connection.transaction():
            await _claim(connection, merchant_id, "orderCreate", body, {"order_id": order_id}, now)
            await connection.execute(sql.INSERT_ORDER, order_id, merchant_id, body["currency"], total, now)
            await connection.execute(
                sql.INSERT_ITEMS,
                order_id,
                [_id("li") for _ in items],
                list(range(1, len(items) + 1)),
                [item["name"] for item in items],
                [item["unitAmount"]["amountMinor"] for item in items],
                [item["quantity"] for item in items],
            )
            facts = {"total_minor": total, "currency": body["currency"]}
            await _tell(connection, (merchant_id, order_id, None), 1, "order.created", key_id, facts, now)
    return JSONResponse({"id": order_id, "status": "OPEN"})


async def start_checkout(request: Request) -> Response:
    """{"idempotencyKey", "orderId"}: reserve, ask the PSP, record."""
    body, pool = await request.json(), request.app.state.pool
    payment_id = _id("pay")
    async with pool.acquire() as connection:
        merchant_id, key_id = await _authenticate(connection, request)
        subject = (merchant_id, body["orderId"], payment_id)
        order, items = await _reserve(connection, subject, key_id, body)
    form = {"client_reference_id": payment_id, **_form(payment_id, body["orderId"], order, items)}
    headers = {"authorization": "Bearer sk_test_bench", "idempotency-key": payment_id}
    answer = await request.app.state.psp.post("/v1/checkout/sessions", data=form, headers=headers)
    session = answer.raise_for_status().json()
    async with pool.acquire() as connection:
        await _record(connection, subject, key_id, session)
    return JSONResponse({"id": payment_id, "token": session["id"], "url": session["url"]})


async def _authenticate(connection: Any, request: Request) -> tuple[str, str]:
    """The merchant and the key that the request comes from."""
    key = request.headers["authorization"].removeprefix("Bearer ")
    (row,) = await connection.fetch(sql.AUTHENTICATE, hashlib.sha256(key.encode()).hexdigest())
    return row["merchant_id"], row["id"]


async def _claim(
    connection: Any, merchant_id: str, mutation: str, body: dict[str, Any], answer: dict[str, str], now: datetime
) -> None:
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    key = body["idempotencyKey"]
    if not await connection.fetch(sql.CLAIM_KEY, merchant_id, mutation, key, digest, json.dumps(answer), now):
        raise ValueError("a key was used twice")


async def _reserve(connection: Any, subject: tuple[str, str, str], key_id: str, body: dict[str, Any]) -> Any:
    now = datetime.now(UTC)
    merchant_id, order_id, payment_id = subject
    async with connection.transaction():
        (order,) = await connection.fetch(sql.LOCK_ORDER, order_id, merchant_id)
        if await connection.fetch(sql.LOCK_TRIES, order_id):
            raise ValueError("the order was tried before")
        items = await connection.fetch(sql.READ_ITEMS, order_id)
        amount, currency = order["total_minor"], order["currency"]
        asked = json.dumps(_form(payment_id, order_id, order, items))
        lease = now + timedelta(seconds=90)
        await connection.execute(
            sql.INSERT_PAYMENT, payment_id, merchant_id, order_id, currency, amount, asked, now, lease
        )
        version = await connection.fetchval(sql.TURN_VERSION, order_id, now)
        facts = {"amount_minor": amount, "currency": currency, "gateway": "stripe"}
        await _tell(connection, subject, version, "payment.created", key_id, facts, now)
        await _claim(connection, merchant_id, "checkoutStart", body, {"payment_id": payment_id}, now)
    return order, items


async def _record(connection: Any, subject: tuple[str, str, str], key_id: str, session: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    _, order_id, payment_id = subject
    async with connection.transaction():
        (payment,) = await connection.fetch(sql.LOCK, payment_id)
        expires_at, soon = datetime.fromtimestamp(session["expires_at"], UTC), now + timedelta(seconds=20)
        await connection.execute(sql.OPEN_PAYMENT, payment_id, session["id"], session["url"], expires_at, soon, now)
        version = await connection.fetchval(sql.TURN_VERSION, order_id, now)
        facts = {"from": payment["status"], "to": "open", "currency": payment["currency"]}
        await _tell(connection, subject, version, "payment.open", key_id, facts, now)


async def _tell(
    connection: Any,
    subject: tuple[str, str, str | None],
    version: int,
    kind: str,
    key_id: str,
    facts: dict[str, Any],
    now: datetime,
) -> None:
    cause = json.dumps({"kind": "api", "ref": key_id})
    await connection.execute(sql.INSERT_EVENT, _id("evt"), *subject, version, kind, cause, json.dumps(facts), None, now)


def _form(payment_id: str, order_id: str, order: Any, items: Any) -> dict[str, Any]:
    """What the PSP is asked for."""
    form = {
        "mode": "payment",
        "success_url": "https://shop.example/thanks",
        "metadata[paygraph_payment]": payment_id,
        "metadata[paygraph_order]": order_id,
        "payment_intent_data[metadata][paygraph_payment]": payment_id,
    }
    for number, item in enumerate(items):
        line = f"line_items[{number}]"
        form |= {
            f"{line}[quantity]": str(item["quantity"]),
            f"{line}[price_data][currency]": order["currency"].lower(),
            f"{line}[price_data][unit_amount]": str(item["unit_amount_minor"]),
            f"{line}[price_data][product_data][name]": item["name"],
        }
    return form


def _id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(13)}"
