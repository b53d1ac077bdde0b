"""two vendors in one order -> one payment -> shares after commission -> transfers -> one item refunded -> zero"""

from collections.abc import Iterator

import pytest

from tests.town import Shop, Town, eventually
from tests.vendors import (
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


@pytest.fixture(autouse=True)
def right_books(shop: Shop) -> Iterator[None]:
    """After each story all invariants hold."""
    yield
    check(shop)


def test_each_vendor_gets_its_share_and_one_item_goes_back(town: Town, shop: Shop) -> None:
    anna, bert = active(shop, name="Anna"), active(shop, name="Bert", country="AT")
    items = [item(6000, commissioned(shop, anna)), item(4001, commissioned(shop, bert, 1500)), item(500)]
    payment = sold(shop, items)
    paid = settled(shop, payment["id"])
    fee = paid["fee"]["amountMinor"]
    assert sorted(moved(paid)) == [("MADE", 3401, False), ("MADE", 5400, False)]
    assert books(paid) == {
        "commission": -(600 + 600),
        "merchant_payable": -500,
        "psp_fees": fee,
        "psp_receivable": 10501 - 5400 - 3401 - fee,
        f"psp_vendor:{anna['id']}": 5400,
        f"psp_vendor:{bert['id']}": 3401,
        f"vendor_payable:{anna['id']}": -5400,
        f"vendor_payable:{bert['id']}": -3401,
    }
    (balance,) = find(shop, anna["id"])["balances"]
    assert {name: value["amountMinor"] for name, value in balance.items() if name != "currency"} == {
        "held": 0,
        "pending": 0,
        "available": 5400,
        "inTransit": 0,
        "negative": 0,
    }
    order = shop.ask(
        "query ($id: ID!) { order(id: $id) { items { name } holds { lineItemId } } }", id=paid["order"]["id"]
    )
    of_bert = order["order"]["holds"][1]["lineItemId"]
    refunded = do(shop, REFUND_CREATE, paymentId=payment["id"], lineItems=[{"lineItemId": of_bert}])
    assert codes(refunded) == []
    assert refunded["refund"]["amount"] == money(4001)
    eventually(lambda: found(shop, payment["id"])["refunded"]["amountMinor"] == 4001)
    after = settled(shop, payment["id"])
    assert ("MADE", 3401, True) in moved(after)
    assert books(after) == {
        "commission": -600,
        "merchant_payable": -500,
        "psp_fees": fee,
        "psp_receivable": 6500 - 5400 - fee,
        f"psp_vendor:{anna['id']}": 5400,
        f"vendor_payable:{anna['id']}": -5400,
    }

    assert codes(do(shop, REFUND_CREATE, paymentId=payment["id"])) == []
    eventually(lambda: found(shop, payment["id"])["refunded"]["amountMinor"] == 10501)
    assert books(settled(shop, payment["id"])) == {"psp_fees": fee, "psp_receivable": -fee}
