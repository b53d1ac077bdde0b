"""two merchants -> neither reads, follows or changes anything of the other's, by any key, id, cursor or secret"""

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from domain import merchants
from kit import clock
from kit.database import reading
from models import KeyKind, Scope
from tests.town import CHECKOUT_START, ORDER_CANCEL, ORDER_UPDATE, PAYMENT_SYNC, GraphQLErrors, Shop, Town, eventually
from tests.unchanged import TABLES, nothing_happens, outcome, refused, remembered

PRODUCT_CREATE = "mutation ($input: ProductCreateInput!) { productCreate(input: $input) { product { id } } }"
EVERYTHING = """{
  orders(first: 5) { totalCount nodes {
    id reference clientSecret customer { id email } metadata { value }
    items { id productId } timeline(first: 20) { nodes { id orderId paymentId data cause { ref } } }
    payments { id token ledger { account balance { amountMinor } } refunds { id } order { id } } } }
  payments(first: 5) { totalCount nodes {
    id order { id reference } refunds { id payment { id } } timeline(first: 20) { nodes { id data } } } }
  products(first: 5) { totalCount nodes { id name prices { amountMinor } } }
}"""
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


@dataclass
class Belongings:
    """A shop with one of everything, and all the ids and secrets of it."""

    shop: Shop
    order: dict[str, Any]
    payment: dict[str, Any]
    open_order: dict[str, Any]
    product: str
    marks: set[str]


def furnished(town: Town, name: str) -> Belongings:
    shop = town.merchant()
    prices = [{"amountMinor": 4200, "currency": "EUR"}]
    made = shop.ask(PRODUCT_CREATE, input={"idempotencyKey": "p", "name": f"Cup of {name}", "prices": prices})
    product = made["productCreate"]["product"]["id"]
    customer = {"email": f"{name}@example.com", "name": name}
    paid = shop.order(items=[{"productId": product}], customer=customer, reference=f"ref-{name}")
    payment = shop.checkout(paid["id"])["payment"]
    shop.pay(payment)
    eventually(lambda: shop.find_order(paid["id"]), lambda order: order["status"] == "PAID")
    town.settle()
    open_order = shop.order(reference=f"open-{name}")
    rows = [row for table in remembered(shop).values() for row in table]
    marks = {str(row["id"]) for row in rows if "_" in str(row.get("id"))}
    marks |= {
        payment["token"],
        open_order["clientSecret"],
        f"{name}@",
        f"-{name}",
        shop.secret_key,
        shop.publishable_key,
    }
    return Belongings(shop, shop.find_order(paid["id"]), payment, shop.find_order(open_order["id"]), product, marks)


@pytest.fixture(scope="module")
def both(shared_town: Town) -> tuple[Belongings, Belongings]:
    shared_town.quiet()
    return furnished(shared_town, "ada"), furnished(shared_town, "bob")


def test_lists_hold_ones_own_and_nothing_else(both: tuple[Belongings, Belongings]) -> None:
    for mine, theirs in (both, both[::-1]):
        answer = mine.shop.ask(EVERYTHING)
        text = json.dumps(answer)
        assert [answer[name]["totalCount"] for name in ("orders", "payments", "products")] == [2, 1, 1]
        assert {mark for mark in theirs.marks if mark in text} == set()
        assert {mine.order["id"], mine.payment["id"], mine.product} < {mark for mark in mine.marks if mark in text}


def test_no_id_of_anothers_is_found(town: Town, both: tuple[Belongings, Belongings]) -> None:
    ada, bob = both
    key = {"key": bob.shop.secret_key}
    fields = {"order": ada.order["id"], "payment": ada.payment["id"], "product": ada.product}
    for field, id in fields.items():
        assert bob.shop.ask(f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}", **key, id=id) == {field: None}
        assert ada.shop.ask(f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}", id=id) == {field: {"id": id}}
    rows = remembered(ada.shop)
    everything = [
        str(row["id"]) for table in ("orders", "payments", "products", "customers", "events") for row in rows[table]
    ]
    assert len(everything) > 10
    for start in range(0, len(everything), 100):
        some = everything[start : start + 100]
        assert bob.shop.ask(NODES, ids=some)["nodes"] == [None] * len(some)
        assert [node["id"] for node in ada.shop.ask(NODES, ids=some)["nodes"]] == some
    assert bob.shop.ask("query ($id: ID!) { node(id: $id) { id } }", id=ada.order["id"])["node"] is None


