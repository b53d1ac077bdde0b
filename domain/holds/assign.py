"""Naming the vendor who was not known when the sale was made."""

from dataclasses import replace
from datetime import datetime

from domain.events import Cause, NewEvent
from domain.holds.locking import Which, lock
from domain.payments.writing import Writing, write
from domain.refusals import Fault, Refusal
from domain.splits.follow import move
from domain.splits.rule import ASSIGNEE
from domain.vendors.rows import VendorNotFound
from gateways.registry import Gateways
from kit.database.unit import Unit, unit_of_work
from models import VendorStatus


class NotAssignable(Refusal):
    """Its vendors are settled."""

    def __init__(self) -> None:
        message = "The hold's rule names its vendors, or some of it was released."
        super().__init__(Fault("HOLD_NOT_ASSIGNABLE", message, ("holdId",)))


async def assign(
    gateways: Gateways, *, merchant_id: str, hold_id: str, vendor_id: str, cause: Cause, now: datetime
) -> None:
    """The vendor gets what the hold's rule leaves open, once it is released. As long as nothing is, another vendor can
    take its place. Assigning the same again changes nothing, so there is no idempotency key."""

    async def work(unit: Unit) -> None:
        (locked,) = await lock(unit, Which(merchant_id=merchant_id, hold_id=hold_id, order_id=None), now)
        (hold,) = locked.holds
        country = await _country(unit, merchant_id, vendor_id)
        if ASSIGNEE not in hold.totals.plan or hold.totals.payable_minor:
            raise NotAssignable
        if hold.totals.assignee == vendor_id:
            return
        limit = now + gateways.default.connect.hold_limit(country)
        after = replace(hold.to(assignee=vendor_id), release_by=min(hold.release_by, limit))
        told = {"hold_id": hold_id, "vendor_id": vendor_id}
        writing = Writing(news=[NewEvent(type="hold.assigned", payment_id=locked.payment["id"], data=told)])
        await move(unit, locked.payment, writing, [(hold, after)], now)
        await write(unit, locked.payment, writing, cause, now)

    await unit_of_work(work)


async def _country(unit: Unit, merchant_id: str, vendor_id: str) -> str:
    """The vendor's; raises NOT_FOUND, VENDOR_DISABLED or VENDOR_NOT_READY."""
    row = await unit.fetch_one(
        "SELECT country, status, disabled_at FROM vendors WHERE id = $1 AND merchant_id = $2", vendor_id, merchant_id
    )
    if row is None:
        raise VendorNotFound(vendor_id)
    if row["disabled_at"] is not None:
        raise Refusal(Fault("VENDOR_DISABLED", f"Vendor {vendor_id} is disabled.", ("vendorId",)))
    if row["status"] != VendorStatus.ACTIVE:
        message = f"Vendor {vendor_id} is {row['status']}: the PSP has not cleared it for money."
        raise Refusal(Fault("VENDOR_NOT_READY", message, ("vendorId",)))
    return str(row["country"])
