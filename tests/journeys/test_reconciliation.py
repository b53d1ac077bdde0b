"""every webhook lost -> reconciliation asks the PSP -> all payments come right"""

from datetime import timedelta
from typing import Any

import pytest

from kit import clock
from kit.database import reading
from kit.database.reading import decode_time
from tests.town import Shop, Town, eventually

OUTCOMES: list[tuple[dict[str, Any], str, int]] = [
    ({"card": "4242424242424242"}, "CAPTURED", 4200),
    ({"card": "4000000000000002"}, "OPEN", 0),
    ({"card": "4000002760003184"}, "CAPTURED", 4200),
    ({"card": "4000002760003184", "three_d_secure": "fail"}, "OPEN", 0),
    ({"method": "ideal"}, "CAPTURED", 4200),
    ({"method": "ideal", "outcome": "failure"}, "OPEN", 0),
    ({"method": "sepa_debit"}, "CAPTURED", 4200),
    ({"method": "sepa_debit", "outcome": "failure"}, "FAILED", 0),
]


def test_with_every_webhook_lost_all_payments_come_right(town: Town, shop: Shop) -> None:
    town.sandbox("POST", "/webhooks/rules", action="drop")
    payments = [shop.open_payment() for _ in OUTCOMES]
    for payment, (how, _, _) in zip(payments, OUTCOMES, strict=True):
        shop.pay(payment, **how)
    town.sandbox("POST", "/clock/advance", seconds=120)
    assert {shop.find_payment(payment["id"])["status"] for payment in payments} == {"OPEN"}

    town.sweep(timedelta(minutes=10))
    found = [shop.find_payment(payment["id"]) for payment in payments]
    assert [(p["status"], p["captured"]["amountMinor"]) for p in found] == [(s, n) for _, s, n in OUTCOMES]
    for payment in found:
        captured = payment["status"] == "CAPTURED"
        assert (payment["fee"] is not None) == captured
        assert shop.find_order(payment["orderId"])["status"] == ("PAID" if captured else "OPEN")
        assert {event["cause"]["kind"] for event in payment["timeline"]["nodes"]} <= {"API", "SWEEP"}


def test_sessions_past_their_time_are_closed_at_the_psp_and_the_timeline_says_why(town: Town, shop: Shop) -> None:
    town.sandbox("POST", "/webhooks/rules", action="drop")
    payment = shop.open_payment()
    town.sweep(timedelta(hours=2))
    found = shop.find_payment(payment["id"])
    assert (found["status"], found["checkoutUrl"]) == ("EXPIRED", None)
    assert found["timeline"]["nodes"][-1]["cause"] == {"kind": "SWEEP", "ref": "test"}
    assert len(town.calls("POST", f"/v1/checkout/sessions/{payment['token']}/expire")) == 1
    assert town.call(pending(payment["id"])) is None


def test_the_worker_asks_by_itself_when_a_payment_is_due(town: Town, shop: Shop) -> None:
    town.sandbox("POST", "/webhooks/rules", action="drop")
    payment = shop.open_payment()
    shop.pay(payment)
    town.call(reading.execute("UPDATE payments SET inquire_at = created_at WHERE id = $1", payment["id"]))
    paid = eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")
    assert paid["timeline"]["nodes"][-1]["cause"] == {"kind": "SWEEP", "ref": "reconciliation"}


def test_a_psp_that_is_down_is_asked_again_later(town: Town, shop: Shop) -> None:
    town.sandbox("POST", "/webhooks/rules", action="drop")
    payment = shop.open_payment()
    shop.pay(payment)
    town.sandbox("POST", "/faults", method="GET", path="/v1/checkout/sessions/*", kind="status", status=503, next=100)
    synced = shop.sync(payment["id"])
    assert [error["code"] for error in synced["userErrors"]] == ["GATEWAY_UNAVAILABLE"]
    assert synced["payment"]["status"] == "OPEN"
    town.sweep(timedelta(minutes=10))
    assert town.call(pending(payment["id"])) is not None
    town.sandbox("DELETE", "/faults")
    town.sweep(timedelta(minutes=20))
    assert shop.find_payment(payment["id"])["status"] == "CAPTURED"


@pytest.mark.parametrize(("age", "pause"), [(1, 1 / 3), (10, 2), (50, 15), (6 * 60, 120), (5 * 24 * 60, 720)])
def test_a_silent_psp_is_asked_the_more_rarely_the_older_the_payment_is(
    town: Town, shop: Shop, age: float, pause: float
) -> None:
    """In minutes."""
    payment = shop.open_payment()
    town.sandbox("POST", "/faults", method="*", path="/v1/checkout/sessions/*", kind="status", status=503, next=None)
    town.sweep(timedelta(minutes=age), only=payment["id"])
    wait = town.call(pending(payment["id"])) - clock.now() - timedelta(minutes=age)
    assert abs(wait - timedelta(minutes=pause)) < timedelta(seconds=15)


def test_payment_sync_takes_in_what_the_dashboard_did(town: Town, shop: Shop) -> None:
    order = shop.paid_order()
    town.settle()
    payment = order["payments"][0]
    town.sandbox("POST", "/webhooks/rules", action="drop")
    session = town.http.get(
        f"{town.sandbox_url}/v1/checkout/sessions/{payment['token']}?expand[]=payment_intent",
        headers={"Authorization": "Bearer sk_test_dashboard"},
    ).json()
    town.sandbox("POST", f"/charges/{session['payment_intent']['latest_charge']}/refund", amount=1000)
    assert shop.find_payment(payment["id"])["refunded"]["amountMinor"] == 0
    synced = shop.sync(payment["id"])["payment"]
    assert synced["refunded"]["amountMinor"] == 1000
    assert [(refund["status"], refund["explanation"]) for refund in synced["refunds"]] == [
        ("SUCCEEDED", "Made at the PSP.")
    ]
    again = shop.sync(payment["id"])["payment"]
    for name in ("status", "captured", "refunded", "refunds", "ledger"):
        assert again[name] == synced[name]
    assert len(again["timeline"]["nodes"]) == len(synced["timeline"]["nodes"])


async def pending(payment_id: str) -> Any:
    """When the payment is asked about next."""
    row = await reading.fetch_one("SELECT inquire_at FROM payments WHERE id = $1", payment_id)
    assert row is not None
    return row["inquire_at"] and decode_time(row["inquire_at"])
