"""The check of the invariants is worth something only if it finds what is wrong: each defect is planted and found."""

from collections.abc import Callable

import pytest

from tests import invariants
from tests.invariants import Books, Row
from tests.town import Shop, Town, eventually


def refunded(row: Row) -> bool:
    return bool(row["refunded_minor"])


def payment(books: Books, *, twice: bool = False) -> Row:
    return next(row for row in books.payments.values() if refunded(row) is twice)


def event(books: Books, kind: str) -> Row:
    return next(row for row in books.events if row["type"] == kind)


def set_(row: Row, **values: object) -> None:
    row.update(values)


DEFECTS: dict[str, Callable[[Books], object]] = {
    "an event is missing": lambda b: b.events.remove(event(b, "payment.open")),
    "an event is told twice": lambda b: b.events.append(event(b, "order.paid") | {"position": 10**9}),
    "a number is missing": lambda b: set_(event(b, "payment.open"), sequence=None),
    "numbers have a hole": lambda b: set_(b.merchants[0], event_sequence=b.merchants[0]["event_sequence"] + 1),
    "numbers are not in the order of the versions": lambda b: set_(event(b, "order.created"), sequence=10**6),
    "a status moved without an event": lambda b: set_(payment(b), status="open"),
    "an order is open although it is paid": lambda b: set_(b.orders[payment(b)["order_id"]], status="open"),
    "a forbidden edge": lambda b: event(b, "payment.captured")["data"].update({"from": "captured"}),
    "more was captured than told": lambda b: set_(payment(b), captured_minor=1),
    "an order keeps twice its total": lambda b: set_(payment(b, twice=True), captured_minor=99_999),
    "nobody gives the duplicate back": lambda b: b.refunds.clear(),
    "more goes back than came": lambda b: set_(next(iter(b.refunds.values())), amount_minor=10**6),
    "a refund that nobody told": lambda b: set_(next(iter(b.refunds.values())), status="failed"),
    "a capture is not booked": lambda b: b.postings.remove(next(p for p in b.postings if p["kind"] == "capture")),
    "a posting is booked twice": lambda b: b.postings.append(dict(b.postings[-1])),
    "a posting on a wrong account": lambda b: set_(b.postings[0], credit="psp_fees"),
    "the fee is another": lambda b: set_(payment(b), fee_minor=7),
}


@pytest.fixture(scope="module")
def kept(shared_town: Town) -> Shop:
    """A merchant with an order that was paid, and one that was paid twice."""
    town, shop = shared_town, shared_town.merchant()
    shop.paid_order()
    first = shop.open_payment(900)
    headers = {"Authorization": "Bearer sk_test_town"}
    town.http.post(f"{town.sandbox_url}/v1/checkout/sessions/{first['token']}/expire", headers=headers)
    eventually(lambda: shop.find_payment(first["id"]), lambda found: found["status"] == "EXPIRED")
    shop.pay(shop.checkout(first["orderId"])["payment"])
    eventually(lambda: shop.find_order(first["orderId"]), lambda order: order["status"] == "PAID")
    shop.pay(first, force=True)
    eventually(lambda: shop.find_payment(first["id"])["refunded"]["amountMinor"], lambda amount: amount == 900)
    for order in shop.ask("{ orders { nodes { payments { id } } } }")["orders"]["nodes"]:
        for paid in order["payments"]:
            eventually(lambda id=paid["id"]: shop.find_payment(id)["fee"])
    town.settle()
    return shop


def test_nothing_is_found_where_nothing_is_wrong(town: Town, kept: Shop) -> None:
    url = town.house.settings.database_url
    eventually(lambda: invariants.broken(url, town.sandbox_url, merchant_id=kept.merchant_id), lambda found: not found)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(town: Town, kept: Shop, defect: str) -> None:
    books = invariants.read(town.house.settings.database_url, kept.merchant_id)
    DEFECTS[defect](books)
    planted = Books(**{name: getattr(books, name) for name in invariants._TABLES})
    assert invariants.found_in(planted)
