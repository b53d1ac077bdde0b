"""Captures and voids: reserved under the order's lock, asked with the stored key, recorded through the one door."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain import idempotency
from domain.actions import PaymentAction, PaymentState, guard_payment
from domain.events import Cause
from domain.payments import inquire
from domain.payments.apply import apply
from domain.payments.ask import GatewayRefused, GatewayUnavailable
from domain.payments.state import locked_state
from domain.refusals import Fault, Refusal
from gateways.base import AnswerStored, Declined, Evidence, GatewayError, Refused
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.reading import decode_time
from kit.database.unit import Unit, run_to_end, unit_of_work
from models import OPERATION_EDGES, OperationKind, OperationStatus, PaymentStatus, advance

_LEASE = timedelta(seconds=90)
_LOOKS, _PAUSE = 100, 0.1
_WAITING = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.REQUIRES_ACTION})
_ACTIONS = {OperationKind.CAPTURE: PaymentAction.CAPTURE, OperationKind.VOID: PaymentAction.VOID}


class AmountTooLarge(Refusal):
    """More than the action may move."""

    def __init__(self, code: str, wanted_minor: int, most_minor: int) -> None:
        message = f"At most {most_minor} minor units are possible, not {wanted_minor}."
        super().__init__(Fault(code, message, ("amount",)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a merchant wants done with a payment. `amount_minor` None is all that is possible."""

    merchant_id: str
    payment_id: str
    kind: OperationKind
    amount_minor: int | None
    currency: str | None


async def request(
    gateways: Gateways, wanted: Wanted, *, idempotency_key: str, body_digest: str, cause: Cause, now: datetime
) -> None:
    """Captures or voids. The same key and body do it once, and a retry goes on where the first call stopped.

    Raises the refusal that the payment's actions tell beforehand, GatewayRefused when the PSP will not, or
    GatewayUnavailable while it is not known whether it did: then the worker goes on asking, with the same key.
    """
    key = idempotency.check(idempotency_key)
    operation_id, fresh = await unit_of_work(lambda unit: _reserve(unit, gateways, wanted, key, body_digest, now))
    if fresh or await unit_of_work(lambda unit: _claim(unit, operation_id, now)):
        await run_to_end(_perform(gateways, operation_id, cause, now))
    else:
        await _outcome(operation_id, now)


async def _reserve(
    unit: Unit, gateways: Gateways, wanted: Wanted, key: str, body_digest: str, now: datetime
) -> tuple[str, bool]:
    """The operation's id, and whether it is new: then the caller has the lease to ask for it."""
    operation_id = ids.new("op", now)
    state = await locked_state(unit, wanted.merchant_id, wanted.payment_id, now)
    earlier = await idempotency.recall(  # under the lock: the same key waits for itself
        unit, merchant_id=wanted.merchant_id, mutation=wanted.kind.value, key=key, body_digest=body_digest
    )
    if earlier:
        return earlier["operation_id"], False
    amount_minor = check(wanted, state, gateways)
    await idempotency.claim(
        unit,
        merchant_id=wanted.merchant_id,
        mutation=wanted.kind.value,
        key=key,
        body_digest=body_digest,
        answer={"operation_id": operation_id},
        now=now,
    )
    await unit.execute(
        """INSERT INTO operations (id, merchant_id, payment_id, kind, status, amount_minor, ask_at, created_at,
                                   updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)""",
        operation_id,
        wanted.merchant_id,
        wanted.payment_id,
        wanted.kind.value,
        OperationStatus.RESERVED.value,
        amount_minor,
        now + _LEASE,
        now,
    )
    return operation_id, True


def check(wanted: Wanted, state: PaymentState, gateways: Gateways) -> int:
    """The amount in minor units; raises why the payment's state, or its gateway, does not allow it."""
    guard_payment(_ACTIONS[wanted.kind], state)
    if wanted.currency is not None and wanted.currency != state.currency:
        raise Refusal(Fault("CURRENCY_MISMATCH", f"The payment is in {state.currency}.", ("amount", "currency")))
    if wanted.kind is OperationKind.VOID:
        return max(state.authorized_minor, 1)
    most = state.authorized_minor
    amount_minor = most if wanted.amount_minor is None else wanted.amount_minor
    if amount_minor < 1:
        raise Refusal(Fault("INVALID_AMOUNT", "The amount must be 1 or more minor units.", ("amount", "amountMinor")))
    if amount_minor > most:
        raise AmountTooLarge("AMOUNT_EXCEEDS_AUTHORIZED", amount_minor, most)
    check_step(gateways, amount_minor, state.currency)
    return amount_minor


def check_step(gateways: Gateways, amount_minor: int, currency: str) -> None:
    """Raises a Refusal for an amount that the gateway cannot move exactly."""
    step = gateways.default.capabilities.steps.get(currency, 1)
    if amount_minor % step:
        message = f"The PSP moves {currency} in steps of {step} minor units."
        raise Refusal(Fault("INVALID_AMOUNT", message, ("amount", "amountMinor")))


