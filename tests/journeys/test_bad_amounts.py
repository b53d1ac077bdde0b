"""an amount, quantity or currency that makes no sense -> a code, the way to it, and nothing changed"""

import json
import os
from typing import Any

import pytest

from tests.town import CHECKOUT_START, ORDER_CREATE, Shop
from tests.unchanged import nothing_happens, outcome, told

ERRORS = "userErrors { code path }"
PRODUCT_CREATE = f"""mutation ($input: ProductCreateInput!) {{
  productCreate(input: $input) {{ product {{ id }} {ERRORS} }} }}"""
SAFE = 2**53 - 1

AMOUNT = "INVALID_AMOUNT"
BAD = "BAD_REQUEST"


def order_input(amount: Any = 1000, currency: Any = "EUR", quantity: Any = 1, **more: Any) -> dict[str, Any]:
    item = {"name": "Thing", "quantity": quantity, "unitAmount": {"amountMinor": amount, "currency": currency}}
    return {"idempotencyKey": os.urandom(8).hex(), "currency": currency, "items": [item], **more}


def create(shop: Shop, **given: Any) -> Any:
    return outcome(shop.post(ORDER_CREATE, {"input": order_input(**given)}))


AMOUNTS: dict[str, Any] = {
    "0": [(AMOUNT, "items.0.unitAmount.amountMinor")],
    "-1": [(AMOUNT, "items.0.unitAmount.amountMinor")],
    "-0": [(AMOUNT, "items.0.unitAmount.amountMinor")],
    str(2**53): [(AMOUNT, "items.0.unitAmount.amountMinor"), (AMOUNT, "items")],
    str(2**63): [(AMOUNT, "items.0.unitAmount.amountMinor"), (AMOUNT, "items")],
    str(10**90): [(AMOUNT, "items.0.unitAmount.amountMinor"), (AMOUNT, "items")],
    str(-(2**63) - 1): [(AMOUNT, "items.0.unitAmount.amountMinor")],
    "10.0": BAD,
    "10.5": BAD,
    "1e3": BAD,
    '"10"': BAD,
    "true": BAD,
    "null": BAD,
    "[10]": BAD,
    "{}": BAD,
}


def test_an_amount_in_a_variable_that_is_no_whole_number_of_minor_units_in_range(shop: Shop) -> None:
    cases = {**AMOUNTS, "NaN": BAD, "1e999": BAD}
    cases[str(10**400)] = BAD
    with nothing_happens(shop):
        met = {}
        for amount in cases:
            body = json.dumps({"query": ORDER_CREATE, "variables": {"input": order_input(amount="AMOUNT")}})
            headers = {"Authorization": f"Bearer {shop.secret_key}", "Content-Type": "application/json"}
            content = body.replace('"AMOUNT"', amount)
            met[amount] = outcome(shop.town.http.post(shop.town.graphql_url, content=content, headers=headers))
        assert met == cases


def test_an_amount_in_the_document_that_is_no_whole_number_of_minor_units_in_range(shop: Shop) -> None:
    cases = {**AMOUNTS, "TEN": BAD, "$none": BAD, "9" * 5000: BAD}
    cases[str(10**400)] = [(AMOUNT, "items.0.unitAmount.amountMinor"), (AMOUNT, "items")]
    with nothing_happens(shop):
        met = {}
        for amount in cases:
            item = f'{{name: "Thing", unitAmount: {{amountMinor: {amount}, currency: "EUR"}}}}'
            given = f'{{idempotencyKey: "k", currency: "EUR", items: [{item}]}}'
            met[amount] = outcome(shop.post(f"mutation {{ orderCreate(input: {given}) {{ {ERRORS} }} }}"))
        assert met == cases


