"""Reading endpoints and the log of their deliveries."""

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from models import DeliveryStatus, Scope
from schema.arguments import After, Before, DeliveryId, EndpointId, Filter, First, Last
from schema.deliveries.types import WebhookDelivery, WebhookEndpoint
from schema.errors import known_id
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import context_of, query


@strawberry.input(description="Which deliveries; all conditions must hold.")
class WebhookDeliveryFilter:
    endpoint_id: strawberry.ID | None = strawberry.field(default=None, description="For this endpoint.")
    event_id: strawberry.ID | None = strawberry.field(default=None, description="Of this event.")
    status: list[DeliveryStatus] | None = strawberry.field(default=None, description="In one of these statuses.")


@strawberry.type
class DeliveryQueries:
    @query(Scope.WEBHOOKS_READ, description="An endpoint; null when the merchant has none with this id.")
    async def webhook_endpoint(self, info: Info, id: EndpointId) -> WebhookEndpoint | None:
        endpoint_id = known_id(id, "whe", "a webhook endpoint")
        row = await reads.by_id("webhook_endpoints", context_of(info).merchant_id, endpoint_id)
        return WebhookEndpoint.of(row) if row else None

    @query(Scope.WEBHOOKS_READ, description="The merchant's endpoints, 25 unless first or last (1 to 100) says else.")
    async def webhook_endpoints(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[WebhookEndpoint]:
        merchant_id = context_of(info).merchant_id
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("whe"))
        return await listed("webhook_endpoints", merchant_id, stretch, [], WebhookEndpoint.of)

    @query(Scope.WEBHOOKS_READ, description="A delivery; null when the merchant has none with this id.")
    async def webhook_delivery(self, info: Info, id: DeliveryId) -> WebhookDelivery | None:
        delivery_id = known_id(id, "whd", "a webhook delivery")
        row = await reads.by_id("webhook_deliveries", context_of(info).merchant_id, delivery_id)
        return WebhookDelivery.of(row) if row else None

    @query(Scope.WEBHOOKS_READ, description="The merchant's deliveries, 25 unless first or last (1 to 100) says else.")
    async def webhook_deliveries(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[WebhookDeliveryFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[WebhookDelivery]:
        merchant_id = context_of(info).merchant_id
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("whd"))
        conditions = _conditions(filter) if filter else []
        return await listed("webhook_deliveries", merchant_id, stretch, conditions, WebhookDelivery.of)


def _conditions(wanted: WebhookDeliveryFilter) -> list[Condition]:
    conditions = []
    if wanted.endpoint_id is not None:
        endpoint_id = known_id(wanted.endpoint_id, "whe", "a webhook endpoint")
        conditions.append(Condition("endpoint_id", "=", endpoint_id))
    if wanted.event_id is not None:
        conditions.append(Condition("event_id", "=", known_id(wanted.event_id, "evt", "an event")))
    if wanted.status is not None:
        conditions.append(Condition("status", "IN", [status.value for status in wanted.status]))
    return conditions