def test_filters_by_anothers_ids_find_nothing(both: tuple[Belongings, Belongings]) -> None:
    ada, bob = both
    assert ada.order["customer"] is not None
    by_customer = "query ($id: ID!) { orders(filter: {customerId: $id}) { totalCount nodes { id } } }"
    by_order = "query ($id: ID!) { payments(filter: {orderId: $id}) { totalCount nodes { id } } }"
    by_reference = 'query { orders(filter: {reference: "ref-ada"}) { totalCount nodes { id } } }'
    none = {"totalCount": 0, "nodes": []}
    assert bob.shop.ask(by_customer, id=ada.order["customer"]["id"])["orders"] == none
    assert bob.shop.ask(by_order, id=ada.order["id"])["payments"] == none
    assert bob.shop.ask(by_reference)["orders"] == none
    assert ada.shop.ask(by_customer, id=ada.order["customer"]["id"])["orders"]["totalCount"] == 1


def test_anothers_cursor_is_a_place_in_ones_own_list_and_shows_nothing_of_theirs(
    both: tuple[Belongings, Belongings],
) -> None:
    query = "query ($after: Cursor) { orders(first: 100, after: $after) { edges { cursor } nodes { id } } }"
    ada, bob = both
    for edge in ada.shop.ask(query)["orders"]["edges"]:
        nodes = bob.shop.ask(query, after=edge["cursor"])["orders"]["nodes"]
        assert {node["id"] for node in nodes} <= bob.marks


def test_nothing_of_anothers_can_be_changed(both: tuple[Belongings, Belongings]) -> None:
    ada, bob = both
    items = [{"name": "x", "unitAmount": {"amountMinor": 1, "currency": "EUR"}}]
    order = {"orderId": ada.open_order["id"]}
    calls: list[tuple[str, dict[str, Any]]] = [
        (ORDER_UPDATE, {**order, "items": items}),
        (ORDER_CANCEL, order),
        (CHECKOUT_START, {**order, "idempotencyKey": "mine"}),
        (CHECKOUT_START, {**order, "idempotencyKey": "k", "clientSecret": ada.open_order["clientSecret"]}),
    ]
    with nothing_happens(ada.shop, bob.shop):
        met = [outcome(bob.shop.post(query, {"input": given})) for query, given in calls]
        sync = outcome(bob.shop.post(PAYMENT_SYNC, {"input": {"paymentId": ada.payment["id"]}}))
        assert met == [[("NOT_FOUND", "orderId")]] * len(calls)
        assert sync == [("NOT_FOUND", "paymentId")]


def stream(shop: Shop, key: str, query: str, **variables: Any) -> Any:
    """The first message of a subscription, or the code of its refusal."""
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream, application/json;q=0.5"}
    body = {"query": query, "variables": variables}
    with shop.town.http.stream("POST", shop.town.graphql_url, json=body, headers=headers) as response:
        if "event-stream" not in response.headers["content-type"]:
            return json.loads(response.read())["errors"][0]["extensions"]["code"]
        first = json.loads(next(line for line in response.iter_lines() if line.startswith("data: {"))[6:])
        return first["errors"][0]["extensions"]["code"] if first.get("errors") else first["data"]


ORDER_UPDATES = """subscription ($id: ID!, $s: String, $after: Cursor) {
  orderUpdates(id: $id, clientSecret: $s, after: $after) { cursor order { id } } }"""
PAYMENT_UPDATES = """subscription ($id: ID!, $s: String, $after: Cursor) {
  paymentUpdates(id: $id, clientSecret: $s, after: $after) { cursor payment { id } } }"""
MERCHANT_EVENTS = "subscription ($after: Cursor) { merchantEvents(after: $after) { cursor event { orderId } } }"


