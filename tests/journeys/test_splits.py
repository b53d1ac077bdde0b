"""rules that make no sense and sales that they cannot divide are refused; fifty vendors cost as much as two"""

from collections import Counter
from typing import Any

import pytest

from tests.journeys.test_statement_counts import asked
from tests.journeys.test_statement_counts import statements as statements
from tests.town import ERRORS, ORDER_CREATE, Shop, Town, eventually
from tests.unchanged import nothing_happens, told
from tests.vendors import (
    REFUND_CREATE,
    RELEASE,
    active,
    books,
    check,
    codes,
    commissioned,
    create,
    do,
    found,
    item,
    key,
    money,
    moved,
    rule,
    settled,
    sold,
)

PRODUCT = f"""mutation ($input: ProductCreateInput!) {{ productCreate(input: $input) {{
  product {{ id splitRule }} {ERRORS} }} }}"""

ORDERED = """mutation ($input: OrderCreateInput!) {
  orderCreate(input: $input) { order { id } userErrors { code } } }"""


def ordered(shop: Shop, items: list[dict[str, Any]], **more: Any) -> Any:
    given = {"idempotencyKey": key(), "currency": "EUR", "items": items, **more}
    return shop.ask(ORDER_CREATE, input=given)["orderCreate"]


@pytest.fixture
def anna(shop: Shop) -> Any:
    return active(shop)


def test_rules_that_make_no_sense_are_refused(town: Town, shop: Shop, anna: Any) -> None:
    mine = {"vendorId": anna["id"]}
    unknown, foreign = "ven_01h455vb4pex5vsknk084sn02q", create(town.merchant())["vendor"]["id"]
    cases: dict[str, tuple[list[Any], dict[str, Any], list[tuple[str, str]]]] = {
        "nobody": ([], {}, [("INVALID_SPLIT", "parts")]),
        "over the whole": (
            [{**mine, "basisPoints": 9500}],
            {"commission": {"basisPoints": 501}},
            [("SPLIT_EXCEEDS_AMOUNT", "parts")],
        ),
        "no basis points": ([{**mine, "basisPoints": 0}], {}, [("INVALID_SPLIT", "parts.0.basisPoints")]),
        "too many": (
            [{**mine, "basisPoints": 10001}],
            {},
            [("INVALID_SPLIT", "parts.0.basisPoints"), ("SPLIT_EXCEEDS_AMOUNT", "parts")],
        ),
        "twice": ([{**mine, "basisPoints": 10}, {**mine, "basisPoints": 10}], {}, [("INVALID_SPLIT", "parts")]),
        "two remainders": ([mine], {"commission": {}}, [("INVALID_SPLIT", "parts")]),
        "unknown": ([{"vendorId": unknown}], {}, [("NOT_FOUND", "parts.0.vendorId")]),
        "another merchant's": ([{"vendorId": foreign}], {}, [("NOT_FOUND", "parts.0.vendorId")]),
        "no vendor's id": ([{"vendorId": "x" * 500}], {}, [("INVALID_ID", "parts.0.vendorId")]),
        "an empty id": ([{"vendorId": ""}], {}, [("INVALID_ID", "parts.0.vendorId")]),
        "two currencies": (
            [{**mine, "fixed": money(1)}],
            {"commission": {"fixed": money(1, "USD")}},
            [("CURRENCY_MISMATCH", "parts")],
        ),
        "too fine": ([{**mine, "fixed": money(5, "KWD")}], {}, [("INVALID_AMOUNT", "parts")]),
        "no amount": ([{**mine, "fixed": money(0)}], {}, [("INVALID_AMOUNT", "parts.0.fixed.amountMinor")]),
        "not held": ([{"basisPoints": 5000}], {}, [("INVALID_SPLIT", "hold")]),
        "held too long": ([mine], {"hold": {"releaseAfterDays": 91}}, [("INVALID", "hold.releaseAfterDays")]),
        "held for nobody too long": ([{}], {"hold": {"releaseAfterDays": 91}}, [("INVALID", "hold.releaseAfterDays")]),
        "held for no time": ([mine], {"hold": {"releaseAfterDays": 0}}, [("INVALID", "hold.releaseAfterDays")]),
    }
    with nothing_happens(shop):
        met = {name: told(rule(shop, "no", parts, **more)) for name, (parts, more, _) in cases.items()}
        assert met == {name: wanted for name, (_, _, wanted) in cases.items()}
        assert told(rule(shop, "", [mine])) == [("REQUIRED", "name")]
        assert told(rule(shop, "4242424242424242", [mine])) == [("CARD_NUMBER", "name")]


