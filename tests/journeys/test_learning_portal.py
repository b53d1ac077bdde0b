"""story 2: one course is bought for good, all of them by the month; access ends when the subscription does"""

from typing import Any

import pytest

from tests import subscribing, webhooking
from tests.receiver import receiving
from tests.subscribing import advance, entitlements
from tests.town import Shop, Town, eventually


@pytest.mark.parametrize("lossy", [False, True], ids=["all webhooks come", "every webhook is lost"])
def test_a_learner_buys_one_course_subscribes_to_all_and_keeps_what_was_bought(
    town: Town, shop: Shop, lossy: bool
) -> None:
    with receiving() as portal:
        webhooking.made(shop, portal, eventTypes=["entitlement.*"])
        order = shop.order(6900, customer={"email": "ada@example.com"})
        shop.pay(shop.checkout(order["id"])["payment"])
        eventually(lambda: shop.find_order(order["id"]), lambda found: found["status"] == "PAID")

        begun = subscribing.start(shop, subscribing.plan(shop, 1900, features=["all-courses"])["id"])
        if lossy:
            town.sandbox("POST", "/webhooks/rules", action="drop")
        shop.pay(begun)
        heard_of(shop, begun, lossy)
        eventually(lambda: entitlements(shop, begun["customerId"]) == {"all-courses": 1})

        active = subscribing.find(shop, begun["id"])
        advance(shop, active, renew=True)
        subscribing.done(shop, "subscriptionCancel", subscriptionId=active["id"])
        assert entitlements(shop, begun["customerId"]) == {"all-courses": 1}
        advance(shop, active, days=32)
        heard_of(shop, begun, lossy)
        eventually(lambda: entitlements(shop, begun["customerId"]) == {})
        assert shop.find_order(order["id"])["status"] == "PAID"

        granted, revoked = (each.message for each in portal.got(2))
        assert [(told["type"], told["data"]["feature"], told["data"]["quantity"]) for told in (granted, revoked)] == [
            ("entitlement.granted", "all-courses", 1),
            ("entitlement.revoked", "all-courses", 0),
        ]
        for told in (granted, revoked):
            assert told["data"]["subscription"]["customer"]["email"] == "ada@example.com"
            assert told["data"]["customerId"] == begun["customerId"]


def heard_of(shop: Shop, subscription: Any, lossy: bool) -> None:
    if lossy:
        subscribing.sweep(shop, subscription)
