"""Begins a reserved subscription at the PSP, with its stored key and request, and records the answer."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from domain.billing.record import record
from domain.events import Cause
from domain.payments.ask import LEASE, NOTHING_MADE, GatewayRefused, GatewayUnavailable, NothingMade
from domain.psp_keys import ask_once
from domain.refusals import Fault, Refusal
from domain.subscriptions.apply import end_unbegun
from gateways.base import AnswerStored, Declined, GatewayError, OutcomeUnknown, Refused
from gateways.billing import Billing, SubscriptionReport, SubscriptionRequest
from gateways.registry import Gateways
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, run_to_end, unit_of_work
from models import SubscriptionStatus

_REPAIR = timedelta(hours=1)
"""What the PSP failed at may still appear, when its engineers repair it."""
_PAUSE = 0.1


class SubscriptionInProgress(Refusal):
    """Somebody else is asking the PSP, and has not heard from it."""

    def __init__(self) -> None:
        message = "The subscription is being opened at the PSP. Try again in a moment."
        super().__init__(Fault("SUBSCRIPTION_IN_PROGRESS", message, retryable=True))


async def settle(gateways: Gateways, subscription_id: str, *, cause: Cause, now: datetime) -> None:
    """Until the PSP has it, or will not have it: asked by one caller, waited for by the others.

    Raises GatewayUnavailable, GatewayRefused, NothingMade or SubscriptionInProgress.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < LEASE.total_seconds():
        row = await _row(subscription_id)
        if row["token"] or row["session_token"]:
            return
        if row["status"] != SubscriptionStatus.INCOMPLETE:
            raise GatewayRefused(decode_json(row["last_error"])["message"])
        if await unit_of_work(partial(claim, subscription_id=subscription_id, now=now)):
            await run_to_end(_ask(gateways, row, cause, now))
            return
        await asyncio.sleep(_PAUSE)
    raise SubscriptionInProgress


async def claim(unit: Unit, *, subscription_id: str, now: datetime) -> bool:
    """Takes the right to ask, for the lease; False when somebody has it, or nothing is left to ask."""
    row = await unit.fetch_one(
        """UPDATE subscriptions SET asked_at = $2
            WHERE id = $1 AND status = 'incomplete' AND token IS NULL AND session_token IS NULL
              AND (asked_at IS NULL OR asked_at < $3) RETURNING id""",
        subscription_id,
        now,
        now - LEASE,
    )
    return row is not None


async def _ask(gateways: Gateways, row: dict[str, Any], cause: Cause, now: datetime) -> None:
    request = SubscriptionRequest.from_json(decode_json(row["request"]))
    try:
        report = await _begun(gateways[row["gateway"]].billing, request, decode_time(row["created_at"]), now)
    except (Refused, Declined) as error:
        await _end(row["id"], error.code or "refused", error.message, cause, now)
        raise GatewayRefused(error.message) from error
    except GatewayError as error:
        await reading.execute("UPDATE subscriptions SET asked_at = NULL WHERE id = $1", row["id"])
        raise GatewayUnavailable(error) from error
    if report is None:
        await _end(row["id"], NOTHING_MADE, str(NothingMade()), cause, now)
        raise NothingMade
    await reading.execute("UPDATE subscriptions SET asked_at = NULL WHERE id = $1", row["id"])
    ours = replace(report.subscription, subscription_id=row["id"])
    await record(replace(report, subscription=ours), told_before=None, cause=cause, now=now)


async def _begun(
    billing: Billing, request: SubscriptionRequest, since: datetime, now: datetime
) -> SubscriptionReport | None:
    """What the PSP made of the request; None if it failed, and has nothing that anybody could pay."""
    ask = partial(billing.subscribe, request, idempotency_key=request.subscription_id)
    try:
        return await ask_once(ask, partial(billing.find, request, since=since), since=since, now=now)
    except AnswerStored:
        if request.method_token and now < since + _REPAIR:
            message = "The PSP failed, and shows no subscription. We look for one for an hour."
            raise OutcomeUnknown(message) from None
        return None


async def _end(subscription_id: str, code: str, message: str, cause: Cause, now: datetime) -> None:
    error = {"code": code, "message": message}
    await unit_of_work(partial(end_unbegun, subscription_id=subscription_id, error=error, cause=cause, now=now))


async def _row(subscription_id: str) -> dict[str, Any]:
    row = await reading.fetch_one(
        """SELECT id, gateway, status, token, session_token, request, last_error, created_at
             FROM subscriptions WHERE id = $1""",
        subscription_id,
    )
    assert row is not None
    return row
