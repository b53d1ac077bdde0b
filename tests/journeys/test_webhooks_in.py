"""a signed message, in whatever order, number and state it comes -> one effect, or none"""

import hashlib
import hmac
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateways.stripe.events import LISTENED
from kit.database import reading
from tests import invariants
from tests.town import Shop, Town, eventually, half_sent

DASHBOARD = {"Authorization": "Bearer sk_test_dashboard"}


def signature(body: bytes, secret: str, at: float | None = None) -> str:
    moment = int(time.time() if at is None else at)
    mark = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mark}"


def send(town: Town, event: dict[str, Any] | bytes, **headers: str) -> httpx.Response:
    """Posts an event as the PSP would, signed unless a signature is given."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    signed = {"Stripe-Signature": signature(body, town.webhook_secret), **headers}
    return town.http.post(f"{town.base_url}/webhooks/stripe", content=body, headers=signed)


def events_of(town: Town, payment: dict[str, Any]) -> list[dict[str, Any]]:
    """What the PSP has to tell of the payment, oldest first."""
    found = town.http.get(f"{town.sandbox_url}/v1/events?limit=100", headers=DASHBOARD).json()["data"]
    return [event for event in reversed(found) if payment["id"] in json.dumps(event)]


def inbox(town: Town) -> dict[str, dict[str, Any]]:
    rows = town.call(reading.fetch("SELECT event_token, status, detail, tries FROM webhook_events"))
    return {row["event_token"]: row for row in rows}


def unheard(town: Town, shop: Shop, *cards: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A payment paid at the PSP while every webhook was lost, and what the webhooks would have said."""
    town.sandbox("POST", "/webhooks/rules", action="drop")
    payment = shop.open_payment()
    for card in cards or ("4242424242424242",):
        shop.pay(payment, card=card)
    town.settle()
    town.quiet()
    assert shop.find_payment(payment["id"])["status"] == "OPEN"
    return payment, events_of(town, payment)


def completed(events: list[dict[str, Any]]) -> dict[str, Any]:
    return next(event for event in events if event["type"] == "checkout.session.completed")


def test_two_hundred_copies_at_once_have_one_effect(town: Town, shop: Shop) -> None:
    payment, events = unheard(town, shop)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: send(town, completed(events)), range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json()["received"] for answer in answers].count("applied") == 1
    order = shop.find_order(payment["orderId"])
    assert (order["status"], order["payments"][0]["captured"]["amountMinor"]) == ("PAID", 4200)
    types = [event["type"] for event in order["timeline"]["nodes"]]
    assert (types.count("payment.captured"), types.count("order.paid")) == (1, 1)
    invariants.check(town.house.settings.database_url, town.sandbox_url, merchant_id=shop.merchant_id)


def test_any_order_of_messages_with_copies_ends_in_the_same_truth(town: Town, shop: Shop) -> None:
    seen = set()
    for seed in range(6):
        payment, events = unheard(town, shop, "4000000000000002", "4242424242424242")
        shuffled = random.Random(seed).sample(events * 2, len(events) * 2)
        assert {send(town, event).status_code for event in shuffled} == {200}
        found = shop.find_payment(payment["id"])
        assert found["method"]["last4"] == "4242", seed
        tries = [event["type"] for event in found["timeline"]["nodes"]]
        assert tries.count("payment.declined") == 1, seed
        versions = [event["version"] for event in shop.find_order(payment["orderId"])["timeline"]["nodes"]]
        assert versions == list(range(1, len(versions) + 1))
        kept = {name: found[name] for name in ("status", "captured", "authorized", "refunded", "ledger", "lastError")}
        seen.add(json.dumps([kept, shop.find_order(payment["orderId"])["status"]], sort_keys=True))
    assert len(seen) == 1, seen


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body, secret: {"Stripe-Signature": ""},
        lambda body, secret: {"Stripe-Signature": "t=1,v1=00"},
        lambda body, secret: {"Stripe-Signature": signature(body, "whsec_other")},
        lambda body, secret: {"Stripe-Signature": signature(body, secret, time.time() - 301)},
        lambda body, secret: {"Stripe-Signature": signature(body, secret, time.time() + 301)},
        lambda body, secret: {"Stripe-Signature": signature(body + b" ", secret)},
        lambda body, secret: {"Stripe-Signature": signature(body, secret).replace("v1", "v0")},
        lambda body, secret: {"Stripe-Signature": "t=" + "9" * 400 + ",v1=00"},
    ],
    ids=["empty", "made up", "other secret", "stale", "future", "other body", "other scheme", "absurd time"],
)
def test_a_message_that_does_not_prove_itself_is_refused_and_not_stored(town: Town, shop: Shop, spoil: Any) -> None:
    payment, events = unheard(town, shop)
    body = json.dumps(completed(events)).encode()
    before = inbox(town)
    assert send(town, body, **spoil(body, town.webhook_secret)).status_code == 400
    assert inbox(town) == before
    assert shop.find_payment(payment["id"])["status"] == "OPEN"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"12",
        b"{}",
        b"{",
        b'{"id": 5, "type": "x", "created": 1, "livemode": false, "data": {"object": {}}}',
        b'{"id": "evt_1", "type": "checkout.session.completed", "created": 1, "livemode": false, "data": {}}',
        b'{"id": "evt_2", "type": "charge.succeeded", "created": 1, "livemode": false, "data": {"object": 5}}',
        b'{"id": "evt_3", "type": "refund.created", "created": 1e400, "livemode": false, "data": {"object": {}}}',
        b"[" * 5000,
        b"\xff\xfe",
        b'{"id": "evt_4", "created": ' + b"9" * 5000 + b"}",
    ],
    ids=range(14),
)
def test_a_signed_body_that_is_no_event_is_refused_and_not_stored(town: Town, body: bytes) -> None:
    before = inbox(town)
    answer = send(town, body)
    assert answer.status_code == 400
    assert "error" in answer.json()
    assert inbox(town) == before


