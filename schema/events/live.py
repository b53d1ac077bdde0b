"""Following all that happens to a merchant."""

from collections.abc import AsyncIterator

import strawberry
from strawberry.types import Info

from domain import live as following
from domain import reads
from models import Scope
from schema.arguments import Resume
from schema.events.types import Event, MerchantEvent
from schema.live import starting_point
from schema.pagination import encode
from schema.permissions import context_of, live
from schema.scalars import Cursor


@strawberry.type
class EventLive:
    @live(
        Scope.EVENTS_READ,
        description="Every event of the merchant, once and in order. Without `after` the first message has no event"
        " and says where you stand; with it, everything since that cursor comes first.",
    )
    async def merchant_events(self, info: Info, after: Resume = None) -> AsyncIterator[MerchantEvent]:
        context = context_of(info)
        newest = await reads.merchant_sequence(context.merchant_id)
        start = starting_point(context, after, context.merchant_id, newest)
        if start is None:
            yield MerchantEvent(cursor=_cursor(context.merchant_id, newest), sequence=newest, event=None)
        async for row in following.merchant_events(
            context.services.hub, context.merchant_id, newest if start is None else start
        ):
            event = Event.of(row)
            yield MerchantEvent(
                cursor=_cursor(context.merchant_id, row["sequence"]), sequence=row["sequence"], event=event
            )


def _cursor(merchant_id: str, sequence: int) -> Cursor:
    return encode(merchant_id, str(sequence))
