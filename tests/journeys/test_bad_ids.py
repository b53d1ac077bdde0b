"""an id, a cursor, a page size or a return URL that is not what it should be -> a code, and nothing shown or changed"""

import base64
import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest

from kit import ids
from tests import subscribing, webhooking
from tests.town import CHECKOUT_START, ORDER_CREATE, Shop, Town
from tests.unchanged import nothing_happens, outcome, refused

SYNC = "mutation ($input: PaymentSyncInput!) { paymentSync(input: $input) { payment { id } userErrors { code path } } }"
CANCEL = "mutation ($input: OrderCancelInput!) { orderCancel(input: $input) { order { id } userErrors { code path } } }"
UPDATE = "mutation ($input: OrderUpdateInput!) { orderUpdate(input: $input) { order { id } userErrors { code path } } }"
ITEMS = [{"name": "Thing", "unitAmount": {"amountMinor": 1000, "currency": "EUR"}}]


def fresh(prefix: str) -> str:
    """A well-formed id that nothing has."""
    return ids.new(prefix, datetime(2026, 1, 1, tzinfo=UTC))


def malformed(prefix: str) -> list[str]:
    good = fresh(prefix)
    tail = good.partition("_")[2]
    return [
        *("", " ", "1", prefix, f"{prefix}_", tail, good[:-1], f"{good}0", good.upper(), f" {good}", f"{good}\n"),
        *(
            good.replace("_", "-"),
            f"{prefix}_{'z' * 26}",
            f"{prefix}_{tail[:-1]}u",
            f"{good}\u0000",
            "\u0000",
            "é" * 30,
        ),
        *("' OR 1=1 --", "../../x", "x" * 5000, f"{prefix}_{'０' * 26}"),
        *(fresh(other) for other in ("ord", "pay", "prod", "cus", "re", "evt", "key", "mer") if other != prefix),
    ]


_KEY = {"idempotencyKey": "k"}
_SOMEBODY = {**_KEY, "customer": {"email": "ada@example.com"}}


_REFUND = {**_KEY, "reason": "DUPLICATE"}


def _of(name: str) -> str:
    kind = name[0].upper() + name[1:]
    return f"mutation ($input: {kind}Input!) {{ {name}(input: $input) {{ userErrors {{ code path }} }} }}"


MUTATIONS: dict[str, tuple[str, str, Any]] = {
    "orderUpdate": ("ord", "orderId", lambda id: (UPDATE, {"orderId": id, "items": ITEMS})),
    "orderCancel": ("ord", "orderId", lambda id: (CANCEL, {"orderId": id})),
    "checkoutStart": ("ord", "orderId", lambda id: (CHECKOUT_START, {"orderId": id, "idempotencyKey": "k"})),
    "paymentSync": ("pay", "paymentId", lambda id: (SYNC, {"paymentId": id})),
    "webhookEndpointUpdate": ("whe", "endpointId", lambda id: (webhooking.UPDATE, {"endpointId": id})),
    "webhookEndpointRotate": (
        "whe",
        "endpointId",
        lambda id: (webhooking.ROTATE, {"endpointId": id, "idempotencyKey": "k"}),
    ),
    "webhookRedeliver": ("whd", "deliveryId", lambda id: (webhooking.REDELIVER, {"deliveryId": id})),
    "planUpdate": ("plan", "planId", lambda id: (subscribing.PLAN_UPDATE, {"planId": id})),
    "planArchive": ("plan", "planId", lambda id: (subscribing.PLAN_ARCHIVE, {"planId": id})),
    **{
        name: (
            "sub",
            "subscriptionId",
            lambda id, name=name: (_of(name), {"subscriptionId": id, "idempotencyKey": "k"}),
        )
        for name in ("subscriptionCancel", "subscriptionChange", "subscriptionPause", "subscriptionResume")
    },
    "splitRuleCreate": (
        "ven",
        "parts.0.vendorId",
        lambda id: (_of("splitRuleCreate"), {"idempotencyKey": "k", "name": "r", "parts": [{"vendorId": id}]}),
    ),
    **{
        name: ("ven", "vendorId", lambda id, name=name: (_of(name), {"vendorId": id}))
        for name in ("vendorDisable", "vendorEnable")
    },
    "holdRelease": ("hold", "holdId", lambda id: (_of("holdRelease"), {"holdId": id, "idempotencyKey": "k"})),
    "holdRelease of an order": (
        "ord",
        "orderId",
        lambda id: (_of("holdRelease"), {"orderId": id, "idempotencyKey": "k"}),
    ),
    "holdRefund": ("hold", "holdId", lambda id: (_of("holdRefund"), {"holdId": id, **_REFUND})),
    "holdRefund of an order": ("ord", "orderId", lambda id: (_of("holdRefund"), {"orderId": id, **_REFUND})),
    "holdAssign": ("hold", "holdId", lambda id: (_of("holdAssign"), {"holdId": id, "vendorId": fresh("ven")})),
    "subscriptionStart": ("plan", "planId", lambda id: (_of("subscriptionStart"), {"planId": id, **_SOMEBODY})),
    "orderCreate": (
        "prod",
        "items.0.productId",
        lambda id: (ORDER_CREATE, {"idempotencyKey": "k", "currency": "EUR", "items": [{"productId": id}]}),
    ),
}


