"""Takes in what the PSP says of a vendor's payout: each is a row, whose status moves to higher ranks only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain import ledger
from domain.events import Cause
from domain.ledger import Entry
from domain.payments.apply import Foreign
from domain.vendors.rows import TOPIC, locked, tell
from gateways.connect import PayoutEvidence, PayoutStanding
from kit import ids
from kit.database.unit import Unit
from kit.wakeups import wake
from models import PAYOUT_EDGES, PayoutStatus, PostingKind, advance

_STATUS_OF = {standing: PayoutStatus(standing.value) for standing in PayoutStanding}
_RANKS = {
    PayoutStatus.PENDING: 0,
    PayoutStatus.IN_TRANSIT: 1,
    PayoutStatus.PAID: 2,
    PayoutStatus.CANCELED: 3,
    PayoutStatus.FAILED: 4,
}
_RETURNED = frozenset({PayoutStatus.CANCELED, PayoutStatus.FAILED})


async def observe(unit: Unit, evidence: PayoutEvidence, *, cause: Cause, now: datetime) -> None:
    """Observing it again changes nothing. Raises Foreign for a payout of nobody that we know."""
    known = await unit.fetch_one(
        """SELECT v.id, m.livemode FROM vendors v JOIN merchants m ON m.id = v.merchant_id
            WHERE v.gateway = $1 AND v.token = $2""",
        evidence.gateway,
        evidence.account,
    )
    if known is None or bool(known["livemode"]) != evidence.livemode:
        raise Foreign("No vendor of ours has this account.")
    vendor = await locked(unit, known["id"])
    row = await unit.fetch_one(
        "SELECT id, status FROM payouts WHERE gateway = $1 AND token = $2", evidence.gateway, evidence.token
    )
    before = PayoutStatus(row["status"]) if row else None
    after = _STATUS_OF[evidence.standing]
    if before is not None and _RANKS[after] <= _RANKS[before]:
        return
    payout_id = row["id"] if row else await _insert(unit, vendor, evidence, now)
    if before is not None:
        advance(PAYOUT_EDGES, before, after)
    await unit.execute(
        "UPDATE payouts SET status = $2, failure_code = $3, updated_at = $4 WHERE id = $1",
        payout_id,
        after.value,
        evidence.failure_code,
        now,
    )
    entries = [_entry(kind, payout_id, vendor["id"], evidence) for kind in _kinds(before, after)]
    await ledger.post(unit, entries, merchant_id=vendor["merchant_id"], now=now)
    told: dict[str, Any] = {
        "payout_id": payout_id,
        "from": before.value if before else None,
        "to": after.value,
        "amount_minor": evidence.amount_minor,
        "currency": evidence.currency,
        "failure_code": evidence.failure_code,
    }
    await tell(unit, vendor, f"payout.{after.value}", told, cause, now)
    if after in _RETURNED and before not in _RETURNED:  # what it owes may be taken back now
        await unit.execute("UPDATE vendors SET inquire_at = $2 WHERE id = $1", vendor["id"], now)
        unit.after_commit(lambda: wake(TOPIC))


def _kinds(before: PayoutStatus | None, after: PayoutStatus) -> list[PostingKind]:
    """What the move means to the books; a payout that is first heard of late has done all before it as well."""
    kinds = [PostingKind.PAYOUT] if before is None else []
    if after is PayoutStatus.PAID:
        kinds.append(PostingKind.PAYOUT_PAID)
    if after in _RETURNED and before not in _RETURNED:
        kinds.append(PostingKind.PAYOUT_REVERSED if before is PayoutStatus.PAID else PostingKind.PAYOUT_RETURNED)
    return kinds


def _entry(kind: PostingKind, payout_id: str, vendor_id: str, evidence: PayoutEvidence) -> Entry:
    return ledger.sharing(kind, payout_id, evidence.currency, evidence.amount_minor, vendor_id=vendor_id)


async def _insert(unit: Unit, vendor: Mapping[str, Any], evidence: PayoutEvidence, now: datetime) -> str:
    payout_id = ids.new("po", now)
    await unit.execute(
        """INSERT INTO payouts (id, merchant_id, vendor_id, gateway, token, status, currency, amount_minor, arrives_at,
                                created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)""",
        payout_id,
        vendor["merchant_id"],
        vendor["id"],
        evidence.gateway,
        evidence.token,
        PayoutStatus.PENDING.value,
        evidence.currency,
        evidence.amount_minor,
        evidence.arrives_at,
        now,
    )
    return payout_id
