"""Payment links as the merchant sees them."""

from datetime import UTC, datetime
from typing import Any

import strawberry
from strawberry.types import Info

from domain.links.visits import status_of
from domain.reads import Condition, Row
from kit import clock
from kit.database.reading import decode_json, decode_time
from models import LinkStatus, OrderStatus, Scope
from schema.arguments import After, First
from schema.enums import show
from schema.nodes import Node
from schema.orders.types import MetadataEntry, Order
from schema.pagination import Connection, listed, row_id, window
from schema.permissions import context_of, guarded
from schema.scalars import CurrencyCode, Money, money_of

show(
    LinkStatus,
    "Where a payment link stands.",
    ACTIVE="Whoever opens it can pay.",
    INACTIVE="It was deactivated.",
    EXPIRED="Its time is over.",
    USED_UP="Its one order is paid, or was canceled.",
)


@strawberry.type(description="A row of what a link sells.")
class LinkItem:
    name: str = strawberry.field(description="As the payer sees it.")
    quantity: int = strawberry.field(description="How many.")
    unit_amount: Money = strawberry.field(description="The price of one.")


@strawberry.type(description="An amount that the payer names.")
class AmountChoice:
    least: Money = strawberry.field(description="No less than this.")
    most: Money = strawberry.field(description="No more than this.")
    presets: list[Money] = strawberry.field(description="What the page proposes, up to six.")


@strawberry.type(description="An address that a merchant gives away, to be paid at by whoever opens it.")
class PaymentLink(Node):
    purpose: str = strawberry.field(description="What it is for, as the payer sees it.")
    currency: CurrencyCode = strawberry.field(description="The currency of all its amounts.")
    total: Money | None = strawberry.field(description="What is to be paid; null where the payer names the amount.")
    items: list[LinkItem] = strawberry.field(description="What it sells; empty where the payer names the amount.")
    choice: AmountChoice | None = strawberry.field(description="What the payer may name; null for a given amount.")
    reusable: bool = strawberry.field(description="Whether each visitor gets an order of their own.")
    in_parts: bool = strawberry.field(description="Whether the payer may pay less at once than what is outstanding.")
    email: str | None = strawberry.field(description="Whom it is for, null when nobody was named.")
    name: str | None = strawberry.field(description="Their name, null when it was not given.")
    reference: str | None = strawberry.field(description="The merchant's own number, null when none was given.")
    due_at: datetime | None = strawberry.field(description="When it should be paid; null for no time in particular.")
    expires_at: datetime | None = strawberry.field(description="When it can be paid no more; null for never.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    slug: strawberry.Private[str]
    active: strawberry.Private[bool]
    pairs: strawberry.Private[Any]

    @classmethod
    def of(cls, row: Row) -> "PaymentLink":
        currency = row["currency"]
        return cls(
            id=row["id"],
            slug=row["slug"],
            purpose=row["purpose"],
            currency=CurrencyCode(currency),
            total=money_of(row["total_minor"], currency) if row["total_minor"] is not None else None,
            items=[
                LinkItem(
                    name=item["name"],
                    quantity=item["quantity"],
                    unit_amount=money_of(item["unit_amount_minor"], currency),
                )
                for item in decode_json(row["items"])
            ],
            choice=_choice(row),
            reusable=bool(row["reusable"]),
            in_parts=bool(row["in_parts"]),
            email=row["email"],
            name=row["name"],
            reference=row["reference"],
            due_at=decode_time(row["due_at"]) if row["due_at"] else None,
            expires_at=decode_time(row["expires_at"]) if row["expires_at"] else None,
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            active=bool(row["active"]),
            pairs=row["metadata"],
        )

    @strawberry.field(description="The address to give away: a page that shows what is to be paid, and why.")
    def url(self, info: Info) -> str:
        return f"{context_of(info).services.base_url}/l/{self.slug}"

    @strawberry.field(description="The address as a QR code, as an SVG picture.")
    def qr_svg_url(self, info: Info) -> str:
        return f"{self.url(info)}/qr.svg"

    @strawberry.field(description="The same as a PNG picture.")
    def qr_png_url(self, info: Info) -> str:
        return f"{self.url(info)}/qr.png"

    @strawberry.field(description="A page to print, with the items, the address and its QR code.")
    def invoice_url(self, info: Info) -> str:
        return f"{self.url(info)}/invoice"

    @strawberry.field(description="Where it stands.")
    async def status(self, info: Info) -> LinkStatus:
        known = None if self.reusable else await context_of(info).load.link_order.load(self.id)
        order_status = OrderStatus(known["status"]) if known else None
        return status_of(self.active, self.expires_at, self.reusable, order_status, clock.now().astimezone(UTC))

    @strawberry.field(description="What the merchant keeps with it, and with each of its orders.")
    def metadata(self) -> list[MetadataEntry]:
        return [MetadataEntry(key=key, value=value) for key, value in decode_json(self.pairs).items()]

    @guarded(Scope.ORDERS_READ, description="The orders that came of it, newest first.")
    async def orders(self, info: Info, first: First = None, after: After = None) -> Connection[Order]:
        stretch = window(first, after, None, None, descending=True, key=row_id("ord"))
        conditions = [Condition("payment_link_id", "=", self.id)]
        return await listed("orders", context_of(info).merchant_id, stretch, conditions, Order.of)


def _choice(row: Row) -> AmountChoice | None:
    if row["least_minor"] is None:
        return None
    currency = row["currency"]
    return AmountChoice(
        least=money_of(row["least_minor"], currency),
        most=money_of(row["most_minor"], currency),
        presets=[money_of(preset, currency) for preset in decode_json(row["presets"])],
    )
