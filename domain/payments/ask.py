"""Registers a reserved payment at the PSP, with its stored key and request, and records the answer."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.events import Cause
from domain.payments.apply import apply
from domain.refusals import Fault, Refusal
from gateways.base import Declined, DirectRequest, Evidence, Failure, GatewayError, Refused, SessionRequest, Standing
from gateways.registry import Gateways
from kit.database.reading import decode_json
from kit.database.unit import Unit, run_to_end, unit_of_work

LEASE = timedelta(seconds=10)
"""How long whoever asks has the payment to itself. Only politeness: asking twice with the same key is harmless."""


class GatewayUnavailable(Refusal):
    """The PSP did not answer, or not clearly. The same call may be made again; nobody is charged twice."""

    def __init__(self, error: GatewayError) -> None:
        super().__init__(Fault("GATEWAY_UNAVAILABLE", f"{error.message} Try again in a moment.", retryable=True))


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

    Whoever calls holds the claim. Raises GatewayUnavailable or GatewayRefused, with the payment UNKNOWN, as
    it was, or FAILED: whatever the error says of money.
    """
    await run_to_end(_ask(gateways, payment_id, cause, now))


async def _ask(gateways: Gateways, payment_id: str, cause: Cause, now: datetime) -> None:
    payment = await unit_of_work(lambda unit: _reserved(unit, payment_id))
    gateway = gateways[payment["gateway"]]
    request, key = decode_json(payment["request"]), payment["idempotency_key"]
    try:
        if request.get("direct"):
            evidence = await gateway.authorize(DirectRequest.from_json(request), idempotency_key=key)
        else:
            evidence = await gateway.open_session(SessionRequest.from_json(request), idempotency_key=key)
    except (Refused, Declined) as error:
        failure = Failure(
            code=error.code or "refused",
            decline_code=None,
            advice=None,
            message=error.message,
            token=None,
            occurred_at=now,
        )
        await _record(_silence(payment, Standing.FAILED, failure), cause, now)
        raise GatewayRefused(error.message) from error
    except GatewayError as error:
        standing = Standing.UNKNOWN if error.money_may_have_moved else None
        await _record(_silence(payment, standing, None), cause, now)
        raise GatewayUnavailable(error) from error
    await _record(replace(evidence, payment_id=payment_id), cause, now)


async def _reserved(unit: Unit, payment_id: str) -> dict[str, Any]:
    row = await unit.fetch_one(
        "SELECT id, gateway, livemode, idempotency_key, request FROM payments WHERE id = $1", payment_id
    )
    assert row is not None
    return row


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
