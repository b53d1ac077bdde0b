"""Merchants' webhooks by GraphQL, as a merchant's developer would use them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from kit.database import reading
from tests.receiver import Receiver
from tests.town import ERRORS, Shop

ENDPOINT = """id url description eventTypes filter { path oneOf } mapping { field path value }
  enabled disabledReason disabledAt failingSince"""
DELIVERY = """id endpointId eventId eventType sequence status attempts nextAttemptAt attemptedAt responseStatus
  responseExcerpt failure payload"""
CREATE = f"""mutation ($input: WebhookEndpointCreateInput!) {{
  webhookEndpointCreate(input: $input) {{ secret endpoint {{ {ENDPOINT} }} {ERRORS} }} }}"""
UPDATE = f"""mutation ($input: WebhookEndpointUpdateInput!) {{
  webhookEndpointUpdate(input: $input) {{ endpoint {{ {ENDPOINT} }} {ERRORS} }} }}"""
ROTATE = f"""mutation ($input: WebhookEndpointRotateInput!) {{
  webhookEndpointRotate(input: $input) {{ secret endpoint {{ id }} {ERRORS} }} }}"""
REDELIVER = f"""mutation ($input: WebhookRedeliverInput!) {{
  webhookRedeliver(input: $input) {{ delivery {{ {DELIVERY} }} {ERRORS} }} }}"""
DELIVERIES = f"""query ($filter: WebhookDeliveryFilter) {{
  webhookDeliveries(first: 100, filter: $filter, sort: OLDEST_FIRST) {{ totalCount nodes {{ {DELIVERY} }} }} }}"""
EVENTS = """query ($first: Int, $after: Cursor, $filter: EventFilter) {
  events(first: $first, after: $after, filter: $filter) {
    totalCount pageInfo { hasNextPage endCursor } nodes { id sequence type orderId data payload } } }"""


def create(shop: Shop, receiver: Receiver | None = None, **more: Any) -> Any:
    """The payload of webhookEndpointCreate."""
    given = {"idempotencyKey": str(uuid4()), **({"url": receiver.url} if receiver else {}), **more}
    return shop.ask(CREATE, input=given)["webhookEndpointCreate"]


def made(shop: Shop, receiver: Receiver, **more: Any) -> tuple[str, str]:
    """A new endpoint's id and secret."""
    payload = create(shop, receiver, **more)
    assert payload["userErrors"] == []
    return payload["endpoint"]["id"], payload["secret"]


def update(shop: Shop, endpoint_id: str, **changes: Any) -> Any:
    return shop.ask(UPDATE, input={"endpointId": endpoint_id, **changes})["webhookEndpointUpdate"]


def rotate(shop: Shop, endpoint_id: str, **more: Any) -> Any:
    given = {"endpointId": endpoint_id, "idempotencyKey": str(uuid4()), **more}
    return shop.ask(ROTATE, input=given)["webhookEndpointRotate"]


def redeliver(shop: Shop, delivery_id: str) -> Any:
    return shop.ask(REDELIVER, input={"deliveryId": delivery_id})["webhookRedeliver"]


def endpoint(shop: Shop, endpoint_id: str) -> Any:
    query = f"query ($id: ID!) {{ webhookEndpoint(id: $id) {{ {ENDPOINT} }} }}"
    return shop.ask(query, id=endpoint_id)["webhookEndpoint"]


def deliveries(shop: Shop, **filter: Any) -> list[Any]:
    found: list[Any] = shop.ask(DELIVERIES, filter=filter)["webhookDeliveries"]["nodes"]
    return found


def events(shop: Shop, **arguments: Any) -> Any:
    return shop.ask(EVENTS, **arguments)["events"]


def comes_due(shop: Shop) -> None:
    """As if the time of every next attempt had come."""
    long_ago = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    for statement in (
        "UPDATE webhook_deliveries SET due_at = $2 WHERE merchant_id = $1 AND due_at IS NOT NULL",
        "UPDATE webhook_endpoints SET due_at = $2 WHERE merchant_id = $1",
    ):
        shop.town.call(reading.execute(statement, shop.merchant_id, long_ago))


def failing_for(shop: Shop, endpoint_id: str, time: timedelta, now: datetime) -> None:
    """As if the endpoint had taken nothing for so long."""
    statement = "UPDATE webhook_endpoints SET failing_since = $2 WHERE id = $1 AND failing_since IS NOT NULL"
    assert shop.town.call(reading.execute(statement, endpoint_id, now - time)) == 1
