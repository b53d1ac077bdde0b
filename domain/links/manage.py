"""Making, changing and ending payment links."""

import contextlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain import idempotency
from domain.links import closing
from domain.links.offer import NewLink, check, check_times, next_reminder
from domain.refusals import Fault, Findings, Refusal
from gateways.registry import Gateways
from kit import ids
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, unit_of_work
from kit.wakeups import wake

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
    gateways: Gateways, *, merchant_id: str, wanted: NewLink, idempotency_key: str, body_digest: str, now: datetime
) -> str:
    """A new active link; returns its id. The same key and body give the same link."""
    key = idempotency.check(idempotency_key)
    offer = await check(merchant_id, wanted, gateways.default.capabilities, now)
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
                                          metadata, due_at, expires_at, closes_at, reminders, remind_at, created_at,
                                          updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $19, $20,
                       $21, $22, $22)""",
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
            list(wanted.reminders),
            next_reminder(wanted.due_at, wanted.reminders, now),
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
    check_times(findings, due_at=due_at, expires_at=expires_at, now=now)
    findings.refuse_if_any()

    async def work(unit: Unit) -> None:
        row = await _lock(unit, merchant_id, link_id)
        planned = decode_time(row["remind_at"]) if row["remind_at"] else None
        await unit.execute(
            """UPDATE payment_links SET purpose = COALESCE($2, purpose), items = $3, due_at = COALESCE($4, due_at),
                      expires_at = COALESCE($5, expires_at), closes_at = COALESCE($5, closes_at), remind_at = $6,
                      updated_at = $7 WHERE id = $1""",
            link_id,
            clean,
            _renamed(row, clean),
            due_at,
            expires_at,
            next_reminder(due_at, decode_json(row["reminders"]), now) if due_at else planned,
            now,
        )

    await unit_of_work(work)


def _renamed(row: Mapping[str, Any], purpose: str | None) -> list[dict[str, Any]]:
    """What a link for an amount sells has the name of its purpose."""
    items: list[dict[str, Any]] = decode_json(row["items"])
    if purpose and [item["name"] for item in items] == [row["purpose"]]:
        items[0]["name"] = purpose
    return items


async def deactivate_link(*, merchant_id: str, link_id: str, now: datetime) -> None:
    """Nothing is sold at the address any more, and the pages that are open there are closed at once, behind this.
    Doing it again changes nothing."""
    await unit_of_work(lambda unit: _end(unit, merchant_id, link_id, now))


async def _end(unit: Unit, merchant_id: str, link_id: str, now: datetime) -> None:
    with contextlib.suppress(LinkInactive):
        await _lock(unit, merchant_id, link_id)
        await unit.execute(
            "UPDATE payment_links SET active = FALSE, closes_at = $2, updated_at = $2 WHERE id = $1", link_id, now
        )
        unit.after_commit(lambda: wake(closing.TOPIC))


async def _lock(unit: Unit, merchant_id: str, link_id: str) -> dict[str, Any]:
    """An active link, locked; raises LinkNotFound or LinkInactive."""
    row = await unit.fetch_one(
        """SELECT active, purpose, items, reminders, remind_at
             FROM payment_links WHERE id = $1 AND merchant_id = $2 FOR UPDATE""",
        link_id,
        merchant_id,
    )
    if row is None:
        raise LinkNotFound(link_id)
    if not row["active"]:
        raise LinkInactive(link_id)
    return row


def _slug() -> str:
    """Short enough for a QR code, and nobody guesses it: 59 bits, without letters that look alike."""
    return "".join(secrets.choice(_SLUG_LETTERS) for _ in range(_SLUG_LENGTH))