def test_a_product_has_prices_that_can_be_charged(shop: Shop) -> None:
    euro, too_many = {"amountMinor": 1000, "currency": "EUR"}, [{"amountMinor": 1, "currency": "EUR"}] * 51
    cases: dict[str, tuple[Any, Any]] = {
        "zero": ([{"amountMinor": 0, "currency": "EUR"}], [(AMOUNT, "prices.0.amountMinor")]),
        "negative": ([euro, {"amountMinor": -5, "currency": "USD"}], [(AMOUNT, "prices.1.amountMinor")]),
        "too large": ([{"amountMinor": 2**53, "currency": "EUR"}], [(AMOUNT, "prices.0.amountMinor")]),
        "float": ([{"amountMinor": 10.0, "currency": "EUR"}], BAD),
        "unknown currency": ([{"amountMinor": 5, "currency": "XXX"}], [("UNKNOWN_CURRENCY", "prices.0.currency")]),
        "none": ([], [("INVALID", "prices")]),
        "too many": (too_many, [("INVALID", "prices"), ("INVALID", "prices")]),
        "one currency twice": ([euro, euro], [("INVALID", "prices")]),
        "one currency twice, in other letters": ([euro, {**euro, "currency": "eur"}], [("INVALID", "prices")]),
    }
    with nothing_happens(shop):
        met = {}
        for case, (prices, _) in cases.items():
            given = {"idempotencyKey": case, "name": "Cup", "prices": prices}
            met[case] = outcome(shop.post(PRODUCT_CREATE, {"input": given}))
        assert met == {case: expected for case, (_, expected) in cases.items()}


def test_a_quantity_is_a_whole_number_from_one_to_a_million(shop: Shop) -> None:
    quantity = [("INVALID_QUANTITY", "items.0.quantity")]
    cases: dict[Any, Any] = {
        0: quantity,
        -1: quantity,
        1_000_001: quantity,
        2**31 - 1: quantity,
        2**31: BAD,
        2**63: BAD,
        1.5: BAD,
        "1": BAD,
        None: BAD,
    }
    with nothing_happens(shop):
        met = {given: create(shop, quantity=given) for given in cases}
        assert create(shop, quantity=True) == BAD
        assert met == cases


def test_a_currency_is_one_of_iso_4217_in_use(shop: Shop) -> None:
    unknown = [("UNKNOWN_CURRENCY", "currency")]
    cases: dict[Any, Any] = {code: unknown for code in ("XXX", "XTS", "ABC", "DEM", "BTC", "XAU", "zzz")}
    cases |= dict.fromkeys(("EU", "EURO", "", "E R", "ÉUR", "€", "ЕUR", "EUR ", "123", "E\u0000R", 978, None), BAD)
    with nothing_happens(shop):
        met = {given: create(shop, currency=given) for given in cases}
        assert met == cases


def test_a_currency_may_be_in_small_letters_and_is_kept_in_capitals(shop: Shop) -> None:
    order = shop.order(1000, "eur")
    assert (order["currency"], order["total"]) == ("EUR", {"amountMinor": 1000, "currency": "EUR"})


def test_all_amounts_of_an_order_are_in_its_currency(shop: Shop) -> None:
    with nothing_happens(shop):
        given = order_input()
        given["items"].append({"name": "Other", "unitAmount": {"amountMinor": 5, "currency": "USD"}})
        assert outcome(shop.post(ORDER_CREATE, {"input": given})) == [
            ("CURRENCY_MISMATCH", "items.1.unitAmount.currency")
        ]