def test_a_release_date_is_within_the_limit_of_every_vendors_country(town: Town, shop: Shop) -> None:
    vendors = {country: create(shop, country=country)["vendor"]["id"] for country in ("DE", "TH", "US")}
    for countries, most in ((["US"], 730), (["DE"], 90), (["US", "DE"], 90), (["DE", "TH"], 10)):
        parts = [{"vendorId": vendors[country], "basisPoints": 100} for country in countries]
        refused = rule(shop, key(), parts, hold={"releaseAfterDays": most + 1})
        assert told(refused) == [("INVALID", "hold.releaseAfterDays")]
        assert f" {most} days" in refused["userErrors"][0]["message"]
        assert codes(rule(shop, key(), parts, hold={"releaseAfterDays": most})) == []


@pytest.mark.parametrize("name", ["", "  ", "\t"])
def test_a_rule_without_a_name_is_no_rule(town: Town, shop: Shop, anna: Any, name: str) -> None:
    order = shop.order()
    update = "mutation ($input: OrderUpdateInput!) { orderUpdate(input: $input) { userErrors { code path } } }"
    product = {"idempotencyKey": key(), "name": "Print", "prices": [money(2000)], "splitRule": name}
    with nothing_happens(shop):
        assert told(ordered(shop, [item(1000), item(1000, name)])) == [("NOT_FOUND", "items.1.splitRule")]
        assert told(ordered(shop, [item(1000)], splitRule=name)) == [("NOT_FOUND", "splitRule")]
        assert told(shop.ask(PRODUCT, input=product)["productCreate"]) == [("NOT_FOUND", "splitRule")]
        given = {"orderId": order["id"], "items": [item(1000, name)]}
        assert told(shop.ask(update, input=given)["orderUpdate"]) == [("NOT_FOUND", "items.0.splitRule")]


def test_sales_that_a_rule_cannot_divide_are_refused(town: Town, shop: Shop, anna: Any) -> None:
    half, off = create(shop)["vendor"], active(shop)
    fixed, halfway, disabled = f"fixed {key()}", commissioned(shop, half), commissioned(shop, off)
    assert codes(rule(shop, fixed, [{"vendorId": anna["id"], "fixed": money(500)}])) == []
    shop.ask("mutation ($id: ID!) { vendorDisable(input: {vendorId: $id}) { userErrors { code } } }", id=off["id"])
    another = shop.order()["id"]
    with nothing_happens(shop):
        assert told(ordered(shop, [item(499, fixed)])) == [("SPLIT_EXCEEDS_AMOUNT", "items.0.splitRule")]
        assert told(ordered(shop, [item(999, fixed, quantity=1), item(1000, halfway)])) == [
            ("VENDOR_NOT_READY", "items.1.splitRule")
        ]
        assert told(ordered(shop, [item(1000)], splitRule=disabled)) == [("VENDOR_DISABLED", "splitRule")]
        assert told(ordered(shop, [item(1000, "nobody's")])) == [("NOT_FOUND", "items.0.splitRule")]
        dollars = [item(1000, fixed, "USD")]
        assert told(ordered(shop, dollars, currency="USD")) == [("CURRENCY_MISMATCH", "items.0.splitRule")]
        stranger = town.merchant()
        assert told(ordered(stranger, [item(1000, fixed)])) == [("NOT_FOUND", "items.0.splitRule")]
        assert told(do(stranger, RELEASE, orderId=another)) == [("NOT_FOUND", "orderId")]


def test_nothing_is_released_or_refunded_of_what_was_not_paid(town: Town, shop: Shop, anna: Any) -> None:
    order = ordered(shop, [item(1000, commissioned(shop, anna))])["order"]
    unknown = "hold_01h455vb4pex5vsknk084sn02q"
    with nothing_happens(shop):
        assert told(do(shop, RELEASE, orderId=order["id"])) == [("ORDER_NOT_PAID", "orderId")]
        assert told(do(shop, RELEASE, holdId=unknown)) == [("NOT_FOUND", "holdId")]
        assert told(do(shop, RELEASE)) == told(do(shop, RELEASE, holdId=unknown, orderId=order["id"]))
        assert told(do(shop, RELEASE)) == [("REQUIRED", "holdId")]
        assert told(do(shop, RELEASE, holdId=order["id"])) == [("INVALID_ID", "holdId")]
        assert told(do(shop, RELEASE, orderId=order["id"], amount=money(1))) == [("INVALID", "amount")]


