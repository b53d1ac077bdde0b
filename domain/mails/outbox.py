"""The outbox of mail: what is put here is sent once or more, each time with the same id, or ends with a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kit import ids
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, unit_of_work
from kit.wakeups import wake
from models import MAIL_EDGES, MailKind, MailStatus, advance

TOPIC = "mails"
LEASE = timedelta(minutes=5)
"""How long whoever sends a mail has it to itself; longer than a mail server is given."""

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (2, 10, 30, 60, 180, 360, 720, 1440))
"""How long after each try the next one comes: two days together, then it has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMail:
    """A mail to write. Of each `kind`, a `cause` makes one."""

    kind: MailKind
    cause: str
    recipient: str
    locale: str
    facts: Mapping[str, Any]
    order_id: str | None = None
    payment_id: str | None = None
    refund_id: str | None = None
    subscription_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A mail with all that it takes to write it out. `attempts` counts the present one."""

    id: str
    kind: MailKind
    recipient: str
    locale: str
    facts: Mapping[str, Any]
    merchant_name: str
    reply_to: str | None
    livemode: bool
    status: MailStatus
    attempts: int
    error: str | None
    created_at: datetime


_OUTGOING = """
SELECT m.id, m.kind, m.recipient, m.locale, m.facts, m.status, m.attempts, m.error, m.created_at,
       s.name AS merchant_name, s.contact_email AS reply_to, s.livemode
  FROM mails m JOIN merchants s ON s.id = m.merchant_id"""


async def put(unit: Unit, merchant_id: str, mails: Sequence[NewMail], now: datetime) -> list[str]:
    """Owes the mails from the unit's commit on; their ids, without those whose cause has made one of the kind
    already."""
    rows, values = list[str](), list[object]()
    for mail in mails:
        first = len(values) + 4
        values += (ids.new("mail", now), mail.kind.value, mail.cause, mail.order_id, mail.payment_id, mail.refund_id)
        values += (mail.subscription_id, mail.recipient, mail.locale, dict(mail.facts))
        rows.append(f"($1, $2, 0, $3, $3, {', '.join(f'${first + n}' for n in range(10))})")
    if not rows:
        return []
    made = await unit.fetch(
        f"""INSERT INTO mails (merchant_id, status, attempts, try_at, created_at,
                               id, kind, cause, order_id, payment_id, refund_id, subscription_id, recipient, locale,
                               facts)
            VALUES {", ".join(rows)} ON CONFLICT (cause, kind) DO NOTHING RETURNING id""",  # noqa: S608
        merchant_id,
        MailStatus.QUEUED.value,
        now,
        *values,
    )
    unit.after_commit(lambda: wake(TOPIC))
    return [row["id"] for row in made]


async def claim_due(limit: int, *, now: datetime) -> list[Outgoing]:
    """Mails to send now, ours alone for the lease; whoever dies meanwhile loses none."""

    async def claim(unit: Unit) -> list[Outgoing]:
        rows = await unit.fetch(
            f"{_OUTGOING} WHERE m.try_at <= $1 ORDER BY m.try_at LIMIT $2 FOR UPDATE OF m SKIP LOCKED", now, limit
        )
        await unit.execute(
            "UPDATE mails SET try_at = $2, attempts = attempts + 1 WHERE id = ANY($1)",
            [row["id"] for row in rows],
            now + LEASE,
        )
        return [_outgoing(row | {"attempts": row["attempts"] + 1}) for row in rows]

    return await unit_of_work(claim)


async def newest(merchant_id: str, limit: int) -> list[Outgoing]:
    """The merchant's mails, the last one first."""
    rows = await reading.fetch(
        f"{_OUTGOING} WHERE m.merchant_id = $1 ORDER BY m.id DESC LIMIT $2",
        merchant_id,
        limit,
    )
    return [_outgoing(row) for row in rows]


async def find(merchant_id: str, mail_id: str) -> Outgoing | None:
    row = await reading.fetch_one(f"{_OUTGOING} WHERE m.merchant_id = $1 AND m.id = $2", merchant_id, mail_id)
    return _outgoing(row) if row else None


async def end(mail: Outgoing, status: MailStatus, *, reason: str | None, now: datetime) -> None:
    """What became of it. `reason` is the server's words, or ours, for what went wrong."""
    await reading.execute(
        "UPDATE mails SET status = $2, error = $3, sent_at = $4, try_at = NULL WHERE id = $1 AND status = $5",
        mail.id,
        advance(MAIL_EDGES, MailStatus.QUEUED, status).value,
        reason,
        now if status is MailStatus.SENT else None,
        MailStatus.QUEUED.value,
    )


async def postpone(mail: Outgoing, *, reason: str, now: datetime) -> None:
    """It is tried again later; after two days it has failed."""
    if mail.attempts > len(PAUSES):
        await end(mail, MailStatus.FAILED, reason=reason, now=now)
        return
    await reading.execute(
        "UPDATE mails SET error = $2, try_at = $3 WHERE id = $1 AND status = $4",
        mail.id,
        reason,
        now + PAUSES[mail.attempts - 1],
        MailStatus.QUEUED.value,
    )


def _outgoing(row: Mapping[str, Any]) -> Outgoing:
    return Outgoing(
        id=row["id"],
        kind=MailKind(row["kind"]),
        recipient=row["recipient"],
        locale=row["locale"],
        facts=decode_json(row["facts"]),
        merchant_name=row["merchant_name"],
        reply_to=row["reply_to"],
        livemode=bool(row["livemode"]),
        status=MailStatus(row["status"]),
        attempts=row["attempts"],
        error=row["error"],
        created_at=decode_time(row["created_at"]),
    )