_OPTIONAL = {"orderCreate", "splitRuleCreate"} | {name for name in MUTATIONS if name.startswith("holdRe")}
"""Whose id may be left out."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_refuses_an_id_that_is_malformed_or_of_another_kind(shop: Shop, name: str) -> None:
    prefix, path, asking = MUTATIONS[name]
    cases: dict[Any, Any] = {id: [("INVALID_ID", path)] for id in malformed(prefix)}
    cases[fresh(prefix)] = [("NOT_FOUND", path)]
    cases |= {1.5: "BAD_REQUEST", True: "BAD_REQUEST"}
    if name not in _OPTIONAL:
        cases[None] = "BAD_REQUEST"
    with nothing_happens(shop):
        met = {}
        for id in cases:
            query, given = asking(id)
            met[id] = outcome(shop.post(query, {"input": given}))
        assert met == cases


QUERIES: dict[str, tuple[str, str]] = {
    "order": ("ord", "query ($id: ID!) { order(id: $id) { id } }"),
    "payment": ("pay", "query ($id: ID!) { payment(id: $id) { id } }"),
    "product": ("prod", "query ($id: ID!) { product(id: $id) { id } }"),
    "event": ("evt", "query ($id: ID!) { event(id: $id) { id } }"),
    "webhookEndpoint": ("whe", "query ($id: ID!) { webhookEndpoint(id: $id) { id } }"),
    "webhookDelivery": ("whd", "query ($id: ID!) { webhookDelivery(id: $id) { id } }"),
    "deliveries by endpoint": (
        "whe",
        "query ($id: ID!) { webhookDeliveries(filter: {endpointId: $id}) { nodes { id } } }",
    ),
    "deliveries by event": ("evt", "query ($id: ID!) { webhookDeliveries(filter: {eventId: $id}) { nodes { id } } }"),
    "vendor": ("ven", "query ($id: ID!) { vendor(id: $id) { id } }"),
    "hold": ("hold", "query ($id: ID!) { hold(id: $id) { id } }"),
    "holds by payment": ("pay", "query ($id: ID!) { holds(filter: {paymentId: $id}) { nodes { id } } }"),
    "holds by order": ("ord", "query ($id: ID!) { holds(filter: {orderId: $id}) { nodes { id } } }"),
    "payouts by vendor": ("ven", "query ($id: ID!) { payouts(filter: {vendorId: $id}) { nodes { id } } }"),
    "orders by customer": ("cus", "query ($id: ID!) { orders(filter: {customerId: $id}) { nodes { id } } }"),
    "payments by order": ("ord", "query ($id: ID!) { payments(filter: {orderId: $id}) { nodes { id } } }"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_refuses_an_id_that_is_malformed_or_of_another_kind(shop: Shop, name: str) -> None:
    prefix, query = QUERIES[name]
    wrong = malformed(prefix)
    assert {id: refused(shop.post(query, {"id": id})) for id in wrong} == dict.fromkeys(wrong, "BAD_REQUEST")
    [found] = shop.ask(query, id=fresh(prefix)).values()
    assert found in (None, {"nodes": []})


STREAMS = {
    "orderUpdates": (
        "ord",
        "subscription ($id: ID!, $after: Cursor) { orderUpdates(id: $id, after: $after) { version } }",
    ),
    "paymentUpdates": (
        "pay",
        "subscription ($id: ID!, $after: Cursor) { paymentUpdates(id: $id, after: $after) { version } }",
    ),
}


def stream(shop: Shop, query: str, **variables: Any) -> str:
    """The code with which a stream is refused."""
    headers = {"Authorization": f"Bearer {shop.secret_key}", "Accept": "text/event-stream"}
    body = {"query": query, "variables": variables}
    with shop.town.http.stream("POST", shop.town.graphql_url, json=body, headers=headers) as response:
        assert "event-stream" not in response.headers["content-type"]
        return str(json.loads(response.read())["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_refuses_an_id_or_a_cursor_that_is_none_of_its_own(shop: Shop, name: str) -> None:
    prefix, query = STREAMS[name]
    payment = shop.open_payment()
    mine = payment["orderId"] if prefix == "ord" else payment["id"]
    other = payment["id"] if prefix == "ord" else payment["orderId"]
    wrong = [*malformed(prefix), fresh(prefix)]
    assert {id: stream(shop, query, id=id) for id in wrong} == dict.fromkeys(wrong, "BAD_REQUEST")
    texts = (
        "",
        "x",
        mine,
        f"{mine}:",
        f"{mine}:-1",
        f"{mine}:x",
        f"{mine}:99",
        f"{mine}:{10**30}",
        f"{other}:1",
        "k:1",
    )
    cursors = [cursor(text) for text in texts] + ["", "====", "x" * 300]
    assert [stream(shop, query, id=mine, after=after) for after in cursors] == ["BAD_REQUEST"] * len(cursors)


NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


def test_a_node_is_of_a_kind_that_the_api_shows(shop: Shop) -> None:
    kinds = ("key", "mer", "li", "whk", "acct", "user")
    wrong = [id for id in malformed("ord") if ids.prefix_of(id) is None] + [fresh(kind) for kind in kinds]
    assert {id: refused(shop.post(NODE, {"id": id})) for id in wrong} == dict.fromkeys(wrong, "BAD_REQUEST")
    shown = {kind: shop.ask(NODE, id=fresh(kind))["node"] for kind in ("ord", "pay", "prod", "cus", "re", "evt")}
    assert shown == dict.fromkeys(shown)
    assert refused(shop.post(NODES, {"ids": [fresh("ord"), fresh("key")]})) == "BAD_REQUEST"


def test_nodes_come_in_the_order_of_their_ids_and_at_most_a_hundred(shop: Shop) -> None:
    order, payment = shop.order()["id"], shop.open_payment()["id"]
    wanted = [payment, fresh("ord"), order, order, shop.key_id.replace("key", "cus")]
    found = shop.ask(NODES, ids=wanted)["nodes"]
    assert [node and (node["__typename"], node["id"]) for node in found] == [
        ("Payment", payment),
        None,
        ("Order", order),
        ("Order", order),
        None,
    ]
    assert shop.ask(NODES, ids=[])["nodes"] == []
    assert len(shop.ask(NODES, ids=[order] * 100)["nodes"]) == 100
    assert refused(shop.post(NODES, {"ids": [order] * 101})) == "BAD_REQUEST"


LISTS = {
    "orders": "query ($first: Int, $after: Cursor, $last: Int, $before: Cursor) {"
    " orders(first: $first, after: $after, last: $last, before: $before) { PAGE } }",
    "payments": "query ($first: Int, $after: Cursor, $last: Int, $before: Cursor) {"
    " payments(first: $first, after: $after, last: $last, before: $before) { PAGE } }",
    "webhookEndpoints": "query ($first: Int, $after: Cursor, $last: Int, $before: Cursor) {"
    " webhookEndpoints(first: $first, after: $after, last: $last, before: $before) { PAGE } }",
    "webhookDeliveries": "query ($first: Int, $after: Cursor, $last: Int, $before: Cursor) {"
    " webhookDeliveries(first: $first, after: $after, last: $last, before: $before) { PAGE } }",
    "products": "query ($first: Int, $after: Cursor, $last: Int, $before: Cursor) {"
    " products(first: $first, after: $after, last: $last, before: $before) { PAGE } }",
}
PAGE = "nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount"


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("name", LISTS)
def test_a_page_has_one_to_a_hundred_rows_from_one_end(shop: Shop, name: str) -> None:
    query = LISTS[name].replace("PAGE", PAGE)
    wrong: list[dict[str, Any]] = [
        *({end: size} for end in ("first", "last") for size in (0, -1, 101, 2**31 - 1, 2**31, 1.5, "1")),
        *({"first": 1, "last": 1}, {"first": 0, "last": 0}),
    ]
    assert [refused(shop.post(query, given)) for given in wrong] == ["BAD_REQUEST"] * len(wrong)
    assert shop.ask(query, first=100)[name]["totalCount"] == 0


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_is_one_that_this_list_gave(shop: Shop, name: str) -> None:
    prefixes = {"orders": "ord", "payments": "pay", "products": "prod"}
    prefix = (prefixes | {"webhookEndpoints": "whe", "webhookDeliveries": "whd"})[name]
    others = [other for other in ("ord", "pay", "prod", "cus") if other != prefix]
    wrong: list[Any] = [
        *("", " ", "x", "====", "ä", "\u0000", "x" * 201, "x" * 5000, cursor(""), cursor("k:"), cursor(fresh(prefix))),
        *(cursor(f"j:{fresh(prefix)}"), cursor(f"k:{fresh(prefix)}\u0000"), cursor("k:7"), cursor("k:' OR 1=1")),
        *(cursor(f"{fresh('ord')}:3"), *(cursor(f"k:{fresh(o)}") for o in others)),
        *(5, True, [cursor(f"k:{fresh(prefix)}")]),
    ]
    query = LISTS[name].replace("PAGE", PAGE)
    met = [refused(shop.post(query, {end: given})) for end in ("after", "before") for given in wrong]
    assert met == ["BAD_REQUEST"] * len(met)
    assert shop.ask(query, after=cursor(f"k:{fresh(prefix)}"))[name]["nodes"] == []


@pytest.mark.parametrize("field", ["order", "payment"])
def test_a_timeline_is_paged_by_its_own_cursors(shop: Shop, field: str) -> None:
    payment = shop.open_payment()
    id = payment["orderId"] if field == "order" else payment["id"]
    query = f"""query ($id: ID!, $first: Int, $after: Cursor) {{ {field}(id: $id) {{
      timeline(first: $first, after: $after) {{ nodes {{ version type }} {PAGE.replace("nodes { id }", "")} }} }} }}"""
    wrong: list[dict[str, Any]] = [
        *({"first": size} for size in (0, -1, 101)),
        *({"after": cursor(f"k:{text}")} for text in ("x", "-1", "1.5", "٣", "2147483648", "9" * 18, "9" * 30, id)),
        {"after": cursor(f"{id}:1")},
    ]
    assert [refused(shop.post(query, {"id": id, **given})) for given in wrong] == ["BAD_REQUEST"] * len(wrong)
    seen, after = [], None
    while True:
        page = shop.ask(query, id=id, first=1, after=after)[field]["timeline"]
        seen += [event["version"] for event in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == ([1, 2, 3] if field == "order" else [2, 3])
    assert page["totalCount"] == len(seen)


EVENTS = (
    "query ($first: Int, $after: Cursor, $filter: EventFilter) { events(first: $first, after: $after, filter: $filter)"
)
EVENTS += f" {{ {PAGE} }} }}"


def test_events_are_paged_by_numbers(shop: Shop) -> None:
    wrong: list[dict[str, Any]] = [
        *({"first": size} for size in (0, -1, 101)),
        *({"after": cursor(f"k:{text}")} for text in ("x", "-1", "1.5", "٣", "9" * 30, fresh("evt"))),
        *({"filter": {"sequenceAfter": number}} for number in (2**31, 1.5, "1")),
        *({"filter": {"types": types}} for types in (["a\u0000"], ["\u202e"], [None], 5)),
    ]
    assert [refused(shop.post(EVENTS, given)) for given in wrong] == ["BAD_REQUEST"] * len(wrong)
    none: list[dict[str, Any]] = [
        {"after": cursor("k:" + "9" * 18)},
        {"filter": {"sequenceAfter": -5}},
        {"filter": {"types": ["%", "' OR 1=1 --", "x" * 5000]}},
    ]
    assert [shop.ask(EVENTS, **given)["events"]["nodes"] for given in none] == [[]] * len(none)


def test_a_list_is_walked_in_both_directions_without_a_gap(shop: Shop) -> None:
    made = [shop.order(100 + n)["id"] for n in range(5)]
    query = LISTS["orders"].replace("PAGE", PAGE)

    def walk(size: str, place: str, edge: str, more: str) -> list[list[str]]:
        pages, at = [], None
        while True:
            page = shop.ask(query, **{size: 2, place: at})["orders"]
            pages.append([row["id"] for row in page["nodes"]])
            at = page["pageInfo"][edge]
            if not page["pageInfo"][more]:
                return pages

    newest = made[::-1]
    assert walk("first", "after", "endCursor", "hasNextPage") == [newest[:2], newest[2:4], newest[4:]]
    assert walk("last", "before", "startCursor", "hasPreviousPage") == [newest[3:], newest[1:3], newest[:1]]


FILTERS = {
    "a time without its offset": '{createdFrom: "2026-01-01T00:00:00"}',
    "a day": '{createdBefore: "2026-01-01"}',
    "a time before all times": '{createdFrom: "0001-01-01T00:00:00+14:00"}',
    "a time after all times": '{createdBefore: "9999-12-31T23:59:59-14:00"}',
    "a number": "{createdFrom: 5}",
    "nonsense": '{createdFrom: "soon"}',
    "an unknown status": "{status: [GONE]}",
    "a status in small letters": '{status: ["open"]}',
    "an unknown condition": "{total: 5}",
}


@pytest.mark.parametrize("name", ["orders", "payments"])
@pytest.mark.parametrize("case", FILTERS)
def test_a_filter_that_makes_no_sense(shop: Shop, name: str, case: str) -> None:
    assert refused(shop.post(f"{{ {name}(filter: {FILTERS[case]}) {{ nodes {{ id }} }} }}")) == "BAD_REQUEST"


def test_a_reference_to_look_for_is_a_text_that_could_be_one(shop: Shop) -> None:
    query = "query ($r: String!) { orders(filter: {reference: $r}) { nodes { reference } } }"
    shop.order(reference="山田\u3000太郎")
    assert [refused(shop.post(query, {"r": text})) for text in ("a\u0000", "\u202e", "a\nb")] == ["BAD_REQUEST"] * 3
    found = {text: shop.ask(query, r=text)["orders"]["nodes"] for text in ("", "%", "' OR 1=1 --", "x" * 5000)}
    assert found == {text: [] for text in found}
    assert shop.ask(query, r="山田\u3000太郎")["orders"]["nodes"] == [{"reference": "山田\u3000太郎"}]


ORIGIN = "https://shop.example"
BAD_URLS = (
    *("", "/", "shop.example", "//shop.example/", "https://", "https:shop.example", "https:/shop.example/thanks"),
    *("javascript://shop.example/%0aalert(1)", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"),
    *("http://shop.example/", "ftp://shop.example/", "https://shop.example:8443/", "https://shop.example:443/"),
    *(
        "https://shop.example./",
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://evilshop.example/",
    ),
    *("https://shop.example@evil.example/", "https://ada:pw@shop.example/", "https://@shop.example/"),
    *(
        "https://evil.example\\@shop.example/",
        "https://evil.example#@shop.example/",
        "https://evil.example?@shop.example/",
    ),
    *("https://shop.example\\.evil.example/", "https:\\\\shop.example\\", "https://shop.example\\"),
    *(
        "https://shop.example\n/",
        "https://shop.example/\r\nX: 1",
        "https://shop\t.example/",
        "https://shop.example/\u0000",
    ),
    *("https://shop.example /", "https://ѕhop.example/", "https://shop。example/", "https://shop.example/ä"),
    *("https://[::1]/", "https://shop.example:port/", "x" * 5000),
    "https://shop.example/" + "x" * 2000,
)


@pytest.fixture
def own_shop(town: Town) -> Shop:
    return town.merchant(origins=(ORIGIN,))


@pytest.mark.parametrize("field", ["returnUrl", "cancelUrl"])
def test_payers_are_sent_back_to_the_merchants_own_origins_only(own_shop: Shop, town: Town, field: str) -> None:
    town.merchant(origins=("https://evil.example",))
    order = own_shop.order()["id"]

    def start(url: Any) -> Any:
        given = {"orderId": order, "idempotencyKey": "k", field: url}
        return outcome(own_shop.post(CHECKOUT_START, {"input": given}))

    with nothing_happens(own_shop):
        met = {url: start(url) for url in BAD_URLS}
        assert met == {url: [("RETURN_URL_NOT_ALLOWED", field)] for url in BAD_URLS}
        assert start(5) == "BAD_REQUEST"


@pytest.mark.parametrize("url", ["https://[", "https://[shop.example]/", f" {ORIGIN}/", f"{ORIGIN}/a b"])
def test_an_address_that_is_no_url_at_all(own_shop: Shop, url: str) -> None:
    given = {"orderId": own_shop.order()["id"], "idempotencyKey": "k", "returnUrl": url}
    with nothing_happens(own_shop):
        assert outcome(own_shop.post(CHECKOUT_START, {"input": given})) == [("RETURN_URL_NOT_ALLOWED", "returnUrl")]


@pytest.mark.parametrize(
    "url",
    [f"{ORIGIN}/thanks?order=1#top", ORIGIN, "https://SHOP.Example/x", f"{ORIGIN}/?next=https://evil.example/@x"],
)
def test_payers_are_sent_anywhere_on_the_merchants_origins(own_shop: Shop, url: str) -> None:
    payload = own_shop.checkout(own_shop.order()["id"], returnUrl=url, cancelUrl=url)
    assert payload["userErrors"] == []


def test_a_product_of_another_merchant_cannot_be_sold(town: Town, shop: Shop) -> None:
    other = town.merchant()
    mutation = "mutation ($input: ProductCreateInput!) { productCreate(input: $input) { product { id } } }"
    prices = [{"amountMinor": 5, "currency": "EUR"}]
    given = {"idempotencyKey": os.urandom(4).hex(), "name": "Cup", "prices": prices}
    product = other.ask(mutation, input=given)["productCreate"]["product"]["id"]
    query, order = MUTATIONS["orderCreate"][2](product)
    with nothing_happens(shop, other):
        assert outcome(shop.post(query, {"input": order})) == [("NOT_FOUND", "items.0.productId")]
