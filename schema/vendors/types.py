"""Vendors: who receives shares of sales, what they have, were sent and paid out."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.types import Info

from domain.reads import Row
from domain.vendors.balances import Balance
from kit.database.reading import decode_json, decode_time
from models import PayoutStatus, Scope, TransferStatus, VendorStatus
from schema.enums import show
from schema.nodes import Node
from schema.orders.types import MetadataEntry
from schema.permissions import context_of, guarded
from schema.scalars import CurrencyCode, Money, money_of

if TYPE_CHECKING:
    from schema.payments.types import Payment

show(
    VendorStatus,
    "Where a vendor stands at the PSP.",
    CREATED="The PSP is being asked for an account.",
    ONBOARDING="The vendor has to tell the PSP about itself: vendorOnboard.",
    ACTIVE="Money may go there, and from there to its bank.",
    RESTRICTED="The PSP has stopped money, or still looks into what it was told: see requirements.",
    REJECTED="The PSP has no account for it, or has closed it.",
)
show(
    TransferStatus,
    "Where a transfer stands.",
    RESERVED="Decided here; the PSP is being asked.",
    MADE="The PSP has done it.",
    FAILED="The PSP refused, and no money has moved. What could not be sent is tried again by another transfer.",
)
show(
    PayoutStatus,
    "Where a payout stands.",
    PENDING="It has left the vendor's account at the PSP.",
    IN_TRANSIT="It is with the banks.",
    PAID="It should have arrived. It may still fail.",
    CANCELED="It was called back: the account has the money again.",
    FAILED="The bank sent it back: the account has the money again.",
)


@strawberry.type(description="What a vendor has in one currency, from the ledger only.")
class VendorBalance:
    currency: CurrencyCode = strawberry.field(description="The currency.")
    held: Money = strawberry.field(description="Shares of sales that are not released yet.")
    pending: Money = strawberry.field(description="Released, and not yet in the vendor's account at the PSP.")
    available: Money = strawberry.field(
        description="In the vendor's account at the PSP. When it is paid out is its word."
    )
    in_transit: Money = strawberry.field(description="On the way to the vendor's bank.")
    negative: Money = strawberry.field(
        description="What the vendor owes: it was taken back and could not be recovered. Later shares go there first."
    )

    @classmethod
    def of(cls, found: Balance) -> "VendorBalance":
        return cls(
            currency=CurrencyCode(found.currency),
            held=money_of(found.held_minor, found.currency),
            pending=money_of(found.pending_minor, found.currency),
            available=money_of(found.available_minor, found.currency),
            in_transit=money_of(found.in_transit_minor, found.currency),
            negative=money_of(found.negative_minor, found.currency),
        )


@strawberry.type(description="Who receives shares of sales, with an account of its own at the PSP.")
class Vendor(Node):
    name: str = strawberry.field(description="As the merchant told it.")
    email: str = strawberry.field(description="Where the PSP reaches it.")
    country: str = strawberry.field(description="Its country, ISO 3166-1 alpha-2.")
    status: VendorStatus = strawberry.field(description="Where it stands at the PSP.")
    disabled: bool = strawberry.field(description="Whether the merchant has disabled it.")
    token: str | None = strawberry.field(description="The PSP's name of its account; null until there is one.")
    requirements: list[str] = strawberry.field(description="What the PSP still wants to know, in its own words.")
    disabled_reason: str | None = strawberry.field(description="Why the PSP has stopped it; null if it has not.")
    transfers_enabled: bool = strawberry.field(description="Whether shares can be sent there.")
    payouts_enabled: bool = strawberry.field(description="Whether its money can go to its bank.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    pairs: strawberry.Private[Any]

    @classmethod
    def of(cls, row: Row) -> "Vendor":
        return cls(
            id=row["id"],
            name=row["name"],
            email=row["email"],
            country=row["country"],
            status=VendorStatus(row["status"]),
            disabled=row["disabled_at"] is not None,
            token=row["token"],
            requirements=decode_json(row["requirements"]),
            disabled_reason=row["disabled_reason"],
            transfers_enabled=bool(row["transfers_enabled"]),
            payouts_enabled=bool(row["payouts_enabled"]),
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            pairs=row["metadata"],
        )

    @strawberry.field(description="What the merchant keeps with it.")
    def metadata(self) -> list[MetadataEntry]:
        return [MetadataEntry(key=key, value=value) for key, value in decode_json(self.pairs).items()]

    @strawberry.field(description="What it has, by currency; empty before its first share.")
    async def balances(self, info: Info) -> list[VendorBalance]:
        return [VendorBalance.of(balance) for balance in await context_of(info).load.balances.load(self.id)]


async def vendor_of(info: Info, vendor_id: str) -> Vendor:
    row = await context_of(info).load.vendors.load(vendor_id)
    assert row is not None
    return Vendor.of(row)


@strawberry.type(
    description="One attempt to send a share to its vendor's account at the PSP, or to take some of it back."
)
class Transfer(Node):
    status: TransferStatus = strawberry.field(description="Where it stands.")
    amount: Money = strawberry.field(description="What it moves.")
    reversed: Money = strawberry.field(description="What was taken back of it so far.")
    reverses_id: strawberry.ID | None = strawberry.field(
        description="The transfer that it takes back a part of; null for one that sends."
    )
    token: str | None = strawberry.field(description="The PSP's name of it; null until it is made.")
    error_code: str | None = strawberry.field(description="The PSP's code of its refusal; null without one.")
    error: str | None = strawberry.field(description="Why the PSP refused, for people; null if it did not.")
    created_at: datetime = strawberry.field(description="When it was reserved here.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    vendor_id: strawberry.Private[str]
    payment_id: strawberry.Private[str]

    @classmethod
    def of(cls, row: Row) -> "Transfer":
        return cls(
            id=row["id"],
            status=TransferStatus(row["status"]),
            amount=money_of(row["amount_minor"], row["currency"]),
            reversed=money_of(row["reversed_minor"], row["currency"]),
            reverses_id=row["reverses_id"],
            token=row["token"],
            error_code=row["error_code"],
            error=row["error"],
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            vendor_id=row["vendor_id"],
            payment_id=row["payment_id"],
        )

    @guarded(Scope.VENDORS_READ, description="The vendor.")
    async def vendor(self, info: Info) -> Vendor:
        return await vendor_of(info, self.vendor_id)

    @strawberry.field(description="The payment whose money it is.")
    async def payment(self, info: Info) -> Annotated["Payment", strawberry.lazy("schema.payments.types")]:
        from schema.payments.types import Payment

        row = await context_of(info).load.payment.load(self.payment_id)
        assert row is not None
        return Payment.of(row)


@strawberry.type(description="Money on its way from a vendor's account at the PSP to its bank.")
class Payout(Node):
    status: PayoutStatus = strawberry.field(description="Where it stands. PAID may still become FAILED.")
    amount: Money = strawberry.field(description="What is paid out.")
    arrives_at: datetime | None = strawberry.field(description="When it should arrive; null where the PSP says none.")
    failure_code: str | None = strawberry.field(description="The PSP's reason of a failure; null without one.")
    token: str = strawberry.field(description="The PSP's name of it.")
    created_at: datetime = strawberry.field(description="When it was first heard of here.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    vendor_id: strawberry.Private[str]

    @classmethod
    def of(cls, row: Row) -> "Payout":
        return cls(
            id=row["id"],
            status=PayoutStatus(row["status"]),
            amount=money_of(row["amount_minor"], row["currency"]),
            arrives_at=decode_time(row["arrives_at"]) if row["arrives_at"] else None,
            failure_code=row["failure_code"],
            token=row["token"],
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            vendor_id=row["vendor_id"],
        )

    @strawberry.field(description="The vendor.")
    async def vendor(self, info: Info) -> Vendor:
        return await vendor_of(info, self.vendor_id)
