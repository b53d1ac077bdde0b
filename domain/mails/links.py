"""Mails that a payment link causes: the link itself, and reminders of it."""

from dataclasses import dataclass
from datetime import datetime

from domain.mails.outbox import NewMail, put
from kit.database.unit import Unit
from models import MailKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a payer has to know of a link. `amount_minor` is None where the payer names the amount; `locale` is one
    that `kit.locales.known` gives."""

    recipient: str
    name: str | None
    purpose: str
    amount_minor: int | None
    currency: str
    url: str
    expires_at: datetime | None
    locale: str


async def send_link(unit: Unit, merchant_id: str, link: Link, *, cause: str, now: datetime) -> str | None:
    """Owes the payer the link, from the unit's commit on. The same `cause`, of up to 100 characters, makes one mail:
    the mail's id, or None when it was made before."""
    return await _put(unit, merchant_id, _mail(MailKind.LINK, link, cause), now)


async def send_reminder(unit: Unit, merchant_id: str, link: Link, *, cause: str, now: datetime) -> str | None:
    """Owes the payer a reminder of the link; else as `send_link`."""
    return await _put(unit, merchant_id, _mail(MailKind.REMINDER, link, cause), now)


async def _put(unit: Unit, merchant_id: str, mail: NewMail, now: datetime) -> str | None:
    return next(iter(await put(unit, merchant_id, [mail], now)), None)


def _mail(kind: MailKind, link: Link, cause: str) -> NewMail:
    facts = {
        "name": link.name,
        "purpose": link.purpose,
        "amount_minor": link.amount_minor,
        "currency": link.currency,
        "url": link.url,
        "expires_at": link.expires_at.isoformat() if link.expires_at else None,
    }
    kept = {name: value for name, value in facts.items() if value is not None}
    return NewMail(kind=kind, cause=cause, recipient=link.recipient, locale=link.locale, facts=kept)
