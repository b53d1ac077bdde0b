"""plan -> subscriptionStart -> hosted page -> webhooks -> ACTIVE -> invoice = order = RECC payment = books"""

from tests import subscribing
from tests.subscribing import entitlements, types
from tests.town import Shop, Town, eventually


def test_a_customer_subscribes_on_the_hosted_page_and_the_invoice_is_an_order_with_its_books(
    town: Town, shop: Shop
) -> None:
    plan = subscribing.plan(shop, 1900)
    begun = subscribing.start(shop, plan["id"])
    assert (begun["status"], begun["currentPeriodEnd"]) == ("INCOMPLETE", None)
    assert begun["checkoutUrl"].startswith(town.sandbox_url)
    assert entitlements(shop, begun["customerId"]) == {}

    shop.pay(begun)
    active = subscribing.settled(shop, begun["id"], "ACTIVE")
    (invoice,) = active["invoices"]
    assert (invoice["status"], invoice["reason"], invoice["total"]["amountMinor"]) == ("PAID", "START", 1900)
    order = invoice["order"]
    assert (order["status"], order["reference"], order["total"]["amountMinor"]) == ("PAID", invoice["number"], 1900)
    (payment,) = shop.find_order(order["id"])["payments"]
    assert (payment["status"], payment["type"], payment["captured"]["amountMinor"]) == ("CAPTURED", "RECC", 1900)
    assert active["checkoutUrl"] is None
    assert active["currentPeriodEnd"] == invoice["periodEnd"]
    assert entitlements(shop, active["customerId"]) == {"courses": 1}

    known = eventually(lambda: shop.find_payment(payment["id"]), lambda found: found["fee"] is not None)
    fee = known["fee"]["amountMinor"]
    held = {row["account"]: row["balance"]["amountMinor"] for row in known["ledger"]}
    assert held == {"merchant_payable": -1900, "psp_fees": fee, "psp_receivable": 1900 - fee}
    assert known["method"]["last4"] == "4242"
    told = types(shop, active["id"])
    assert told[0] == "subscription.created"
    assert sorted(told[1:]) == ["entitlement.granted", "invoice.paid", "subscription.active"]
    assert [event["type"] for event in shop.find_order(order["id"])["timeline"]["nodes"]][:4] == [
        "order.created",
        "payment.created",
        "payment.captured",
        "order.paid",
    ]
