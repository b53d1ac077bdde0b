"""money is asked for -> every answer is lost -> a day goes by, and the PSP forgets the keys -> nothing is done twice"""

import time
from datetime import timedelta
from typing import Any

import pytest

from domain.events import Cause, CauseKind
from domain.refunds import ask as refunds
from domain.transfers import settle as transfers
from domain.vendors import inquire as vendors
from kit import clock
from kit.database import reading
from tests.journeys.test_direct import authorize
from tests.journeys.test_disputes import charge_of
from tests.town import STRIPE_KEY, Shop, Town, eventually
from tests.vendors import (
    CREATE,
    REFUND_CREATE,
    RELEASE,
    active,
    books,
    check,
    codes,
    commissioned,
    do,
    find,
    found,
    fund,
    item,
    key,
    money,
    moved,
    settled,
    sold,
)

DAY = timedelta(hours=25)
SWEEP = Cause(CauseKind.SWEEP, "test")


def lose_answers(town: Town, path: str) -> None:
    """The PSP does what it is asked, and nobody hears of it."""
    town.sandbox("POST", "/faults", method="POST", path=path, when="after", kind="reset", next=None)
    town.sandbox("POST", "/webhooks/rules", action="drop")


def sleep_a_day(town: Town, path: str, payment_id: str) -> None:
    """Once we have asked in vain, nobody asks for a day, and the PSP is well again."""
    table = "refunds" if path == "/v1/refunds" else "shares"
    asked, later = eventually(lambda: len(town.calls("POST", path))), clock.now() + 10 * DAY
    before = 0
    while asked > before:  # whoever asks just now still tries again, and writes when to ask again
        rest = f"UPDATE {table} SET ask_at = $2 WHERE payment_id = $1 AND ask_at IS NOT NULL"
        town.call(reading.execute(rest, payment_id, later))
        time.sleep(4)
        before, asked = asked, len(town.calls("POST", path))
    wake_a_day_later(town)


def wake_a_day_later(town: Town) -> None:
    town.quiet()
    town.sandbox("POST", "/idempotency/forget")


def settle_then(town: Town, payment_id: str) -> None:
    async def work() -> None:
        for row in await reading.fetch("SELECT id FROM shares WHERE payment_id = $1", payment_id):
            await transfers.settle(town.house.gateways, row["id"], cause=SWEEP, now=clock.now() + DAY)

    town.call(work())


