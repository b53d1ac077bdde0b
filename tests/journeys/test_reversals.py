"""a share is at the vendor's -> it is taken back, by us or by hand at the PSP -> as far as it is there, and once"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from domain.events import Cause, CauseKind
from domain.transfers import inquire as reversals
from kit import clock
from tests.town import MONEY, STRIPE_KEY, Shop, Town, eventually
from tests.vendors import (
    BYPASS,
    REFUND_CREATE,
    active,
    books,
    check,
    codes,
    commissioned,
    do,
    find,
    found,
    item,
    money,
    moved,
    settled,
    sold,
)

SWEEP = Cause(CauseKind.SWEEP, "test")
LINES = f"""query ($id: ID!, $from: DateTime!, $to: DateTime!, $first: Int, $after: Cursor) {{
  vendorStatement(vendorId: $id, currency: "EUR", from: $from, to: $to) {{
    closing {{ balance {MONEY} }} lines(first: $first, after: $after) {{
      pageInfo {{ hasNextPage endCursor }} nodes {{ kind heldBy {MONEY} balanceBy {MONEY} }} }} }} }}"""


@pytest.fixture
def anna(shop: Shop) -> Any:
    return active(shop)


@pytest.fixture(autouse=True)
def right_books(shop: Shop) -> Iterator[None]:
    """After each story all invariants hold, and the PSP has taken back what we say."""
    yield
    check(shop)


def balances(shop: Shop, vendor: Any) -> dict[str, int]:
    (row,) = find(shop, vendor["id"])["balances"]
    return {name: value["amountMinor"] for name, value in row.items() if name != "currency" and value["amountMinor"]}


def adjust(town: Town, vendor: Any, amount_minor: int) -> None:
    """Money comes into the vendor's account, or leaves it."""
    town.sandbox("POST", f"/accounts/{vendor['token']}/adjust", amount=amount_minor, currency="eur")


def refund(shop: Shop, payment: Any, amount_minor: int) -> Any:
    """The payment once it is done, and the vendors' shares are back."""
    assert codes(do(shop, REFUND_CREATE, paymentId=payment["id"], amount=money(amount_minor))) == []
    before = payment["refunded"]["amountMinor"]
    eventually(lambda: found(shop, payment["id"])["refunded"]["amountMinor"] == before + amount_minor)
    return settled(shop, payment["id"])


def sent(shop: Shop, vendor: Any) -> Any:
    """A payment of 100.00 of which 90.00 are in the vendor's account."""
    return settled(shop, sold(shop, [item(10000, commissioned(shop, vendor))], card=BYPASS)["id"])


def by_hand(town: Town, payment: Any, amount_minor: int) -> None:
    """The merchant takes it back in the PSP's dashboard."""
    token = next(t["token"] for t in payment["transfers"] if t["reversesId"] is None)
    answer = town.http.post(
        f"{town.sandbox_url}/v1/transfers/{token}/reversals",
        data={"amount": str(amount_minor)},
        headers={"Authorization": f"Bearer {STRIPE_KEY}"},
    )
    assert answer.status_code == 200, answer.text


def at_psp(town: Town, vendor: Any) -> int:
    """What the PSP says is left of the transfers to the vendor."""
    answer = town.http.get(
        f"{town.sandbox_url}/v1/transfers",
        params={"destination": vendor["token"], "limit": "100"},
        headers={"Authorization": f"Bearer {STRIPE_KEY}"},
    )
    return sum(each["amount"] - each["amount_reversed"] for each in answer.json()["data"])


def ask_about(town: Town, vendor: Any) -> None:
    town.call(reversals.inquire(town.house.gateways, vendor["id"], cause=SWEEP, now=clock.now()))


# -- as far as it is there -------------------------------------------------------------


def test_what_is_left_in_the_account_is_taken_back_and_the_rest_is_owed(town: Town, shop: Shop, anna: Any) -> None:
    payment = sent(shop, anna)
    adjust(town, anna, -4000)
    after = refund(shop, payment, 10000)
    assert sorted(moved(after)) == [("FAILED", 9000, True), ("MADE", 5000, True), ("MADE", 9000, False)]
    assert books(after)[f"psp_vendor:{anna['id']}"] == 4000
    assert balances(shop, anna) == {"available": 4000, "negative": 4000}
    assert at_psp(town, anna) == 4000


def test_what_comes_into_the_account_later_is_taken_back_then(town: Town, shop: Shop, anna: Any) -> None:
    payment = sent(shop, anna)
    adjust(town, anna, -9000)
    assert moved(refund(shop, payment, 10000))[1:] == [("FAILED", 9000, True)]
    assert balances(shop, anna) == {"available": 9000, "negative": 9000}
    ask_about(town, anna)
    assert moved(settled(shop, payment["id"]))[1:] == [("FAILED", 9000, True)]
    adjust(town, anna, 7000)
    ask_about(town, anna)
    assert moved(settled(shop, payment["id"]))[2:] == [("MADE", 7000, True)]
    assert balances(shop, anna) == {"available": 2000, "negative": 2000}
    adjust(town, anna, 5000)
    ask_about(town, anna)
    assert moved(settled(shop, payment["id"]))[3:] == [("MADE", 2000, True)]
    assert balances(shop, anna) == {}
    ask_about(town, anna)
    assert len(settled(shop, payment["id"])["transfers"]) == 4


