"""Registers a reserved payment at the PSP, with its stored key and request, and records the answer."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from domain.events import Cause
from domain.payments.apply import apply
from domain.psp_keys import ask_once
from domain.refusals import Fault, Refusal
from gateways.base import (
    AnswerStored,
    Declined,
    DirectRequest,
    Evidence,
    Failure,
    Gateway,
    GatewayError,
    OutcomeUnknown,
    Refused,
    SessionRequest,
    Standing,
)
from gateways.registry import Gateways
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, run_to_end, unit_of_work

LEASE = timedelta(seconds=10)
"""How long whoever asks has the payment to itself. Only politeness: asking twice with the same key is harmless."""
NOTHING_MADE = "nothing_made"
"""Our code of the failure of a payment that the PSP made nothing of."""
_REPAIR = timedelta(hours=1)
"""A charge that the PSP failed at may still appear, when its engineers repair it. A hosted page that appears late is
harmless: nobody knows its address."""


class GatewayUnavailable(Refusal):
    """The PSP did not answer, or not clearly. The same call may be made again; nobody is charged twice."""

    def __init__(self, error: GatewayError) -> None:
        super().__init__(Fault("GATEWAY_UNAVAILABLE", f"{error.message} Try again in a moment.", retryable=True))


class NothingMade(Refusal):
    """The PSP failed, and has nothing of the payment: it has FAILED, and the next call makes another one."""

    def __init__(self) -> None:
        message = "The PSP failed and made nothing of it: nobody is charged. Try again in a moment."
        super().__init__(Fault("GATEWAY_UNAVAILABLE", message, retryable=True))


class GatewayRefused(Refusal):
    """The PSP says that this cannot be paid so."""

    def __init__(self, message: str) -> None:
        super().__init__(Fault("GATEWAY_REFUSED", f"The PSP refuses: {message}"))


async def claim(unit: Unit, payment_id: str, now: datetime) -> bool:
    """Takes the right to ask, for the lease; False when somebody has it, or nothing is left to ask."""
    row = await unit.fetch_one(
        """UPDATE payments SET asked_at = $2
            WHERE id = $1 AND status IN ('created', 'unknown') AND (asked_at IS NULL OR asked_at < $3)
            RETURNING id""",
        payment_id,
        now,
        now - LEASE,
    )
    return row is not None


async def ask(gateways: Gateways, payment_id: str, *, cause: Cause, now: datetime) -> None:
    """Asks the PSP to open the session and records the answer, to the end, also when the caller goes away.

    Whoever calls holds the claim. Raises GatewayUnavailable, NothingMade or GatewayRefused, with the payment UNKNOWN,
    as it was, or FAILED: whatever the error says of money.
    """
    await run_to_end(_ask(gateways, payment_id, cause, now))


async def _ask(gateways: Gateways, payment_id: str, cause: Cause, now: datetime) -> None:
    payment = await _reserved(payment_id)
    try:
        evidence = await _registered(gateways[payment["gateway"]], payment, now)
    except (Refused, Declined) as error:
        await _record(_silence(payment, Standing.FAILED, _failure(error.code or "refused", error, now)), cause, now)
        raise GatewayRefused(error.message) from error
    except GatewayError as error:
        standing = Standing.UNKNOWN if error.money_may_have_moved else None
        await _record(_silence(payment, standing, None), cause, now)
        raise GatewayUnavailable(error) from error
    if evidence is None:
        await _record(_silence(payment, Standing.FAILED, _failure(NOTHING_MADE, NothingMade(), now)), cause, now)
        raise NothingMade
    await _record(replace(evidence, payment_id=payment_id), cause, now)


async def _reserved(payment_id: str) -> dict[str, Any]:
    row = await reading.fetch_one(
        "SELECT id, gateway, livemode, idempotency_key, request, created_at FROM payments WHERE id = $1", payment_id
    )
    assert row is not None
    return row


async def _registered(gateway: Gateway, payment: dict[str, Any], now: datetime) -> Evidence | None:
    """What the PSP made of the stored request; None if it failed, and has nothing that anybody could pay."""
    request, key = decode_json(payment["request"]), payment["idempotency_key"]
    direct, since = bool(request.get("direct")), decode_time(payment["created_at"])
    find = partial(gateway.find, payment["id"], direct=direct, since=since)
    ask = (
        partial(gateway.authorize, DirectRequest.from_json(request), idempotency_key=key)
        if direct
        else partial(gateway.open_session, SessionRequest.from_json(request), idempotency_key=key)
    )
    try:
        return await ask_once(ask, find, since=since, now=now)
    except AnswerStored:
        if direct and now < since + _REPAIR:
            raise OutcomeUnknown("The PSP failed, and shows no charge. We look for one for an hour.") from None
        return None


def _failure(code: str, error: Exception, now: datetime) -> Failure:
    return Failure(code=code, decline_code=None, advice=None, message=str(error), token=None, occurred_at=now)


def _silence(payment: dict[str, Any], standing: Standing | None, failure: Failure | None) -> Evidence:
    return Evidence(
        gateway=payment["gateway"],
        livemode=bool(payment["livemode"]),
        payment_id=payment["id"],
        standing=standing,
        failure=failure,
    )


async def _record(evidence: Evidence, cause: Cause, now: datetime) -> None:
    async def work(unit: Unit) -> None:
        await unit.execute("UPDATE payments SET asked_at = NULL WHERE id = $1", evidence.payment_id)
        await apply(unit, evidence, cause=cause, now=now)

    await unit_of_work(work)
