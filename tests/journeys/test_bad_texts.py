"""a text, an e-mail address, metadata or a key that cannot be taken in -> a code, the way to it, nothing kept"""

import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest

from kit import ids
from kit.database.reading import decode_json
from tests import vendors, webhooking
from tests.town import ORDER_CREATE, Shop
from tests.unchanged import nothing_happens, outcome, remembered

PRODUCT_CREATE = """mutation ($input: ProductCreateInput!) {
  productCreate(input: $input) { product { id name description } userErrors { code path } } }"""
PLAN_CREATE = """mutation ($input: PlanCreateInput!) { planCreate(input: $input) { userErrors { code path } } }"""
CARD = "4242424242424242"
AMOUNT = {"amountMinor": 1000, "currency": "EUR"}

HIDDEN = {
    "NUL": "a\u0000b",
    "a control character": "a\u001bb",
    "a control character that Python strips": "a\u001fb",
    "DEL": "a\u007fb",
    "a line break": "a\nb",
    "a tab": "a\tb",
    "a line separator": "a\u2028b",
    "a direction override": "a\u202eb",
    "a direction isolate": "a\u2066b",
    "a byte order mark": "a\ufeffb",
    "a zero-width space": "a\u200bb",
    "an invisible tag": "a\U000e0041b",
}
CARDS = (
    CARD,
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    "4242.4242.4242.4242",
    "4242\u00a04242\u00a04242\u00a04242",
    "4242\u20134242\u20134242\u20134242",
    "pay with 4000056655665556, please",
    "4242 4242 4242 4242 12/34 123",
    "4242424242424242 123",
    "1 4242424242424242",
    "378282246310005",
    "6011111111111117",
    *("x4242424242424242", "PAN4242424242424242", "4242424242424242x", "4242_4242_4242_4242", "4242, 4242, 4242, 4242"),
    *("4242/4242/4242/4242", "4242  4242  4242  4242", "x378282246310005", "3782_822463_10005"),
    "４２４２４２４２４２４２４２４２",
    "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
)
FINE = (
    "Käse & Brot <b>",
    "قهوه\u200cخانه",
    "山田\u3000太郎",
    "Prix\u00a0: 5 €",
    "👩\u200d👩\u200d👧 🇪🇺",
    "'; DROP TABLE orders; --",
    "1763712345678",
    "4242424242424241",
    "x4242424242424241",
    "9f8a4242-4242-4242-8242-424242424242",
    "a" + "4242424242424242" * 2 + "b",
    "2026-11-21 13:04:49",
    "{{7*7}} ${jndi} %s %00",
)


def order(**more: Any) -> dict[str, Any]:
    items = [{"name": "Thing", "unitAmount": AMOUNT}]
    return {"input": {"idempotencyKey": os.urandom(8).hex(), "currency": "EUR", "items": items, **more}}


def with_name(text: str) -> tuple[str, Any]:
    return ORDER_CREATE, order(items=[{"name": text, "unitAmount": AMOUNT}])


def with_reference(text: str) -> tuple[str, Any]:
    return ORDER_CREATE, order(reference=text)


def with_metadata_key(text: str) -> tuple[str, Any]:
    return ORDER_CREATE, order(metadata=[{"key": text, "value": "v"}])


def with_metadata_value(text: str) -> tuple[str, Any]:
    return ORDER_CREATE, order(metadata=[{"key": "k", "value": text}])


def with_customer_name(text: str) -> tuple[str, Any]:
    return ORDER_CREATE, order(customer={"email": f"{os.urandom(6).hex()}@example.com", "name": text})


def with_product_name(text: str) -> tuple[str, Any]:
    return PRODUCT_CREATE, {"input": {"idempotencyKey": os.urandom(8).hex(), "name": text, "prices": [AMOUNT]}}


def with_description(text: str) -> tuple[str, Any]:
    query, given = with_product_name("Cup")
    return query, {"input": {**given["input"], "description": text}}


def with_endpoint_description(text: str) -> tuple[str, Any]:
    given = {"idempotencyKey": os.urandom(8).hex(), "url": "https://shop.example/hooks", "description": text}
    return webhooking.CREATE, {"input": given}


LINK_CREATE = """mutation ($input: PaymentLinkCreateInput!) {
  paymentLinkCreate(input: $input) { userErrors { code path } } }"""


def link(**more: Any) -> tuple[str, Any]:
    given = {"idempotencyKey": os.urandom(8).hex(), "purpose": "p", "currency": "EUR", "amount": AMOUNT, **more}
    return LINK_CREATE, {"input": given}


def plan(**more: Any) -> tuple[str, Any]:
    given = {"idempotencyKey": os.urandom(8).hex(), "name": "p", "amount": AMOUNT, "interval": "MONTH", **more}
    return PLAN_CREATE, {"input": given}


