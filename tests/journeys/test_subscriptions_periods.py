"""one period -> one order; the PSP's messages in every order, twice and late; followed live; counted in statements"""

import itertools
import json
import random
import secrets
from collections import Counter
from typing import Any

import pytest

from kit.database import reading
from tests import invariants, subscribing
from tests.following import Kind, follow, is_
from tests.journeys.test_statement_counts import asked, statements  # noqa: F401
from tests.journeys.test_webhooks_in import send
from tests.subscribing import advance
from tests.town import Shop, Town, eventually

TELLING = ("customer.subscription.updated", "invoice.paid", "invoice_payment.paid", "payment_intent.succeeded")
TELLING += ("charge.succeeded",)


def unheard(town: Town, shop: Shop) -> tuple[Any, list[Any]]:
    """A subscription that was renewed, and the PSP's messages of it, none of which has come."""
    active = subscribing.subscribe(shop, subscribing.plan(shop, 1900)["id"], f"{secrets.token_hex(6)}@example.com")
    town.settle()
    known = {event["id"] for event in subscribing.psp(shop, "/events", limit=100)["data"]}
    town.sandbox("POST", "/webhooks/rules", action="drop")
    advance(shop, active, renew=True)
    town.sandbox("DELETE", "/webhooks/rules")
    fresh = [event for event in subscribing.psp(shop, "/events", limit=100)["data"] if event["id"] not in known]
    told = [event for event in fresh if event["type"] in TELLING]
    assert {event["type"] for event in told} == set(TELLING)
    return active, told[::-1]


def test_the_messages_of_a_renewal_come_in_every_order_and_make_one_paid_order(town: Town, shop: Shop) -> None:
    """Of the 120 orders of five messages, a dozen that differ; each message comes twice."""
    orders = list(itertools.permutations(range(5)))
    for order in random.Random(7).sample(orders, 12):
        active, told = unheard(town, shop)
        chosen = [next(event for event in told if event["type"] == TELLING[place]) for place in order]
        for event in [*chosen, *chosen]:
            assert send(town, event).status_code == 200
        found = eventually(
            lambda active=active: subscribing.find(shop, active["id"]),
            lambda found: len(found["invoices"]) == 2 and found["invoices"][-1]["order"] is not None,
        )
        (payment,) = shop.find_order(found["invoices"][-1]["order"]["id"])["payments"]
        assert (payment["status"], payment["type"], payment["captured"]["amountMinor"]) == ("CAPTURED", "RECC", 1900)
        assert found["currentPeriodStart"] == active["currentPeriodEnd"]
    url = town.house.settings.database_url
    invariants.check(url, merchant_id=shop.merchant_id, settled=False)


def test_a_second_charge_for_one_period_goes_back(town: Town, shop: Shop) -> None:
    """The PSP never does it; if it did: another invoice of the same period, paid by another payment."""
    active, told = unheard(town, shop)
    for event in told:
        send(town, event)
    found = settled_renewal(shop, active)
    order = shop.find_order(found["invoices"][-1]["order"]["id"])
    town.settle()
    twin = real_payment(town, shop, 1900)
    for kind in ("invoice.paid", "invoice_payment.paid"):
        event = json.loads(json.dumps(next(event for event in told if event["type"] == kind)))
        event["id"] = f"evt_{secrets.token_hex(12)}"
        about = event["data"]["object"]
        if kind == "invoice.paid":
            about |= {"id": "in_twin" + active["token"][4:], "number": "TWIN-1"}
        else:
            about |= {"id": f"inpay_{secrets.token_hex(8)}", "invoice": "in_twin" + active["token"][4:]}
            about["payment"]["payment_intent"] = twin
        assert send(town, event).status_code == 200
    paid = eventually(lambda: shop.find_order(order["id"]), lambda found: len(found["payments"]) == 2)
    again = eventually(
        lambda: shop.find_order(order["id"])["payments"][1], lambda found: found["refunded"]["amountMinor"] == 1900
    )
    assert [refund["reason"] for refund in again["refunds"]] == ["DUPLICATE"]
    assert (paid["status"], paid["payments"][0]["refunded"]["amountMinor"]) == ("PAID", 0)


