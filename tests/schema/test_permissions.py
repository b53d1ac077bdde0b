"""Who may come to which field: declared in its description, and held to by the server that runs."""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from domain import merchants
from kit import clock, ids
from models import KeyKind, Scope
from schema.nodes import READ_SCOPES, _types
from tests.schema.walking import CORE, ROOTS, Place, fields, reachable
from tests.town import Shop, Town

ROOT_FIELDS = [place for place in fields() if place.type_name in ROOTS]
PAYER_ROOTS = {
    "Query.order",
    "Mutation.checkoutStart",
    "Mutation.paymentInitialize",
    "Mutation.paymentAuthorize",
    "LiveUpdates.orderUpdates",
    "LiveUpdates.paymentUpdates",
}
OPEN_ROOTS = {"Query.availablePaymentMethods"}
"""What a payer may ask without a client secret: it is the same for everybody."""
_KINDS = {"Query": "query", "Mutation": "mutation", "LiveUpdates": "subscription"}
_PREFIXES = {
    "order": "ord",
    "payment": "pay",
    "product": "prod",
    "customer": "cus",
    "plan": "plan",
    "vendor": "ven",
    "hold": "hold",
}


def of_roots(place: Place) -> str:
    return str(place)


def value_for(kind: Any, name: str, field: str) -> Any:
    """Something that the type takes, so that nothing but the key is at fault."""
    if isinstance(kind, GraphQLNonNull):
        return value_for(kind.of_type, name, field)
    if isinstance(kind, GraphQLList):
        return [value_for(kind.of_type, name, field)]
    if isinstance(kind, GraphQLInputObjectType):
        needed = {n: f for n, f in kind.fields.items() if is_required_input_field(f)}
        return {n: value_for(f.type, n, field) for n, f in needed.items()}
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if kind.name == "ID":
        text = f"{name} {field}".lower()
        prefix = next((prefix for word, prefix in _PREFIXES.items() if word in text), "ord")
        return ids.new(prefix, datetime(2026, 1, 1, tzinfo=UTC))
    return {"DateTime": "2026-01-01T00:00:00Z", "String": "x", "Int": 1, "MinorUnits": 100, "CurrencyCode": "EUR"}[
        kind.name
    ]


def document(place: Place) -> tuple[str, dict[str, Any]]:
    """An operation that asks for this root field."""
    needed = {name: arg for name, arg in place.field.args.items() if is_required_argument(arg)}
    declared = ", ".join(f"${name}: {arg.type}" for name, arg in needed.items())
    given = ", ".join(f"{name}: ${name}" for name in needed)
    inner = "" if is_leaf_type(get_named_type(place.field.type)) else "{ __typename }"
    text = f"{_KINDS[place.type_name]} Q{f'({declared})' if declared else ''} "
    text += f"{{ {place.name}{f'({given})' if given else ''} {inner} }}"
    return text, {name: value_for(arg.type, name, place.name) for name, arg in needed.items()}


def codes(town: Town, key: str | None, query: str, variables: dict[str, Any]) -> list[str]:
    """The codes of the answer's errors; of a stream, those of its first message."""
    headers = {"Accept": "application/graphql-response+json, text/event-stream;q=0.5"}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    body = {"query": query, "variables": variables}
    with town.http.stream("POST", town.graphql_url, json=body, headers=headers) as response:
        if "event-stream" not in response.headers["content-type"]:
            answer = json.loads(response.read())
            return [error["extensions"]["code"] for error in answer.get("errors", ())]
        first = next((line for line in response.iter_lines() if line.startswith("data: {")), "data: {}")
        return [error["extensions"]["code"] for error in json.loads(first[6:]).get("errors", ())]


def key_with(shop: Shop, scopes: Iterable[Scope]) -> str:
    return shop.town.call(
        merchants.issue_key(shop.merchant_id, KeyKind.SECRET, now=clock.now(), scopes=set(scopes))
    ).secret


def test_every_root_field_declares_its_scopes_in_its_description() -> None:
    assert [str(place) for place in ROOT_FIELDS if not place.scopes] == []


@pytest.mark.parametrize("place", ROOT_FIELDS, ids=of_roots)
def test_a_root_field_is_refused_without_a_key(town: Town, place: Place) -> None:
    assert codes(town, None, *document(place)) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("place", ROOT_FIELDS, ids=of_roots)
def test_a_root_field_is_refused_to_a_key_without_its_scopes_and_open_to_one_with_any(shop: Shop, place: Place) -> None:
    assert place.scopes
    asked = document(place)
    others = set(merchants.SECRET_SCOPES) - place.scopes
    assert codes(shop.town, key_with(shop, others), *asked) == ["FORBIDDEN"]
    for scope in place.scopes - {Scope.CHECKOUT}:
        if place.name not in ("node", "nodes"):
            assert "FORBIDDEN" not in codes(shop.town, key_with(shop, {scope}), *asked)


