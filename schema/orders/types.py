"""Orders, their items and their customers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import field
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.types import Info
from strawberry.utils.await_maybe import await_maybe

from domain.actions import OrderAction, OrderState, refusal
from domain.reads import Condition, Row
from kit.database.reading import decode_json, decode_time
from models import LIVE, OrderStatus, PaymentStatus, Scope
from schema.arguments import After, First
from schema.context import Loaders
from schema.enums import show
from schema.events.types import Event
from schema.nodes import Node
from schema.pagination import Connection
from schema.payments.types import Payment, timeline
from schema.permissions import context_of, guarded
from schema.scalars import CurrencyCode, Money, money_of

if TYPE_CHECKING:
    from schema.holds.types import Hold
    from schema.invoices.types import Invoice
    from schema.links.types import PaymentLink

show(
    OrderStatus,
    "Where an order stands.",
    OPEN="It awaits its money.",
    PAID="It has all of its money.",
    CANCELED="It wants no money any more.",
)
show(
    OrderAction,
    "What may be done with an order.",
    CHECKOUT="Open the hosted page, or find the one that is open: checkoutStart.",
    EDIT="Replace the items: orderUpdate.",
    CANCEL="End it without money: orderCancel.",
)
_MERCHANT = (Scope.ORDERS_READ, Scope.ORDERS_WRITE)


@strawberry.type(description="A known payer.")
class Customer(Node):
    email: str = strawberry.field(description="One customer has one address.")
    name: str | None = strawberry.field(description="Null when nobody gave it.")
    created_at: datetime = strawberry.field(description="When the customer first came.")

    @classmethod
    def of(cls, row: Row) -> "Customer":
        return cls(id=row["id"], email=row["email"], name=row["name"], created_at=decode_time(row["created_at"]))

    @guarded(Scope.PAYMENTS_READ, description="The instruments the customer left, oldest first.")
    async def payment_methods(self, info: Info) -> list["SavedMethod"]:
        return [SavedMethod.of(row) for row in await context_of(info).load.saved_methods.load(self.id)]


@strawberry.type(description="An instrument that a customer left with the merchant: the PSP has it, not we.")
class SavedMethod(Node):
    type: str = strawberry.field(description="The PSP's name of the method, such as card.")
    brand: str | None = strawberry.field(description="A card's brand, null for other methods.")
    last4: str | None = strawberry.field(description="The last four digits, null where there are none.")
    is_default: bool = strawberry.field(description="Whether it is the one to use unless the customer says else.")
    created_at: datetime = strawberry.field(description="When it was left.")

    @classmethod
    def of(cls, row: Row) -> "SavedMethod":
        return cls(
            id=row["id"],
            type=row["type"],
            brand=row["brand"],
            last4=row["last4"],
            is_default=bool(row["is_default"]),
            created_at=decode_time(row["created_at"]),
        )


@strawberry.type(description="A row of an order.")
class LineItem:
    id: strawberry.ID = strawberry.field(description="The row's id.")
    product_id: strawberry.ID | None = strawberry.field(description="The catalog's product, null for a free row.")
    name: str = strawberry.field(description="As the payer sees it; a product's name at the time of sale.")
    unit_amount: Money = strawberry.field(description="The price of one.")
    quantity: int = strawberry.field(description="How many.")
    amount: Money = strawberry.field(description="The unit amount times the quantity.")

    @classmethod
    def of(cls, row: Row) -> "LineItem":
        currency = row["currency"]
        return cls(
            id=row["id"],
            product_id=row["product_id"],
            name=row["name"],
            unit_amount=money_of(row["unit_amount_minor"], currency),
            quantity=row["quantity"],
            amount=money_of(row["amount_minor"], currency),
        )


@strawberry.type(description="A pair of texts that the merchant keeps with an object.")
class MetadataEntry:
    key: str = strawberry.field(description="Up to 40 characters.")
    value: str = strawberry.field(description="Up to 500 characters.")


@strawberry.type(description="What may be done with an order now, or why not.")
class OrderActionState:
    name: OrderAction = strawberry.field(description="The action.")
    enabled: bool = strawberry.field(description="Whether it is possible now.")
    code: str | None = strawberry.field(description="The code that the mutation would answer; null when possible.")
    reason: str | None = strawberry.field(description="Why not; null when it is possible.")


@strawberry.type(description="What was sold and for how much. It exists before any payment and may need several.")
class Order(Node):
    status: OrderStatus = strawberry.field(description="Where it stands.")
    currency: CurrencyCode = strawberry.field(description="The currency of all its amounts.")
    total: Money = strawberry.field(description="The sum of its items, computed here.")
    version: int = strawberry.field(description="How many events the order has had.")
    reference: str | None = strawberry.field(description="The merchant's own number, null when none was given.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    paid_at: datetime | None = strawberry.field(description="When its money was complete; null until then.")
    customer_id: strawberry.Private[str | None]
    link_id: strawberry.Private[str | None]
    subscription_id: strawberry.Private[str | None]
    pairs: strawberry.Private[Any]
    read: strawberry.Private[dict[str, list[Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Row) -> "Order":
        return cls(
            id=row["id"],
            status=OrderStatus(row["status"]),
            currency=CurrencyCode(row["currency"]),
            total=money_of(row["total_minor"], row["currency"]),
            version=row["version"],
            reference=row["reference"],
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            paid_at=decode_time(row["paid_at"]) if row["paid_at"] else None,
            customer_id=row["customer_id"],
            link_id=row["payment_link_id"],
            subscription_id=row["subscription_id"],
            pairs=row["metadata"],
        )

    @strawberry.field(description="What was sold, in the merchant's order.")
    def items(self, info: Info) -> list[LineItem]:
        return self._children("items", info)  # type: ignore[no-any-return]

    @guarded(Scope.PAYMENTS_READ, Scope.CHECKOUT, description="Every try at collecting it, oldest first.")
    def payments(self, info: Info) -> list[Payment]:
        return self._children("payments", info)  # type: ignore[no-any-return]

    def _children(self, name: str, info: Info) -> Any:
        """What was read with the list that the order is in; outside of one, an awaitable of it."""
        return self.read[name] if name in self.read else self._read(name, info)

    async def _read(self, name: str, info: Info) -> list[Any]:
        loader, wrap = _CHILDREN[name]
        return [wrap(row) for row in await loader(context_of(info).load).load(self.id)]

    @staticmethod
    async def read_ahead(info: Info, orders: Sequence["Order"], asked: Set[str]) -> None:
        """Reads the children that are asked of all these orders, a statement for each kind."""
        wanted = sorted({_AHEAD[name] for name in asked & _AHEAD.keys()})
        await asyncio.gather(*(_read_all(name, info, orders) for name in wanted))

    @guarded(*_MERCHANT, description="The payment link that it comes of; null for none.")
    async def payment_link(self, info: Info) -> Annotated["PaymentLink", strawberry.lazy("schema.links.types")] | None:
        from schema.links.types import PaymentLink

        row = await context_of(info).load.payment_links.load(self.link_id) if self.link_id else None
        return PaymentLink.of(row) if row else None

    @guarded(Scope.PAYMENTS_READ, description="The invoice of a subscription that it is; null for none.")
    async def invoice(self, info: Info) -> Annotated["Invoice", strawberry.lazy("schema.invoices.types")] | None:
        from schema.invoices.types import Invoice

        row = await context_of(info).load.order_invoice.load(self.id) if self.subscription_id else None
        return Invoice.of(row) if row else None

    @guarded(*_MERCHANT, description="Whether its money was complete only after the link's `dueAt`.")
    async def paid_late(self, info: Info) -> bool:
        row = await context_of(info).load.payment_links.load(self.link_id) if self.link_id and self.paid_at else None
        return bool(row and row["due_at"] and self.paid_at and decode_time(row["due_at"]) < self.paid_at)

    @guarded(
        Scope.PAYMENTS_READ,
        Scope.CHECKOUT,
        description="What its payments have taken towards the total; less than the total while it is paid in part."
        " Money beyond the total goes back, and is no part of it.",
    )
    async def collected(self, info: Info) -> Money:
        payments = self.read["payments"] if "payments" in self.read else await self._read("payments", info)
        taken = sum(payment.captured.amount_minor for payment in payments if not payment.superseded)
        return money_of(min(taken, self.total.amount_minor), self.currency)

    @guarded(Scope.PAYMENTS_READ, description="What was captured under its split rules, by payment and split.")
    async def holds(self, info: Info) -> list[Annotated["Hold", strawberry.lazy("schema.holds.types")]]:
        from schema.holds.types import Hold

        return [Hold.of(row) for row in await context_of(info).load.holds.load(self.id)]

    @guarded(*_MERCHANT, description="Who buys; null when nobody was named.")
    async def customer(self, info: Info) -> Customer | None:
        row = await context_of(info).load.customers.load(self.customer_id) if self.customer_id else None
        return Customer.of(row) if row else None

    @guarded(*_MERCHANT, description="What the merchant keeps with it.")
    def metadata(self) -> list[MetadataEntry]:
        return [MetadataEntry(key=key, value=value) for key, value in decode_json(self.pairs).items()]

    @guarded(
        Scope.ORDERS_WRITE,
        Scope.PAYMENTS_WRITE,
        description="What a browser or app needs, beside a publishable key, to pay and watch this one order.",
    )
    def client_secret(self, info: Info) -> str:
        return context_of(info).services.tokens.client_secret(self.id)

    @strawberry.field(description="What may be done now, and why not the rest.")
    async def actions(self, info: Info) -> list[OrderActionState]:
        tries = [payment.status for payment in await await_maybe(self._children("payments", info))]
        state = OrderState(
            self.id,
            self.status,
            next((status for status in tries if status in LIVE), None),
            conflicted=PaymentStatus.CONFLICTED in tries,
            of_link=self.link_id is not None,
        )
        found = {action: refusal(action, state) for action in OrderAction}
        return [
            OrderActionState(
                name=action,
                enabled=refused is None,
                code=refused.faults[0].code if refused else None,
                reason=refused.faults[0].message if refused else None,
            )
            for action, refused in found.items()
        ]

    @guarded(
        Scope.EVENTS_READ,
        description="Everything that happened to it and its payments, oldest first, each with its cause.",
    )
    async def timeline(self, info: Info, first: First = None, after: After = None) -> Connection[Event]:
        return await timeline(info, Condition("subject_id", "=", self.id), first, after)


_CHILDREN: Mapping[str, tuple[Callable[[Loaders], DataLoader[str, list[Row]]], Callable[[Row], Any]]] = {
    "items": (attrgetter("line_items"), LineItem.of),
    "payments": (attrgetter("payments"), Payment.of),
}
_AHEAD = {"items": "items", "payments": "payments", "actions": "payments", "collected": "payments"}
"""The fields that need children, and which."""


async def _read_all(name: str, info: Info, orders: Sequence[Order]) -> None:
    loader, wrap = _CHILDREN[name]
    found: Any = await loader(context_of(info).load).load_fn([order.id for order in orders])
    for order, rows in zip(orders, found, strict=True):
        order.read[name] = [wrap(row) for row in rows]
