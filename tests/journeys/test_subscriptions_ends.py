"""dunning to its other ends; a renewal that is contested, or given back -> the subscription goes on"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import invariants, subscribing
from tests.journeys.test_disputes import answer, books
from tests.journeys.test_disputes import find as find_contested
from tests.subscribing import advance, entitlements, settled
from tests.town import Shop, Town, eventually
from tests.unchanged import told

REFUND = "mutation ($input: RefundCreateInput!) { refundCreate(input: $input) { userErrors { code } } }"


@pytest.fixture(params=["UNPAID", "PAST_DUE"])
def end(request: pytest.FixtureRequest, town: Town) -> Iterator[str]:
    """What the PSP is set to make of a subscription whose last try has failed."""
    town.sandbox("POST", "/settings", dunning_end=request.param.lower())
    yield request.param
    town.sandbox("POST", "/settings", dunning_end="cancel")


def test_a_subscription_that_is_not_ended_for_its_debt_stands_until_it_is_paid(
    town: Town, shop: Shop, end: str
) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop, 1900)["id"])
    subscribing.decline(shop, active, "insufficient_funds")
    advance(shop, active, renew=True)
    settled(shop, active["id"], "PAST_DUE")
    advance(shop, active, days=20)
    given_up = eventually(
        lambda: settled(shop, active["id"], end), lambda found: found["invoices"][1]["attemptCount"] == 4
    )
    owed = given_up["invoices"][1]
    assert (owed["status"], owed["nextAttemptAt"], owed["order"]) == ("OPEN", None, None)
    assert given_up["nextAction"] == {"type": "pay", "url": owed["paymentUrl"]}
    assert entitlements(shop, active["customerId"]) == ({} if end == "UNPAID" else {"courses": 1})
    cheaper = subscribing.plan(shop, 100)
    assert_unchangeable(shop, given_up, cheaper)
    types = subscribing.types(shop, active["id"])
    assert types.count("subscription.unpaid") == types.count("entitlement.revoked") == (1 if end == "UNPAID" else 0)
    assert not {"subscription.canceled", "invoice.paid"} & set(types[types.index("subscription.past_due") :])

    subscribing.decline(shop, active, None)
    (token,) = [
        each["id"] for each in subscribing.psp(shop, "/invoices", subscription=active["token"], status="open")["data"]
    ]
    town.sandbox("POST", f"/invoices/{token}/pay")
    right = settled(shop, active["id"], "ACTIVE")
    assert [invoice["status"] for invoice in right["invoices"]] == ["PAID", "PAID"]
    assert right["nextAction"] is None
    assert {"name": "CHANGE", "enabled": True, "code": None} in right["actions"]
    assert entitlements(shop, active["customerId"]) == {"courses": 1}
    advance(shop, active, renew=True)
    eventually(lambda: len(subscribing.find(shop, active["id"])["invoices"]) == 3)
    assert settled(shop, active["id"], "ACTIVE")["invoices"][2]["amountPaid"]["amountMinor"] == 1900
    invariants.check(town.house.settings.database_url, town.sandbox_url, merchant_id=shop.merchant_id)


def assert_unchangeable(shop: Shop, owing: Any, plan: Any) -> None:
    """Nobody is credited for a period that nobody paid."""
    refused = [("SUBSCRIPTION_UNPAID", "subscriptionId")]
    target = {"subscriptionId": owing["id"], "planId": plan["id"]}
    for proration in ("NOW", "NEXT_INVOICE", "NONE"):
        assert told(subscribing.act(shop, "subscriptionChange", **target, proration=proration)) == refused
    assert told(shop.ask(subscribing.PREVIEW, input=target)["subscriptionChangePreview"]) == refused
    assert {"name": "CHANGE", "enabled": False, "code": "SUBSCRIPTION_UNPAID"} in owing["actions"]
    assert subscribing.find(shop, owing["id"]) == owing


def test_an_invoice_that_was_given_up_is_not_credited_while_its_period_runs(town: Town, shop: Shop) -> None:
    cheaper = subscribing.plan(shop, 100)
    active = subscribing.subscribe(shop, subscribing.plan(shop, 1900)["id"])
    subscribing.decline(shop, active, "insufficient_funds")
    advance(shop, active, renew=True)
    settled(shop, active["id"], "PAST_DUE")
    (owed,) = subscribing.psp(shop, "/invoices", subscription=active["token"], status="open")["data"]
    headers = {"Authorization": "Bearer sk_test_town"}
    town.http.post(f"{town.sandbox_url}/v1/invoices/{owed['id']}/mark_uncollectible", headers=headers)
    forgiven = eventually(
        lambda: settled(shop, active["id"], "ACTIVE"), lambda found: found["invoices"][1]["status"] == "UNCOLLECTIBLE"
    )
    assert forgiven["nextAction"] == {"type": "pay", "url": forgiven["invoices"][1]["paymentUrl"]}
    assert "Pay now" in town.http.get(forgiven["pageUrl"]).text
    assert_unchangeable(shop, forgiven, cheaper)
    subscribing.decline(shop, active, None)
    advance(shop, active, renew=True)
    eventually(lambda: len(subscribing.find(shop, active["id"])["invoices"]) == 3)
    eventually(lambda: subscribing.find(shop, active["id"])["invoices"][2]["status"] == "PAID")
    subscribing.done(shop, "subscriptionChange", subscriptionId=active["id"], planId=cheaper["id"])


def renewed(shop: Shop) -> tuple[Any, Any]:
    """A subscription after its first renewal, and the renewal's payment."""
    active = subscribing.subscribe(shop, subscribing.plan(shop, 1900)["id"])
    advance(shop, active, renew=True)
    eventually(lambda: len(subscribing.find(shop, active["id"])["invoices"]) == 2)
    found = settled(shop, active["id"], "ACTIVE")
    (payment,) = shop.find_order(found["invoices"][1]["order"]["id"])["payments"]
    return found, payment