def test_a_publishable_key_comes_to_few_root_fields_and_to_an_order_with_its_secret_only(
    town: Town, shop: Shop
) -> None:
    order = shop.order()
    met = {str(place): codes(town, shop.publishable_key, *document(place)) for place in ROOT_FIELDS}
    assert {name for name, found in met.items() if found != ["FORBIDDEN"]} == PAYER_ROOTS | OPEN_ROOTS
    assert {name: met[name] for name in PAYER_ROOTS} == {name: ["BAD_REQUEST"] for name in PAYER_ROOTS}
    declared = {str(place) for place in ROOT_FIELDS if place.scopes and Scope.CHECKOUT in place.scopes}
    assert declared == PAYER_ROOTS | OPEN_ROOTS
    query = "query ($id: ID!, $s: String) { order(id: $id, clientSecret: $s) { id } }"
    assert codes(town, shop.publishable_key, query, {"id": order["id"], "s": order["clientSecret"]}) == []


PAYER_SEES = """
AvailablePaymentMethod: comesWith countries currencies delay delayDays family kind manualCapture maxAmount method
AvailablePaymentMethod: minAmount note recurring refundDays refunds title
CheckoutStartPayload: checkoutUrl payment userErrors
CheckoutUserError: code message path retryable
DirectUserError: code message path retryable
ExcludedPaymentMethod: family kind message method reason title
Event: id occurredAt order orderId payment paymentId recordedAt subscriptionId type version
LineItem: amount id name productId quantity unitAmount
LiveUpdates: orderUpdates paymentUpdates
Money: amountMinor currency decimal exponent formatted
Mutation: checkoutStart paymentAuthorize paymentInitialize
NextAction: type url
Order: actions collected createdAt currency id items paidAt payments reference status total updatedAt version
OrderActionState: code enabled name reason
OrderUpdate: cursor event order version
Payment: actions amount authorized captureBefore captureMethod captured checkoutUrl createdAt disputed expiresAt
Payment: gateway id lastError livemode method nextAction order orderId refunded refunds status superseded token
Payment: type updatedAt
PaymentActionState: code enabled maxAmount name reason
PaymentAuthorizePayload: payment userErrors
PaymentError: code message occurredAt
PaymentInitializePayload: tokenization userErrors
PaymentMethodAvailability: available excluded gateway version
PaymentUpdate: cursor event payment version
Query: availablePaymentMethods order
Refund: amount createdAt id payment paymentId status updatedAt
Tokenization: amount apiBase gateway publishableKey
UsedMethod: brand country kind last4 name type wallet
"""


def test_a_payer_sees_what_a_payer_may_see() -> None:
    """A new field on these types is theirs too, unless it is `guarded`: decide, and write it here."""
    expected = set()
    for line in PAYER_SEES.strip().splitlines():
        kind, _, names = line.partition(": ")
        expected |= {f"{kind}.{name}" for name in names.split()}
    assert reachable(Scope.CHECKOUT) == expected


@pytest.mark.parametrize("scope", sorted(merchants.SECRET_SCOPES))
def test_a_key_with_one_scope_comes_to_no_other_kind_of_object(scope: Scope) -> None:
    reach = reachable(scope)
    kinds = {table: kind.__name__ for table, kind in _types().items()}
    # Whoever may write a kind is told what came of it.
    written = {Scope.ORDERS_WRITE: Scope.ORDERS_READ, Scope.PAYMENTS_WRITE: Scope.PAYMENTS_READ}
    written |= {Scope.PRODUCTS_WRITE: Scope.PRODUCTS_READ, Scope.WEBHOOKS_WRITE: Scope.WEBHOOKS_READ}
    written |= {Scope.VENDORS_WRITE: Scope.VENDORS_READ}
    own = {kinds[table] for table, needed in READ_SCOPES.items() if needed in (scope, written.get(scope))}
    found = {name.partition(".")[0] for name in reach} & set(kinds.values())
    # An update carries its event, without the event's facts; a node is asked for by whichever kind it is.
    told = {"Event"} if scope in (Scope.ORDERS_READ, Scope.PAYMENTS_READ) else set()
    assert found - told <= own | ({*kinds.values()} if "Query.node" in reach else set())
    if scope is not Scope.EVENTS_READ:
        assert not {"Event.cause", "Event.data", "Event.sequence", "Order.timeline", "Payment.timeline"} & reach


GUARDED = [
    place for place in fields() if place.type_name not in ROOTS and place.scopes and Scope.CHECKOUT not in place.scopes
]