def test_nothing_of_anothers_can_be_followed(both: tuple[Belongings, Belongings]) -> None:
    ada, bob = both
    secret = ada.order["clientSecret"]
    for key in (bob.shop.secret_key, bob.shop.publishable_key):
        assert stream(bob.shop, key, ORDER_UPDATES, id=ada.order["id"], s=secret) == "BAD_REQUEST"
        assert stream(bob.shop, key, PAYMENT_UPDATES, id=ada.payment["id"], s=secret) == "BAD_REQUEST"
    for shop, key in ((ada.shop, ada.shop.secret_key), (ada.shop, ada.shop.publishable_key)):
        assert stream(shop, key, ORDER_UPDATES, id=ada.order["id"], s=secret)["orderUpdates"]["order"] == {
            "id": ada.order["id"]
        }
    cursors = {
        MERCHANT_EVENTS: stream(ada.shop, ada.shop.secret_key, MERCHANT_EVENTS)["merchantEvents"]["cursor"],
        ORDER_UPDATES: stream(ada.shop, ada.shop.secret_key, ORDER_UPDATES, id=ada.order["id"])["orderUpdates"][
            "cursor"
        ],
    }
    own = {MERCHANT_EVENTS: {}, ORDER_UPDATES: {"id": bob.order["id"]}}
    for query, given in own.items():
        for cursor in cursors.values():
            assert stream(bob.shop, bob.shop.secret_key, query, **given, after=cursor) == "BAD_REQUEST"


def test_a_merchants_events_are_its_own(both: tuple[Belongings, Belongings]) -> None:
    ada, bob = both
    rows = remembered(bob.shop)["events"]
    assert {row["subject_id"] for row in rows} == {bob.order["id"], bob.open_order["id"]}
    ids = [row["id"] for row in rows]
    shown = bob.shop.ask(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Event { order { id } payment { id } } } }", ids=ids
    )
    assert {node["order"]["id"] for node in shown["nodes"]} == {bob.order["id"], bob.open_order["id"]}
    assert ada.order["id"] not in json.dumps(shown)


@pytest.mark.parametrize("secret", ["none", "another order's", "another merchant's", "a forged one", "the id", "empty"])
def test_a_publishable_key_opens_an_order_with_that_orders_secret_only(
    both: tuple[Belongings, Belongings], secret: str
) -> None:
    ada, bob = both
    order, key = ada.open_order, ada.shop.publishable_key
    given = {
        "none": None,
        "another order's": ada.order["clientSecret"],
        "another merchant's": bob.open_order["clientSecret"],
        "a forged one": order["clientSecret"][:-1] + ("a" if order["clientSecret"][-1] != "a" else "b"),
        "the id": order["id"],
        "empty": "",
    }[secret]
    code = "BAD_REQUEST" if given is None else "FORBIDDEN"
    with nothing_happens(ada.shop, bob.shop):
        query = "query ($id: ID!, $s: String) { order(id: $id, clientSecret: $s) { id } }"
        assert refused(ada.shop.post(query, {"id": order["id"], "s": given}, key=key)) == code
        checkout = {"orderId": order["id"], "idempotencyKey": "k", "clientSecret": given}
        assert refused(ada.shop.post(CHECKOUT_START, {"input": checkout}, key=key)) == code
        assert stream(ada.shop, key, ORDER_UPDATES, id=order["id"], s=given) == code
        paid = given if secret != "another order's" else order["clientSecret"]
        assert stream(ada.shop, key, PAYMENT_UPDATES, id=ada.payment["id"], s=paid) == code


def test_anothers_publishable_key_finds_nothing_even_with_the_orders_secret(
    both: tuple[Belongings, Belongings],
) -> None:
    ada, bob = both
    order, key = ada.open_order, bob.shop.publishable_key
    given = {"id": order["id"], "s": order["clientSecret"]}
    query = "query ($id: ID!, $s: String) { order(id: $id, clientSecret: $s) { id } }"
    with nothing_happens(ada.shop, bob.shop):
        assert bob.shop.ask(query, key=key, **given) == {"order": None}
        checkout = {"orderId": order["id"], "idempotencyKey": "k", "clientSecret": order["clientSecret"]}
        assert outcome(bob.shop.post(CHECKOUT_START, {"input": checkout}, key=key)) == [("NOT_FOUND", "orderId")]


def test_a_payer_sees_the_one_order_and_not_the_customers_others(both: tuple[Belongings, Belongings]) -> None:
    ada, _ = both
    other = ada.shop.order(customer={"email": "ada@example.com"})
    query = """query ($id: ID!, $s: String) { order(id: $id, clientSecret: $s) {
      id status total { amountMinor } items { name } actions { name enabled }
      payments { id status checkoutUrl captured { amountMinor } method { last4 } order { id } } } }"""
    seen = ada.shop.ask(query, key=ada.shop.publishable_key, id=ada.order["id"], s=ada.order["clientSecret"])
    assert seen["order"]["payments"][0]["order"] == {"id": ada.order["id"]}
    assert other["id"] not in json.dumps(seen)
    assert "example.com" not in json.dumps(seen)