def test_a_header_that_is_not_ascii_is_refused(town: Town) -> None:
    headers = {"Stripe-Signature": "t=1,v1=é".encode()}
    answer = town.http.post(f"{town.base_url}/webhooks/stripe", content=b"{}", headers=headers)
    assert answer.status_code == 400


def test_an_oversized_message_is_refused(town: Town) -> None:
    before = inbox(town)
    assert send(town, b'{"id": "' + b"x" * 600_000 + b'"}').status_code == 413
    assert inbox(town) == before


def test_unlistened_and_foreign_events_are_stored_and_change_nothing(town: Town, shop: Shop) -> None:
    payment, events = unheard(town, shop)
    event = completed(events)
    unlistened = next(event for event in events if event["type"] not in LISTENED)
    assert send(town, unlistened).json() == {"received": "ignored"}
    assert send(town, unlistened).json() == {"received": "duplicate"}
    foreign = json.loads(json.dumps(event).replace(event["data"]["object"]["id"], "cs_test_foreign"))
    foreign["id"] = "evt_foreign"
    foreign["data"]["object"] |= {"metadata": {}, "client_reference_id": None, "payment_intent": "pi_foreign"}
    assert send(town, foreign).json() == {"received": "ignored"}
    assert [inbox(town)[token]["status"] for token in (unlistened["id"], "evt_foreign")] == ["ignored", "ignored"]
    assert shop.find_payment(payment["id"])["status"] == "OPEN"


def test_a_session_that_takes_no_payment_is_none_of_ours(town: Town, shop: Shop) -> None:
    _, events = unheard(town, shop)
    event = {**completed(events), "id": f"evt_setup_{time.time_ns()}"}
    nothing = {"mode": "setup", "amount_total": None, "currency": None, "payment_intent": None, "metadata": {}}
    event["data"] = {"object": {**event["data"]["object"], **nothing}}
    assert send(town, event).json() == {"received": "ignored"}


def test_a_signed_event_that_we_do_not_understand_is_kept_and_not_lost(town: Town, shop: Shop) -> None:
    payment, events = unheard(town, shop)
    event = {**completed(events), "id": f"evt_strange_{time.time_ns()}"}
    event["data"] = {"object": {**event["data"]["object"], "amount_total": None}}
    assert send(town, event).json() == {"received": "kept"}
    tried = eventually(lambda: inbox(town)[event["id"]], lambda row: row["tries"] > 0)
    assert (tried["status"], tried["detail"]) == ("kept", "Unreadable: The message is not understood.")
    assert send(town, completed(events)).json() == {"received": "applied"}
    assert shop.find_payment(payment["id"])["status"] == "CAPTURED"


def test_a_failed_3ds_is_told_like_any_other_try(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    shop.pay(payment, card="4000002760003184", three_d_secure="fail")
    found = eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["lastError"] is not None)
    assert [event["type"] for event in found["timeline"]["nodes"]].count("payment.declined") == 1
    shop.sync(payment["id"])
    again = shop.find_payment(payment["id"])
    assert [event["type"] for event in again["timeline"]["nodes"]].count("payment.declined") == 1


def test_a_message_that_comes_before_our_own_record_is_kept_and_applied_later(town: Town, shop: Shop) -> None:
    payment, events = unheard(town, shop)
    text = json.dumps(completed(events))
    early = json.loads(text.replace(payment["id"], "pay_01m7ys78dheqzr8cen7v08nnh8"))
    early["id"] = f"evt_early_{time.time_ns()}"
    early["data"]["object"]["id"] = "cs_test_not_recorded_yet"
    early["data"]["object"]["payment_intent"] = "pi_not_recorded_yet"
    assert send(town, early).json() == {"received": "kept"}
    tried = eventually(lambda: inbox(town)[early["id"]], lambda row: row["tries"] > 0)
    assert (tried["status"], tried["detail"]) == ("kept", "NotYetKnown: The payment is not recorded yet.")


