"""checkoutStart, however often, at once, retried or interrupted -> one session at the PSP -> one charge"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.town import ORDER_CANCEL, ORDER_UPDATE, Shop, Town, eventually

SESSIONS = "/v1/checkout/sessions"


def asked(town: Town, payment_id: str) -> list[Any]:
    """The PSP's log of calls to register this payment."""
    return town.calls("POST", SESSIONS, idempotency_key=payment_id)


def codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def items(amount_minor: int) -> list[dict[str, Any]]:
    return [{"name": "Other thing", "unitAmount": {"amountMinor": amount_minor, "currency": "EUR"}}]


def test_fifty_checkouts_at_once_get_one_session(town: Town, shop: Shop) -> None:
    order = shop.order()
    with ThreadPoolExecutor(50) as pool:
        started = list(pool.map(lambda _: shop.checkout(order["id"]), range(50)))
    assert [codes(payload) for payload in started] == [[]] * 50
    assert len({payload["checkoutUrl"] for payload in started}) == 1
    assert len({payload["payment"]["id"] for payload in started}) == 1
    assert len(asked(town, started[0]["payment"]["id"])) == 1
    assert len(shop.find_order(order["id"])["payments"]) == 1


def test_a_second_visit_gets_the_same_page_and_the_same_key_the_same_payment(town: Town, shop: Shop) -> None:
    order = shop.order()
    first = shop.checkout(order["id"], idempotencyKey="visit-1")
    again = shop.checkout(order["id"], idempotencyKey="visit-2")
    repeated = shop.checkout(order["id"], idempotencyKey="visit-1")
    assert first == again == repeated
    other = shop.checkout(shop.order()["id"], idempotencyKey="visit-1")
    assert codes(other) == ["IDEMPOTENCY_KEY_REUSED"]
    assert other["payment"] is None
    shop.pay(first["payment"])
    eventually(lambda: shop.find_order(order["id"]), lambda order: order["status"] == "PAID")
    answered = shop.checkout(order["id"], idempotencyKey="visit-1")
    assert (answered["payment"]["id"], answered["checkoutUrl"], codes(answered)) == (first["payment"]["id"], None, [])
    assert codes(shop.checkout(order["id"], idempotencyKey="visit-3")) == ["ORDER_ALREADY_PAID"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "reset"}])
def test_a_psp_that_does_not_answer_is_asked_again_with_the_same_key(
    town: Town, shop: Shop, when: str, fault: dict[str, Any]
) -> None:
    order = shop.order()
    town.sandbox("POST", "/faults", method="POST", path=SESSIONS, when=when, next=3, stored=False, **fault)
    refused = shop.checkout(order["id"], idempotencyKey="visit")
    assert codes(refused) == ["GATEWAY_UNAVAILABLE"]
    assert refused["userErrors"][0]["retryable"] is True
    assert [payment["status"] for payment in shop.find_order(order["id"])["payments"]] == ["UNKNOWN"]

    started = shop.checkout(order["id"], idempotencyKey="visit")
    assert codes(started) == []
    payments = shop.find_order(order["id"])["payments"]
    assert [payment["status"] for payment in payments] == ["OPEN"]
    calls = asked(town, payments[0]["id"])
    assert len(calls) == 4
    if when == "after":
        assert [call["replayed"] for call in calls] == [False, True, True, True]


def failing(town: Town, when: str, path: str = SESSIONS) -> None:
    """The PSP answers 500 from now on, which it stores as the answer to the key, as Stripe does."""
    town.sandbox("POST", "/faults", method="POST", path=path, when=when, kind="status", status=500, next=3)


@pytest.mark.parametrize("key", ["visit", "another"])
def test_a_psp_that_fails_before_it_makes_a_page_does_not_lock_the_order(town: Town, shop: Shop, key: str) -> None:
    order = shop.order()
    failing(town, "before")
    refused = shop.checkout(order["id"], idempotencyKey="visit")
    assert [(error["code"], error["retryable"]) for error in refused["userErrors"]] == [("GATEWAY_UNAVAILABLE", True)]
    (failed,) = shop.find_order(order["id"])["payments"]
    assert (failed["status"], failed["lastError"]["code"]) == ("FAILED", "nothing_made")

    started = shop.checkout(order["id"], idempotencyKey=key)
    assert codes(started) == []
    assert started["payment"]["id"] != failed["id"]
    assert shop.checkout(order["id"], idempotencyKey="visit") == started
    shop.pay(started["payment"])
    eventually(lambda: shop.find_order(order["id"]), lambda found: found["status"] == "PAID")
    answered = shop.checkout(order["id"], idempotencyKey="visit")
    assert (answered["payment"]["id"], codes(answered)) == (started["payment"]["id"], [])