def guarded(kind: str) -> list[tuple[str, GraphQLField]]:
    return [(place.name, place.field) for place in GUARDED if place.type_name == kind]


def selection(name: str, field: GraphQLField) -> str:
    return name if is_leaf_type(get_named_type(field.type)) else f"{name} {{ __typename }}"


def test_what_a_payer_may_not_see_is_refused_field_by_field(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    shop.pay(payment, card="4000000000009995")
    shop.pay(payment)
    town.settle()
    order = shop.find_order(payment["orderId"])
    asked: dict[str, str] = {}
    for name, field in guarded("Order"):
        asked[f"Order.{name}"] = selection(name, field)
    for name, field in guarded("Payment"):
        asked[f"Payment.{name}"] = f"payments {{ {selection(name, field)} }}"
    for name, field in guarded("PaymentError"):
        asked[f"PaymentError.{name}"] = f"payments {{ lastError {{ {selection(name, field)} }} }}"
    secret = {"id": order["id"], "s": order["clientSecret"]}
    met = {
        name: codes(
            town,
            shop.publishable_key,
            f"query ($id: ID!, $s: String) {{ order(id: $id, clientSecret: $s) {{ {inner} }} }}",
            secret,
        )
        for name, inner in asked.items()
    }
    assert met == {name: ["FORBIDDEN"] for name in met}
    untried = {str(place) for place in GUARDED} - set(met)
    assert untried == {
        *("Customer.paymentMethods", "PaymentLink.orders", "Event.subscription", "Invoice.order"),
        *("Invoice.subscription", "Subscription.customer", "Subscription.invoices", "Subscription.plan"),
        "Subscription.timeline",
        *("Hold.order", "Hold.rule", "HoldShare.vendor", "Transfer.vendor"),
        *("Event.cause", "Event.data", "Event.payload", "Event.sequence"),
        *("Refund.reason", "Refund.explanation", "Refund.failureCode"),
    }
    assert {str(place) for place in GUARDED} >= {"Order.customer", "Order.clientSecret", "Payment.riskLevel"}


@pytest.mark.parametrize("field", ["cause { kind }", "data", "sequence"])
def test_a_payer_who_follows_an_order_is_told_that_something_happened_and_not_why(
    town: Town, shop: Shop, field: str
) -> None:
    order = shop.order()
    query = f"""subscription ($id: ID!, $s: String, $after: Cursor) {{
      orderUpdates(id: $id, clientSecret: $s, after: $after) {{ event {{ type {field} }} }} }}"""
    start = "subscription ($id: ID!) { orderUpdates(id: $id) { cursor } }"
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {shop.secret_key}"}
    with town.http.stream(
        "POST", town.graphql_url, json={"query": start, "variables": {"id": order["id"]}}, headers=headers
    ) as response:
        first = next(line for line in response.iter_lines() if line.startswith("data: {"))
    after = json.loads(first[6:])["data"]["orderUpdates"]["cursor"]
    shop.checkout(order["id"])
    given = {"id": order["id"], "s": order["clientSecret"], "after": after}
    assert codes(town, shop.publishable_key, query, given) == ["FORBIDDEN"]
    assert codes(town, shop.publishable_key, query.replace(field, ""), given) == []


def test_keys_that_are_none(town: Town, shop: Shop) -> None:
    wrong = [
        *("", "Bearer", f"Basic {shop.secret_key}", shop.secret_key, "Bearer \u00ff\u00fe", "Bearer ' OR 1=1 --"),
        *(f"Bearer {shop.secret_key}x", f"Bearer {shop.secret_key[:-1]}", f"Bearer {shop.secret_key.upper()}"),
        *(f"Bearer {shop.secret_key} {shop.secret_key}", f"Bearer {shop.key_id}", f"Bearer {shop.merchant_id}"),
        *(f"Bearer {prefix}_{os.urandom(20).hex()}" for prefix in ("sk_test", "sk_live", "pk_test", "rk_test")),
        "Bearer " + "x" * 5000,
    ]
    for given in wrong:
        headers = [(b"Authorization", given.encode("latin-1"))]
        response = town.http.post(town.graphql_url, json={"query": "{ orders { totalCount } }"}, headers=headers)
        assert response.status_code == 401, given
        assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["UNAUTHENTICATED"]
        assert "data" not in response.json()
    fine = {"Authorization": f"bearer  {shop.secret_key}"}
    answer = town.http.post(town.graphql_url, json={"query": "{ orders { totalCount } }"}, headers=fine).json()
    assert answer["data"] == {"orders": {"totalCount": 0}}


def test_the_schema_has_the_roots_that_were_walked() -> None:
    assert [CORE.query_type, CORE.mutation_type, CORE.subscription_type] == [CORE.type_map[root] for root in ROOTS]