@pytest.mark.parametrize(("evidence", "outcome"), [("winning_evidence", "WON"), ("losing_evidence", "LOST")])
def test_a_renewal_is_contested_and_the_subscription_goes_on_however_that_ends(
    town: Town, shop: Shop, evidence: str, outcome: str
) -> None:
    active, payment = renewed(shop)
    contest(town, shop, active)
    held = eventually(lambda: find_contested(shop, payment["id"]), lambda found: found["disputed"]["amountMinor"])
    assert held["disputed"]["amountMinor"] == 1900
    assert books(held) == {"merchant_payable": -1900, "disputes": 1900}
    assert answer(shop, held["disputes"][0], evidence)["userErrors"] == []
    town.sandbox("POST", "/clock/advance", seconds=120)
    town.settle()
    ended = eventually(
        lambda: find_contested(shop, payment["id"]), lambda found: found["disputes"][0]["status"] == outcome
    )
    town.settle()
    ended = find_contested(shop, payment["id"])
    assert ended["disputed"]["amountMinor"] == (0 if outcome == "WON" else 1900)
    assert books(ended) == ({"merchant_payable": -1900, "psp_receivable": 1900} if outcome == "WON" else {})
    found = subscribing.find(shop, active["id"])
    assert (found["status"], found["invoices"][1]["status"]) == ("ACTIVE", "PAID")
    assert entitlements(shop, active["customerId"]) == {"courses": 1}


def contest(town: Town, shop: Shop, active: Any) -> None:
    """The customer's bank takes the newest payment back."""
    charges = subscribing.psp(shop, "/charges", customer=subscribing.payer(shop, active))["data"]
    town.sandbox("POST", f"/charges/{charges[0]['id']}/dispute")


def test_a_renewal_that_is_given_back_leaves_the_subscription_running_and_its_invoice_says_so(
    town: Town, shop: Shop
) -> None:
    active, payment = renewed(shop)
    before = subscribing.types(shop, active["id"])
    given = {"paymentId": payment["id"], "reason": "REQUESTED_BY_CUSTOMER", "idempotencyKey": "r"}
    assert shop.ask(REFUND, input=given)["refundCreate"]["userErrors"] == []
    eventually(lambda: shop.find_payment(payment["id"])["refunded"]["amountMinor"] == 1900)
    found = subscribing.find(shop, active["id"])
    first, second = found["invoices"]
    assert (first["amountRefunded"]["amountMinor"], second["amountRefunded"]["amountMinor"]) == (0, 1900)
    assert (second["status"], second["amountPaid"]["amountMinor"]) == ("PAID", 1900)
    assert "Given back" in town.http.get(second["pageUrl"]).text
    assert "Given back" not in town.http.get(first["pageUrl"]).text
    assert found["status"] == "ACTIVE"
    assert entitlements(shop, active["customerId"]) == {"courses": 1}
    subscribing.sweep(shop, active)
    assert subscribing.types(shop, active["id"]) == before
    invariants.check(town.house.settings.database_url, town.sandbox_url, merchant_id=shop.merchant_id)
