"""Answering a dispute before its deadline, and telling the merchant while there is time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain import idempotency
from domain.events import Cause, NewEvent
from domain.payments import inquire
from domain.payments.apply import apply
from domain.payments.ask import GatewayRefused, GatewayUnavailable
from domain.payments.writing import Writing, write
from domain.refusals import Fault, Findings, Refusal
from gateways.base import AnswerStored, Declined, GatewayError, Refused
from gateways.registry import Gateways
from kit.database import reading
from kit.database.reading import decode_time
from kit.database.unit import Unit, run_to_end, unit_of_work
from models import AWAITING_RESPONSE, DisputeStatus

ALERT_BEFORE = timedelta(days=3)
MAX_CHARACTERS = 150_000


@dataclass(frozen=True, slots=True)
class DisputeState:
    """What decides whether a dispute can be answered."""

    status: DisputeStatus
    due_by: datetime | None
    submitted: bool


def refusal(state: DisputeState, now: datetime) -> Fault | None:
    """Why the dispute cannot be answered now; None if it can be."""
    if state.submitted:
        return Fault("EVIDENCE_SUBMITTED", "The answer was submitted already; it is given once.", ("disputeId",))
    if state.status not in AWAITING_RESPONSE:
        return Fault("DISPUTE_CLOSED", f"The dispute is {state.status.value}: it takes no answer.", ("disputeId",))
    if state.due_by is not None and state.due_by <= now:
        return Fault("EVIDENCE_OVERDUE", "The deadline for an answer has passed.", ("disputeId",))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The merchant's side, by Stripe's names of its parts. `submit` False stages it only."""

    merchant_id: str
    dispute_id: str
    parts: Mapping[str, str]
    submit: bool


async def submit(
    gateways: Gateways, answer: Answer, *, idempotency_key: str, body_digest: str, cause: Cause, now: datetime
) -> None:
    """Gives the answer to the PSP. The same key and body give it once.

    Raises why it cannot be given, GatewayRefused or GatewayUnavailable; then the same call may be made again.
    """
    key = idempotency.check(idempotency_key)
    parts = _check(answer.parts)
    dispute = await unit_of_work(lambda unit: _reserve(unit, answer, parts, key, body_digest, now))
    psp_key = f"{dispute['id']}:{idempotency.digest({'key': key})[:32]}"
    await run_to_end(
        _ask(
            gateways,
            dispute,
            parts,
            answer.submit,
            psp_key,
            cause,
            now,
        )
    )


def _check(parts: Mapping[str, str]) -> dict[str, str]:
    findings = Findings()
    cleaned = {
        name: findings.text(text, "The text", 20_000, "evidence", name, lines=True) for name, text in parts.items()
    }
    given = {name: text for name, text in cleaned.items() if text}
    findings.unless(bool(given), "REQUIRED", "The answer must say something.", "evidence")
    findings.unless(
        sum(map(len, given.values())) <= MAX_CHARACTERS, "TOO_LONG", "The answer is too long in all.", "evidence"
    )
    findings.refuse_if_any()
    return given


async def _reserve(
    unit: Unit, answer: Answer, parts: Mapping[str, str], key: str, body_digest: str, now: datetime
) -> dict[str, Any]:
    dispute = await unit.fetch_one(
        """SELECT d.id, d.payment_id, d.gateway, d.token, d.status, d.due_by, d.evidence_submitted_at
             FROM disputes d WHERE d.id = $1 AND d.merchant_id = $2 FOR UPDATE""",
        answer.dispute_id,
        answer.merchant_id,
    )
    if dispute is None:
        raise Refusal(Fault("NOT_FOUND", f"There is no dispute {answer.dispute_id!r}.", ("disputeId",)))
    names = {
        "merchant_id": answer.merchant_id,
        "mutation": "disputeEvidenceSubmit",
        "key": key,
        "body_digest": body_digest,
    }
    if await idempotency.recall(unit, **names):
        return dispute
    if fault := refusal(state_of(dispute), now):
        raise Refusal(fault)
    await idempotency.claim(unit, **names, answer={"dispute_id": dispute["id"]}, now=now)
    await unit.execute("UPDATE disputes SET evidence = $2 WHERE id = $1", dispute["id"], dict(parts))
    return dispute


def state_of(row: Mapping[str, Any]) -> DisputeState:
    due_by = decode_time(row["due_by"]) if row["due_by"] else None
    return DisputeState(DisputeStatus(row["status"]), due_by, row["evidence_submitted_at"] is not None)


async def _ask(
    gateways: Gateways,
    dispute: Mapping[str, Any],
    parts: Mapping[str, str],
    submitting: bool,
    psp_key: str,
    cause: Cause,
    now: datetime,
) -> None:
    if dispute["evidence_submitted_at"] is not None:
        return
    gateway = gateways[dispute["gateway"]]
    try:
        evidence = await gateway.answer_dispute(dispute["token"], parts, submit=submitting, idempotency_key=psp_key)
    except (Refused, Declined) as error:
        raise GatewayRefused(error.message) from error
    except AnswerStored as error:
        if await _was_taken_in(gateways, dispute, cause, now):
            return
        raise GatewayRefused("it failed, and has no answer. Give it again with a new key.") from error
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    await unit_of_work(lambda unit: apply(unit, evidence, cause=cause, now=now))


async def _was_taken_in(gateways: Gateways, dispute: Mapping[str, Any], cause: Cause, now: datetime) -> bool:
    """The PSP failed and will say nothing else of this: whether its dispute has the answer all the same."""
    await inquire.inquire(gateways, dispute["payment_id"], cause=cause, now=now)
    row = await reading.fetch_one("SELECT evidence_submitted_at FROM disputes WHERE id = $1", dispute["id"])
    return row is not None and row["evidence_submitted_at"] is not None


async def alert_next(*, cause: Cause, now: datetime) -> bool:
    """Tells of the next dispute whose deadline comes near, once; False when there is none."""
    return await unit_of_work(lambda unit: _alert(unit, cause, now))


async def _alert(unit: Unit, cause: Cause, now: datetime) -> bool:
    row = await unit.fetch_one(
        """SELECT d.id, d.payment_id, d.due_by FROM disputes d
            WHERE d.alerted_at IS NULL AND d.due_by <= $1 AND d.evidence_submitted_at IS NULL
              AND d.status IN ('needs_response', 'warning_needs_response') ORDER BY d.due_by LIMIT 1""",
        now + ALERT_BEFORE,
    )
    if row is None:
        return False
    payment = await unit.fetch_one(
        """SELECT p.id, p.merchant_id, p.order_id, o.version AS order_version
             FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = $1 FOR UPDATE OF o, p""",
        row["payment_id"],
    )
    assert payment is not None
    if await unit.execute("UPDATE disputes SET alerted_at = $2 WHERE id = $1 AND alerted_at IS NULL", row["id"], now):
        told = {"dispute_id": row["id"], "due_by": decode_time(row["due_by"]).isoformat()}
        event = NewEvent(type="dispute.due_soon", payment_id=row["payment_id"], data=told)
        await write(unit, payment, Writing(news=[event]), cause, now)
    return True
