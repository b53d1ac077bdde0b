"""a plan or subscription that makes no sense -> a code, and nothing changed; one key -> one subscription"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests import subscribing
from tests.subscribing import PLAN_ARCHIVE, PLAN_CREATE, PLAN_UPDATE, act, done
from tests.town import Shop, Town, eventually
from tests.unchanged import nothing_happens, outcome, told

EUR = {"amountMinor": 1900, "currency": "EUR"}
BAD_PLANS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "no name": ({"name": " "}, [("REQUIRED", "name")]),
    "a hidden mark in the name": ({"name": "a\u202eb"}, [("INVALID", "name")]),
    "a card number in the description": ({"description": "4242 4242 4242 4242"}, [("CARD_NUMBER", "description")]),
    "a price of nothing": ({"amount": {**EUR, "amountMinor": 0}}, [("INVALID_AMOUNT", "amount.amountMinor")]),
    "a price below nothing": ({"amount": {**EUR, "amountMinor": -1}}, [("INVALID_AMOUNT", "amount.amountMinor")]),
    "a price above what the PSP charges": (
        {"amount": {**EUR, "amountMinor": 100_000_000}},
        [("INVALID_AMOUNT", "amount.amountMinor")],
    ),
    "a price above all": ({"amount": {**EUR, "amountMinor": 2**53}}, [("INVALID_AMOUNT", "amount.amountMinor")]),
    "no such currency": ({"amount": {**EUR, "currency": "XXX"}}, [("UNKNOWN_CURRENCY", "amount.currency")]),
    "what the PSP cannot charge": (
        {"amount": {"amountMinor": 1001, "currency": "KWD"}},
        [("INVALID_AMOUNT", "amount.amountMinor")],
    ),
    "no period": ({"intervalCount": 0}, [("INVALID", "intervalCount")]),
    "a period below nothing": ({"intervalCount": -1}, [("INVALID", "intervalCount")]),
    "more than three years": ({"interval": "YEAR", "intervalCount": 4}, [("INVALID", "intervalCount")]),
    "a trial below nothing": ({"trialDays": -1}, [("INVALID", "trialDays")]),
    "a trial without end": ({"trialDays": 731}, [("INVALID", "trialDays")]),
    "a fee below nothing": ({"setupFee": {**EUR, "amountMinor": -1}}, [("INVALID_AMOUNT", "setupFee.amountMinor")]),
    "a fee in another currency": (
        {"setupFee": {**EUR, "currency": "USD"}},
        [("CURRENCY_MISMATCH", "setupFee.currency")],
    ),
    "a feature without a name": ({"features": [""]}, [("REQUIRED", "features.0")]),
    "a feature twice": ({"features": ["a", "a"]}, [("INVALID", "features")]),
    "a feature with a blank before it": ({"features": [" a"]}, [("INVALID", "features.0")]),
    "a long feature": ({"features": ["a" * 101]}, [("TOO_LONG", "features.0")]),
    "too many features": ({"features": [str(n) for n in range(21)]}, [("INVALID", "features")]),
    "a metadata key without letters": ({"metadata": [{"key": "", "value": "x"}]}, [("REQUIRED", "metadata.0.key")]),
    "no key": ({"idempotencyKey": ""}, [("INVALID", "idempotencyKey")]),
}


@pytest.mark.parametrize("case", BAD_PLANS)
def test_a_plan_that_makes_no_sense(shop: Shop, case: str) -> None:
    more, expected = BAD_PLANS[case]
    given = {"idempotencyKey": str(uuid4()), "name": "Courses", "amount": EUR, "interval": "MONTH", **more}
    with nothing_happens(shop):
        assert outcome(shop.post(PLAN_CREATE, {"input": given})) == expected


def test_a_plan_keeps_its_currency_and_old_versions_and_an_archived_one_takes_nobody(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1900)
    early = subscribing.subscribe(shop, plan["id"])
    update = {"planId": plan["id"]}
    with nothing_happens(shop):
        abroad = {**update, "amount": {"amountMinor": 1900, "currency": "USD"}}
        assert outcome(shop.post(PLAN_UPDATE, {"input": abroad})) == [("CURRENCY_MISMATCH", "amount.currency")]
    dearer = shop.ask(PLAN_UPDATE, input={**update, "amount": {**EUR, "amountMinor": 2900}, "name": "More"})
    changed = dearer["planUpdate"]["plan"]
    assert [version["amount"]["amountMinor"] for version in changed["versions"]] == [1900, 2900]
    assert (changed["name"], changed["price"]["number"]) == ("More", 2)
    again = shop.ask(PLAN_UPDATE, input={**update, "amount": {**EUR, "amountMinor": 2900}})["planUpdate"]["plan"]
    assert len(again["versions"]) == 2
    assert subscribing.find(shop, early["id"])["price"]["number"] == 1
    late = subscribing.subscribe(shop, plan["id"], "bob@example.com")
    assert (late["price"]["number"], late["invoices"][0]["total"]["amountMinor"]) == (2, 2900)
    moved = done(shop, "subscriptionChange", subscriptionId=early["id"], planId=plan["id"], proration="NONE")
    assert moved["price"]["number"] == 2

    archived = shop.ask(PLAN_ARCHIVE, input=update)["planArchive"]["plan"]
    assert archived["archivedAt"] is not None
    with nothing_happens(shop):
        assert shop.ask(PLAN_ARCHIVE, input=update)["planArchive"]["plan"] == archived
        assert outcome(shop.post(PLAN_UPDATE, {"input": {**update, "name": "x"}})) == [("PLAN_ARCHIVED", "planId")]
        refused = act(shop, "subscriptionStart", planId=plan["id"], customer={"email": "eve@example.com"})
        assert told(refused) == [("PLAN_ARCHIVED", "planId")]
    other = subscribing.subscribe(shop, subscribing.plan(shop, 500)["id"], "eve@example.com")
    with nothing_happens(shop):
        refused = act(shop, "subscriptionChange", subscriptionId=other["id"], planId=plan["id"])
        assert told(refused) == [("PLAN_ARCHIVED", "planId")]


def test_the_psp_does_not_answer_and_the_same_call_makes_the_plan_once(town: Town, shop: Shop) -> None:
    given = {"idempotencyKey": "p", "name": "Courses", "amount": EUR, "interval": "MONTH"}
    for path in ("/v1/products", "/v1/prices"):
        town.sandbox("POST", "/faults", method="POST", path=path, kind="reset", when="after", next=3)
        refused = shop.ask(PLAN_CREATE, input=given)["planCreate"]
        assert [(error["code"], error["retryable"]) for error in refused["userErrors"]] == [
            ("GATEWAY_UNAVAILABLE", True)
        ]
        town.sandbox("DELETE", "/faults")
    made = shop.ask(PLAN_CREATE, input=given)["planCreate"]["plan"]
    assert shop.ask("{ plans { totalCount } }")["plans"]["totalCount"] == 1
    assert subscribing.start(shop, made["id"])["checkoutUrl"]


def test_terms_that_the_psp_refuses_leave_the_plan_as_it_was(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1000)
    town.sandbox("POST", "/faults", kind="status", status=400, method="POST", path="/v1/prices", next=9)
    given = {"planId": plan["id"], "name": "Dearer", "amount": {"amountMinor": 1200, "currency": "EUR"}}
    refused = shop.ask(subscribing.PLAN_UPDATE, input=given)["planUpdate"]
    assert told(refused) == [("GATEWAY_REFUSED", "")]
    town.sandbox("DELETE", "/faults")
    read = "query ($id: ID!) { plan(id: $id) { name versions { number } } }"
    assert shop.ask(read, id=plan["id"])["plan"] == {"name": plan["name"], "versions": [{"number": 1}]}


def test_seats_that_cost_more_than_can_be_charged_are_refused(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1_000_000, perSeat=True)
    start = {"planId": plan["id"], "customer": {"email": "ada@example.com"}}
    assert told(act(shop, "subscriptionStart", **start, quantity=100)) == [("INVALID_QUANTITY", "quantity")]
    assert told(act(shop, "subscriptionStart", **start, quantity=99)) == []


BAD_STARTS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "nobody": ({"customer": None}, [("REQUIRED", "customer")]),
    "no address": ({"customer": {"email": "x"}}, [("INVALID_EMAIL", "customer.email")]),
    "no seat": ({"quantity": 0}, [("INVALID_QUANTITY", "quantity")]),
    "seats below nothing": ({"quantity": -3}, [("INVALID_QUANTITY", "quantity")]),
    "seats of what has none": ({"quantity": 2}, [("INVALID_QUANTITY", "quantity")]),
    "too many seats": ({"quantity": 1_000_000}, [("INVALID_QUANTITY", "quantity")]),
    "another's page to return to": ({"returnUrl": "https://evil.example/"}, [("RETURN_URL_NOT_ALLOWED", "returnUrl")]),
    "no plan": ({"planId": ""}, [("INVALID_ID", "planId")]),
    "no plan's id": ({"planId": "plan_1"}, [("INVALID_ID", "planId")]),
    "a price's id": ({"planId": "price_01m7zg8wz8eg1re1p3p3zad5wn"}, [("INVALID_ID", "planId")]),
    "no such plan": ({"planId": "plan_01m7zg8wz8eg1re1p3p3zad5wn"}, [("NOT_FOUND", "planId")]),
    "no such customer": (
        {"customer": None, "customerId": "cus_01m7zg8wz8eg1re1p3p3zad5wn"},
        [("NOT_FOUND", "customerId")],
    ),
    "no such method": ({"paymentMethodId": "pmt_01m7zg8wz8eg1re1p3p3zad5wn"}, [("NOT_FOUND", "paymentMethodId")]),
}


@pytest.fixture(scope="module")
def kept(shared_town: Town) -> tuple[Shop, Any, Any]:
    """A merchant with a plan, and a subscription to it that runs."""
    shared_town.quiet()
    shop = shared_town.merchant()
    plan = subscribing.plan(shop, 1900)
    return shop, plan, subscribing.subscribe(shop, plan["id"])


@pytest.mark.parametrize("case", BAD_STARTS)
def test_a_start_that_makes_no_sense(town: Town, kept: tuple[Shop, Any, Any], case: str) -> None:
    shop, plan, _ = kept
    more, expected = BAD_STARTS[case]
    with nothing_happens(shop):
        given = {"planId": plan["id"], "customer": {"email": "ada@example.com"}, **more}
        assert told(act(shop, "subscriptionStart", **given)) == expected


BAD_CHANGES: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]]]] = {
    "seats below nothing": ("subscriptionChange", {"quantity": -1}, [("INVALID_QUANTITY", "quantity")]),
    "seats of what has none": ("subscriptionChange", {"quantity": 2}, [("INVALID_QUANTITY", "quantity")]),
    "no such plan": (
        "subscriptionChange",
        {"planId": "plan_01m7zg8wz8eg1re1p3p3zad5wn"},
        [("NOT_FOUND", "planId")],
    ),
    "a pause that is over": ("subscriptionPause", {"until": "2020-01-01T00:00:00Z"}, [("INVALID", "until")]),
    "to go on with what runs": ("subscriptionResume", {}, [("SUBSCRIPTION_RUNNING", "subscriptionId")]),
    "no such subscription": (
        "subscriptionCancel",
        {"subscriptionId": "sub_01m7zg8wz8eg1re1p3p3zad5wn"},
        [("NOT_FOUND", "subscriptionId")],
    ),
    "an order's id": (
        "subscriptionCancel",
        {"subscriptionId": "ord_01m7zg8wz8eg1re1p3p3zad5wn"},
        [("INVALID_ID", "subscriptionId")],
    ),
    "no key": ("subscriptionCancel", {"idempotencyKey": " "}, [("INVALID", "idempotencyKey")]),
}


@pytest.mark.parametrize("case", BAD_CHANGES)
def test_a_change_that_makes_no_sense(town: Town, kept: tuple[Shop, Any, Any], case: str) -> None:
    shop, _, active = kept
    name, more, expected = BAD_CHANGES[case]
    before = subscribing.find(shop, active["id"])
    assert told(act(shop, name, **{"subscriptionId": active["id"], **more})) == expected
    assert subscribing.find(shop, active["id"]) == before


def test_another_currency_is_another_subscription(town: Town, kept: tuple[Shop, Any, Any]) -> None:
    shop, _, active = kept
    abroad = subscribing.plan(shop, 2100, "USD")
    refused = act(shop, "subscriptionChange", subscriptionId=active["id"], planId=abroad["id"])
    assert told(refused) == [("CURRENCY_MISMATCH", "planId")]
    shown = shop.ask(subscribing.PREVIEW, input={"subscriptionId": active["id"], "planId": abroad["id"]})
    assert told(shown["subscriptionChangePreview"]) == [("CURRENCY_MISMATCH", "planId")]


def test_what_changes_nothing_is_refused_by_the_change_as_by_its_preview(
    town: Town, kept: tuple[Shop, Any, Any]
) -> None:
    shop, _, active = kept
    shown = shop.ask(subscribing.PREVIEW, input={"subscriptionId": active["id"], "quantity": 1})
    assert told(shown["subscriptionChangePreview"]) == [("NOTHING_TO_CHANGE", "")]
    with nothing_happens(shop):
        same = act(shop, "subscriptionChange", subscriptionId=active["id"], quantity=1)
        assert told(same) == [("NOTHING_TO_CHANGE", "")]


def test_one_that_has_not_begun_can_be_ended_and_nothing_else(town: Town, kept: tuple[Shop, Any, Any]) -> None:
    shop, plan, _ = kept
    begun = subscribing.start(shop, plan["id"], "bob@example.com")
    for name in ("subscriptionPause", "subscriptionResume", "subscriptionChange"):
        refused = act(shop, name, subscriptionId=begun["id"])
        assert told(refused) == [("SUBSCRIPTION_INCOMPLETE", "subscriptionId")]
    ended = done(shop, "subscriptionCancel", subscriptionId=begun["id"])
    assert (ended["status"], ended["checkoutUrl"]) == ("INCOMPLETE_EXPIRED", None)


def test_one_key_is_one_subscription_however_often_and_at_once(town: Town, kept: tuple[Shop, Any, Any]) -> None:
    shop, plan, _ = kept
    given = {"idempotencyKey": str(uuid4()), "planId": plan["id"], "customer": {"email": "carl@example.com"}}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: act(shop, "subscriptionStart", **given), range(6)))
    assert {told(answer)[0] if told(answer) else None for answer in answers} == {None}
    assert len({answer["subscription"]["id"] for answer in answers}) == 1
    assert len({answer["subscription"]["checkoutUrl"] for answer in answers}) == 1
    assert told(act(shop, "subscriptionStart", **{**given, "customer": {"email": "dora@example.com"}})) == [
        ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
    ]


@pytest.mark.parametrize(
    "fault",
    [{"kind": "reset", "when": "after"}, {"kind": "status", "status": 500, "when": "after"}],
    ids=["lost", "500"],
)
def test_an_answer_that_is_lost_is_found_and_nothing_is_begun_twice(town: Town, shop: Shop, fault: Any) -> None:
    plan = subscribing.plan(shop, 1900)
    given = {"idempotencyKey": "s", "planId": plan["id"], "customer": {"email": "ada@example.com"}}
    town.sandbox("POST", "/faults", method="POST", path="/v1/checkout/sessions", next=1, **fault)
    first = act(shop, "subscriptionStart", **given)
    town.sandbox("DELETE", "/faults")
    second = act(shop, "subscriptionStart", **given)
    assert told(second) == []
    if not told(first):
        assert first["subscription"]["id"] == second["subscription"]["id"]
    shop.pay(second["subscription"])
    active = subscribing.settled(shop, second["subscription"]["id"], "ACTIVE")
    assert [invoice["amountPaid"]["amountMinor"] for invoice in active["invoices"]] == [1900]


def test_a_saved_method_is_charged_at_once_and_a_decline_or_a_question_leaves_something_to_do(
    town: Town, shop: Shop
) -> None:
    plan = subscribing.plan(shop, 1900)
    outcomes = {}
    for card in ("pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"):
        customer_id, method_id = saved(town, shop, card)
        begun = subscribing.start(shop, plan["id"], customerId=customer_id, paymentMethodId=method_id)
        town.settle()
        found = eventually(lambda id=begun["id"]: subscribing.find(shop, id), lambda found: found["invoices"])
        action = found["nextAction"]["type"] if found["nextAction"] else None
        outcomes[card] = (begun["status"], found["status"], found["invoices"][0]["status"], action)
    assert outcomes == {
        "pm_card_visa": ("ACTIVE", "ACTIVE", "PAID", None),
        "pm_card_chargeCustomerFail": ("INCOMPLETE", "INCOMPLETE", "OPEN", "pay"),
        "pm_card_authenticationRequired": ("INCOMPLETE", "INCOMPLETE", "OPEN", "confirm"),
    }


def test_the_setup_fee_has_a_row_of_its_name_however_the_subscription_began(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1900, setupFee={"amountMinor": 500, "currency": "EUR"})
    customer_id, method_id = saved(town, shop, "pm_card_visa")
    begun = subscribing.start(shop, plan["id"], customerId=customer_id, paymentMethodId=method_id)
    charged = subscribing.settled(shop, begun["id"], "ACTIVE")
    for active in (charged, subscribing.subscribe(shop, plan["id"])):
        (invoice,) = active["invoices"]
        fees = [line for line in invoice["lines"] if line["description"] == "All courses: set-up fee"]
        assert [line["amount"]["amountMinor"] for line in fees] == [500]
        assert invoice["total"]["amountMinor"] == 2400


def saved(town: Town, shop: Shop, card: str) -> tuple[str, str]:
    """A customer, and a method that the customer left."""
    order = shop.order(customer={"email": f"{uuid4().hex[:12]}@example.com"})
    customer_id = order["customer"]["id"]
    save = """mutation ($input: PaymentMethodSaveInput!) { paymentMethodSave(input: $input) {
      paymentMethod { id } nextAction { type url } userErrors { code } } }"""
    given = {"customerId": customer_id, "token": card, "idempotencyKey": card}
    kept = shop.ask(save, input=given)["paymentMethodSave"]
    if kept["nextAction"]:
        setup = subscribing.psp(shop, "/setup_intents", limit=1)["data"][0]
        town.sandbox("POST", f"/setup_intents/{setup['id']}/action", outcome="success")
        kept = shop.ask(save, input=given)["paymentMethodSave"]
    assert kept["userErrors"] == []
    return customer_id, kept["paymentMethod"]["id"]


def test_another_merchant_sees_and_moves_nothing_of_it(town: Town, kept: tuple[Shop, Any, Any]) -> None:
    shop, plan, active = kept
    other = town.merchant()
    entitled = "query ($id: ID!) { entitlements(customerId: $id) { totalCount nodes { id } } }"
    (entitlement,) = shop.ask(entitled, id=active["customerId"])["entitlements"]["nodes"]
    ids = [plan["id"], active["id"], active["invoices"][0]["id"], entitlement["id"]]
    nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert shop.ask(nodes, ids=ids)["nodes"] == [{"id": id} for id in ids]
    assert other.ask(nodes, ids=ids)["nodes"] == [None] * 4
    assert other.ask(entitled, id=active["customerId"])["entitlements"] == {"totalCount": 0, "nodes": []}
    by_id = "query ($id: ID!) { invoices(filter: {subscriptionId: $id}) { totalCount } }"
    assert other.ask(by_id, id=active["id"])["invoices"]["totalCount"] == 0
    with nothing_happens(shop, other):
        for name in ("subscriptionCancel", "subscriptionPause", "subscriptionResume", "subscriptionChange"):
            assert told(act(other, name, subscriptionId=active["id"])) == [("NOT_FOUND", "subscriptionId")]
        begun = act(other, "subscriptionStart", planId=plan["id"], customer={"email": "eve@example.com"})
        assert told(begun) == [("NOT_FOUND", "planId")]
        assert outcome(other.post(PLAN_ARCHIVE, {"input": {"planId": plan["id"]}})) == [("NOT_FOUND", "planId")]
    mine = subscribing.plan(other)
    with nothing_happens(shop):
        theirs = act(other, "subscriptionStart", planId=mine["id"], customerId=active["customerId"])
        assert told(theirs) == [("NOT_FOUND", "customerId")]
    follow = "subscription ($id: ID!) { subscriptionUpdates(id: $id) { version } }"
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {other.secret_key}"}
    body = {"query": follow, "variables": {"id": active["id"]}}
    assert "There is no subscription" in town.http.post(town.graphql_url, json=body, headers=headers).text
