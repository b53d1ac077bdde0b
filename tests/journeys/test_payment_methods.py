"""country, currency, amount -> methods, and why not the rest -> one is chosen -> only it is shown -> it is recorded"""

from typing import Any

import pytest

from domain import reads
from models import Scope
from tests.town import STRIPE_KEY, Shop, Town, eventually

AVAILABLE = """query ($country: String!, $currency: CurrencyCode!, $amount: MinorUnits!, $type: Recurrence! = SALE) {
  availablePaymentMethods(country: $country, currency: $currency, amount: $amount, type: $type) {
    version gateway
    available {
      method title kind family countries currencies minAmount { amountMinor currency } maxAmount { amountMinor }
      delay delayDays manualCapture recurring refunds refundDays comesWith note
    }
    excluded { method title kind family reason message }
  } }"""
USED = "query ($id: ID!) { payment(id: $id) { status type method { kind type name wallet } } }"
CARDS = {"CARD", "APPLE_PAY", "GOOGLE_PAY"}
EVERYWHERE = CARDS | {"LINK"}
CHINESE = {"ALIPAY", "WECHAT_PAY"}
WESTERN = EVERYWHERE | CHINESE | {"PAYPAL", "AMAZON_PAY"}
INDIAN = {"NETBANKING", "IMPS", "NEFT", "RTGS"}
UNABLE = INDIAN | {"BANK_TRANSFER", "SWIFT"}


def methods(shop: Shop, country: str, currency: str, amount: int, type: str = "SALE", key: str | None = None) -> Any:
    wish = {"country": country, "currency": currency, "amount": amount, "type": type}
    return shop.ask(AVAILABLE, key=key, **wish)["availablePaymentMethods"]


def names(found: Any) -> set[str]:
    return {row["method"] for row in found["available"]}


def excluded(found: Any) -> dict[str, str]:
    return {row["method"]: row["reason"] for row in found["excluded"]}


def session(town: Town, payment: Any) -> Any:
    """The Checkout Session as the PSP tells it."""
    url = f"{town.sandbox_url}/v1/checkout/sessions/{payment['token']}"
    return town.http.get(url, headers={"Authorization": f"Bearer {STRIPE_KEY}"}).raise_for_status().json()


def restricted(shop: Shop, method: str, currency: str, amount: int, **more: Any) -> Any:
    """A new order's payment, with its page restricted to the method."""
    started = shop.checkout(shop.order(amount, currency)["id"], method=method, **more)
    assert started["userErrors"] == []
    return started["payment"]


@pytest.mark.parametrize(
    ("country", "currency", "amount", "expected"),
    [
        ("NL", "EUR", 4200, WESTERN | {"REVOLUT_PAY", "KLARNA", "IDEAL", "SEPA_DEBIT"}),
        ("US", "USD", 6000, WESTERN | {"CASHAPP", "KLARNA", "AFTERPAY", "AFFIRM", "ACH_DEBIT", "CRYPTO"}),
        ("IN", "INR", 42_000, EVERYWHERE | {"UPI"}),
        ("JP", "JPY", 4200, EVERYWHERE | CHINESE | {"AMAZON_PAY", "KONBINI"}),
        ("KW", "KWD", 4200, EVERYWHERE),
        ("BR", "BRL", 4200, EVERYWHERE | {"PIX", "BOLETO"}),
        ("IR", "IRR", 4200, set()),
    ],
)
def test_what_is_offered_fits_country_currency_and_amount(
    shop: Shop, country: str, currency: str, amount: int, expected: set[str]
) -> None:
    found = methods(shop, country, currency, amount)
    assert (found["version"], found["gateway"]) == ("2026-11-21", "stripe")
    assert names(found) == expected
    assert not names(found) & excluded(found).keys()


@pytest.mark.parametrize(("country", "currency"), [("IN", "INR"), ("NL", "EUR")])
def test_what_the_gateway_cannot_do_is_said(shop: Shop, country: str, currency: str) -> None:
    found = methods(shop, country, currency, 20_000_000)
    told = {row["method"]: row for row in found["excluded"]}
    assert {name for name, row in told.items() if row["reason"] == "GATEWAY"} == UNABLE
    assert {told[name]["family"] for name in INDIAN} == {"NETBANKING"}
    assert told["NETBANKING"]["message"] == "The gateway has no netbanking that can be asked for."


