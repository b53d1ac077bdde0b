"""A vendor's row: how what the PSP says is written, with the events that tell it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from domain import events
from domain.events import Cause, NewEvent
from domain.payments import cadence
from domain.refusals import Fault, Refusal
from domain.splits.rows import TRANSFERS
from gateways.connect import AccountEvidence
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit
from kit.wakeups import wake
from models import VENDOR_EDGES, VendorStatus, advance

TOPIC = "vendors"
_SETTLED_PAUSE = timedelta(hours=6)
_COLUMNS = """id, merchant_id, gateway, token, name, email, country, status, requirements, disabled_reason,
              transfers_enabled, payouts_enabled, version, disabled_at, inquire_at, created_at"""


class VendorNotFound(Refusal):
    def __init__(self, vendor_id: str, *path: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no vendor {vendor_id[:60]!r}.", path or ("vendorId",)))


async def locked(unit: Unit, vendor_id: str, merchant_id: str | None = None) -> dict[str, Any]:
    """The vendor (of the merchant, if given) under its lock; raises VendorNotFound. Orders and shares are locked
    before vendors."""
    row = await unit.fetch_one(
        f"""SELECT {_COLUMNS} FROM vendors
             WHERE id = $1 AND ($2::text IS NULL OR merchant_id = $2) FOR NO KEY UPDATE""",  # noqa: S608 - our own columns
        vendor_id,
        merchant_id,
    )
    if row is None:
        raise VendorNotFound(vendor_id)
    return row


async def with_money(vendor_id: str) -> dict[str, Any] | None:
    """The vendor's id, gateway and token; None for one that was never to be sent anything, or that the PSP rejected."""
    return await reading.fetch_one(
        """SELECT id, gateway, token FROM vendors WHERE id = $1 AND token IS NOT NULL AND status <> 'rejected'
              AND EXISTS (SELECT 1 FROM shares WHERE vendor_id = $1)""",
        vendor_id,
    )


def status_of(evidence: AccountEvidence) -> VendorStatus:
    """Where the vendor stands when its account stands so."""
    if evidence.rejected:
        return VendorStatus.REJECTED
    if evidence.transfers_enabled and evidence.payouts_enabled:
        return VendorStatus.ACTIVE
    return VendorStatus.RESTRICTED if evidence.details_submitted else VendorStatus.ONBOARDING


async def record(unit: Unit, vendor_id: str, evidence: AccountEvidence, cause: Cause, now: datetime) -> None:
    """Takes in how the account stands: it was asked for, so what was known before does not matter."""
    if evidence.transfers_enabled:
        await wake_shares(unit, vendor_id, now)
    vendor = await locked(unit, vendor_id)
    status, before = status_of(evidence), VendorStatus(vendor["status"])
    if status is not before:
        advance(VENDOR_EDGES, before, status)
    told = {
        "requirements": list(evidence.requirements),
        "disabled_reason": evidence.disabled_reason,
        "transfers_enabled": evidence.transfers_enabled,
        "payouts_enabled": evidence.payouts_enabled,
    }
    known = {name: vendor[name] for name in told} | {"requirements": decode_json(vendor["requirements"])}
    known |= {name: bool(known[name]) for name in ("transfers_enabled", "payouts_enabled")}
    again = now + (_SETTLED_PAUSE if status is VendorStatus.ACTIVE else _pause(vendor, now))
    await unit.execute("UPDATE vendors SET inquire_at = $2 WHERE id = $1", vendor_id, again)
    if status is not before or told != known or vendor["token"] is None:
        await unit.execute(
            """UPDATE vendors SET token = $2, status = $3, requirements = $4, disabled_reason = $5,
                      transfers_enabled = $6, payouts_enabled = $7, error = NULL WHERE id = $1""",
            vendor_id,
            evidence.token,
            status.value,
            *told.values(),
        )
        kind = status.value if status is not before else "updated"
        await tell(unit, vendor, f"vendor.{kind}", {"from": before.value, "to": status.value, **told}, cause, now)


def _pause(vendor: Mapping[str, Any], now: datetime) -> timedelta:
    return cadence.pause(now - decode_time(vendor["created_at"]))


async def tell(
    unit: Unit, vendor: Mapping[str, Any], kind: str, data: Mapping[str, Any], cause: Cause, now: datetime
) -> None:
    """Appends an event of the locked vendor."""
    await unit.execute("UPDATE vendors SET version = version + 1, updated_at = $2 WHERE id = $1", vendor["id"], now)
    await events.append(
        unit,
        [NewEvent(type=kind, data={"vendor_id": vendor["id"], **data})],
        merchant_id=vendor["merchant_id"],
        subject_id=vendor["id"],
        version=vendor["version"],
        cause=cause,
        now=now,
    )


async def wake_shares(unit: Unit, vendor_id: str, now: datetime) -> None:
    """Lets what waits for this vendor be looked at."""
    await unit.execute(
        """UPDATE shares SET ask_at = $2
            WHERE vendor_id = $1 AND ask_at IS NULL
              AND owed_minor <> transferred_minor + netted_minor + withheld_minor""",
        vendor_id,
        now,
    )
    unit.after_commit(lambda: wake(TRANSFERS))
