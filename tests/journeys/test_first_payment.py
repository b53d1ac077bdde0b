"""order -> checkout -> hosted page -> webhook -> PAID -> fee -> books"""

from typing import Any

from tests.town import Shop, Town, eventually


def balances(payment: dict[str, Any]) -> dict[str, int]:
    return {row["account"]: row["balance"]["amountMinor"] for row in payment["ledger"]}


def types(events: dict[str, Any]) -> list[str]:
    return [event["type"] for event in events["nodes"]]


def test_an_order_is_paid_on_the_hosted_page_and_the_books_are_right(town: Town, shop: Shop) -> None:
    order = shop.order(4200, reference="R-1")
    assert (order["status"], order["version"], order["payments"]) == ("OPEN", 1, [])

    started = shop.checkout(order["id"])
    payment = started["payment"]
    assert started["checkoutUrl"].startswith(town.sandbox_url)
    assert (payment["status"], payment["amount"]) == ("OPEN", {"amountMinor": 4200, "currency": "EUR"})

    shop.pay(payment)
    paid = eventually(lambda: shop.find_order(order["id"]), lambda order: order["status"] == "PAID")
    captured = paid["payments"][0]
    assert captured["status"] == "CAPTURED"
    assert captured["captured"]["amountMinor"] == 4200
    assert captured["checkoutUrl"] is None

    town.settle()
    known = eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["fee"] is not None)
    assert known["method"] == {"kind": "CARD", "type": "card", "brand": "visa", "last4": "4242"}
    fee = known["fee"]["amountMinor"]
    assert fee > 0
    assert balances(known) == {"merchant_payable": -4200, "psp_fees": fee, "psp_receivable": 4200 - fee}
    assert types(known["timeline"]) == [
        "payment.created",
        "payment.open",
        "payment.captured",
        "order.paid",
        "payment.fee_known",
    ]
    assert types(shop.find_order(order["id"])["timeline"]) == [
        "order.created",
        "payment.created",
        "payment.open",
        "payment.captured",
        "order.paid",
        "payment.fee_known",
    ]


def test_a_decline_is_kept_and_the_payer_tries_again_on_the_same_page(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    shop.pay(payment, card="4000000000009995")
    declined = eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["lastError"] is not None)
    assert declined["status"] == "OPEN"
    assert (declined["lastError"]["code"], declined["lastError"]["declineCode"]) == (
        "card_declined",
        "insufficient_funds",
    )

    shop.pay(payment)
    town.settle()
    captured = shop.find_payment(payment["id"])
    assert captured["status"] == "CAPTURED"
    assert types(captured["timeline"]).count("payment.declined") == 1


def test_a_delayed_method_is_processing_and_then_paid(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    shop.pay(payment, method="sepa_debit")
    waiting = eventually(lambda: shop.find_order(payment["orderId"]), lambda o: o["payments"][0]["status"] != "OPEN")
    assert (waiting["status"], waiting["payments"][0]["status"]) == ("OPEN", "PROCESSING")
    refused = shop.checkout(payment["orderId"])
    assert [error["code"] for error in refused["userErrors"]] == ["PAYMENT_IN_PROGRESS"]

    town.sandbox("POST", "/clock/advance", seconds=60)
    paid = eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")
    assert paid["payments"][0]["method"]["type"] == "sepa_debit"


def test_a_delayed_method_that_fails_leaves_the_order_open_for_another_try(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    shop.pay(payment, method="sepa_debit", outcome="failure")
    town.sandbox("POST", "/clock/advance", seconds=60)
    failed = eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["status"] == "FAILED")
    assert failed["captured"]["amountMinor"] == 0
    again = shop.checkout(payment["orderId"])["payment"]
    assert again["id"] != payment["id"]
    shop.pay(again)
    eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")