def test_every_exclusion_has_its_own_reason(shop: Shop) -> None:
    found = excluded(methods(shop, "JP", "JPY", 100, type="RECC"))
    assert (found["KONBINI"], found["IDEAL"], found["PAYPAL"]) == ("AMOUNT_TOO_SMALL", "COUNTRY", "CURRENCY")
    assert (found["ALIPAY"], found["UPI"]) == ("NOT_RECURRING", "COUNTRY")
    assert excluded(methods(shop, "JP", "JPY", 300_001))["KONBINI"] == "AMOUNT_TOO_LARGE"
    assert set(excluded(methods(shop, "KW", "KWD", 4201)).values()) == {"GATEWAY", "COUNTRY", "CURRENCY"}
    assert excluded(methods(shop, "KW", "KWD", 4201))["CARD"] == "GATEWAY"


def test_a_recurring_payment_is_offered_only_what_can_recur(shop: Shop) -> None:
    once, again = methods(shop, "NL", "EUR", 4200), methods(shop, "NL", "EUR", 4200, type="RECC")
    assert names(once) - names(again) == CHINESE
    assert {row["recurring"] for row in again["available"]} == {True}


def test_a_method_is_told_with_all_that_is_known_of_it(shop: Shop) -> None:
    rows = {row["method"]: row for row in methods(shop, "PT", "EUR", 4200)["available"]}
    assert rows["MULTIBANCO"] == {
        "method": "MULTIBANCO",
        "title": "Multibanco",
        "kind": "APM",
        "family": "VOUCHER",
        "countries": ["PT"],
        "currencies": ["EUR"],
        "minAmount": {"amountMinor": 50, "currency": "EUR"},
        "maxAmount": {"amountMinor": 9_999_900},
        "delay": "DAYS",
        "delayDays": None,
        "manualCapture": False,
        "recurring": False,
        "refunds": "PARTIAL",
        "refundDays": 365,
        "comesWith": None,
        "note": None,
    }
    assert (rows["APPLE_PAY"]["kind"], rows["APPLE_PAY"]["family"], rows["APPLE_PAY"]["comesWith"]) == (
        "CARD",
        "WALLET",
        "CARD",
    )
    assert (rows["CARD"]["countries"], rows["CARD"]["currencies"]) == (None, None)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"country": "EU"}, "'EU' is no ISO 3166-1 alpha-2 code of a country, such as NL."),
        ({"country": "Netherlands"}, "'Netherland' is no ISO 3166-1 alpha-2 code of a country, such as NL."),
        ({"country": ""}, "'' is no ISO 3166-1 alpha-2 code of a country, such as NL."),
        ({"currency": "XXX"}, "'XXX' is no ISO 4217 currency in use."),
        ({"amount": 0}, "The amount must be 1 to 2^53-1 minor units."),
        ({"amount": -5}, "The amount must be 1 to 2^53-1 minor units."),
        ({"amount": 2**53}, "The amount must be 1 to 2^53-1 minor units."),
    ],
)
def test_questions_that_make_no_sense_are_bad_requests(shop: Shop, wish: dict[str, Any], sentence: str) -> None:
    answer = shop.post(AVAILABLE, {"country": "NL", "currency": "EUR", "amount": 4200, **wish}).json()
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["message"]) == ("BAD_REQUEST", sentence)


def test_a_storefront_may_ask_in_small_letters_too_and_a_key_without_the_scope_may_not(town: Town, shop: Shop) -> None:
    assert methods(shop, "nl", "eur", 4200, key=shop.publishable_key) == methods(shop, "NL", "EUR", 4200)
    stranger = town.merchant(scopes=frozenset({Scope.PRODUCTS_READ}))
    [error] = stranger.post(AVAILABLE, {"country": "NL", "currency": "EUR", "amount": 4200}).json()["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("country", "currency", "amount"),
    [
        *[(country, "EUR", 6000) for country in ("NL", "BE", "AT", "PL", "PT", "IT", "DK")],
        *[("US", "USD", 6000), ("IN", "INR", 60_000), ("JP", "JPY", 6000), ("PL", "PLN", 6000), ("CH", "CHF", 6000)],
        *[("GB", "GBP", 6000), ("AU", "AUD", 6000), ("NZ", "NZD", 6000), ("CA", "CAD", 6000), ("SE", "SEK", 6000)],
        *[("SG", "SGD", 6000), ("MY", "MYR", 6000), ("TH", "THB", 6000), ("BR", "BRL", 6000), ("MX", "MXN", 6000)],
    ],
)
def test_the_page_shows_the_chosen_method_and_no_other(
    town: Town, shop: Shop, country: str, currency: str, amount: int
) -> None:
    found = methods(shop, country, currency, amount)
    for row in found["available"]:
        payment = restricted(shop, row["method"], currency, amount)
        shown = session(town, payment)["payment_method_types"]
        assert len(shown) == 1
        assert shown == ["card"] or row["method"] not in CARDS