def test_line_items_that_cannot_go_back_are_refused(town: Town, shop: Shop, anna: Any) -> None:
    payment = sold(shop, [item(1000, commissioned(shop, anna)), item(500)])
    line = settled(shop, payment["id"])["order"]["holds"][0]["lineItemId"]
    one = {"lineItemId": line}
    unknown = {"lineItemId": "li_01h455vb4pex5vsknk084sn02q"}

    def back(*items: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
        return told(do(shop, REFUND_CREATE, paymentId=payment["id"], lineItems=list(items), **more))

    with nothing_happens(shop):
        assert back() == [("INVALID_ITEMS", "lineItems")]
        assert back(one, one) == [("INVALID_ITEMS", "lineItems")]
        assert back(one, amount=money(1)) == [("INVALID", "amount")]
        assert back(unknown) == [("NOT_FOUND", "lineItems.0.lineItemId")]
        assert back({**one, "amount": money(1001)}) == [("AMOUNT_EXCEEDS_REFUNDABLE", "amount")]
        assert back({**one, "amount": money(0)}) == [("INVALID_AMOUNT", "lineItems.0")]
        assert back({**one, "amount": money(1, "USD")}) == [("CURRENCY_MISMATCH", "lineItems.0.amount.currency")]
    assert back({**one, "amount": money(400)}) == []
    assert back({**one, "amount": money(601)}) == [("AMOUNT_EXCEEDS_REFUNDABLE", "amount")]
    assert back(one) == []
    assert back(one) == [("INVALID_AMOUNT", "lineItems.0")]
    eventually(lambda: found(shop, payment["id"])["refunded"] == money(1000))
    check(shop)


def items_of(shop: Shop, payment: Any) -> list[Any]:
    """The line items of its order, as refundCreate takes them."""
    query = "query ($id: ID!) { order(id: $id) { items { id } } }"
    rows = shop.ask(query, id=payment["order"]["id"])["order"]["items"]
    return [{"lineItemId": row["id"]} for row in rows]


def given_back(shop: Shop, payment: Any, amount_minor: int) -> Any:
    """The payment once so much of it was refunded, and its transfers were taken back."""
    eventually(lambda: found(shop, payment["id"])["refunded"], lambda refunded: refunded == money(amount_minor))
    return settled(shop, payment["id"])


def test_what_went_back_without_a_name_is_not_there_to_go_back_by_name(town: Town, shop: Shop, anna: Any) -> None:
    payment = sold(shop, [item(6000, commissioned(shop, anna)), item(4000)])
    settled(shop, payment["id"])
    of_anna, own = items_of(shop, payment)
    assert codes(do(shop, REFUND_CREATE, paymentId=payment["id"], amount=money(5000))) == []
    given_back(shop, payment, 5000)
    with nothing_happens(shop):
        for line, left in ((own, 2000), (of_anna, 3000)):
            for named in (line, {**line, "amount": money(left + 1)}):
                refused = do(shop, REFUND_CREATE, paymentId=payment["id"], lineItems=[named])
                assert told(refused) == [("AMOUNT_EXCEEDS_REFUNDABLE", "amount")]
    part = {**own, "amount": money(2000)}
    assert codes(do(shop, REFUND_CREATE, paymentId=payment["id"], lineItems=[part])) == []
    assert codes(do(shop, REFUND_CREATE, paymentId=payment["id"])) == []
    fee = payment["fee"]["amountMinor"]
    assert books(given_back(shop, payment, 10000)) == {"psp_fees": fee, "psp_receivable": -fee}
    check(shop)


def test_of_an_order_that_was_paid_in_part_no_item_goes_back_beyond_its_part(town: Town, shop: Shop, anna: Any) -> None:
    order = shop.order(items=[item(6000, commissioned(shop, anna)), item(4000)])
    payment = shop.checkout(order["id"], captureMethod="MANUAL")["payment"]
    shop.pay(payment)
    eventually(lambda: found(shop, payment["id"])["status"] == "AUTHORIZED")
    capture = "mutation ($input: PaymentCaptureInput!) { paymentCapture(input: $input) { userErrors { code } } }"
    given = {"idempotencyKey": key(), "paymentId": payment["id"], "amount": money(5000)}
    assert codes(shop.ask(capture, input=given)["paymentCapture"]) == []
    eventually(lambda: found(shop, payment["id"])["fee"])
    payment = settled(shop, payment["id"])
    of_anna, own = items_of(shop, payment)
    with nothing_happens(shop):
        for line in (of_anna, own):
            refused = do(shop, REFUND_CREATE, paymentId=payment["id"], lineItems=[line])
            assert told(refused) == [("AMOUNT_EXCEEDS_REFUNDABLE", "amount")]
    part = {**own, "amount": money(2000)}
    assert codes(do(shop, REFUND_CREATE, paymentId=payment["id"], lineItems=[part])) == []
    assert codes(do(shop, REFUND_CREATE, paymentId=payment["id"])) == []
    fee = payment["fee"]["amountMinor"]
    assert books(given_back(shop, payment, 5000)) == {"psp_fees": fee, "psp_receivable": -fee}
    check(shop)


def test_an_order_keeps_the_rule_it_was_sold_under_and_the_nearest_rule_wins(town: Town, shop: Shop, anna: Any) -> None:
    name = commissioned(shop, anna, 1000)
    made = shop.ask(
        PRODUCT,
        input={"idempotencyKey": key(), "name": "Print", "prices": [money(2000)], "splitRule": name},
    )["productCreate"]
    assert (codes(made), made["product"]["splitRule"]) == ([], name)
    other = commissioned(shop, anna, 5000)
    product = {"productId": made["product"]["id"]}
    order = ordered(shop, [product, {**product, "splitRule": other}, item(1000)], splitRule=other)["order"]
    newer = rule(shop, name, [{"vendorId": anna["id"]}], commission={"basisPoints": 9000})
    assert newer["splitRule"]["version"] == 2
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment)
    eventually(lambda: found(shop, payment["id"])["order"]["status"] == "PAID")
    holds = settled(shop, payment["id"])["order"]["holds"]
    assert [(hold["captured"]["amountMinor"], hold["commission"]["amountMinor"]) for hold in holds] == [
        (2000, 200),
        (2000, 1000),
        (1000, 500),
    ]
    assert [hold["rule"]["version"] for hold in holds] == [1, 1, 1]
    check(shop)


