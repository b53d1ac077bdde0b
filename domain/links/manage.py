"""Making, changing and ending payment links."""

import contextlib
import secrets
from datetime import datetime

from domain import idempotency
from domain.events import Cause
from domain.links.offer import NewLink, check
from domain.links.visits import SINGLE
from domain.payments import inquire
from domain.refusals import Fault, Findings, Refusal
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.unit import Unit, unit_of_work

MUTATION = "paymentLinkCreate"
_SLUG_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_SLUG_LENGTH = 12


class LinkNotFound(Refusal):
    def __init__(self, link_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no payment link {link_id[:60]!r}.", ("paymentLinkId",)))


class LinkInactive(Refusal):
    """An ended link does not come back: its address may have been passed on."""

    def __init__(self, link_id: str) -> None:
        super().__init__(Fault("LINK_INACTIVE", f"Payment link {link_id} was deactivated.", ("paymentLinkId",)))


async def create_link(
    *, merchant_id: str, wanted: NewLink, idempotency_key: str, body_digest: str, now: datetime
) -> str:
    """A new active link; returns its id. The same key and body give the same link."""
    key = idempotency.check(idempotency_key)
    offer = await check(merchant_id, wanted, now)
    link_id = ids.new("plink", now)

    async def work(unit: Unit) -> str:
        earlier = await idempotency.claim(
            unit,
            merchant_id=merchant_id,
            mutation=MUTATION,
            key=key,
            body_digest=body_digest,
            answer={"link_id": link_id},
            now=now,
        )
        if earlier:
            return earlier["link_id"]
        choice = offer.choice
        await unit.execute(
            """INSERT INTO payment_links (id, merchant_id, slug, active, purpose, currency, items, total_minor,
                                          least_minor, most_minor, presets, reusable, in_parts, email, name, reference,
                                          metadata, due_at, expires_at, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                       $20)""",
            link_id,
            merchant_id,
            _slug(),
            True,
            offer.purpose,
            wanted.currency,
            offer.items,
            offer.total_minor,
            choice.least_minor if choice else None,
            choice.most_minor if choice else None,
            list(choice.presets) if choice else [],
            wanted.reusable,
            wanted.in_parts,
            offer.email,
            offer.name,
            offer.reference,
            offer.metadata,
            wanted.due_at,
            wanted.expires_at,
            now,
        )
        return link_id

    return await unit_of_work(work)


async def update_link(
    *,
    merchant_id: str,
    link_id: str,
    purpose: str | None,
    due_at: datetime | None,
    expires_at: datetime | None,
    now: datetime,
) -> None:
    """Changes what is given; None leaves it as it is. What is for sale stays: for that, make another link."""
    findings = Findings()
    clean = findings.text(purpose, "The purpose", 200, "purpose", required=purpose is not None)
    for name, time in (("expiresAt", expires_at), ("dueAt", due_at)):
        findings.unless(time is None or time > now, "INVALID", "The time must lie ahead.", name)
    findings.refuse_if_any()
    await unit_of_work(
        lambda unit: _change(
            unit,
            merchant_id,
            link_id,
            """purpose = COALESCE($3, purpose), due_at = COALESCE($4, due_at),
               expires_at = COALESCE($5, expires_at), updated_at = $6""",
            clean,
            due_at,
            expires_at,
            now,
        )
    )


async def deactivate_link(gateways: Gateways, *, merchant_id: str, link_id: str, cause: Cause, now: datetime) -> None:
    """Nothing is sold at the address any more. The open page of a link with one order is closed at the PSP; those of a
    reusable link stay open until their end. Doing it again goes on where it stopped. Raises GatewayUnavailable."""
    await unit_of_work(lambda unit: _end(unit, merchant_id, link_id, now))
    page = await reading.fetch_one(
        """SELECT p.id FROM payments p JOIN orders o ON o.id = p.order_id
            WHERE o.payment_link_id = $1 AND o.visit = $2 AND p.status = 'open'""",
        link_id,
        SINGLE,
    )
    if page is not None:
        await inquire.close(gateways, page["id"], cause=cause, now=now)


async def _end(unit: Unit, merchant_id: str, link_id: str, now: datetime) -> None:
    with contextlib.suppress(LinkInactive):
        await _change(unit, merchant_id, link_id, "active = FALSE, updated_at = $3", now)


async def _change(unit: Unit, merchant_id: str, link_id: str, what: str, *args: object) -> None:
    """Changes an active link under its lock; raises LinkNotFound or LinkInactive."""
    row = await unit.fetch_one(
        "SELECT active FROM payment_links WHERE id = $1 AND merchant_id = $2 FOR UPDATE", link_id, merchant_id
    )
    if row is None:
        raise LinkNotFound(link_id)
    if not row["active"]:
        raise LinkInactive(link_id)
    await unit.execute(
        f"UPDATE payment_links SET {what} WHERE id = $1 AND merchant_id = $2",  # noqa: S608 - only names of ours
        link_id,
        merchant_id,
        *args,
    )


def _slug() -> str:
    """Short enough for a QR code, and nobody guesses it: 59 bits, without letters that look alike."""
    return "".join(secrets.choice(_SLUG_LETTERS) for _ in range(_SLUG_LENGTH))