def test_a_payer_pays_with_the_publishable_key_and_cannot_choose_the_capture(shop: Shop) -> None:
    order = shop.order()
    more = {"clientSecret": order["clientSecret"], "captureMethod": "MANUAL"}
    started = shop.checkout(order["id"], key=shop.publishable_key, **more)
    assert started["userErrors"] == []
    payment = shop.ask("query ($id: ID!) { payment(id: $id) { captureMethod } }", id=started["payment"]["id"])
    assert payment["payment"] == {"captureMethod": "AUTOMATIC"}


def works(shop: Shop, key: str) -> bool:
    answer = shop.post("{ orders { totalCount } }", key=key).json()
    assert "data" in answer or answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    return "data" in answer


def test_a_rotated_key_goes_on_for_its_overlap_and_an_ended_one_not_at_all(town: Town, shop: Shop) -> None:
    now = clock.now()
    new = town.call(merchants.rotate_key(shop.key_id, overlap=timedelta(hours=1), now=now))
    assert (works(shop, shop.secret_key), works(shop, new.secret)) == (True, True)
    authenticate = merchants.authenticate(shop.secret_key, livemode=False, now=now + timedelta(hours=1))
    assert town.call(authenticate) is None
    town.call(merchants.end_key(shop.key_id, at=clock.now()))
    assert (works(shop, shop.secret_key), works(shop, new.secret)) == (False, True)

    with pytest.raises(merchants.UnknownKey):
        town.call(merchants.rotate_key(shop.key_id, overlap=timedelta(hours=1), now=clock.now()))
    town.call(merchants.end_key(shop.key_id, at=clock.now() + timedelta(days=9)))
    assert not works(shop, shop.secret_key), "an ended key stays ended"
    newest = town.call(merchants.rotate_key(new.key_id, overlap=timedelta(), now=clock.now()))
    assert (works(shop, new.secret), works(shop, newest.secret)) == (False, True)


def test_a_rotated_key_keeps_its_powers(town: Town) -> None:
    shop = town.merchant(scopes=frozenset({Scope.ORDERS_READ}))
    new = town.call(merchants.rotate_key(shop.key_id, overlap=timedelta(), now=clock.now()))
    assert works(shop, new.secret)
    assert refused(shop.post("{ payments { totalCount } }", key=new.secret)) == "FORBIDDEN"


def test_a_key_that_may_only_read_orders_learns_no_client_secret(town: Town) -> None:
    shop = town.merchant()
    order = shop.order()
    reader = town.call(
        merchants.issue_key(
            shop.merchant_id,
            KeyKind.SECRET,
            now=clock.now(),
            scopes=frozenset({Scope.ORDERS_READ, Scope.PAYMENTS_READ}),
        )
    )
    query = "query ($id: ID!) { order(id: $id) { clientSecret } }"
    with pytest.raises(GraphQLErrors, match="FORBIDDEN"):
        shop.ask(query, key=reader.secret, id=order["id"])
    assert shop.ask(query, id=order["id"])["order"]["clientSecret"] == order["clientSecret"]


@pytest.mark.parametrize("scopes", [[], [Scope.CHECKOUT], [Scope.ORDERS_READ, Scope.CHECKOUT]])
def test_a_secret_key_has_a_scope_and_never_the_payers(town: Town, shop: Shop, scopes: list[Scope]) -> None:
    with pytest.raises(merchants.Refusal):
        town.call(merchants.issue_key(shop.merchant_id, KeyKind.SECRET, now=clock.now(), scopes=scopes))
    with pytest.raises(merchants.Refusal):
        town.call(
            merchants.issue_key(shop.merchant_id, KeyKind.PUBLISHABLE, now=clock.now(), scopes=[Scope.ORDERS_READ])
        )


