"""Asks the PSP how vendors' accounts stand: whenever a message hints at a change, and now and then without one."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from domain.events import Cause
from domain.payments.apply import Foreign
from domain.payments.ask import GatewayRefused, GatewayUnavailable
from domain.psp_keys import ask_once
from domain.vendors import rows
from gateways.base import AnswerStored, Declined, GatewayError, Refused
from gateways.connect import AccountEvidence, AccountHint, AccountRequest
from gateways.registry import Gateways
from kit.database import due, reading
from kit.database.reading import decode_time
from kit.database.unit import Unit, run_to_end, unit_of_work
from kit.wakeups import wake
from models import VENDOR_EDGES, VendorStatus, advance

LEASE = timedelta(seconds=60)


async def take_hint(unit: Unit, hint: AccountHint, /, *, cause: Cause, now: datetime) -> None:
    """Notes that the account is to be asked for. Raises Foreign for one that is none of our vendors'."""
    noted = await unit.execute(
        "UPDATE vendors SET inquire_at = $3 WHERE gateway = $1 AND token = $2", hint.gateway, hint.token, now
    )
    if not noted:
        raise Foreign("No vendor of ours has this account.")
    unit.after_commit(lambda: wake(rows.TOPIC))


async def claim_due(now: datetime, limit: int) -> list[str]:
    """Vendors that the PSP is to be asked about, ours alone for a minute."""
    return await due.claim("vendors", "inquire_at", now=now, lease=LEASE, limit=limit)


async def inquire(gateways: Gateways, vendor_id: str, *, cause: Cause, now: datetime) -> None:
    """Brings the vendor to the PSP's truth; one without an account gets it, by its stored key."""
    await run_to_end(_inquire(gateways, vendor_id, cause, now))


async def _inquire(gateways: Gateways, vendor_id: str, cause: Cause, now: datetime) -> None:
    vendor = await reading.fetch_one(
        "SELECT id, gateway, token, name, email, country, inquire_at, created_at FROM vendors WHERE id = $1", vendor_id
    )
    assert vendor is not None
    try:
        found = await _ask(gateways, vendor, now)
    except (Refused, Declined) as error:
        reason = error.message
        await unit_of_work(lambda unit: _reject(unit, vendor_id, reason, cause, now))
        raise GatewayRefused(reason) from error
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    await unit_of_work(lambda unit: _record(unit, vendor, found, cause, now))


async def _ask(gateways: Gateways, vendor: dict[str, Any], now: datetime) -> AccountEvidence:
    connect = gateways[vendor["gateway"]].connect
    if vendor["token"] is not None:
        return await connect.inquire(vendor["token"])
    since = decode_time(vendor["created_at"])
    request = AccountRequest(vendor_id=vendor["id"], **{name: vendor[name] for name in ("name", "email", "country")})
    ask, find = partial(connect.open_account, request), partial(connect.find_account, vendor["id"], since=since)
    try:
        return await ask_once(ask, find, since=since, now=now)
    except AnswerStored:
        raise Refused("it failed, and opened no account. Make another vendor.") from None


async def _record(unit: Unit, vendor: dict[str, Any], found: AccountEvidence, cause: Cause, now: datetime) -> None:
    """A hint that came while the PSP was asked is not forgotten."""
    row = await unit.fetch_one("SELECT inquire_at FROM vendors WHERE id = $1", vendor["id"])
    assert row is not None
    await rows.record(unit, vendor["id"], found, cause, now)
    if row["inquire_at"] != vendor["inquire_at"]:
        await unit.execute("UPDATE vendors SET inquire_at = $2 WHERE id = $1", vendor["id"], now)


async def _reject(unit: Unit, vendor_id: str, reason: str, cause: Cause, now: datetime) -> None:
    """The PSP will open no account for this vendor."""
    vendor = await rows.locked(unit, vendor_id)
    if vendor["token"] is not None:
        return
    status = advance(VENDOR_EDGES, VendorStatus(vendor["status"]), VendorStatus.REJECTED)
    await unit.execute(
        "UPDATE vendors SET status = $2, error = $3, inquire_at = NULL WHERE id = $1",
        vendor_id,
        status.value,
        reason[:500],
    )
    told = {"from": vendor["status"], "to": status.value, "reason": reason[:500]}
    await rows.tell(unit, vendor, "vendor.rejected", told, cause, now)