def test_a_psp_that_fails_after_it_made_a_page_is_searched_for_it(town: Town, shop: Shop) -> None:
    order = shop.order()
    failing(town, "after")
    started = shop.checkout(order["id"])
    assert codes(started) == []
    (payment,) = shop.find_order(order["id"])["payments"]
    assert (payment["status"], payment["id"]) == ("OPEN", started["payment"]["id"])
    assert len([call for call in asked(town, payment["id"]) if call["executed"]]) == 1
    shop.pay(started["payment"])
    eventually(lambda: shop.find_order(order["id"]), lambda found: found["status"] == "PAID")


@pytest.mark.parametrize("end", ["edit", "cancel"])
def test_an_order_whose_page_the_psp_failed_at_can_be_changed(town: Town, shop: Shop, end: str) -> None:
    order = shop.order()
    failing(town, "before")
    shop.checkout(order["id"])
    mutation, more = (ORDER_UPDATE, {"items": items(5000)}) if end == "edit" else (ORDER_CANCEL, {})
    changed = next(iter(shop.ask(mutation, input={"orderId": order["id"], **more}).values()))
    assert codes(changed) == []


def test_a_psp_that_fails_and_cannot_be_searched_is_asked_until_it_tells(town: Town, shop: Shop) -> None:
    order = shop.order()
    failing(town, "before")
    town.sandbox("POST", "/faults", method="GET", path=SESSIONS, kind="status", status=503, next=3)
    assert codes(shop.checkout(order["id"])) == ["GATEWAY_UNAVAILABLE"]
    (payment,) = shop.find_order(order["id"])["payments"]
    assert payment["status"] == "UNKNOWN"
    synced = shop.sync(payment["id"])
    assert (codes(synced), synced["payment"]["status"]) == ([], "FAILED")
    assert codes(shop.checkout(order["id"])) == []


def test_a_psp_that_is_busy_leaves_the_payment_as_it_was(town: Town, shop: Shop) -> None:
    order = shop.order()
    town.sandbox("POST", "/faults", method="POST", path=SESSIONS, kind="status", status=429, next=1)
    assert codes(shop.checkout(order["id"])) == ["GATEWAY_UNAVAILABLE"]
    assert [payment["status"] for payment in shop.find_order(order["id"])["payments"]] == ["CREATED"]
    assert codes(shop.checkout(order["id"])) == []
    assert len(shop.find_order(order["id"])["payments"]) == 1


def test_what_the_psp_refuses_fails_the_try_and_the_same_key_hears_the_same(town: Town, shop: Shop) -> None:
    order = shop.order(amount_minor=1)
    first = shop.checkout(order["id"], idempotencyKey="visit")
    again = shop.checkout(order["id"], idempotencyKey="visit")
    assert codes(first) == codes(again) == ["GATEWAY_REFUSED"]
    assert first["userErrors"] == again["userErrors"]
    found = shop.find_order(order["id"])
    assert (found["status"], [payment["status"] for payment in found["payments"]]) == ("OPEN", ["FAILED"])


def test_an_unknown_outcome_is_cleared_up_by_reconciliation(town: Town, shop: Shop) -> None:
    order = shop.order()
    town.sandbox("POST", "/faults", method="POST", path=SESSIONS, when="after", kind="reset", next=3, stored=False)
    shop.checkout(order["id"])
    town.sweep(timedelta(minutes=5))
    payment = shop.find_order(order["id"])["payments"][0]
    assert payment["status"] == "OPEN"
    assert payment["checkoutUrl"].startswith(town.sandbox_url)


def test_an_edited_order_closes_its_page_at_the_psp_before_a_new_one_opens(town: Town, shop: Shop) -> None:
    payment = shop.open_payment(4200)
    edited = shop.ask(ORDER_UPDATE, input={"orderId": payment["orderId"], "items": items(5000)})["orderUpdate"]
    assert codes(edited) == []
    assert edited["order"]["total"]["amountMinor"] == 5000
    old = shop.find_payment(payment["id"])
    assert (old["status"], old["superseded"], old["checkoutUrl"]) == ("EXPIRED", True, None)
    assert len(town.calls("POST", f"{SESSIONS}/{payment['token']}/expire")) == 1
    new = shop.checkout(payment["orderId"])["payment"]
    assert (new["id"] != payment["id"], new["amount"]["amountMinor"]) == (True, 5000)
    shop.pay(new)
    eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")