def test_live_keys_do_not_work_where_no_real_money_moves(town: Town) -> None:
    now = clock.now()
    merchant_id = town.call(merchants.create_merchant("Live", livemode=True, origins=(), now=now))
    for kind in KeyKind:
        key = town.call(merchants.issue_key(merchant_id, kind, now=now)).secret
        assert key.startswith(("sk_live_", "pk_live_"))
        response = town.http.post(
            town.graphql_url, json={"query": "{ orders { totalCount } }"}, headers={"Authorization": f"Bearer {key}"}
        )
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert "test mode" in response.json()["errors"][0]["message"]
        # A test key's name does not help a live merchant either.
        assert town.call(merchants.authenticate(key, livemode=False, now=now)) is None


async def _whole_database() -> str:
    tables = [*TABLES, "webhook_events"]
    return "\n".join([repr(await reading.fetch(f"SELECT * FROM {table}")) for table in tables])


def test_no_key_and_no_client_secret_is_anywhere_in_the_database(
    town: Town, both: tuple[Belongings, Belongings]
) -> None:
    held = town.call(_whole_database())
    for belongings in both:
        shop, order = belongings.shop, belongings.open_order
        assert belongings.order["id"] in held
        for secret in (shop.secret_key, shop.publishable_key, order["clientSecret"]):
            assert secret not in held
            assert secret.rpartition("_")[2] not in held


ORIGIN = "https://shop.example"


def ask_from(town: Town, key: str | None, origin: str, method: str = "POST") -> Any:
    headers = {"Origin": origin} | ({"Authorization": f"Bearer {key}"} if key else {})
    if method == "OPTIONS":
        headers["Access-Control-Request-Method"] = "POST"
        return town.http.options(town.graphql_url, headers=headers)
    return town.http.post(town.graphql_url, json={"query": "{ __typename }"}, headers=headers)


def test_a_publishable_key_works_on_its_merchants_pages_only(town: Town) -> None:
    shop, other = town.merchant(origins=(ORIGIN,)), town.merchant(origins=("https://other.example",))
    key = shop.publishable_key
    assert ask_from(town, key, ORIGIN).json()["data"] == {"__typename": "Query"}
    assert ask_from(town, key, town.base_url).json()["data"] == {"__typename": "Query"}
    strange = ["https://other.example", "http://shop.example", f"{ORIGIN}:8443", f"{ORIGIN}.", f"{ORIGIN}.evil.example"]
    strange += ["null", "", "*", f"{ORIGIN}/", "https://ada@shop.example"]
    met = {origin: refused(ask_from(town, key, origin)) for origin in strange}
    assert met == dict.fromkeys(strange, "FORBIDDEN")
    assert ask_from(town, other.publishable_key, "https://other.example").status_code == 200
    without = town.http.post(
        town.graphql_url, json={"query": "{ __typename }"}, headers={"Authorization": f"Bearer {key}"}
    )
    assert without.json()["data"] == {"__typename": "Query"}, "an app sends no Origin"


def test_pages_of_listed_origins_may_read_answers_and_no_others(town: Town) -> None:
    town.merchant(origins=(ORIGIN,))
    for method in ("OPTIONS", "POST"):
        listed = ask_from(town, None, ORIGIN, method)
        assert listed.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Origin" in listed.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in listed.headers
        for origin in (f"https://{os.urandom(4).hex()}.example", "null", f"{ORIGIN}.evil.example"):
            assert "Access-Control-Allow-Origin" not in ask_from(town, None, origin, method).headers


@pytest.mark.parametrize(
    "origin",
    [
        *("shop.example", "ftp://shop.example", "https://shop.example/path", "https://a@shop.example", "https://", ""),
        *("https://shop.example?x", "https://shop.example#x", "https://shop .example", "https://[", "https://a:b", "*"),
        *("https://*.example", "https://shop.example:99999", "https://shop.example:0", "javascript://x", "null"),
        *("https://käse.example", "https://" + "x" * 300 + ".example", "https://shop.example\\", "https://a..b"),
    ],
)
def test_an_origin_is_one_that_a_browser_would_send(town: Town, origin: str) -> None:
    with pytest.raises(merchants.Refusal):
        town.call(merchants.create_merchant("Shop", livemode=False, origins=(origin,), now=clock.now()))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("HTTPS://Shop.Example", "https://shop.example"),
        (" https://shop.example/ ", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:080", "http://127.0.0.1"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://xn--kse-qla.example", "https://xn--kse-qla.example"),
    ],
)
def test_an_origin_is_kept_as_a_browser_sends_it(given: str, kept: str) -> None:
    assert merchants.clean_origin(given) == kept
