"""Following an order."""

from collections.abc import AsyncIterator

import strawberry
from strawberry.types import Info

from domain import live as following
from domain import reads
from models import Scope
from schema.arguments import ClientSecret, OrderId, Resume
from schema.errors import bad_request, known_id
from schema.events.types import Event
from schema.live import starting_point
from schema.orders.types import Order
from schema.pagination import encode
from schema.permissions import check_payer, context_of, live
from schema.scalars import Cursor


@strawberry.type(description="News of an order: one event, with the order as it is now.")
class OrderUpdate:
    cursor: Cursor = strawberry.field(description="Give it as `after` to go on from here.")
    version: int = strawberry.field(description="The event's version; in the first message, the order's.")
    event: Event | None = strawberry.field(description="Null in the first message, which shows the present.")
    order: Order = strawberry.field(description="The order as it is now.")


@strawberry.type
class OrderLive:
    @live(
        Scope.ORDERS_READ,
        Scope.CHECKOUT,
        description="Every event of the order and its payments, once and in order. Without `after` the first message"
        " is the present; with it, everything since that cursor comes first. A publishable key needs `clientSecret`.",
    )
    async def order_updates(
        self, info: Info, id: OrderId, after: Resume = None, client_secret: ClientSecret = None
    ) -> AsyncIterator[OrderUpdate]:
        context = context_of(info)
        merchant_id, order_id = context.merchant_id, known_id(id, "ord", "an order")
        check_payer(context, order_id, client_secret)
        row = await reads.by_id("orders", merchant_id, order_id)
        if row is None:
            raise bad_request(f"There is no order {order_id}.")
        start = starting_point(context, after, order_id, row["version"])
        if start is None:
            start = row["version"]
            yield _update(row, start, None)
        async for event in following.subject_events(context.services.hub, merchant_id, order_id, start):
            present = await following.present("orders", merchant_id, order_id)
            assert present is not None
            yield _update(present, event["version"], Event.of(event))


def _update(row: reads.Row, version: int, event: Event | None) -> OrderUpdate:
    return OrderUpdate(cursor=encode(row["id"], str(version)), version=version, event=event, order=Order.of(row))
