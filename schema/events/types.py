"""Events: what happened, when, and who or what brought it about."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from domain.deliveries import message
from domain.events import CauseKind
from domain.reads import Row
from kit import ids
from kit.database.reading import decode_json, decode_time
from models import Scope
from schema.enums import show
from schema.nodes import Node
from schema.permissions import context_of, guarded
from schema.scalars import Cursor

if TYPE_CHECKING:
    from schema.orders.types import Order
    from schema.payments.types import Payment
    from schema.subscriptions.types import Subscription

show(
    CauseKind,
    "Who or what brought a change about.",
    API="A call of this API.",
    WEBHOOK="A message of the PSP.",
    RETURN_PAGE="A payer came back from the hosted page, and the PSP was asked.",
    LINK="Somebody opened a payment link.",
    SWEEP="Reconciliation: the PSP was asked unprompted.",
    SYSTEM="The system itself.",
)


@strawberry.type(description="Who or what brought a change about.")
class Cause:
    kind: CauseKind = strawberry.field(description="What sort of cause it is.")
    ref: str = strawberry.field(description="Its name: the key's id, the PSP's event, the payment link, the job.")


@strawberry.type(
    description="An immutable fact about an order, one of its payments, a subscription, or an endpoint for webhooks."
)
class Event(Node):
    type: str = strawberry.field(description="Such as payment.captured or order.paid. New types may come.")
    order_id: strawberry.ID | None = strawberry.field(description="The order it tells of, null for none.")
    payment_id: strawberry.ID | None = strawberry.field(description="The payment it tells of, null for none.")
    subscription_id: strawberry.ID | None = strawberry.field(description="The subscription it tells of, null for none.")
    version: int = strawberry.field(
        description="Counts the events of the order, of the subscription, or of the endpoint, from 1."
    )
    sequence: int | None = guarded(
        Scope.EVENTS_READ,
        description="Counts the merchant's events from 1, without a gap. Null in the moment before it is given.",
    )
    cause: Cause = guarded(Scope.EVENTS_READ, description="Who or what brought it about.")
    occurred_at: datetime | None = strawberry.field(description="The PSP's time of it, null when it happened here.")
    recorded_at: datetime = strawberry.field(description="When it was recorded here.")
    facts: strawberry.Private[Any]

    @classmethod
    def of(cls, row: Row) -> "Event":
        cause, subject = decode_json(row["cause"]), ids.prefix_of(row["subject_id"])
        return cls(
            id=row["id"],
            type=row["type"],
            order_id=row["subject_id"] if subject == "ord" else None,
            subscription_id=row["subject_id"] if subject == "sub" else None,
            payment_id=row["payment_id"],
            version=row["version"],
            sequence=row["sequence"],
            cause=Cause(kind=CauseKind(cause["kind"]), ref=cause["ref"]),
            occurred_at=decode_time(row["occurred_at"]) if row["occurred_at"] else None,
            recorded_at=decode_time(row["recorded_at"]),
            facts=row["data"],
        )

    @guarded(Scope.EVENTS_READ, description="The facts, by the event's type; amounts in minor units.")
    def data(self) -> JSON:
        return JSON(message.facts(self.facts))

    @guarded(
        Scope.WEBHOOKS_READ,
        description="The message that webhooks carry, before any endpoint's mapping. What it tells of the order and the"
        " payment is read now; a delivery keeps what it was when it was written down.",
    )
    async def payload(self, info: Info) -> JSON:
        return JSON(await context_of(info).load.messages.load(self.id))

    @guarded(Scope.ORDERS_READ, Scope.CHECKOUT, description="The order as it is now, null for none.")
    async def order(self, info: Info) -> Annotated["Order", strawberry.lazy("schema.orders.types")] | None:
        from schema.orders.types import Order

        row = await context_of(info).load.orders.load(self.order_id) if self.order_id else None
        return Order.of(row) if row else None

    @guarded(
        Scope.PAYMENTS_READ, Scope.CHECKOUT, description="The payment as it is now, null for the order's own events."
    )
    async def payment(self, info: Info) -> Annotated["Payment", strawberry.lazy("schema.payments.types")] | None:
        from schema.payments.types import Payment

        row = await context_of(info).load.payment.load(self.payment_id) if self.payment_id else None
        return Payment.of(row) if row else None

    @guarded(Scope.PAYMENTS_READ, description="The subscription as it is now, null for none.")
    async def subscription(
        self, info: Info
    ) -> Annotated["Subscription", strawberry.lazy("schema.subscriptions.types")] | None:
        from schema.subscriptions.types import Subscription

        found = self.subscription_id
        row = await context_of(info).load.subscriptions.load(found) if found else None
        return Subscription.of(row) if row else None


@strawberry.type(description="News of the merchant's business: one event, with the cursor to go on from.")
class MerchantEvent:
    cursor: Cursor = strawberry.field(description="Give it as `after` to go on from here.")
    sequence: int = strawberry.field(description="The number of the newest event; the event's, if there is one.")
    event: Event | None = strawberry.field(description="Null in the first message, which only says where you stand.")