@pytest.mark.parametrize(
    ("amount", "quantity", "items"),
    [(SAFE, 2, 1), (2**52, 1, 2), (SAFE // 1000, 1_000_000, 1), (SAFE, 1, 100)],
)
def test_a_total_beyond_what_every_client_reads_exactly(shop: Shop, amount: int, quantity: int, items: int) -> None:
    given = order_input(amount, quantity=quantity)
    given["items"] *= items
    with nothing_happens(shop):
        assert outcome(shop.post(ORDER_CREATE, {"input": given})) == [(AMOUNT, "items")]


def test_the_largest_total_is_exact(shop: Shop) -> None:
    order = shop.order(SAFE, "JPY")
    assert order["total"] == {"amountMinor": 9007199254740991, "currency": "JPY"}


@pytest.mark.parametrize(
    ("currency", "decimal", "formatted"),
    [("JPY", "31500", "¥31,500"), ("EUR", "315.00", "€315.00"), ("KWD", "31.500", "KWD\u00a031.500")],
)
def test_a_total_is_computed_here_in_every_kind_of_currency(
    shop: Shop, currency: str, decimal: str, formatted: str
) -> None:
    price = {"amountMinor": 10_000, "currency": currency}
    given = {"idempotencyKey": "p", "name": "Cup", "prices": [price]}
    product = shop.ask(PRODUCT_CREATE, input=given)["productCreate"]["product"]
    items = [
        {"productId": product["id"], "quantity": 3},
        {"name": "Post", "unitAmount": {"amountMinor": 500, "currency": currency}, "quantity": 3},
    ]
    order = shop.order(currency=currency, items=items)
    assert [item["amount"]["amountMinor"] for item in order["items"]] == [30_000, 1_500]
    assert [(item["name"], item["productId"]) for item in order["items"]] == [("Cup", product["id"]), ("Post", None)]
    shown = shop.ask("query ($id: ID!) { order(id: $id) { total { amountMinor decimal formatted } } }", id=order["id"])
    assert shown["order"]["total"] == {"amountMinor": 31_500, "decimal": decimal, "formatted": formatted}


LOCALES = ("", "de-AT", "ar", "hi", "xx", "en\u0000", "../../etc/passwd", "root", "C", "zh-Hant-TW", "日本", "e" * 5000)


@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD"])
def test_an_odd_locale_is_still_answered(shop: Shop, currency: str) -> None:
    order = shop.order(SAFE, currency)
    query = "query ($id: ID!, $locale: String!) { order(id: $id) { total { formatted(locale: $locale) } } }"
    for locale in LOCALES:
        assert shop.ask(query, id=order["id"], locale=locale)["order"]["total"]["formatted"]


@pytest.mark.parametrize(("amount", "currency"), [(29_501, "KWD"), (1, "EUR"), (10, "USD"), (SAFE, "EUR")])
def test_an_amount_that_the_psp_cannot_charge_is_refused_when_the_page_is_opened(
    shop: Shop, amount: int, currency: str
) -> None:
    order = shop.order(amount, currency)
    given = {"orderId": order["id"], "idempotencyKey": "once"}
    started = shop.ask(CHECKOUT_START, input=given)["checkoutStart"]
    assert (told(started), started["payment"], started["checkoutUrl"]) == ([("GATEWAY_REFUSED", "")], None, None)

    unharmed = shop.find_order(order["id"])
    assert (unharmed["status"], unharmed["total"], unharmed["paidAt"]) == ("OPEN", order["total"], None)
    [failed] = unharmed["payments"]
    assert (failed["status"], failed["token"], failed["checkoutUrl"], failed["ledger"]) == ("FAILED", None, None, [])
    assert [(action["name"], action["enabled"]) for action in unharmed["actions"]] == [
        ("CHECKOUT", True),
        ("EDIT", True),
        ("CANCEL", True),
    ]
    with nothing_happens(shop):
        assert told(shop.ask(CHECKOUT_START, input=given)["checkoutStart"]) == [("GATEWAY_REFUSED", "")]


def test_an_order_that_the_psp_refused_can_be_put_right_and_paid(shop: Shop) -> None:
    order = shop.order(29_501, "KWD")
    assert told(shop.checkout(order["id"])) == [("GATEWAY_REFUSED", "")]
    items = [{"name": "Thing", "unitAmount": {"amountMinor": 29_500, "currency": "KWD"}}]
    mutation = f"mutation ($input: OrderUpdateInput!) {{ orderUpdate(input: $input) {{ {ERRORS} }} }}"
    assert told(shop.ask(mutation, input={"orderId": order["id"], "items": items})["orderUpdate"]) == []
    started = shop.checkout(order["id"])
    assert (told(started), started["payment"]["amount"]["amountMinor"]) == ([], 29_500)
