"""One lifecycle as a merchant's server and the PSP play it, and the PSP's signed events."""

import copy
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench import load
from bench.stage import WEBHOOK_SECRET, BenchError, Program

ORDER_CREATE = """mutation Create($input: OrderCreateInput!) {
  orderCreate(input: $input) { order { id status total { amountMinor currency } } userErrors { code message } } }"""
CHECKOUT_START = """mutation Start($input: CheckoutStartInput!) {
  checkoutStart(input: $input) { payment { id status token } checkoutUrl userErrors { code message } } }"""
_ITEMS = [
    {"name": "Filter coffee, 1 kg", "quantity": 1, "unitAmount": {"amountMinor": 1850, "currency": "EUR"}},
    {"name": "Paper filters", "quantity": 2, "unitAmount": {"amountMinor": 320, "currency": "EUR"}},
    {"name": "Cup", "quantity": 4, "unitAmount": {"amountMinor": 690, "currency": "EUR"}},
]
PLAN_CREATE = """mutation ($input: PlanCreateInput!) {
  planCreate(input: $input) { plan { id price { id } } userErrors { code message } } }"""
TOTAL_MINOR = 5250
"""What the items come to, in EUR."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An order with an open payment, as both sides know them."""

    order_id: str
    payment_id: str
    session_token: str


def graphql(key: str, query: str, variables: dict[str, Any] | None = None) -> bytes:
    """The request of an operation."""
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    return load.request("/graphql", body, {"authorization": f"Bearer {key}"})


def new_order() -> dict[str, Any]:
    """An order's input."""
    return {"idempotencyKey": secrets.token_hex(8), "currency": "EUR", "items": _ITEMS}


def new_checkout(order_id: str) -> dict[str, Any]:
    """A checkout's input."""
    return {"orderId": order_id, "idempotencyKey": secrets.token_hex(8)}


def new_plan() -> dict[str, Any]:
    """A plan's input."""
    amount = {"amountMinor": TOTAL_MINOR, "currency": "EUR"}
    return {"idempotencyKey": "bench", "name": "Bench", "interval": "MONTH", "amount": amount, "features": ["bench"]}


def data_of(answer: bytes) -> Any:
    """The one root field of an answer without errors of either kind."""
    body = load.check(answer, b'"data":')
    (value,) = json.loads(body)["data"].values()
    if not value or value.get("userErrors"):
        raise BenchError(f"Refused: {body[:500].decode()}")
    return value


async def open_one(connection: load.Connection, key: str) -> Opened:
    """orderCreate and checkoutStart."""
    order_id = data_of(await connection.ask(graphql(key, ORDER_CREATE, {"input": new_order()})))["order"]["id"]
    started = graphql(key, CHECKOUT_START, {"input": new_checkout(order_id)})
    payment = data_of(await connection.ask(started))["payment"]
    return Opened(order_id, payment["id"], payment["token"])


class Events:
    """Signed `checkout.session.completed` events, of the very shape that the sandbox sends."""

    def __init__(self, sample: dict[str, Any]) -> None:
        self._sample = sample

    @classmethod
    async def learn(cls, paygraph: Program, sandbox: Program, key: str) -> "Events":
        """Takes a real lifecycle's event for a sample."""
        connection = await load.Connection.open(paygraph.port)
        opened = await open_one(connection, key)
        connection.close()
        await load.post(sandbox.port, f"/sandbox/sessions/{opened.session_token}/pay", b"{}")
        path = "/v1/events?type=checkout.session.completed&limit=1"
        asked = load.request(path, b"", {"authorization": "Bearer sk_test_bench"}).replace(b"POST", b"GET", 1)
        connection = await load.Connection.open(sandbox.port)
        listed = json.loads(load.check(await connection.ask(asked), b'"data"'))
        connection.close()
        return cls(listed["data"][0])

    def completed(self, opened: Opened) -> bytes:
        """The webhook that tells that the payment is paid."""
        event = copy.copy(self._sample)
        session = dict(event["data"]["object"])
        session |= {
            "id": opened.session_token,
            "client_reference_id": opened.payment_id,
            "metadata": {"paygraph_payment": opened.payment_id, "paygraph_order": opened.order_id},
            "payment_intent": f"pi_{secrets.token_hex(12)}",
            "amount_subtotal": TOTAL_MINOR,
            "amount_total": TOTAL_MINOR,
            "created": int(time.time()),
        }
        event |= {"id": f"evt_{secrets.token_hex(12)}", "created": int(time.time()), "data": {"object": session}}
        return signed(json.dumps(event).encode())

    def all_completed(self, several: Iterable[Opened]) -> list[bytes]:
        return [self.completed(opened) for opened in several]


def signed(body: bytes) -> bytes:
    """The PSP's request with its signature."""
    moment = int(time.time())
    digest = hmac.new(WEBHOOK_SECRET.encode(), str(moment).encode() + b"." + body, hashlib.sha256).hexdigest()
    return load.request("/webhooks/stripe", body, {"stripe-signature": f"t={moment},v1={digest}"})
