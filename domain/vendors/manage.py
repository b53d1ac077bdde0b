"""Making vendors, sending them to the PSP to tell about themselves, and stopping them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain import idempotency
from domain.addresses import check_email
from domain.events import Cause
from domain.order_input import check_metadata
from domain.payments.ask import GatewayRefused, GatewayUnavailable
from domain.refusals import Fault, Findings, Refusal
from domain.vendors import rows
from domain.vendors.inquire import LEASE, inquire
from gateways.base import Declined, GatewayError, Refused
from gateways.connect import OnboardingLink
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.unit import Unit, unit_of_work
from models import VendorStatus


class VendorRejected(Refusal):
    """The PSP has no account for it."""

    def __init__(self, vendor_id: str) -> None:
        super().__init__(Fault("VENDOR_REJECTED", f"The PSP has rejected vendor {vendor_id}.", ("vendorId",)))


class VendorNotReady(Refusal):
    """Its account is still being opened."""

    def __init__(self, vendor_id: str) -> None:
        message = f"The account of vendor {vendor_id} is being opened. Try again in a moment."
        super().__init__(Fault("VENDOR_NOT_READY", message, ("vendorId",), retryable=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVendor:
    """A vendor as the merchant tells it; `country` is ISO 3166-1 alpha-2."""

    name: str
    email: str
    country: str
    metadata: Collection[tuple[str, str]]


async def create_vendor(
    gateways: Gateways,
    wanted: NewVendor,
    *,
    merchant_id: str,
    idempotency_key: str,
    body_digest: str,
    cause: Cause,
    now: datetime,
) -> str:
    """A vendor with an account at the PSP; returns its id. The same key and body make one.

    Raises GatewayUnavailable while it is not known whether the account is there: the same call, or the worker, asks
    again with the stored key. Raises GatewayRefused when the PSP will have no such vendor: it is REJECTED.
    """
    key = idempotency.check(idempotency_key)
    columns = _checked(gateways, wanted)
    vendor_id = ids.new("ven", now)

    async def reserve(unit: Unit) -> str:
        earlier = await idempotency.claim(
            unit,
            merchant_id=merchant_id,
            mutation="vendorCreate",
            key=key,
            body_digest=body_digest,
            answer={"vendor_id": vendor_id},
            now=now,
        )
        if earlier:
            return earlier["vendor_id"]
        await _insert(unit, (vendor_id, merchant_id, gateways.default.name, *columns.values()), now)
        vendor = {"id": vendor_id, "merchant_id": merchant_id, "version": 0}
        told = {"name": columns["name"], "country": columns["country"]}
        await rows.tell(unit, vendor, "vendor.created", told, cause, now)
        return vendor_id

    made = await unit_of_work(reserve)
    row = await reading.fetch_one("SELECT token, error FROM vendors WHERE id = $1", made)
    assert row is not None
    if row["error"]:
        raise GatewayRefused(row["error"])
    if row["token"] is None:
        await inquire(gateways, made, cause=cause, now=now)
    return made


def _checked(gateways: Gateways, wanted: NewVendor) -> dict[str, Any]:
    """The columns that the merchant tells; raises what is wrong with them."""
    findings = Findings()
    name = findings.text(wanted.name, "The name", 200, "name", required=True)
    email = check_email(findings, wanted.email, "email")
    country = wanted.country.strip().upper()
    findings.unless(
        country in gateways.default.connect.countries,
        "UNKNOWN_COUNTRY",
        f"The PSP opens no accounts in {country[:10]!r}; a country is two letters of ISO 3166.",
        "country",
    )
    metadata = check_metadata(findings, wanted.metadata)
    findings.refuse_if_any()
    return {"name": name, "email": email, "country": country, "metadata": metadata}


async def _insert(unit: Unit, columns: Sequence[Any], now: datetime) -> None:
    await unit.execute(
        """INSERT INTO vendors (id, merchant_id, gateway, name, email, country, metadata, status, requirements,
                                transfers_enabled, payouts_enabled, version, inquire_at, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 0, $11, $12, $12)""",
        *columns,
        VendorStatus.CREATED.value,
        [],
        False,
        now + LEASE,
        now,
    )


async def onboard_vendor(
    gateways: Gateways, *, merchant_id: str, vendor_id: str, return_url: str, refresh_url: str
) -> OnboardingLink:
    """A fresh link to the PSP's page. Raises VendorRejected, VendorNotReady, GatewayUnavailable or GatewayRefused."""
    row = await reading.fetch_one(
        "SELECT id, gateway, token, status FROM vendors WHERE id = $1 AND merchant_id = $2", vendor_id, merchant_id
    )
    if row is None:
        raise rows.VendorNotFound(vendor_id)
    if row["token"] is None:
        raise VendorRejected(vendor_id) if row["status"] == VendorStatus.REJECTED else VendorNotReady(vendor_id)
    connect = gateways[row["gateway"]].connect
    try:
        return await connect.onboarding_link(row["token"], return_url=return_url, refresh_url=refresh_url)
    except (Refused, Declined) as error:
        raise GatewayRefused(error.message) from error
    except GatewayError as error:
        raise GatewayUnavailable(error) from error


async def disable_vendor(*, merchant_id: str, vendor_id: str, cause: Cause, now: datetime) -> None:
    """From now on nothing is sold for it, and nothing is sent to it. Disabling it again changes nothing."""

    async def work(unit: Unit) -> None:
        vendor = await rows.locked(unit, vendor_id, merchant_id)
        if vendor["disabled_at"] is None:
            await unit.execute("UPDATE vendors SET disabled_at = $2 WHERE id = $1", vendor_id, now)
            await rows.tell(unit, vendor, "vendor.disabled", {}, cause, now)

    await unit_of_work(work)


async def enable_vendor(*, merchant_id: str, vendor_id: str, cause: Cause, now: datetime) -> None:
    """Takes disabling back; what was owed meanwhile is sent."""

    async def work(unit: Unit) -> None:
        await rows.wake_shares(unit, vendor_id, now)
        vendor = await rows.locked(unit, vendor_id, merchant_id)
        if vendor["disabled_at"] is not None:
            await unit.execute("UPDATE vendors SET disabled_at = NULL WHERE id = $1", vendor_id)
            await rows.tell(unit, vendor, "vendor.enabled", {}, cause, now)

    await unit_of_work(work)
