"""Following a subscription."""

from collections.abc import AsyncIterator

import strawberry
from strawberry.types import Info

from domain import live as following
from domain import reads
from models import Scope
from schema.arguments import Resume, SubscriptionId
from schema.errors import bad_request, known_id
from schema.events.types import Event
from schema.live import starting_point
from schema.pagination import encode
from schema.permissions import context_of, live
from schema.scalars import Cursor
from schema.subscriptions.types import Subscription


@strawberry.type(description="News of a subscription: one event, with the subscription as it is now.")
class SubscriptionUpdate:
    cursor: Cursor = strawberry.field(description="Give it as `after` to go on from here.")
    version: int = strawberry.field(description="The event's version; in the first message, the subscription's.")
    event: Event | None = strawberry.field(description="Null in the first message, which shows the present.")
    subscription: Subscription = strawberry.field(description="The subscription as it is now.")


@strawberry.type
class SubscriptionLive:
    @live(
        Scope.PAYMENTS_READ,
        description="Every event of the subscription, its invoices and its entitlements, once and in order. Without"
        " `after` the first message is the present; with it, everything since that cursor comes first.",
    )
    async def subscription_updates(
        self, info: Info, id: SubscriptionId, after: Resume = None
    ) -> AsyncIterator[SubscriptionUpdate]:
        context = context_of(info)
        merchant_id, subscription_id = context.merchant_id, known_id(id, "sub", "a subscription")
        row = await reads.by_id("subscriptions", merchant_id, subscription_id)
        if row is None:
            raise bad_request(f"There is no subscription {subscription_id}.")
        start = starting_point(context, after, subscription_id, row["version"])
        if start is None:
            start = row["version"]
            yield _update(row, start, None)
        async for event in following.subject_events(context.services.hub, merchant_id, subscription_id, start):
            present = await following.present("subscriptions", merchant_id, subscription_id)
            assert present is not None
            yield _update(present, event["version"], Event.of(event))


def _update(row: reads.Row, version: int, event: Event | None) -> SubscriptionUpdate:
    cursor = encode(row["id"], str(version))
    return SubscriptionUpdate(cursor=cursor, version=version, event=event, subscription=Subscription.of(row))
