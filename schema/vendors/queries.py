"""Reading vendors and their payouts."""

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from models import PayoutStatus, Scope, VendorStatus
from schema.arguments import After, Before, Filter, First, Last, VendorId
from schema.errors import known_id
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import context_of, query
from schema.vendors.types import Payout, Vendor


@strawberry.input(description="Which vendors; all conditions must hold.")
class VendorFilter:
    status: list[VendorStatus] | None = strawberry.field(default=None, description="In one of these statuses.")


@strawberry.input(description="Which payouts; all conditions must hold.")
class PayoutFilter:
    vendor_id: strawberry.ID | None = strawberry.field(default=None, description="Of this vendor.")
    status: list[PayoutStatus] | None = strawberry.field(default=None, description="In one of these statuses.")


@strawberry.type
class VendorQueries:
    @query(Scope.VENDORS_READ, description="A vendor; null when the merchant has none with this id.")
    async def vendor(self, info: Info, id: VendorId) -> Vendor | None:
        row = await reads.by_id("vendors", context_of(info).merchant_id, known_id(id, "ven", "a vendor"))
        return Vendor.of(row) if row else None

    @query(Scope.VENDORS_READ, description="The merchant's vendors, 25 unless first or last (1 to 100) says else.")
    async def vendors(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[VendorFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Vendor]:
        merchant_id, newest_first = context_of(info).merchant_id, sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("ven"))
        statuses = [status.value for status in filter.status] if filter and filter.status is not None else None
        conditions = [Condition("status", "IN", statuses)] if statuses is not None else []
        return await listed("vendors", merchant_id, stretch, conditions, Vendor.of)

    @query(
        Scope.VENDORS_READ,
        description="The payouts of the merchant's vendors, as the PSP tells of them, 25 unless first or last (1 to"
        " 100) says else.",
    )
    async def payouts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[PayoutFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Payout]:
        merchant_id, newest_first = context_of(info).merchant_id, sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("po"))
        conditions = _payouts(filter) if filter else []
        return await listed("payouts", merchant_id, stretch, conditions, Payout.of)


def _payouts(wanted: PayoutFilter) -> list[Condition]:
    conditions = []
    if wanted.status is not None:
        conditions.append(Condition("status", "IN", [status.value for status in wanted.status]))
    if wanted.vendor_id is not None:
        conditions.append(Condition("vendor_id", "=", known_id(wanted.vendor_id, "ven", "a vendor")))
    return conditions
