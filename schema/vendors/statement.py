"""A vendor's statement, as the API shows it."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from domain import reads
from domain.vendors import statement
from domain.vendors.statement import Line, Period, Stand
from kit.money import EXPONENTS
from models import PostingKind, Scope
from schema.arguments import After, First, VendorId
from schema.errors import bad_request, known_id
from schema.pagination import Connection, connection, number, window
from schema.permissions import context_of, query
from schema.scalars import CurrencyCode, Money, money_of
from schema.vendors.types import Vendor

Since = Annotated[datetime, strawberry.argument(name="from", description="From this time on.")]
Until = Annotated[datetime, strawberry.argument(name="to", description="Before this time.")]
Currency = Annotated[CurrencyCode, strawberry.argument(description="The one currency of the statement.")]


@strawberry.type(description="How a vendor stands at a moment.")
class VendorStand:
    held: Money = strawberry.field(description="Shares of sales that are not released.")
    balance: Money = strawberry.field(description="Released and not paid out; below 0, what the vendor owes.")

    @classmethod
    def of(cls, found: Stand, currency: str) -> "VendorStand":
        return cls(held=money_of(found.held_minor, currency), balance=money_of(found.balance_minor, currency))


@strawberry.type(description="One thing that changed what a vendor has.")
class VendorStatementLine:
    kind: PostingKind = strawberry.field(description="The business event.")
    held_by: Money = strawberry.field(description="By how much `held` changed.")
    balance_by: Money = strawberry.field(description="By how much `balance` changed.")
    order_id: strawberry.ID | None = strawberry.field(description="The order it is of; null for payouts.")
    payment_id: strawberry.ID | None = strawberry.field(description="The payment it is of; null for payouts.")
    posted_at: datetime = strawberry.field(description="When it was booked.")

    @classmethod
    def of(cls, line: Line, currency: str) -> "VendorStatementLine":
        return cls(
            kind=PostingKind(line.kind),
            held_by=money_of(line.held_by, currency),
            balance_by=money_of(line.balance_by, currency),
            order_id=strawberry.ID(line.order_id) if line.order_id else None,
            payment_id=strawberry.ID(line.payment_id) if line.payment_id else None,
            posted_at=line.posted_at,
        )


@strawberry.type(description="What became a vendor's own in a period, and what it was paid, from the ledger only.")
class VendorStatement:
    vendor: Vendor = strawberry.field(description="The vendor.")
    currency: CurrencyCode = strawberry.field(description="The currency of all its amounts.")
    period: strawberry.Private[Period]

    @strawberry.field(description="How the vendor stood at its beginning.")
    async def opening(self) -> VendorStand:
        found = await statement.stand(self.vendor.id, self.currency, self.period.since)
        return VendorStand.of(found, self.currency)

    @strawberry.field(description="How the vendor stood at its end: the opening and all lines.")
    async def closing(self) -> VendorStand:
        found = await statement.stand(self.vendor.id, self.currency, self.period.until)
        return VendorStand.of(found, self.currency)

    @strawberry.field(description="The lines, oldest first, 25 unless first (1 to 100) says else.")
    async def lines(self, first: First = None, after: After = None) -> Connection[VendorStatementLine]:
        stretch = window(first, after, None, None, descending=False, key=number)
        page, found = await statement.lines(self.period, stretch)
        nodes = [VendorStatementLine.of(line, self.currency) for line in found]
        return connection(page, nodes, [str(line.number) for line in found], lambda: statement.count(self.period))

    @strawberry.field(
        description=f"All of it as a table, comma-separated; BAD_REQUEST for more than {statement.MOST_LINES:,} lines:"
        " choose a shorter period then."
    )
    async def csv(self) -> str:
        found = await statement.as_csv(self.period)
        if found is None:
            raise bad_request(f"The statement has more than {statement.MOST_LINES:,} lines: choose a shorter period.")
        return found


@strawberry.type
class StatementQueries:
    @query(Scope.VENDORS_READ, description="A vendor's statement; null when the merchant has none with this id.")
    async def vendor_statement(
        self, info: Info, vendor_id: VendorId, currency: Currency, since: Since, until: Until
    ) -> VendorStatement | None:
        merchant_id = context_of(info).merchant_id
        row = await reads.by_id("vendors", merchant_id, known_id(vendor_id, "ven", "a vendor"))
        if currency not in EXPONENTS:
            raise bad_request(f"{currency[:10]!r} is no ISO 4217 currency in use.")
        if not since < until:
            raise bad_request("The statement must begin before it ends.")
        if row is None:
            return None
        period = Period(merchant_id=merchant_id, vendor_id=row["id"], currency=currency, since=since, until=until)
        return VendorStatement(vendor=Vendor.of(row), currency=currency, period=period)