def vendors(shop: Shop, amount: int) -> list[Any]:
    """So many vendors that share the tests' one account at the PSP."""
    return [active(shop, name=f"Vendor {number}") for number in range(amount)]


def test_a_sale_of_fifty_vendors_takes_as_many_statements_as_one_of_two(
    town: Town, shop: Shop, statements: Counter[str]
) -> None:
    everybody = vendors(shop, 50)
    counts, sent = {}, {}
    for size in (2, 50):
        name = f"of {size} {key()}"
        parts = [{"vendorId": vendor["id"], "basisPoints": 9000 // size} for vendor in everybody[:size]]
        assert codes(rule(shop, name, parts, commission={"basisPoints": 1000}, hold={})) == []
        given = {"idempotencyKey": key(), "currency": "EUR", "items": [item(100_000)], "splitRule": name}
        made = asked(town, shop, statements, ORDERED, input=given)
        payment = sold(shop, [item(100_000, name)])
        release = "mutation ($input: HoldReleaseInput!) { holdRelease(input: $input) { userErrors { code } } }"
        order_id = payment["order"]["id"]
        released = asked(town, shop, statements, release, input={"idempotencyKey": key(), "orderId": order_id})
        after = settled(shop, payment["id"])
        assert {status for status, _, _ in moved(after)} == {"MADE"}
        sent[size] = len(moved(after))
        back = "mutation ($input: RefundCreateInput!) { refundCreate(input: $input) { userErrors { code } } }"
        given = {"idempotencyKey": key(), "paymentId": payment["id"], "reason": "REQUESTED_BY_CUSTOMER"}
        town.sandbox("POST", "/webhooks/rules", action="hold", types=["refund.*", "charge.refund*"])
        refunded = asked(town, shop, statements, back, input=given)
        town.quiet()
        town.sandbox("POST", "/webhooks/release")
        counts[size] = (made, released, refunded)
        settled(shop, payment["id"])
    assert counts[2] == counts[50]
    assert sent == {2: 2, 50: 50}
    check(shop)