def with_plan_description(text: str) -> tuple[str, Any]:
    return plan(description=text)


def with_rule_name(text: str) -> tuple[str, Any]:
    given = {"idempotencyKey": os.urandom(8).hex(), "name": text, "parts": [{}], "hold": {}}
    return vendors.RULE, {"input": given}


def with_item_rule(text: str) -> tuple[str, Any]:
    return ORDER_CREATE, order(items=[{"name": "Thing", "unitAmount": AMOUNT, "splitRule": text}])


def with_order_rule(text: str) -> tuple[str, Any]:
    return ORDER_CREATE, order(splitRule=text)


def with_product_rule(text: str) -> tuple[str, Any]:
    query, given = with_product_name("Cup")
    return query, {"input": {**given["input"], "splitRule": text}}


def with_vendor_name(text: str) -> tuple[str, Any]:
    given = {"idempotencyKey": os.urandom(8).hex(), "name": text, "email": "v@example.com", "country": "DE"}
    return vendors.CREATE, {"input": given}


FIELDS = [
    pytest.param(with_name, "items.0.name", 200, id="an item's name"),
    pytest.param(with_reference, "reference", 100, id="a reference"),
    pytest.param(with_metadata_key, "metadata.0.key", 40, id="a metadata key"),
    pytest.param(with_metadata_value, "metadata.0.value", 500, id="a metadata value"),
    pytest.param(with_customer_name, "customer.name", 200, id="a customer's name"),
    pytest.param(with_product_name, "name", 200, id="a product's name"),
    pytest.param(with_rule_name, "name", 100, id="a split rule's name"),
    pytest.param(with_vendor_name, "name", 200, id="a vendor's name"),
    pytest.param(with_endpoint_description, "description", 200, id="an endpoint's description"),
    pytest.param(with_description, "description", 2000, id="a product's description"),
    pytest.param(lambda text: link(purpose=text), "purpose", 200, id="a link's purpose"),
    pytest.param(lambda text: plan(name=text), "name", 200, id="a plan's name"),
    pytest.param(with_plan_description, "description", 2000, id="a plan's description"),
    pytest.param(lambda text: plan(features=[text]), "features.0", 100, id="a feature"),
    pytest.param(lambda text: link(reference=text), "reference", 100, id="a link's reference"),
]


NAMES = [
    pytest.param(with_item_rule, "items.0.splitRule", 100, id="an item's split rule"),
    pytest.param(with_order_rule, "splitRule", 100, id="an order's split rule"),
    pytest.param(with_product_rule, "splitRule", 100, id="a product's split rule"),
]
"""Of what must be there."""


@pytest.mark.parametrize(("asking", "path", "limit"), [*FIELDS, *NAMES])
def test_a_text_that_cannot_be_shown_or_is_too_long_or_holds_a_card_number(
    shop: Shop, asking: Any, path: str, limit: int
) -> None:
    lines = {"a line break", "a tab"} if asking in (with_description, with_plan_description) else set()
    cases = {case: ("INVALID", text) for case, text in HIDDEN.items() if case not in lines}
    cases |= {text: ("CARD_NUMBER", text) for text in CARDS if len(text) <= limit}
    cases |= {"too long": ("TOO_LONG", "x" * (limit + 1)), "far too long": ("TOO_LONG", "x" * 20_000)}
    query, variables = asking("\ud800")
    half = json.dumps({"query": query, "variables": variables})
    headers = {"Authorization": f"Bearer {shop.secret_key}", "Content-Type": "application/json"}
    with nothing_happens(shop):
        met = {case: outcome(shop.post(*asking(text))) for case, (_, text) in cases.items()}
        assert outcome(shop.town.http.post(shop.town.graphql_url, content=half, headers=headers)) == "BAD_REQUEST"
        assert met == {case: [(code, path)] for case, (code, _) in cases.items()}


REFUND = "mutation ($input: RefundCreateInput!) { refundCreate(input: $input) { userErrors { code path } } }"
EVIDENCE = """mutation ($input: DisputeEvidenceSubmitInput!) {
  disputeEvidenceSubmit(input: $input) { userErrors { code path } } }"""


