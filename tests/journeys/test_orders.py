"""order -> the same order for the same key -> edited or canceled when nobody can pay it -> never after it is paid"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.town import CHECKOUT_START, ORDER_CANCEL, ORDER_CREATE, ORDER_UPDATE, Shop, Town, eventually
from tests.unchanged import nothing_happens, outcome, remembered, told

PRODUCT_CREATE = """mutation ($input: ProductCreateInput!) {
  productCreate(input: $input) { product { id } userErrors { code path } } }"""


def item(amount: int = 1000, name: str = "Thing", currency: str = "EUR") -> dict[str, Any]:
    return {"name": name, "unitAmount": {"amountMinor": amount, "currency": currency}}


def given(key: str, **more: Any) -> dict[str, Any]:
    return {"idempotencyKey": key, "currency": "EUR", "items": [item()], **more}


def create(shop: Shop, key: str, **more: Any) -> Any:
    return shop.ask(ORDER_CREATE, input=given(key, **more))["orderCreate"]


def update(shop: Shop, order_id: str, *items: dict[str, Any]) -> Any:
    return shop.ask(ORDER_UPDATE, input={"orderId": order_id, "items": list(items)})["orderUpdate"]


def cancel(shop: Shop, order_id: str) -> Any:
    return shop.ask(ORDER_CANCEL, input={"orderId": order_id})["orderCancel"]


def types(order: dict[str, Any]) -> list[str]:
    return [event["type"] for event in order["timeline"]["nodes"]]


def closed(town: Town, token: str) -> int:
    return len(town.calls("POST", f"/v1/checkout/sessions/{token}/expire"))


def test_the_same_key_and_input_give_the_same_order(shop: Shop) -> None:
    first = create(shop, "k", reference="R", customer={"email": "ada@example.com"})
    with nothing_happens(shop):
        again = create(shop, "k", reference="R", customer={"email": "ada@example.com"})
    assert told(first) == []
    for payload in (first, again):
        del payload["order"]["timeline"]  # the relay may have numbered the event in between
    assert again == first


def test_the_same_key_answers_the_same_order_also_after_it_changed(shop: Shop) -> None:
    order = create(shop, "k")["order"]
    update(shop, order["id"], item(5000))
    cancel(shop, order["id"])
    with nothing_happens(shop):
        again = create(shop, "k")["order"]
    assert (again["id"], again["status"], again["total"]["amountMinor"]) == (order["id"], "CANCELED", 5000)


def test_a_key_is_for_one_input(shop: Shop) -> None:
    create(shop, "k")
    others: list[dict[str, Any]] = [
        {"items": [item(1001)]},
        {"items": [item(), item()]},
        {"items": [{**item(), "quantity": 2}]},
        {"items": [item(name="Other")]},
        {"currency": "USD", "items": [item(currency="USD")]},
        {"reference": "R"},
        {"customer": {"email": "ada@example.com"}},
        {"metadata": [{"key": "k", "value": "v"}]},
    ]
    with nothing_happens(shop):
        met = [told(create(shop, "k", **other)) for other in others]
        assert met == [[("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]] * len(others)


def test_a_key_that_was_refused_is_free_again(shop: Shop) -> None:
    assert told(create(shop, "k", items=[item(0)])) == [("INVALID_AMOUNT", "items.0.unitAmount.amountMinor")]
    assert told(create(shop, "k")) == []


def test_keys_are_apart_for_each_merchant_and_each_mutation(town: Town, shop: Shop) -> None:
    other = town.merchant()
    order, others = create(shop, "k")["order"]["id"], create(other, "k")["order"]["id"]
    assert order != others
    product = {"idempotencyKey": "k", "name": "Cup", "prices": [{"amountMinor": 1000, "currency": "EUR"}]}
    assert told(shop.ask(PRODUCT_CREATE, input=product)["productCreate"]) == []
    assert told(shop.ask(CHECKOUT_START, input={"orderId": order, "idempotencyKey": "k"})["checkoutStart"]) == []


def test_the_same_key_and_input_give_the_same_product_and_another_input_none(shop: Shop) -> None:
    made = {"idempotencyKey": "k", "name": "Cup", "prices": [{"amountMinor": 1000, "currency": "EUR"}]}
    first = shop.ask(PRODUCT_CREATE, input=made)
    with nothing_happens(shop):
        assert shop.ask(PRODUCT_CREATE, input=made) == first
        assert told(shop.ask(PRODUCT_CREATE, input={**made, "name": "Pot"})["productCreate"]) == [
            ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
        ]


def test_thirty_calls_at_once_with_one_key_make_one_order(shop: Shop) -> None:
    with ThreadPoolExecutor(30) as pool:
        made = list(pool.map(lambda _: create(shop, "k", customer={"email": "ada@example.com"}), range(30)))
    assert {payload["order"]["id"] for payload in made} == {made[0]["order"]["id"]}
    assert [told(payload) for payload in made] == [[]] * 30
    rows = remembered(shop)
    counts = {name: len(rows[name]) for name in ("orders", "line_items", "events", "customers", "idempotency_records")}
    assert counts == dict.fromkeys(counts, 1)


def test_of_many_calls_at_once_with_one_key_and_other_inputs_one_is_taken(shop: Shop) -> None:
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda n: create(shop, "k", items=[item(1000 + n)]), range(10)))
    assert sorted(told(payload) for payload in made) == [[], *[[("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]] * 9]
    assert len(remembered(shop)["orders"]) == 1


def test_orders_made_at_once_with_one_address_share_their_customer(shop: Shop) -> None:
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda n: create(shop, f"k{n}", customer={"email": "ada@example.com"}), range(10)))
    assert len({payload["order"]["id"] for payload in made}) == 10
    assert len({payload["order"]["customer"]["id"] for payload in made}) == 1


def test_an_edit_replaces_all_items_and_the_total(shop: Shop) -> None:
    order = shop.order(1000)
    edited = update(shop, order["id"], item(300, "Cup"), {**item(150, "Saucer"), "quantity": 2})
    assert told(edited) == []
    assert [(row["name"], row["amount"]["amountMinor"]) for row in edited["order"]["items"]] == [
        ("Cup", 300),
        ("Saucer", 300),
    ]
    assert (edited["order"]["total"]["amountMinor"], edited["order"]["version"]) == (600, 2)
    assert types(edited["order"]) == ["order.created", "order.edited"]


def test_an_edit_closes_the_open_page_at_the_psp_first(town: Town, shop: Shop) -> None:
    payment = shop.open_payment(1000)
    assert closed(town, payment["token"]) == 0
    edited = update(shop, payment["orderId"], item(2500))
    assert (told(edited), edited["order"]["total"]["amountMinor"]) == ([], 2500)
    assert closed(town, payment["token"]) == 1
    [ended] = edited["order"]["payments"]
    assert (ended["status"], ended["superseded"], ended["checkoutUrl"]) == ("EXPIRED", True, None)

    again = shop.checkout(payment["orderId"])["payment"]
    assert (again["id"] != payment["id"], again["amount"]["amountMinor"]) == (True, 2500)
    shop.pay(again)
    eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")
    assert types(shop.find_order(payment["orderId"]))[:7] == [
        "order.created",
        "payment.created",
        "payment.open",
        "payment.expired",
        "order.edited",
        "payment.created",
        "payment.open",
    ]


def test_canceling_closes_the_open_page_at_the_psp_first(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    canceled = cancel(shop, payment["orderId"])
    assert (told(canceled), canceled["order"]["status"]) == ([], "CANCELED")
    assert closed(town, payment["token"]) == 1
    assert types(canceled["order"]) == [
        "order.created",
        "payment.created",
        "payment.open",
        "payment.expired",
        "order.canceled",
    ]
    assert [(action["name"], action["enabled"], action["code"]) for action in canceled["order"]["actions"]] == [
        ("CHECKOUT", False, "ORDER_CANCELED"),
        ("EDIT", False, "ORDER_CANCELED"),
        ("CANCEL", False, "ORDER_CANCELED"),
    ]


def test_an_edit_that_makes_no_sense_leaves_the_open_page_alone(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    with nothing_happens(shop):
        assert told(update(shop, payment["orderId"])) == [("INVALID_ITEMS", "items")]
        assert told(update(shop, payment["orderId"], item(currency="USD"))) == [
            ("CURRENCY_MISMATCH", "items.0.unitAmount.currency")
        ]
    assert shop.find_payment(payment["id"])["status"] == "OPEN"
    assert closed(town, payment["token"]) == 0


def test_an_order_that_was_paid_unheard_is_found_paid_by_the_edit_and_stays_as_it_was(town: Town, shop: Shop) -> None:
    town.sandbox("POST", "/webhooks/rules", action="drop")
    payment = shop.open_payment(1000)
    shop.pay(payment)
    edited = update(shop, payment["orderId"], item(2500))
    assert (told(edited), edited["order"]) == ([("ORDER_ALREADY_PAID", "orderId")], None)
    paid = shop.find_order(payment["orderId"])
    assert (paid["status"], paid["total"]["amountMinor"]) == ("PAID", 1000)
    assert [row["amount"]["amountMinor"] for row in paid["items"]] == [1000]


@pytest.mark.parametrize(("change", "fault"), [("edit", "status"), ("cancel", "reset")])
def test_while_the_psp_does_not_say_that_the_page_is_closed_nothing_changes(
    town: Town, shop: Shop, change: str, fault: str
) -> None:
    payment = shop.open_payment(1000)

    def attempt() -> Any:
        return update(shop, payment["orderId"], item(2500)) if change == "edit" else cancel(shop, payment["orderId"])

    town.sandbox("POST", "/faults", path=f"/v1/checkout/sessions/{payment['token']}*", kind=fault, next=3, status=503)
    refused = attempt()
    assert (told(refused), refused["userErrors"][0]["retryable"]) == ([("GATEWAY_UNAVAILABLE", "")], True)
    kept = shop.find_order(payment["orderId"])
    assert (kept["status"], kept["total"]["amountMinor"], kept["payments"][0]["status"]) == ("OPEN", 1000, "OPEN")
    town.quiet()
    assert told(attempt()) == []


def attempts(shop: Shop, order_id: str) -> dict[str, list[tuple[str, str]]]:
    checkout = {"orderId": order_id, "idempotencyKey": os.urandom(8).hex()}
    return {
        "checkoutStart": outcome(shop.post(CHECKOUT_START, {"input": checkout})),
        "orderUpdate": told(update(shop, order_id, item(1))),
        "orderCancel": told(cancel(shop, order_id)),
    }


def test_a_paid_order_takes_no_payment_and_no_change(town: Town, shop: Shop) -> None:
    order = shop.paid_order()
    town.settle()
    with nothing_happens(shop):
        refusal = [("ORDER_ALREADY_PAID", "orderId")]
        assert attempts(shop, order["id"]) == {call: refusal for call in attempts(shop, order["id"])}


def test_a_canceled_order_takes_no_payment_and_no_change(shop: Shop) -> None:
    order = cancel(shop, shop.order()["id"])["order"]
    with nothing_happens(shop):
        refusal = [("ORDER_CANCELED", "orderId")]
        assert attempts(shop, order["id"]) == {call: refusal for call in attempts(shop, order["id"])}


def test_an_order_whose_payment_is_on_its_way_takes_no_other_and_no_change(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    shop.pay(payment, method="sepa_debit")
    eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["status"] == "PROCESSING")
    town.settle()
    with nothing_happens(shop):
        refusal = [("PAYMENT_IN_PROGRESS", "orderId")]
        assert attempts(shop, payment["orderId"]) == {call: refusal for call in attempts(shop, payment["orderId"])}


def test_edits_at_once_are_all_made_one_after_the_other(shop: Shop) -> None:
    order = shop.order(1000)
    with ThreadPoolExecutor(10) as pool:
        edits = list(pool.map(lambda n: update(shop, order["id"], *[item(100)] * (n + 1)), range(10)))
    assert [told(edit) for edit in edits] == [[]] * 10
    left = shop.find_order(order["id"])
    assert left["version"] == 11
    assert left["total"]["amountMinor"] == 100 * len(left["items"])
    assert types(left) == ["order.created", *["order.edited"] * 10]


def test_of_cancelings_at_once_one_is_made(shop: Shop) -> None:
    order = shop.order()
    with ThreadPoolExecutor(10) as pool:
        ends = sorted(told(payload) for payload in pool.map(lambda _: cancel(shop, order["id"]), range(10)))
    assert ends == [[], *[[("ORDER_CANCELED", "orderId")]] * 9]
    assert types(shop.find_order(order["id"])) == ["order.created", "order.canceled"]
