"""Invoices of subscriptions."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.types import Info

from domain.invoices.rows import is_payable
from domain.reads import Row
from gateways.billing import InvoiceLine as Line
from kit.database.reading import decode_json, decode_time
from models import InvoiceReason, InvoiceStatus, Scope
from schema.enums import show
from schema.nodes import Node
from schema.orders.types import Order
from schema.permissions import context_of, guarded
from schema.scalars import Money, money_of

if TYPE_CHECKING:
    from schema.subscriptions.types import Subscription

show(
    InvoiceStatus,
    "Where an invoice stands.",
    OPEN="It awaits its money. The PSP tries to collect it, and the customer can pay it at paymentUrl.",
    PAID="It has its money.",
    VOID="It wants no money any more.",
    UNCOLLECTIBLE="The PSP has given up collecting it.",
)
show(
    InvoiceReason,
    "Why there is an invoice.",
    START="The subscription began.",
    RENEWAL="A new period began.",
    CHANGE="The plan or the quantity changed within a period.",
    OTHER="Another reason of the PSP's.",
)


@strawberry.type(description="A row of an invoice, as the PSP computed it.")
class InvoiceLine:
    description: str = strawberry.field(description="As the payer sees it.")
    quantity: int | None = strawberry.field(description="How many; null where nothing is counted.")
    amount: Money = strawberry.field(description="What it comes to; below 0 for what is given back.")
    period_start: datetime = strawberry.field(description="The beginning of what it pays for.")
    period_end: datetime = strawberry.field(description="Its end.")
    proration: bool = strawberry.field(description="Whether it is for a part of a period.")

    @classmethod
    def of(cls, line: Line, currency: str) -> "InvoiceLine":
        return cls(
            description=line.description,
            quantity=line.quantity,
            amount=money_of(line.amount_minor, currency),
            period_start=line.period_start,
            period_end=line.period_end,
            proration=line.proration,
        )


@strawberry.type(description="What is owed for a period of a subscription, or for a change of it.")
class Invoice(Node):
    number: str | None = strawberry.field(description="The PSP's number, null for one without.")
    status: InvoiceStatus = strawberry.field(description="Where it stands.")
    reason: InvoiceReason = strawberry.field(description="Why there is one.")
    lines: list[InvoiceLine] = strawberry.field(description="Its rows, as they were when it was issued.")
    subtotal: Money = strawberry.field(
        description="The sum of its rows, before taxes that are not within prices; below 0 for a credit."
    )
    tax: Money = strawberry.field(description="The taxes, as the PSP gives them; `total` includes them.")
    total: Money = strawberry.field(description="What it comes to; below 0 for a credit, which is kept as a balance.")
    amount_due: Money = strawberry.field(description="What was to be collected: the total less what a balance paid.")
    amount_paid: Money = strawberry.field(description="What has been collected.")
    balance_before: Money = strawberry.field(
        description="The customer's balance at the PSP before it; below 0 for a credit of the customer's."
    )
    balance_after: Money = strawberry.field(description="The customer's balance after it.")
    attempt_count: int = strawberry.field(description="How often the PSP has tried to collect it.")
    next_attempt_at: datetime | None = strawberry.field(
        description="When the PSP tries again; null when it does not, or nothing is owed."
    )
    period_start: datetime = strawberry.field(description="The beginning of the period that it is for.")
    period_end: datetime = strawberry.field(description="Its end.")
    issued_at: datetime = strawberry.field(description="When it was made final, by the PSP's clock.")
    paid_at: datetime | None = strawberry.field(description="When it was paid, by the PSP's clock; null until then.")
    payment_url: str | None = strawberry.field(
        description="Where the customer pays or confirms it; null unless it is OPEN or UNCOLLECTIBLE, and once the"
        " subscription has ended."
    )
    subscription_id: strawberry.ID = strawberry.field(description="The subscription that it is of.")
    order_id: strawberry.Private[str | None]

    @classmethod
    def of(cls, row: Row) -> "Invoice":
        currency, status = row["currency"], InvoiceStatus(row["status"])
        amounts: dict[str, Any] = {
            name: money_of(row[f"{column}_minor"], currency)
            for name, column in (
                *(("subtotal", "subtotal"), ("tax", "tax"), ("total", "total"), ("amount_due", "due")),
                *(("amount_paid", "paid"), ("balance_before", "balance_before"), ("balance_after", "balance_after")),
            )
        }
        times = ("next_attempt_at", "period_start", "period_end", "issued_at", "paid_at")
        moments: dict[str, Any] = {name: decode_time(row[name]) if row[name] else None for name in times}
        return cls(
            id=row["id"],
            number=row["number"],
            status=status,
            reason=InvoiceReason(row["reason"]),
            lines=[InvoiceLine.of(Line.from_json(line), currency) for line in decode_json(row["lines"])],
            attempt_count=row["attempts"],
            payment_url=row["payment_url"] if is_payable(status, row["subscription_status"]) else None,
            subscription_id=row["subscription_id"],
            order_id=row["order_id"],
            **amounts,
            **moments,
        )

    @strawberry.field(description="A page to print.")
    def page_url(self, info: Info) -> str:
        services = context_of(info).services
        return services.base_url + services.tokens.page_path("invoices", self.id)

    @strawberry.field(description="What has been given back of its order's money; amountPaid stays.")
    async def amount_refunded(self, info: Info) -> Money:
        payments = await context_of(info).load.payments.load(self.order_id) if self.order_id else []
        return money_of(sum(payment["refunded_minor"] for payment in payments), self.total.currency)

    @guarded(Scope.ORDERS_READ, description="The order that its money pays; null while there is none to pay.")
    async def order(self, info: Info) -> Order | None:
        row = await context_of(info).load.orders.load(self.order_id) if self.order_id else None
        return Order.of(row) if row else None

    @guarded(Scope.PAYMENTS_READ, description="The subscription that it is of.")
    async def subscription(
        self, info: Info
    ) -> Annotated["Subscription", strawberry.lazy("schema.subscriptions.types")]:
        from schema.subscriptions.types import Subscription

        row = await context_of(info).load.subscriptions.load(self.subscription_id)
        assert row is not None
        return Subscription.of(row)