def test_a_refund_that_is_heard_of_before_its_capture_is_kept_until_then(town: Town, shop: Shop) -> None:
    payment, events = unheard(town, shop)
    charge = next(event for event in events if event["type"] == "charge.succeeded")["data"]["object"]
    town.sandbox("POST", "/webhooks/rules", action="drop")
    town.sandbox("POST", f"/charges/{charge['id']}/refund", amount=1200)
    found = town.http.get(f"{town.sandbox_url}/v1/events?type=refund.created&limit=1", headers=DASHBOARD).json()
    assert send(town, found["data"][0]).json() == {"received": "kept"}
    assert send(town, completed(events)).json() == {"received": "applied"}
    refunded = eventually(
        lambda: shop.find_payment(payment["id"]), lambda payment: payment["refunded"]["amountMinor"] == 1200
    )
    assert [refund["reason"] for refund in refunded["refunds"]] == ["OTHER"]


@pytest.mark.parametrize(
    ("change", "in_what"),
    [
        ({"amount_total": 4199}, "amount: the PSP says 4199"),
        ({"currency": "usd"}, "currency: the PSP says USD"),
        ({"livemode": True}, "mode: the PSP says live"),
    ],
)
def test_money_of_another_amount_currency_or_mode_is_conflicted_and_never_paid(
    town: Town, shop: Shop, change: dict[str, Any], in_what: str, caplog: pytest.LogCaptureFixture
) -> None:
    payment, events = unheard(town, shop)
    event = completed(events)
    forged = {**event, "id": f"evt_wrong_{time.time_ns()}", "livemode": change.get("livemode", False)}
    forged["data"] = {"object": {**event["data"]["object"], **change}}
    assert send(town, forged).status_code == 200
    order = shop.find_order(payment["orderId"])
    found = order["payments"][0]
    assert (order["status"], found["status"], found["conflict"]) == ("OPEN", "CONFLICTED", in_what)
    assert found["ledger"] == []
    assert "The PSP contradicts our books" in caplog.text
    refused = shop.checkout(payment["orderId"])
    assert [error["code"] for error in refused["userErrors"]] == ["PAYMENT_CONFLICTED"]

    synced = shop.sync(payment["id"])
    assert (synced["payment"]["status"], synced["payment"]["captured"]["amountMinor"]) == ("CAPTURED", 4200)
    assert shop.find_order(payment["orderId"])["status"] == "PAID"


def test_a_message_of_another_account_is_conflicted(town: Town, shop: Shop) -> None:
    payment, events = unheard(town, shop)
    assert send(town, {**completed(events), "account": "acct_other"}).status_code == 200
    assert shop.find_payment(payment["id"])["conflict"] == "account: the PSP names another account"


def test_a_message_that_tells_of_another_mode_than_its_own_is_none(town: Town, shop: Shop) -> None:
    payment, events = unheard(town, shop)
    event = completed(events)
    forged = {**event, "data": {"object": {**event["data"]["object"], "livemode": True}}}
    assert send(town, forged).status_code == 400
    assert event["id"] not in inbox(town)
    assert shop.find_payment(payment["id"])["status"] == "OPEN"


def test_a_message_that_stops_half_way_is_not_waited_for(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.routes.BODY_SECONDS", 0.2)
    before = inbox(town)
    assert half_sent(f"{town.base_url}/webhooks/stripe") == "HTTP/1.1 408 Request Timeout"
    assert inbox(town) == before


@pytest.mark.parametrize("name", ["id", "type"])
@pytest.mark.parametrize(
    "text",
    ["evt_\u0000", "evt_\ud800", "evt_\u00e9", "evt_\n", "", "x" * 300],
    ids=["NUL", "half a surrogate", "no ASCII", "a line", "empty", "long"],
)
def test_a_message_whose_name_is_none_is_refused(town: Town, shop: Shop, name: str, text: str) -> None:
    _, events = unheard(town, shop)
    event = completed(events) | {name: text, "api_version": None}
    assert send(town, event).status_code == 400
    assert event["id"] not in inbox(town)


def test_an_amount_beyond_all_numbers_is_conflicted_and_a_token_beyond_all_names_is_kept(
    town: Town, shop: Shop
) -> None:
    payment, events = unheard(town, shop)
    event = completed(events)
    for number, (change, status) in enumerate(
        [({"payment_intent": "pi_" + "a" * 5000}, "kept"), ({"amount_total": 10**400}, "applied")]
    ):
        token = f"evt_huge_{payment['id']}_{number}"
        huge = {**event, "id": token, "data": {"object": {**event["data"]["object"], **change}}}
        assert send(town, huge).status_code == 200
        assert inbox(town)[token]["status"] == status
    found = shop.find_payment(payment["id"])
    assert (found["status"], found["conflict"]) == ("CONFLICTED", "amount: the PSP says 1" + "0" * 29)