async def perform_next(gateways: Gateways, *, cause: Cause, now: datetime) -> bool:
    """Asks for the next operation that is due: its caller died, or got no clear answer. False when none is."""
    row = await reading.fetch_one("SELECT id FROM operations WHERE ask_at <= $1 ORDER BY ask_at LIMIT 1", now)
    if row is None:
        return False
    if await unit_of_work(lambda unit: _claim(unit, row["id"], now)):
        await run_to_end(_perform(gateways, row["id"], cause, now))
    return True


async def _claim(unit: Unit, operation_id: str, now: datetime) -> bool:
    """Takes the right to ask, for the lease; False when somebody has it, or the operation has ended."""
    claimed = await unit.execute(
        "UPDATE operations SET ask_at = $2 WHERE id = $1 AND ask_at <= $3", operation_id, now + _LEASE, now
    )
    return bool(claimed)


async def _outcome(operation_id: str, now: datetime) -> None:
    """Waits for whoever asks, and answers as the first call was answered."""
    for _ in range(_LOOKS):
        row = await reading.fetch_one("SELECT status, error, ask_at FROM operations WHERE id = $1", operation_id)
        assert row is not None
        if row["status"] == OperationStatus.FAILED:
            raise GatewayRefused(row["error"] or "it gave no reason.")
        if row["status"] == OperationStatus.SUCCEEDED or decode_time(row["ask_at"]) <= now:
            return
        await asyncio.sleep(_PAUSE)


async def _perform(gateways: Gateways, operation_id: str, cause: Cause, now: datetime) -> None:
    """Asks the PSP and records the answer. Whoever calls holds the lease."""
    row = await reading.fetch_one(
        """SELECT o.id, o.merchant_id, o.payment_id, o.kind, o.amount_minor, p.gateway, p.currency, p.intent_token
             FROM operations o JOIN payments p ON p.id = o.payment_id WHERE o.id = $1""",
        operation_id,
    )
    assert row is not None
    try:
        evidence = await _ask(gateways, row)
    except (Refused, Declined) as error:
        reason = error.message
        await unit_of_work(lambda unit: _end(unit, row, OperationStatus.FAILED, reason, now))
        await inquire.inquire(gateways, row["payment_id"], cause=cause, now=now)
        await unit_of_work(lambda unit: _guard_again(unit, row, now))
        raise GatewayRefused(error.message) from error
    except AnswerStored:
        await _look_up(gateways, row, cause, now)
        return
    except GatewayError as error:
        await reading.execute("UPDATE operations SET ask_at = $2 WHERE id = $1 AND ask_at IS NOT NULL", row["id"], now)
        raise GatewayUnavailable(error) from error
    await unit_of_work(lambda unit: _record(unit, row, evidence, cause, now))


async def _guard_again(unit: Unit, row: dict[str, Any], now: datetime) -> None:
    """Raises what the payment's state says, now that we know it: somebody was faster, at the PSP."""
    state = await locked_state(unit, row["merchant_id"], row["payment_id"], now)
    guard_payment(_ACTIONS[OperationKind(row["kind"])], state)


async def _look_up(gateways: Gateways, row: dict[str, Any], cause: Cause, now: datetime) -> None:
    """The PSP failed and will say nothing else of this: what became of the authorization tells whether it was done."""
    await inquire.inquire(gateways, row["payment_id"], cause=cause, now=now)
    payment = await reading.fetch_one("SELECT status FROM payments WHERE id = $1", row["payment_id"])
    assert payment is not None
    if payment["status"] not in _WAITING:
        await unit_of_work(lambda unit: _end(unit, row, OperationStatus.SUCCEEDED, None, now))
        return
    reason = "it failed, and did nothing. Ask again with a new key."
    await unit_of_work(lambda unit: _end(unit, row, OperationStatus.FAILED, reason, now))
    raise GatewayRefused(reason)


async def _ask(gateways: Gateways, row: dict[str, Any]) -> Evidence:
    gateway = gateways[row["gateway"]]
    if row["kind"] == OperationKind.VOID:
        return await gateway.void(row["intent_token"], idempotency_key=row["id"])
    return await gateway.capture(row["intent_token"], row["amount_minor"], row["currency"], idempotency_key=row["id"])


async def _record(unit: Unit, row: dict[str, Any], evidence: Evidence, cause: Cause, now: datetime) -> None:
    await apply(unit, evidence, cause=cause, now=now)
    await _end(unit, row, OperationStatus.SUCCEEDED, None, now)


async def _end(unit: Unit, row: dict[str, Any], status: OperationStatus, error: str | None, now: datetime) -> None:
    advance(OPERATION_EDGES, OperationStatus.RESERVED, status)
    await unit.execute(
        """UPDATE operations SET status = $2, error = $3, ask_at = NULL, updated_at = $4
            WHERE id = $1 AND status = 'reserved'""",
        row["id"],
        status.value,
        error[:500] if error else None,
        now,
    )