def test_a_payout_that_fails_pays_what_the_vendor_owes(town: Town, shop: Shop, anna: Any) -> None:
    payment = sent(shop, anna)
    headers = {"Authorization": f"Bearer {STRIPE_KEY}", "Stripe-Account": anna["token"]}
    form = {"amount": "9000", "currency": "eur"}
    payout = town.http.post(f"{town.sandbox_url}/v1/payouts", data=form, headers=headers).json()
    town.sandbox("POST", f"/payouts/{payout['id']}/pay")
    eventually(lambda: balances(shop, anna) == {})
    refund(shop, payment, 10000)
    assert balances(shop, anna) == {"negative": 9000}
    town.sandbox("POST", f"/payouts/{payout['id']}/fail", code="account_closed")
    eventually(lambda: moved(found(shop, payment["id"]))[-1] == ("MADE", 9000, True))
    assert balances(shop, anna) == {}


def statement(shop: Shop, vendor: Any, **page: Any) -> Any:
    """Of the last hour."""
    hour, now = timedelta(hours=1), clock.now()
    period = {"from": (now - hour).isoformat(), "to": (now + hour).isoformat()}
    return shop.ask(LINES, id=vendor["id"], **period, **page)["vendorStatement"]


def test_no_line_of_a_statement_brings_what_is_held_below_zero(town: Town, shop: Shop, anna: Any) -> None:
    refund(shop, sent(shop, anna), 4000)
    held, stands = 0, []
    for line in statement(shop, anna)["lines"]["nodes"]:
        held += line["heldBy"]["amountMinor"]
        stands.append((line["kind"], held))
    assert stands == [
        ("SHARE_HELD", 9000),
        ("SHARE_RELEASED", 0),
        ("SHARE_RECLAIMED", 3600),
        ("SHARE_RETURNED", 0),
    ]


def test_a_statement_is_read_page_by_page(shop: Shop, anna: Any) -> None:
    refund(shop, sent(shop, anna), 4000)
    whole = statement(shop, anna)["lines"]["nodes"]
    walked: list[Any] = []
    page = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        lines = statement(shop, anna, first=1, after=page["endCursor"])["lines"]
        walked, page = walked + lines["nodes"], lines["pageInfo"]
    assert walked == whole
    assert len(whole) == 4


# -- by hand ---------------------------------------------------------------------------


def test_what_the_merchant_takes_back_by_hand_is_the_merchants(town: Town, shop: Shop, anna: Any) -> None:
    payment = sent(shop, anna)
    by_hand(town, payment, 2000)
    town.settle()
    after = settled(shop, payment["id"])
    assert moved(after) == [("MADE", 9000, False), ("MADE", 2000, True)]
    assert books(after)[f"psp_vendor:{anna['id']}"] == 7000
    assert books(after)[f"vendor_payable:{anna['id']}"] == -7000
    assert books(after)["merchant_payable"] == -2000
    assert balances(shop, anna) == {"available": 7000}
    told = statement(shop, anna)
    assert told["closing"]["balance"] == money(7000)
    last = told["lines"]["nodes"][-1]
    assert (last["kind"], last["balanceBy"]) == ("SHARE_WITHHELD", money(-2000))
    assert books(refund(shop, payment, 10000)).keys() <= {"psp_fees", "psp_receivable"}
    assert at_psp(town, anna) == 0


def test_what_was_taken_back_by_hand_counts_for_the_refund_after_it(town: Town, shop: Shop, anna: Any) -> None:
    payment = sent(shop, anna)
    by_hand(town, payment, 4500)
    town.settle()
    after = refund(shop, settled(shop, payment["id"]), 5000)
    assert moved(after) == [("MADE", 9000, False), ("MADE", 4500, True)]
    assert books(after)[f"vendor_payable:{anna['id']}"] == -4500
    assert balances(shop, anna) == {"available": 4500}
    assert at_psp(town, anna) == 4500


def test_what_was_taken_back_by_hand_pays_what_the_vendor_owes(town: Town, shop: Shop, anna: Any) -> None:
    payment = sent(shop, anna)
    adjust(town, anna, -9000)
    after = refund(shop, payment, 10000)
    adjust(town, anna, 6000)
    by_hand(town, payment, 6000)
    town.settle()
    assert moved(settled(shop, payment["id"]))[-1] == ("MADE", 6000, True)
    assert balances(shop, anna) == {"available": 3000, "negative": 3000}
    assert "merchant_payable" not in books(after)


@pytest.mark.parametrize("learned", ["by reconciliation", "by being refused"])
def test_a_reversal_by_hand_of_which_no_message_came_is_learned(
    town: Town, shop: Shop, anna: Any, learned: str
) -> None:
    payment = sent(shop, anna)
    town.sandbox("POST", "/webhooks/rules", action="drop", types=["transfer.reversed"])
    by_hand(town, payment, 2000)
    if learned == "by reconciliation":
        ask_about(town, anna)
        ask_about(town, anna)
        assert moved(settled(shop, payment["id"])) == [("MADE", 9000, False), ("MADE", 2000, True)]
        assert balances(shop, anna) == {"available": 7000}
    after = refund(shop, payment, 10000)
    assert books(after).keys() <= {"psp_fees", "psp_receivable"}
    made = [row for row in moved(after) if row[0] == "MADE"]
    assert sorted(made) == [("MADE", 2000, True), ("MADE", 7000, True), ("MADE", 9000, False)]
    assert balances(shop, anna) == {}
    assert at_psp(town, anna) == 0


def test_a_reversal_that_is_told_many_times_is_booked_once(town: Town, shop: Shop, anna: Any) -> None:
    payment = sent(shop, anna)
    town.sandbox("POST", "/webhooks/rules", action="duplicate", types=["transfer.reversed"])
    by_hand(town, payment, 1000)
    by_hand(town, payment, 500)
    refund(shop, payment, 5000)
    town.settle()
    ask_about(town, anna)
    after = settled(shop, payment["id"])
    assert sum(amount for _, amount, back in moved(after) if back) == 9000 - at_psp(town, anna)
    assert balances(shop, anna) == {"available": 4500}