def real_payment(town: Town, shop: Shop, amount: int) -> str:
    """The PSP's name of some money that it took."""
    headers = {"Authorization": "Bearer sk_test_town"}
    form = {"amount": amount, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    form |= {"return_url": "https://shop.example/"}
    answer = town.http.post(f"{town.sandbox_url}/v1/payment_intents", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def settled_renewal(shop: Shop, active: Any) -> Any:
    return eventually(
        lambda: subscribing.find(shop, active["id"]),
        lambda found: len(found["invoices"]) == 2 and found["invoices"][-1]["order"] is not None,
    )


def test_an_old_message_about_a_subscription_changes_nothing(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop, 500, perSeat=True)["id"], quantity=2)
    town.settle()
    first = next(
        event
        for event in subscribing.psp(shop, "/events", limit=100)["data"]
        if event["type"].startswith("customer.subscription.") and event["data"]["object"]["id"] == active["token"]
    )
    town.sandbox("POST", "/clock/advance", seconds=3)
    subscribing.done(shop, "subscriptionChange", subscriptionId=active["id"], quantity=5)
    stale = {**first, "id": f"evt_{secrets.token_hex(12)}"}
    assert send(town, stale).status_code == 200
    assert subscribing.find(shop, active["id"])["quantity"] == 5
    subscribing.sweep(shop, active)
    assert subscribing.find(shop, active["id"])["quantity"] == 5


def test_a_refund_of_a_renewal_is_as_any_other(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop, 1900)["id"])
    (payment,) = shop.find_order(active["invoices"][0]["order"]["id"])["payments"]
    refund = """mutation ($input: RefundCreateInput!) { refundCreate(input: $input) { userErrors { code } } }"""
    given = {"paymentId": payment["id"], "reason": "REQUESTED_BY_CUSTOMER", "idempotencyKey": "r"}
    assert shop.ask(refund, input=given)["refundCreate"]["userErrors"] == []
    eventually(lambda: shop.find_payment(payment["id"])["refunded"]["amountMinor"] == 1900)
    invariants.check(town.house.settings.database_url, merchant_id=shop.merchant_id, settled=False)


@pytest.mark.parametrize("kind", ["socket", "stream"])
def test_a_subscription_is_followed_live_without_a_gap(town: Town, shop: Shop, kind: Kind) -> None:
    begun = subscribing.start(shop, subscribing.plan(shop)["id"])
    query = """subscription ($id: ID!, $after: Cursor) { subscriptionUpdates(id: $id, after: $after) {
      cursor version event { type subscriptionId } subscription { status } } }"""
    with follow(town.graphql_url, shop.secret_key, query, kind=kind, id=begun["id"]) as live:
        first = live.next()
        shop.pay(begun)
        seen = live.until(is_("entitlement.granted"))
    with follow(town.graphql_url, shop.secret_key, query, kind=kind, id=begun["id"], after=first["cursor"]) as live:
        again = live.until(is_("entitlement.granted"))
    assert (first["event"], first["subscription"]["status"]) == (None, "INCOMPLETE")
    assert [update["version"] for update in seen] == list(range(first["version"] + 1, seen[-1]["version"] + 1))
    assert [update["event"] for update in again] == [update["event"] for update in seen]
    assert {update["event"]["subscriptionId"] for update in seen} == {begun["id"]}


def test_a_renewals_messages_take_a_known_number_of_statements(
    town: Town,
    shop: Shop,
    statements: Counter[str],  # noqa: F811
) -> None:
    counts: dict[str, int] = {}
    active, told = unheard(town, shop)
    for kind in TELLING:
        event = next(event for event in told if event["type"] == kind)
        request_id = f"count-{secrets.token_hex(8)}"
        assert send(town, event, **{"X-Request-Id": request_id}).status_code == 200
        counts[kind] = statements[request_id]
    settled_renewal(shop, active)
    assert counts == {
        "customer.subscription.updated": 4,
        "invoice.paid": 6,
        "invoice_payment.paid": 11,
        "payment_intent.succeeded": 1,
        "charge.succeeded": 1,
    }


LIST = """query ($first: Int) { subscriptions(first: $first) { nodes {
  id status nextAction { url } nextAttemptAt actions { code }
  plan { name } price { amount { amountMinor } } customer { email } } } }"""


def test_a_list_of_subscriptions_takes_as_many_statements_for_one_as_for_twelve(
    town: Town,
    shop: Shop,
    statements: Counter[str],  # noqa: F811
) -> None:
    plan = subscribing.plan(shop)
    for number in range(12):
        subscribing.start(shop, plan["id"], f"c{number}@example.com")
    counts = {first: asked(town, shop, statements, LIST, first=first) for first in (1, 12)}
    assert counts == {1: 6, 12: 6}  # key, subscriptions, invoices that are open, plans, prices, customers


def test_no_message_of_a_renewal_is_left_over(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop)["id"])
    advance(shop, active, renew=True)
    town.settle()
    waiting = "SELECT type, detail FROM webhook_events WHERE status IN ('kept', 'stuck') AND payload LIKE $1"
    eventually(lambda: not town.call(reading.fetch(waiting, f"%{active['token']}%")))