def listed(town: Town, path: str, **params: str) -> list[Any]:
    """What the PSP has, newest first."""
    headers = {"Authorization": f"Bearer {STRIPE_KEY}"}
    answer = town.http.get(f"{town.sandbox_url}/v1/{path}", params={"limit": "100", **params}, headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


@pytest.mark.parametrize("basis_points", [1000, 6000])  # of a share above half the charge, the PSP refuses a second
def test_a_transfer_of_which_nobody_heard_is_made_once(town: Town, shop: Shop, basis_points: int) -> None:
    anna = active(shop)
    fund(town, "EUR")
    payment = sold(shop, [item(10000, commissioned(shop, anna, basis_points, hold={"onDeadline": "REFUND"}))])
    lose_answers(town, "/v1/transfers")
    assert codes(do(shop, RELEASE, holdId=payment["order"]["holds"][0]["id"])) == []
    sleep_a_day(town, "/v1/transfers", payment["id"])
    settle_then(town, payment["id"])
    (made,) = listed(town, "transfers", destination=anna["token"])
    after = settled(shop, payment["id"])
    assert [(t["status"], t["token"]) for t in after["transfers"]] == [("MADE", made["id"])]
    assert books(after)[f"psp_vendor:{anna['id']}"] == 10000 - basis_points == made["amount"]
    check(shop)


def test_a_reversal_of_which_nobody_heard_is_made_once(town: Town, shop: Shop) -> None:
    anna = active(shop)
    payment = sold(shop, [item(10000, commissioned(shop, anna))])
    settled(shop, payment["id"])
    (transfer,) = listed(town, "transfers", destination=anna["token"])
    reversals = f"/v1/transfers/{transfer['id']}/reversals"
    lose_answers(town, reversals)
    assert codes(do(shop, REFUND_CREATE, paymentId=payment["id"], amount=money(3000))) == []
    sleep_a_day(town, reversals, payment["id"])
    settle_then(town, payment["id"])
    (transfer,) = listed(town, "transfers", destination=anna["token"])
    assert transfer["amount_reversed"] == 2700
    assert moved(settled(shop, payment["id"])) == [("MADE", 9000, False), ("MADE", 2700, True)]
    check(shop)


def test_a_refund_of_which_nobody_heard_is_made_once(town: Town, shop: Shop) -> None:
    payment = sold(shop, [item(10000)])
    lose_answers(town, "/v1/refunds")
    do(shop, REFUND_CREATE, paymentId=payment["id"], amount=money(1000))
    sleep_a_day(town, "/v1/refunds", payment["id"])
    (refund,) = found(shop, payment["id"])["refunds"]
    town.call(refunds.ask_again(town.house.gateways, refund["id"], cause=SWEEP, now=clock.now() + 11 * DAY))
    (made,) = listed(town, "refunds", charge=charge_of(town, shop.find_payment(payment["id"])))
    assert made["amount"] == 1000
    after = found(shop, payment["id"])
    assert (after["refunds"], after["refunded"]) == ([refund | {"status": "SUCCEEDED"}], money(1000))
    check(shop)


def test_a_direct_payment_of_which_nobody_heard_is_charged_once(town: Town, shop: Shop) -> None:
    order = shop.order()
    lose_answers(town, "/v1/payment_intents")
    assert codes(authorize(shop, order, token="pm_card_visa")) == ["GATEWAY_UNAVAILABLE"]
    (payment,) = shop.find_order(order["id"])["payments"]
    wake_a_day_later(town)
    town.sweep(DAY, only=payment["id"])
    made = [intent for intent in listed(town, "payment_intents") if intent["transfer_group"] == order["id"]]
    assert len(made) == 1
    assert shop.find_payment(payment["id"])["status"] == "CAPTURED"
    check(shop)


def test_a_payment_that_was_given_up_unheard_is_known_as_canceled(town: Town, shop: Shop) -> None:
    order = shop.order()
    authorize(shop, order, token="pm_card_threeDSecure2Required")
    (payment,) = shop.find_order(order["id"])["payments"]
    assert payment["status"] == "REQUIRES_ACTION"
    lose_answers(town, "/v1/payment_intents/*/cancel")
    town.sweep(timedelta(hours=2), only=payment["id"])
    assert shop.find_payment(payment["id"])["status"] == "REQUIRES_ACTION"
    wake_a_day_later(town)
    town.sweep(DAY, only=payment["id"])
    assert shop.find_payment(payment["id"])["status"] == "CANCELED"
    check(shop)


def test_a_vendor_of_whose_account_nobody_heard_has_one(town: Town, shop: Shop) -> None:
    lose_answers(town, "/v1/accounts")
    given = {"idempotencyKey": key(), "name": "Anna", "email": "anna@vendor.example", "country": "DE"}
    assert codes(shop.ask(CREATE, input=given)["vendorCreate"]) == ["GATEWAY_UNAVAILABLE"]
    (vendor,) = town.call(reading.fetch("SELECT id FROM vendors WHERE merchant_id = $1", shop.merchant_id))
    wake_a_day_later(town)
    town.call(vendors.inquire(town.house.gateways, vendor["id"], cause=SWEEP, now=clock.now() + DAY))
    made = [each for each in listed(town, "accounts") if each["metadata"].get("paygraph_vendor") == vendor["id"]]
    assert [each["id"] for each in made] == [find(shop, vendor["id"])["token"]]
