"""Sending a link to whom it is for, and reminding them of it before and after it is due."""

from datetime import datetime

from domain import idempotency
from domain.links import visits
from domain.links.manage import LinkNotFound
from domain.links.offer import next_reminder
from domain.links.visits import Link, LinkClosed
from domain.mails import links as mails
from domain.refusals import Fault, Refusal
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, unit_of_work
from models import SINGLE_VISIT, LinkStatus

MUTATION = "paymentLinkSend"


class NobodyNamed(Refusal):
    def __init__(self, link_id: str) -> None:
        message = f"Payment link {link_id} names nobody to send it to: make one with a customer."
        super().__init__(Fault("REQUIRED", message, ("paymentLinkId",)))


async def send_link(
    *, merchant_id: str, link_id: str, base_url: str, idempotency_key: str, body_digest: str, now: datetime
) -> str:
    """Mails the link to its customer; returns the mail's id. The same key sends it once.

    Raises LinkNotFound, LinkClosed or NobodyNamed.
    """
    key = idempotency.check(idempotency_key)
    names = {"merchant_id": merchant_id, "mutation": MUTATION, "key": key, "body_digest": body_digest}

    async def work(unit: Unit) -> str:
        link = await _locked(unit, merchant_id, link_id)
        if earlier := await idempotency.recall(unit, **names):  # under the lock: the same key waits for itself
            return earlier["mail_id"]
        standing = await visits.standing(link, SINGLE_VISIT, now)
        if standing.status is not LinkStatus.ACTIVE:
            raise LinkClosed(standing.status)
        facts = await _facts(unit, link, standing.outstanding_minor, base_url)
        cause = f"{link_id}:{idempotency.digest({'name': key})[:40]}"
        mail_id = await mails.send_link(unit, merchant_id, facts, cause=cause, now=now)
        assert mail_id is not None
        await idempotency.claim(unit, **names, answer={"mail_id": mail_id}, now=now)
        return mail_id

    return await unit_of_work(work)


async def remind_next(base_url: str, now: datetime) -> bool:
    """Sends the reminder that has waited longest, if its link is still to be paid; False when none is due."""
    return await unit_of_work(lambda unit: _remind(unit, base_url, now))


async def _remind(unit: Unit, base_url: str, now: datetime) -> bool:
    row = await unit.fetch_one(
        """SELECT id, slug, merchant_id, due_at, reminders, remind_at FROM payment_links
            WHERE remind_at <= $1 ORDER BY remind_at LIMIT 1 FOR UPDATE SKIP LOCKED""",
        now,
    )
    if row is None:
        return False
    link = await visits.find(row["slug"])
    assert link is not None
    standing = await visits.standing(link, SINGLE_VISIT, now)
    if standing.status is LinkStatus.ACTIVE and not standing.underway:
        facts = await _facts(unit, link, standing.outstanding_minor, base_url)
        cause = f"{link.link_id}:{decode_time(row['remind_at']).isoformat()}"
        await mails.send_reminder(unit, link.merchant_id, facts, cause=cause, now=now)
    due_at = decode_time(row["due_at"]) if row["due_at"] else None
    again = next_reminder(due_at, decode_json(row["reminders"]), now) if standing.status is LinkStatus.ACTIVE else None
    await unit.execute("UPDATE payment_links SET remind_at = $2 WHERE id = $1", link.link_id, again)
    return True


async def _locked(unit: Unit, merchant_id: str, link_id: str) -> Link:
    row = await unit.fetch_one(
        "SELECT slug FROM payment_links WHERE id = $1 AND merchant_id = $2 FOR UPDATE", link_id, merchant_id
    )
    link = await visits.find(row["slug"]) if row else None
    if link is None:
        raise LinkNotFound(link_id)
    return link


async def _facts(unit: Unit, link: Link, amount_minor: int | None, base_url: str) -> mails.Link:
    """What the mail says; raises NobodyNamed."""
    if link.email is None:
        raise NobodyNamed(link.link_id)
    merchant = await unit.fetch_one("SELECT contact_locale FROM merchants WHERE id = $1", link.merchant_id)
    return mails.Link(
        recipient=link.email,
        name=link.name,
        purpose=link.purpose,
        amount_minor=amount_minor,
        currency=link.currency,
        url=f"{base_url}/l/{link.slug}",
        expires_at=link.expires_at,
        locale=(merchant and merchant["contact_locale"]) or "en",
    )