@pytest.mark.parametrize(
    ("method", "currency", "kind", "type"),
    [("IDEAL", "EUR", "APM", "ideal"), ("UPI", "INR", "APM", "upi"), ("CARD", "JPY", "CARD", "card")],
)
def test_the_chosen_method_is_paid_with_and_recorded_from_evidence(
    town: Town, shop: Shop, method: str, currency: str, kind: str, type: str
) -> None:
    payment = restricted(shop, method, currency, 4200)
    assert session(town, payment)["payment_method_types"] == [type]
    shop.pay(payment, **({"card": "4242424242424242"} if method == "CARD" else {"method": type}))
    paid = eventually(lambda: shop.ask(USED, id=payment["id"])["payment"], lambda p: p["status"] == "CAPTURED")
    assert paid == {
        "status": "CAPTURED",
        "type": "SALE",
        "method": {"kind": kind, "type": type, "name": method, "wallet": None},
    }


def test_without_a_choice_the_page_shows_all_it_has(town: Town, shop: Shop) -> None:
    shown = session(town, shop.open_payment())["payment_method_types"]
    assert {"card", "ideal", "klarna", "sepa_debit"} <= set(shown)


@pytest.mark.parametrize(
    ("method", "currency", "amount", "more", "sentence"),
    [
        ("UPI", "EUR", 4200, {}, "UPI is paid in INR only."),
        ("NETBANKING", "INR", 4200, {}, "The gateway has no netbanking that can be asked for."),
        ("AFFIRM", "USD", 3499, {}, "The least for Affirm is $35.00."),
        ("KONBINI", "JPY", 300_001, {}, "The most for Konbini is ¥300,000."),
        (
            "IDEAL",
            "EUR",
            4200,
            {"captureMethod": "MANUAL"},
            "iDEAL | Wero takes the money at once; it cannot reserve it.",
        ),
    ],
)
def test_a_method_that_cannot_pay_the_order_is_refused_and_nothing_changes(
    town: Town, shop: Shop, method: str, currency: str, amount: int, more: dict[str, Any], sentence: str
) -> None:
    order = shop.order(amount, currency)
    asked = len(town.calls("POST", "/v1/checkout/sessions"))
    refused = shop.checkout(order["id"], method=method, idempotencyKey="choice", **more)
    assert refused == {
        "checkoutUrl": None,
        "payment": None,
        "userErrors": [{"code": "METHOD_NOT_AVAILABLE", "message": sentence, "path": ["method"], "retryable": False}],
    }
    found = shop.find_order(order["id"])
    assert (found["status"], found["version"], found["payments"]) == ("OPEN", order["version"], [])
    assert len(town.calls("POST", "/v1/checkout/sessions")) == asked
    assert shop.checkout(order["id"], method="CARD", idempotencyKey="choice")["userErrors"] == []


def test_a_page_that_is_open_stays_as_it_is_whatever_method_is_asked_for(town: Town, shop: Shop) -> None:
    payment = restricted(shop, "IDEAL", "EUR", 4200)
    again = shop.checkout(payment["orderId"], method="UPI")
    assert (again["userErrors"], again["payment"]["id"]) == ([], payment["id"])
    assert session(town, payment)["payment_method_types"] == ["ideal"]


def test_a_payer_chooses_with_the_storefronts_key(town: Town, shop: Shop) -> None:
    order = shop.order()
    given = {"orderId": order["id"], "idempotencyKey": "1", "clientSecret": order["clientSecret"]}
    query = "mutation ($input: CheckoutStartInput!) { checkoutStart(input: $input) { userErrors { code path } } }"
    for method, errors in (("UPI", [{"code": "METHOD_NOT_AVAILABLE", "path": ["method"]}]), ("BANCONTACT", [])):
        started = shop.ask(query, key=shop.publishable_key, input={**given, "method": method})["checkoutStart"]
        assert started == {"userErrors": errors}
    [row] = town.call(reads.payments_of_orders([order["id"]], shop.merchant_id))
    assert session(town, {"token": row["session_token"]})["payment_method_types"] == ["bancontact"]
