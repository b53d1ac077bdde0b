"""Following a vendor: its account, its shares, what it is sent and paid out."""

from collections.abc import AsyncIterator

import strawberry
from strawberry.types import Info

from domain import live as following
from domain import reads
from models import Scope
from schema.arguments import Resume, VendorId
from schema.errors import bad_request, known_id
from schema.events.types import Event
from schema.live import starting_point
from schema.pagination import encode
from schema.permissions import context_of, live
from schema.scalars import Cursor
from schema.vendors.types import Vendor


@strawberry.type(description="News of a vendor: one event, with the vendor and its balances as they are now.")
class VendorUpdate:
    cursor: Cursor = strawberry.field(description="Give it as `after` to go on from here.")
    event: Event | None = strawberry.field(description="Null in the first message, which shows the present.")
    vendor: Vendor = strawberry.field(description="The vendor as it is now, with its balances.")


@strawberry.type
class VendorLive:
    @live(
        Scope.VENDORS_READ,
        description="Every event that tells of the vendor: its account, its shares of sales, transfers and payouts,"
        " once and in order. Without `after` the first message is the present; with it, everything since comes first.",
    )
    async def vendor_updates(self, info: Info, id: VendorId, after: Resume = None) -> AsyncIterator[VendorUpdate]:
        context = context_of(info)
        merchant_id, vendor_id = context.merchant_id, known_id(id, "ven", "a vendor")
        row = await reads.by_id("vendors", merchant_id, vendor_id)
        if row is None:
            raise bad_request(f"There is no vendor {vendor_id}.")
        newest = await reads.merchant_sequence(merchant_id)
        start = starting_point(context, after, vendor_id, newest)
        if start is None:
            start = newest
            yield VendorUpdate(cursor=encode(vendor_id, str(start)), event=None, vendor=Vendor.of(row))
        async for event in following.vendor_events(context.services.hub, merchant_id, vendor_id, start):
            present = await following.present("vendors", merchant_id, vendor_id)
            assert present is not None
            cursor = encode(vendor_id, str(event["sequence"]))
            yield VendorUpdate(cursor=cursor, event=Event.of(event), vendor=Vendor.of(present))