@pytest.mark.parametrize("field", ["explanation", "evidence.uncategorizedText", "evidence.customerName"])
def test_what_a_merchant_explains_to_a_payer_or_a_bank_holds_no_card_number_either(shop: Shop, field: str) -> None:
    payment = shop.open_payment()

    def explain(text: str) -> Any:
        given: dict[str, Any] = {"idempotencyKey": os.urandom(8).hex()}
        if field == "explanation":
            more = {"paymentId": payment["id"], "reason": "OTHER", "explanation": text}
            return outcome(shop.post(REFUND, {"input": given | more}))
        dispute = ids.new("dp", datetime(2026, 1, 1, tzinfo=UTC))
        more = {"disputeId": dispute, "evidence": {field.partition(".")[2]: text}, "submit": True}
        return outcome(shop.post(EVIDENCE, {"input": given | more}))

    cases = {case: ("INVALID", text) for case, text in HIDDEN.items() if case not in {"a line break", "a tab"}}
    cases |= {text: ("CARD_NUMBER", text) for text in CARDS}
    with nothing_happens(shop):
        met = {case: explain(text) for case, (_, text) in cases.items()}
        # Evidence of nothing is wanting, too.
        assert {case: found[:1] for case, found in met.items()} == {
            c: [(code, field)] for c, (code, _) in cases.items()
        }
        assert ("INVALID", field) not in explain("several lines\n\tof an explanation")


@pytest.mark.parametrize(("asking", "path", "limit"), FIELDS)
def test_a_text_of_any_language_is_taken_in_as_it_is(shop: Shop, asking: Any, path: str, limit: int) -> None:
    texts = [*(text for text in FINE if len(text) <= limit), "x" * limit, "😀" * limit]
    assert {text: outcome(shop.post(*asking(text))) for text in texts} == {text: [] for text in texts}
    rows = [row for table in remembered(shop).values() for row in table]
    kept = {value for row in rows for value in row.values()}
    kept |= {
        text for row in rows if "metadata" in row for pair in decode_json(row["metadata"]).items() for text in pair
    }
    kept |= {text for row in rows if "features" in row for text in decode_json(row["features"])}
    assert set(texts) - kept == set()


@pytest.mark.parametrize("asking", [with_name, with_metadata_key, with_product_name])
@pytest.mark.parametrize("text", ["", "   ", "\t\n"])
def test_a_text_that_must_be_there(shop: Shop, asking: Any, text: str) -> None:
    with nothing_happens(shop):
        assert [code for code, _ in outcome(shop.post(*asking(text)))] == ["REQUIRED"]


def test_a_description_keeps_its_lines(shop: Shop) -> None:
    query, variables = with_description("one\r\n\ttwo\nthree")
    made = shop.ask(query, **variables)
    assert made["productCreate"]["product"]["description"] == "one\n\ttwo\nthree"


def test_texts_are_kept_without_the_blanks_around_them(shop: Shop) -> None:
    made = shop.order(
        reference="  R-1\u001f\n ",
        metadata=[{"key": " k ", "value": " v" + " " * 600}],
        items=[{"name": " Cup ", "unitAmount": AMOUNT}],
        customer={"email": " ada@example.com ", "name": "  Ada "},
    )
    assert (made["reference"], made["metadata"]) == ("R-1", [{"key": "k", "value": "v"}])
    assert (made["items"][0]["name"], made["customer"]["email"]) == ("Cup", "ada@example.com")


BAD_ADDRESSES = (
    *("", "ada", "ada@", "@example.com", "ada@example", "ada@example.c", "ada@@example.com", "a da@example.com"),
    *("ada@exa mple.com", "ada@example..com", ".ada@example.com", "ada.@example.com", "a..da@example.com"),
    *("ada@-example.com", "ada@example-.com", "ada@example.com.", "ada@[127.0.0.1]", "Ada <ada@example.com>"),
    *("ada@example.com, bob@example.com", "ada\u0000@example.com", "ada@exam\u202eple.com", "ada\n@example.com"),
    *("a" * 65 + "@example.com", "ada@" + "b" * 64 + ".com", "a@" + "b." * 130 + "com", '"ada"@example.com'),
    "ada@" + "ß" * 40 + ".de",  # 80 letters once they are written in ASCII
)


def test_an_address_that_no_mail_can_reach(shop: Shop) -> None:
    with nothing_happens(shop):
        met = {
            address: outcome(shop.post(ORDER_CREATE, order(customer={"email": address}))) for address in BAD_ADDRESSES
        }
        card = outcome(shop.post(ORDER_CREATE, order(customer={"email": f"{CARD}@example.com"})))
        assert met == {address: [("INVALID_EMAIL", "customer.email")] for address in BAD_ADDRESSES}
    assert card == [("CARD_NUMBER", "customer.email")]


@pytest.mark.parametrize(
    "address", ["o'neill+tag@mail.example.co.uk", "a@b.co", "jürgen@exämple.de", "x_y-z@1.example"]
)
def test_an_address_that_mail_can_reach(shop: Shop, address: str) -> None:
    assert shop.order(customer={"email": address})["customer"]["email"] == address


