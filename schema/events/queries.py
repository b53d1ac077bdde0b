"""Reading the merchant's events by their numbers."""

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from domain.refusals import can_be_shown
from models import Scope
from schema.arguments import After, Before, EventId, Filter, First, Last
from schema.errors import bad_request, known_id
from schema.events.types import Event
from schema.pagination import Connection, connection, number, window
from schema.permissions import context_of, query


@strawberry.input(description="Which events; all conditions must hold.")
class EventFilter:
    sequence_after: int | None = strawberry.field(default=None, description="With a larger sequence number.")
    types: list[str] | None = strawberry.field(default=None, description="Of one of these types, in full.")


@strawberry.type
class EventQueries:
    @query(Scope.EVENTS_READ, description="An event; null when the merchant has none with this id.")
    async def event(self, info: Info, id: EventId) -> Event | None:
        row = await reads.by_id("events", context_of(info).merchant_id, known_id(id, "evt", "an event"))
        return Event.of(row) if row else None

    @query(
        Scope.EVENTS_READ,
        description="The merchant's events in the order of their sequence, without a hole; 25 unless first or last"
        " (1 to 100) says else. Who has missed some asks for those after the last number that came.",
    )
    async def events(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[EventFilter] = None,
    ) -> Connection[Event]:
        merchant_id = context_of(info).merchant_id
        stretch = window(first, after, last, before, descending=False, key=number)
        conditions = _conditions(filter or EventFilter())
        page = await reads.page("events", merchant_id, stretch, conditions, key="sequence")
        return connection(
            page,
            [Event.of(row) for row in page.rows],
            [str(row["sequence"]) for row in page.rows],
            lambda: reads.count("events", merchant_id, conditions),
        )


def _conditions(wanted: EventFilter) -> list[Condition]:
    conditions = [Condition("sequence", ">", wanted.sequence_after or 0)]
    if wanted.types is not None:
        if not all(can_be_shown(name) for name in wanted.types):
            raise bad_request("A type has visible characters only.")
        conditions.append(Condition("type", "IN", wanted.types))
    return conditions