def test_an_edit_that_comes_after_the_money_is_refused(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    town.sandbox("POST", "/webhooks/rules", action="drop")
    shop.pay(payment)
    before = shop.find_order(payment["orderId"])
    assert before["status"] == "OPEN"
    for mutation, more in ((ORDER_UPDATE, {"items": items(5000)}), (ORDER_CANCEL, {})):
        refused = shop.ask(mutation, input={"orderId": payment["orderId"], **more})
        assert codes(next(iter(refused.values()))) == ["ORDER_ALREADY_PAID"]
    after = shop.find_order(payment["orderId"])
    assert (after["status"], after["total"], after["items"]) == ("PAID", before["total"], before["items"])


def test_a_canceled_order_takes_no_payment(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    canceled = shop.ask(ORDER_CANCEL, input={"orderId": payment["orderId"]})["orderCancel"]
    assert (codes(canceled), canceled["order"]["status"]) == ([], "CANCELED")
    assert shop.find_payment(payment["id"])["status"] == "EXPIRED"
    assert codes(shop.checkout(payment["orderId"])) == ["ORDER_CANCELED"]


def refunded(shop: Shop, payment_id: str) -> Any:
    return eventually(lambda: shop.find_payment(payment_id), lambda payment: payment["refunded"]["amountMinor"] > 0)


@pytest.mark.parametrize("order_of_payment", ["old first", "new first"])
def test_late_money_on_a_superseded_session_goes_back_as_duplicate(
    town: Town, shop: Shop, order_of_payment: str
) -> None:
    old = shop.open_payment(4200)
    shop.ask(ORDER_UPDATE, input={"orderId": old["orderId"], "items": items(5000)})
    new = shop.checkout(old["orderId"])["payment"]
    for payment in (old, new) if order_of_payment == "old first" else (new, old):
        shop.pay(payment, force=payment is old)
    back = refunded(shop, old["id"])
    paid = eventually(lambda: shop.find_order(old["orderId"]), lambda order: order["status"] == "PAID")
    assert [(p["status"], p["captured"]["amountMinor"], p["refunded"]["amountMinor"]) for p in paid["payments"]] == [
        ("CAPTURED", 4200, 4200),
        ("CAPTURED", 5000, 0),
    ]
    (refund,) = back["refunds"]
    assert (refund["status"], refund["reason"], refund["amount"]["amountMinor"]) == ("SUCCEEDED", "DUPLICATE", 4200)
    assert refund["explanation"] == "The money came on a session that another had taken the place of."
    assert len(town.calls("POST", "/v1/refunds", idempotency_key=refund["id"])) == 1
    back = eventually(lambda: shop.find_payment(old["id"]), lambda seen: seen["fee"])
    fee = back["fee"]["amountMinor"]
    held = {row["account"]: row["balance"]["amountMinor"] for row in back["ledger"]}
    assert {name: amount for name, amount in held.items() if amount and name != "psp_fees"} == (
        {"psp_receivable": -fee} if fee else {}
    )


def test_a_refund_that_the_psp_does_not_answer_is_asked_again_and_made_once(town: Town, shop: Shop) -> None:
    old = shop.open_payment(4200)
    shop.ask(ORDER_UPDATE, input={"orderId": old["orderId"], "items": items(5000)})
    town.sandbox("POST", "/faults", method="POST", path="/v1/refunds", when="after", kind="reset", next=3, stored=False)
    shop.pay(old, force=True)
    (refund,) = eventually(lambda: shop.find_payment(old["id"])["refunds"])
    eventually(lambda: town.calls("POST", "/v1/refunds", idempotency_key=refund["id"]), lambda calls: len(calls) >= 3)
    town.quiet()
    town.settle()
    back = refunded(shop, old["id"])
    assert [(r["status"], r["amount"]["amountMinor"]) for r in back["refunds"]] == [("SUCCEEDED", 4200)]


def test_money_after_a_session_ran_out_pays_the_order_late(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    expire(town, payment)
    eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["status"] == "EXPIRED")
    shop.pay(payment, force=True)
    paid = eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")
    assert [p["status"] for p in paid["payments"]] == ["CAPTURED"]


def test_a_session_that_ran_out_is_replaced_by_the_next_checkout(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    expire(town, payment)
    eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["status"] == "EXPIRED")
    again = shop.checkout(payment["orderId"])["payment"]
    assert again["id"] != payment["id"]
    assert again["status"] == "OPEN"
    shop.pay(payment, force=True)
    assert refunded(shop, payment["id"])["refunds"][0]["reason"] == "DUPLICATE"
    assert shop.find_order(payment["orderId"])["status"] == "OPEN"
    shop.pay(again)
    eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")


def expire(town: Town, payment: Any) -> None:
    """Ends the session at the PSP, as its own clock would."""
    url = f"{town.sandbox_url}{SESSIONS}/{payment['token']}/expire"
    assert town.http.post(url, headers={"Authorization": "Bearer sk_test_dashboard"}).status_code == 200
