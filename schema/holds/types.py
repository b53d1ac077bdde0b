"""Holds: captured money of one split of an order, and whose it is."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.types import Info

from domain.ledger import UNASSIGNED
from domain.reads import Row
from domain.splits.rule import ASSIGNEE
from domain.splits.standing import Standing, Totals, standing
from kit.database.reading import decode_json, decode_time
from models import Scope
from schema.nodes import Node
from schema.permissions import context_of, guarded
from schema.scalars import Money, money_of
from schema.splits.types import SplitRule
from schema.vendors.types import Vendor, vendor_of

if TYPE_CHECKING:
    from schema.orders.types import Order
    from schema.payments.types import Payment


@strawberry.type(description="What one vendor has of a hold.")
class HoldShare:
    held: Money = strawberry.field(description="Not released yet.")
    released: Money = strawberry.field(description="Released and not taken back.")
    vendor_id: strawberry.Private[str]

    @guarded(Scope.VENDORS_READ, description="The vendor; null for the one who is yet to be assigned.")
    async def vendor(self, info: Info) -> Vendor | None:
        return await vendor_of(info, self.vendor_id) if self.vendor_id != UNASSIGNED else None


@strawberry.type(
    description="Captured money of one line item, or of all that the order's own rule covers. It is held until it is"
    " released or goes back. It is no escrow: the PSP holds it for the platform."
)
class Hold(Node):
    captured: Money = strawberry.field(description="What came in.")
    returned: Money = strawberry.field(description="Given back, on its way back, or taken by the payer's bank.")
    released: Money = strawberry.field(description="Released and not taken back, over all parties.")
    held: Money = strawberry.field(description="What can still be released or refunded out of it.")
    release_at: datetime | None = strawberry.field(description="When it is released by itself; null for never.")
    release_by: datetime = strawberry.field(
        description="When the PSP's limit comes: the rule says what becomes of it then. Told of a week before."
    )
    created_at: datetime = strawberry.field(description="When its first money came.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    order_id: strawberry.ID = strawberry.field(description="The order it is of.")
    payment_id: strawberry.ID = strawberry.field(description="The payment it is of.")
    facts: strawberry.Private[Any]

    @classmethod
    def of(cls, row: Row) -> "Hold":
        currency, totals = row["currency"], _totals(row, {}, 1)
        return cls(
            id=row["id"],
            captured=money_of(totals.captured_minor, currency),
            returned=money_of(totals.returned_minor, currency),
            released=money_of(totals.payable_minor, currency),
            held=money_of(totals.held_minor, currency),
            release_at=decode_time(row["release_at"]) if row["release_at"] else None,
            release_by=decode_time(row["release_by"]),
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            order_id=row["order_id"],
            payment_id=row["payment_id"],
            facts=row,
        )

    async def _split(self, info: Info) -> Row:
        row = await context_of(info).load.split.load(self.facts["split_id"])
        assert row is not None
        return row

    async def _standing(self, info: Info) -> Standing:
        split = await self._split(info)
        return standing(_totals(self.facts, decode_json(split["plan"]), split["step"]))

    @strawberry.field(description="The line item; null for all that the order's own rule covers.")
    async def line_item_id(self, info: Info) -> strawberry.ID | None:
        found: strawberry.ID | None = (await self._split(info))["line_item_id"]
        return found

    @guarded(Scope.VENDORS_READ, description="The rule that it was sold under.")
    async def rule(self, info: Info) -> SplitRule:
        split = await self._split(info)
        return SplitRule.of({**split, "id": split["rule_id"]})

    @strawberry.field(description="Whether it waits for a vendor: holdAssign.")
    async def unassigned(self, info: Info) -> bool:
        return ASSIGNEE in decode_json((await self._split(info))["plan"]) and self.facts["assignee_id"] is None

    @strawberry.field(description="What each vendor has of it.")
    async def shares(self, info: Info) -> list[HoldShare]:
        found, currency = await self._standing(info), self.facts["currency"]
        return [
            HoldShare(
                held=money_of(found.held[vendor], currency),
                released=money_of(found.payable[vendor], currency),
                vendor_id=vendor,
            )
            for vendor in sorted(found.held)
        ]

    @strawberry.field(description="The commission of what is kept.")
    async def commission(self, info: Info) -> Money:
        return money_of((await self._standing(info)).commission_minor, self.facts["currency"])

    @guarded(Scope.ORDERS_READ, description="The order it is of.")
    async def order(self, info: Info) -> Annotated["Order", strawberry.lazy("schema.orders.types")]:
        from schema.orders.types import Order

        row = await context_of(info).load.orders.load(self.order_id)
        assert row is not None
        return Order.of(row)

    @strawberry.field(description="The payment it is of.")
    async def payment(self, info: Info) -> Annotated["Payment", strawberry.lazy("schema.payments.types")]:
        from schema.payments.types import Payment

        row = await context_of(info).load.payment.load(self.payment_id)
        assert row is not None
        return Payment.of(row)


def _totals(row: Row, plan: dict[str, int], step: int) -> Totals:
    return Totals(
        plan=plan,
        step=step,
        assignee=row["assignee_id"],
        captured_minor=row["captured_minor"],
        returned_minor=row["returned_minor"],
        released_minor=row["released_minor"],
        fee_minor=row["fee_minor"],
    )
