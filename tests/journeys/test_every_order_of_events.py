"""authorized, captured, refunded, refund failed, disputed, won: in all 720 orders, twice each -> one truth"""

import asyncio
import json
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from domain import inbox, orders
from domain.catalog import Amount
from domain.checkout.hosted import start_checkout
from domain.checkout.places import Places
from domain.events import Cause, CauseKind
from domain.orders import NewItem
from kit import clock
from kit.database import reading
from models import CaptureMethod
from tests.journeys.test_capture_void_refund import CAPTURE, REFUND, do, euros
from tests.journeys.test_disputes import SUBMIT, find
from tests.journeys.test_webhooks_in import DASHBOARD
from tests.town import Shop, Town, eventually
from webhooks.handlers import HANDLERS

STORY = {
    "authorized": ("payment_intent.amount_capturable_updated",),
    "captured": ("charge.captured",),
    "refunded": ("refund.created",),
    "refund failed": ("refund.failed",),
    "disputed": ("charge.dispute.funds_withdrawn",),
    "won": ("charge.dispute.funds_reinstated",),
}
CAUSE = Cause(CauseKind.SYSTEM, "test")


def told(town: Town, payment: Any) -> list[dict[str, Any]]:
    """The story's six events, as the PSP would have sent them."""
    found = town.http.get(f"{town.sandbox_url}/v1/events?limit=100", headers=DASHBOARD).json()["data"]
    intent = next(e for e in found if e["type"] == "payment_intent.succeeded")["data"]["object"]["id"]
    mine = [event for event in reversed(found) if intent in json.dumps(event)]
    return [next(event for event in mine if event["type"] in types) for types in STORY.values()]


def lived(town: Town, shop: Shop) -> tuple[Any, list[dict[str, Any]]]:
    """A payment that lived the whole story at the PSP, and the story's events."""
    order = shop.order(10000)
    payment = shop.checkout(order["id"], captureMethod="MANUAL")["payment"]
    shop.pay(payment)
    eventually(lambda: shop.find_payment(payment["id"]), lambda p: p["status"] == "AUTHORIZED")
    assert do(shop, CAPTURE, payment)["userErrors"] == []
    assert do(shop, REFUND, payment, amount=euros(3000))["userErrors"] == []
    (refund,) = town.http.get(f"{town.sandbox_url}/v1/refunds?limit=1", headers=DASHBOARD).json()["data"]
    town.sandbox("POST", f"/refunds/{refund['id']}/fail")
    eventually(lambda: shop.find_payment(payment["id"]), lambda p: p["refunds"][0]["status"] == "FAILED")
    town.sandbox("POST", f"/charges/{refund['charge']}/dispute")
    disputed = eventually(lambda: find(shop, payment["id"]), lambda p: p["disputes"] != [])
    given = {"disputeId": disputed["disputes"][0]["id"], "idempotencyKey": "answer"}
    shop.ask(SUBMIT, input=given | {"evidence": {"uncategorizedText": "winning_evidence"}})
    town.sandbox("POST", "/clock/advance", seconds=120)
    eventually(lambda: find(shop, payment["id"]), lambda p: p["disputes"][0]["status"] == "WON")
    town.settle()
    return find(shop, payment["id"]), told(town, payment)


def retold(events: list[dict[str, Any]], old: dict[str, str], number: int) -> list[dict[str, Any]]:
    """The same events about another payment."""
    text = json.dumps(events)
    for before, after in old.items():
        text = text.replace(before, after)
    again: list[dict[str, Any]] = json.loads(text)
    for event in again:
        event["id"] = f"{event['id']}_{number}"
    return again


async def open_payment(town: Town, shop: Shop) -> dict[str, Any]:
    now = clock.now()
    order_id = await orders.create_order(
        town.house.gateways,
        merchant_id=shop.merchant_id,
        currency="EUR",
        items=[NewItem(quantity=1, name="Thing", unit_amount=Amount(10000, "EUR"))],
        customer=None,
        reference=None,
        metadata={},
        idempotency_key=clock.now().isoformat(),
        body_digest="x",
        cause=CAUSE,
        now=now,
    )
    payment_id = await start_checkout(
        town.house.gateways,
        town.house.tokens,
        merchant_id=shop.merchant_id,
        order_id=order_id,
        places=Places(town.base_url),
        capture_method=CaptureMethod.MANUAL,
        idempotency_key=order_id,
        body_digest=order_id,
        cause=CAUSE,
        now=now,
    )
    row = await reading.fetch_one("SELECT id, order_id, session_token FROM payments WHERE id = $1", payment_id)
    assert row is not None
    return row