def test_metadata_has_at_most_twenty_pairs_and_no_key_twice(shop: Shop) -> None:
    pairs = [{"key": f"k{n}", "value": "v"} for n in range(21)]
    cases: dict[str, tuple[Any, Any]] = {
        "too many": (pairs, [("INVALID", "metadata")]),
        "far too many": (
            pairs[:1] * 500,
            [("INVALID", "metadata"), *[("INVALID", f"metadata.{n}.key") for n in range(1, 20)]],
        ),
        "twice": ([pairs[0], pairs[1], pairs[0]], [("INVALID", "metadata.2.key")]),
        "twice but for blanks": ([pairs[0], {"key": " k0 ", "value": "w"}], [("INVALID", "metadata.1.key")]),
        "no text": ([{"key": "k", "value": 5}], "BAD_REQUEST"),
        "no value": ([{"key": "k"}], "BAD_REQUEST"),
    }
    with nothing_happens(shop):
        met = {case: outcome(shop.post(ORDER_CREATE, order(metadata=given))) for case, (given, _) in cases.items()}
        assert met == {case: expected for case, (_, expected) in cases.items()}
    assert shop.order(metadata=pairs[:20])["metadata"] == pairs[:20]


BAD_KEYS = ("", " ", "   ", "a\u0000b", "a\nb", "a\u202eb", "k" * 256)


@pytest.mark.parametrize(
    "key", [CARD, "order 4242 4242 4242 4242", "0f4d8a9e-5b1c-4f4a-9d5e-424242424242", "🙂", "k" * 255]
)
def test_an_idempotency_key_is_what_callers_like_and_is_not_kept(shop: Shop, key: str) -> None:
    first = shop.order(idempotencyKey=key)
    assert shop.order(idempotencyKey=key)["id"] == first["id"]
    assert key not in repr(remembered(shop))


def test_an_idempotency_key_is_short_and_visible(shop: Shop) -> None:
    given = shop.order()
    keyed = {
        "orderCreate": lambda key: (ORDER_CREATE, {"input": {**order()["input"], "idempotencyKey": key}}),
        "productCreate": lambda key: (
            PRODUCT_CREATE,
            {"input": {**with_product_name("Cup")[1]["input"], "idempotencyKey": key}},
        ),
        "checkoutStart": lambda key: (
            "mutation ($input: CheckoutStartInput!) { checkoutStart(input: $input) { userErrors { code path } } }",
            {"input": {"orderId": given["id"], "idempotencyKey": key}},
        ),
    }
    with nothing_happens(shop):
        met = {(name, key): outcome(shop.post(*ask(key))) for name, ask in keyed.items() for key in BAD_KEYS}
        missing = {name: outcome(shop.post(*ask(None))) for name, ask in keyed.items()}
        assert met == {call: [("INVALID", "idempotencyKey")] for call in met}
    assert missing == dict.fromkeys(keyed, "BAD_REQUEST")


def test_items_are_a_name_with_a_price_or_a_product_and_never_both_or_neither(shop: Shop) -> None:
    [product] = [
        shop.ask(PRODUCT_CREATE, input={"idempotencyKey": "p", "name": "Cup", "prices": [AMOUNT]})["productCreate"]
    ]
    cup = product["product"]["id"]
    cases: dict[str, tuple[Any, Any]] = {
        "none": ([], [("INVALID_ITEMS", "items")]),
        "101": ([{"productId": cup}] * 101, [("INVALID_ITEMS", "items")]),
        "product and name": ([{"productId": cup, "name": "Cup"}], [("INVALID", "items.0")]),
        "product and price": ([{"productId": cup, "unitAmount": AMOUNT}], [("INVALID", "items.0")]),
        "nothing": ([{}], [("REQUIRED", "items.0.name"), ("REQUIRED", "items.0")]),
        "a name alone": ([{"name": "Cup"}], [("REQUIRED", "items.0")]),
        "a price alone": ([{"unitAmount": AMOUNT}], [("REQUIRED", "items.0.name")]),
        "several faults, all told": (
            [{"productId": cup, "quantity": 0}, {"name": "x" * 201, "unitAmount": {**AMOUNT, "amountMinor": 0}}],
            [
                ("INVALID_QUANTITY", "items.0.quantity"),
                ("TOO_LONG", "items.1.name"),
                ("INVALID_AMOUNT", "items.1.unitAmount.amountMinor"),
            ],
        ),
        "an unknown field": ([{"name": "Cup", "unitAmount": AMOUNT, "price": 5}], "BAD_REQUEST"),
        "a list of numbers": ([5], "BAD_REQUEST"),
        "null": (None, "BAD_REQUEST"),
    }
    with nothing_happens(shop):
        met = {case: outcome(shop.post(ORDER_CREATE, order(items=given))) for case, (given, _) in cases.items()}
        no_price = outcome(shop.post(ORDER_CREATE, order(currency="JPY", items=[{"productId": cup}])))
        assert met == {case: expected for case, (_, expected) in cases.items()}
    assert no_price == [("CURRENCY_MISMATCH", "items.0.productId")]
    assert len(shop.order(items=[{"productId": cup}] * 100)["items"]) == 100
