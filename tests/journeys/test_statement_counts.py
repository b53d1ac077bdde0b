"""what an operation asks of the database does not grow with the data"""

import json
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from domain.mails import drafting
from kit import clock
from kit.database import postgres, reading, sqlite
from kit.logs import _IDS
from tests.journeys.test_mail import worker_at_rest
from tests.journeys.test_webhooks_in import completed, send, unheard
from tests.town import Shop, Town, eventually

SPEAKERS = (sqlite._Client, sqlite._TransactionClient, postgres._Client, postgres._TransactionClient)
METHODS = ("raw_fetch", "raw_execute", "execute_query", "execute_query_dict", "execute_insert", "execute_many")
LIST = """query ($first: Int) { orders(first: $first) { nodes {
  id status total { amountMinor } customer { email }
  items { name quantity amount { amountMinor } }
  payments { id status captured { amountMinor } refunds { id } method { brand } } } pageInfo { endCursor } } }"""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many statements each request made, by its X-Request-Id. BEGIN and COMMIT are not counted."""
    made: Counter[str] = Counter()

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        async def count(self: Any, *args: Any, **kwargs: Any) -> Any:
            made[(_IDS.get() or {}).get("request_id", "")] += 1
            return await original(self, *args, **kwargs)

        return count

    for speaker in SPEAKERS:
        for method in METHODS:
            monkeypatch.setattr(speaker, method, counted(getattr(speaker, method)))
    return made


def asked(town: Town, shop: Shop, made: Counter[str], query: str, **variables: Any) -> int:
    """How many statements the query made."""
    request_id = f"count-{secrets.token_hex(8)}"
    headers = {"Authorization": f"Bearer {shop.secret_key}", "X-Request-Id": request_id}
    answer = town.http.post(town.graphql_url, json={"query": query, "variables": variables}, headers=headers)
    assert "errors" not in answer.json(), answer.text
    return made[request_id]


def lots(amount: int) -> list[dict[str, Any]]:
    return [{"name": f"Thing {n}", "unitAmount": {"amountMinor": 100, "currency": "EUR"}} for n in range(amount)]


def test_a_list_of_orders_takes_as_many_statements_for_one_as_for_twenty_five(
    town: Town, shop: Shop, statements: Counter[str]
) -> None:
    for number in range(26):
        order = shop.order(items=lots(1 + number % 5), customer={"email": f"c{number}@example.com"})
        if number % 2:
            shop.checkout(order["id"])
    counts = {first: asked(town, shop, statements, LIST, first=first) for first in (1, 2, 25)}
    assert counts == {1: 6, 2: 6, 25: 6}  # key, orders, customers, items, payments, refunds


@pytest.mark.parametrize("size", [1, 100])
def test_making_and_opening_an_order_takes_as_many_statements_however_large_it_is(
    town: Town, shop: Shop, statements: Counter[str], size: int
) -> None:
    create = "mutation ($input: OrderCreateInput!) { orderCreate(input: $input) { order { id } userErrors { code } } }"
    given = {"idempotencyKey": secrets.token_hex(8), "currency": "EUR", "items": lots(size)}
    assert asked(town, shop, statements, create, input=given) == 6  # key, intent, order, items, event, order again
    order_id = shop.order(items=lots(size))["id"]
    start = """mutation ($input: CheckoutStartInput!) {
      checkoutStart(input: $input) { checkoutUrl userErrors { code } } }"""
    given = {"orderId": order_id, "idempotencyKey": secrets.token_hex(8)}
    assert asked(town, shop, statements, start, input=given) == 18


def test_settling_a_webhook_takes_six_statements(town: Town, shop: Shop, statements: Counter[str]) -> None:
    for _ in range(3):
        _, events = unheard(town, shop)
        request_id = f"count-{secrets.token_hex(8)}"
        assert send(town, completed(events), **{"X-Request-Id": request_id}).json() == {"received": "applied"}
        assert statements[request_id] == 6  # inbox, lock, payment, order, events, postings


def test_a_timeline_of_two_hundred_events_takes_as_many_statements_as_one_of_three(
    town: Town, shop: Shop, statements: Counter[str]
) -> None:
    timeline = "query ($id: ID!) { payment(id: $id) { timeline(first: 100) { nodes { type data cause { ref } } } } }"
    payment, events = unheard(town, shop)
    few = asked(town, shop, statements, timeline, id=payment["id"])
    failed = json.dumps(next(event for event in events if event["type"] == "charge.succeeded"))
    for number in range(200):
        event = json.loads(failed)
        event |= {"id": f"evt_decline_{payment['id']}_{number}", "type": "charge.failed"}
        event["data"]["object"] |= {"id": f"ch_{payment['id']}_{number}", "status": "failed", "amount_captured": 0}
        event["data"]["object"] |= {"captured": False, "paid": False, "failure_code": "card_declined"}
        assert send(town, event).status_code == 200
    assert asked(town, shop, statements, timeline, id=payment["id"]) == few == 3  # key, payment, events


def test_events_with_their_messages_take_as_many_statements_for_one_as_for_twenty(
    town: Town, shop: Shop, statements: Counter[str]
) -> None:
    missed = "query ($first: Int) { events(first: $first) { nodes { sequence payload } } }"
    for number in range(20):
        shop.order(items=lots(1 + number % 3))
    eventually(lambda: shop.ask("{ events { totalCount } }")["events"]["totalCount"], lambda count: count == 20)
    counts = {first: asked(town, shop, statements, missed, first=first) for first in (1, 20)}
    assert counts == {1: 6, 20: 6}  # key, events, events again, items, orders, payments


@pytest.mark.parametrize("orders", [1, 8])
def test_writing_mails_takes_as_many_statements_however_many_orders_were_paid(
    town: Town, shop: Shop, statements: Counter[str], orders: int
) -> None:
    request_id = f"count-{secrets.token_hex(8)}"

    async def draft() -> None:
        _IDS.set({"request_id": request_id})
        await drafting._draft_all(shop.merchant_id, town.house.page_url, clock.now())

    numbered = "SELECT 1 FROM events WHERE merchant_id = $1 AND type = 'order.paid' AND sequence IS NOT NULL"
    with worker_at_rest(town):
        for number in range(orders):
            order = shop.order(customer={"email": f"{number}@payer.example"})
            shop.pay(shop.checkout(order["id"])["payment"])
        eventually(lambda: len(town.call(reading.fetch(numbered, shop.merchant_id))), lambda count: count == orders)
        town.call(draft())
    assert statements[request_id] == 6  # merchant, events, items, those of subscriptions, mails, cursor