async def tell(town: Town, events: list[dict[str, Any]]) -> None:
    gateway = town.house.gateways["stripe"]
    for event in events:
        for copy in (event, {**event, "id": f"{event['id']}_twin"}):
            payload = json.dumps(copy)
            await inbox.receive(gateway.read_event(payload), payload, handlers=HANDLERS, now=clock.now())


async def states(town: Town, shop: Shop) -> dict[str, int]:
    """Every final state of the merchant's payments, books included, and how many ended in it."""
    rows = await reading.fetch(
        """SELECT p.id, p.status, p.authorized_minor, p.captured_minor, p.refunded_minor, p.disputed_minor,
                  o.status AS order_status,
                  (SELECT r.status FROM refunds r WHERE r.payment_id = p.id) AS refund,
                  (SELECT d.status FROM disputes d WHERE d.payment_id = p.id) AS dispute,
                  (SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) FROM postings
                    WHERE payment_id = p.id AND debit = 'psp_receivable')
                  - (SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) FROM postings
                      WHERE payment_id = p.id AND credit = 'psp_receivable' AND kind <> 'fee') AS receivable
             FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.merchant_id = $1""",
        shop.merchant_id,
    )
    found: dict[str, int] = {}
    for row in rows:
        state = json.dumps({name: value for name, value in row.items() if name != "id"}, sort_keys=True)
        found[state] = found.get(state, 0) + 1
    return found


@pytest.mark.timeout(400)
def test_all_orders_of_the_story_end_in_the_psps_truth(town: Town, shop: Shop) -> None:
    first, events = lived(town, shop)
    (expected,) = town.call(states(town, shop))
    truth = json.loads(expected)
    assert (truth["status"], truth["captured_minor"], truth["refunded_minor"], truth["disputed_minor"]) == (
        "captured",
        10000,
        0,
        0,
    )
    assert (truth["refund"], truth["dispute"], truth["order_status"]) == ("failed", "won", "paid")
    town.sandbox("POST", "/webhooks/rules", action="drop")

    intent = next(e for e in events if e["type"] == "payment_intent.amount_capturable_updated")["data"]["object"]
    refund = next(e for e in events if e["type"] == "refund.created")["data"]["object"]
    dispute = next(e for e in events if e["type"] == "charge.dispute.funds_reinstated")["data"]["object"]
    ours = refund["metadata"]["paygraph_refund"]

    async def live(number: int, order: tuple[int, ...]) -> None:
        payment = await open_payment(town, shop)
        old = {
            first["id"]: payment["id"],
            first["token"]: payment["session_token"],
            first["orderId"]: payment["order_id"],
            intent["id"]: f"{intent['id']}{number}",
            refund["id"]: f"{refund['id']}{number}",
            dispute["id"]: f"{dispute['id']}{number}",
            refund["charge"]: f"{refund['charge']}{number}",
            ours: f"{ours[:-4]}{number:04d}",
        }
        again = retold(events, old, number)
        await tell(town, [again[index] for index in order])

    async def live_all() -> None:
        orders_of_events = list(permutations(range(len(events))))
        assert len(orders_of_events) == 720
        for start in range(0, 720, 8):
            batch = list(enumerate(orders_of_events))[start : start + 8]
            await asyncio.gather(*(live(number, order) for number, order in batch))

    asyncio.run_coroutine_threadsafe(live_all(), town.loop).result(380)

    async def retry_kept() -> None:
        for hours in range(1, 10):
            later = clock.now() + timedelta(hours=hours)
            while await inbox.retry_next(town.house.gateways, handlers=HANDLERS, now=later):
                pass

    asyncio.run_coroutine_threadsafe(retry_kept(), town.loop).result(380)
    assert town.call(states(town, shop)) == {expected: 721}
