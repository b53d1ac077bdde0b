"""Following a payment."""

from collections.abc import AsyncIterator

import strawberry
from strawberry.types import Info

from domain import live as following
from domain import reads
from models import Scope
from schema.arguments import ClientSecret, PaymentId, Resume
from schema.errors import bad_request, known_id
from schema.events.types import Event
from schema.live import starting_point
from schema.pagination import encode
from schema.payments.types import Payment
from schema.permissions import check_payer, context_of, live
from schema.scalars import Cursor


@strawberry.type(description="News of a payment: one event, with the payment as it is now.")
class PaymentUpdate:
    cursor: Cursor = strawberry.field(description="Give it as `after` to go on from here.")
    version: int = strawberry.field(description="The event's version; in the first message, the order's newest.")
    event: Event | None = strawberry.field(description="Null in the first message, which shows the present.")
    payment: Payment = strawberry.field(description="The payment as it is now.")


@strawberry.type
class PaymentLive:
    @live(
        Scope.PAYMENTS_READ,
        Scope.CHECKOUT,
        description="Every event of the payment, once and in order. Without `after` the first message is the present;"
        " with it, everything since that cursor comes first. A publishable key needs the order's `clientSecret`.",
    )
    async def payment_updates(
        self, info: Info, id: PaymentId, after: Resume = None, client_secret: ClientSecret = None
    ) -> AsyncIterator[PaymentUpdate]:
        context = context_of(info)
        merchant_id, payment_id = context.merchant_id, known_id(id, "pay", "a payment")
        row = await reads.by_id("payments", merchant_id, payment_id)
        if row is None:
            raise bad_request(f"There is no payment {payment_id}.")
        check_payer(context, row["order_id"], client_secret)
        order = await reads.by_id("orders", merchant_id, row["order_id"])
        assert order is not None
        start = starting_point(context, after, payment_id, order["version"])
        if start is None:
            start = order["version"]
            yield await _update(merchant_id, payment_id, start, None)
        events = following.payment_events(context.services.hub, merchant_id, row["order_id"], payment_id, start)
        async for event in events:
            yield await _update(merchant_id, payment_id, event["version"], Event.of(event))


async def _update(merchant_id: str, payment_id: str, version: int, event: Event | None) -> PaymentUpdate:
    row = await following.present("payments", merchant_id, payment_id)
    assert row is not None
    return PaymentUpdate(cursor=encode(payment_id, str(version)), version=version, event=event, payment=Payment.of(row))
