"""Asks the PSP for what a merchant wants of a subscription: canceling, pausing, going on. Once for each key."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from domain import idempotency
from domain.billing.ask import SubscriptionInProgress
from domain.billing.record import record
from domain.events import Cause
from domain.invoices.rows import is_owing
from domain.payments.ask import GatewayRefused, GatewayUnavailable
from domain.refusals import Fault, Refusal
from domain.subscriptions.actions import SubscriptionAction, SubscriptionState, guard
from domain.subscriptions.apply import is_ending
from domain.subscriptions.cadence import SETTLING
from domain.subscriptions.writing import Row, lock
from gateways.base import AnswerStored, Declined, GatewayError, Refused
from gateways.billing import Billing, SubscriptionReport
from gateways.registry import Gateways
from kit.database.unit import Unit, run_to_end, unit_of_work

Call = Callable[[Billing, Row, str], Awaitable[SubscriptionReport | None]]
"""What the PSP is asked for, given the subscription and an idempotency key. None: there was nothing to ask for."""


class SubscriptionNotFound(Refusal):
    def __init__(self, subscription_id: str) -> None:
        message = f"There is no subscription {subscription_id[:60]!r}."
        super().__init__(Fault("NOT_FOUND", message, ("subscriptionId",)))


class ChangeDeclined(Refusal):
    """What the change costs at once could not be collected: nothing was changed."""

    def __init__(self, message: str) -> None:
        super().__init__(Fault("PAYMENT_DECLINED", f"Nothing was changed, for the payment failed: {message}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants of a subscription, and by which name."""

    merchant_id: str
    subscription_id: str
    action: SubscriptionAction
    mutation: str
    idempotency_key: str
    body_digest: str


async def alter(gateways: Gateways, wish: Wish, call: Call, *, cause: Cause, now: datetime) -> None:
    """Asks for it and records what it came to. The same key and body do it once.

    Raises a Refusal: one of the action's, GatewayUnavailable (try again with the same key), GatewayRefused or
    ChangeDeclined. Whoever dies on the way loses nothing: the PSP is asked how the subscription stands.
    """
    idempotency.check(wish.idempotency_key)
    row = await unit_of_work(partial(_reserve, wish=wish, now=now))
    if row is not None:
        await run_to_end(_ask(gateways, row, wish, call, cause, now))


async def is_known(wish: Wish) -> bool:
    """Whether the key was used for it before; then nothing is to be checked again."""

    async def work(unit: Unit) -> bool:
        key = {"merchant_id": wish.merchant_id, "mutation": wish.mutation, "key": wish.idempotency_key}
        return await idempotency.recall(unit, **key, body_digest=wish.body_digest) is not None

    return await unit_of_work(work)


async def cancel(gateways: Gateways, wish: Wish, *, at_period_end: bool, cause: Cause, now: datetime) -> None:
    """Ends it, now or with the period that is paid. One that has not begun is ended at once."""

    async def call(billing: Billing, row: Row, key: str) -> SubscriptionReport:
        if row["token"] is None:
            if row["session_token"] is None:
                raise SubscriptionInProgress
            return await billing.expire_page(row["session_token"])
        return await billing.cancel(row["token"], at_period_end=at_period_end and _runs(row), idempotency_key=key)

    await alter(gateways, wish, call, cause=cause, now=now)


async def pause(gateways: Gateways, wish: Wish, *, until: datetime | None, cause: Cause, now: datetime) -> None:
    """Charges nobody, until a time or until it is resumed; the customer may use nothing meanwhile."""
    if until is not None and until <= now:
        raise Refusal(Fault("INVALID", "The time must lie ahead.", ("until",)))

    async def call(billing: Billing, row: Row, key: str) -> SubscriptionReport:
        return await billing.pause(row["token"], until=until, idempotency_key=key)

    await alter(gateways, wish, call, cause=cause, now=now)


async def resume(gateways: Gateways, wish: Wish, *, cause: Cause, now: datetime) -> None:
    """Goes on: ends a pause, and takes a scheduled cancelation back."""

    async def call(billing: Billing, row: Row, key: str) -> SubscriptionReport:
        return await billing.resume(row["token"], idempotency_key=key)

    await alter(gateways, wish, call, cause=cause, now=now)


def _runs(row: Row) -> bool:
    return row["period_end"] is not None and row["status"] != "incomplete"


async def locked(unit: Unit, merchant_id: str, subscription_id: str) -> Row:
    """The merchant's subscription, locked; raises SubscriptionNotFound."""
    row = await lock(unit, "id", subscription_id)
    if row is None or row["merchant_id"] != merchant_id:
        raise SubscriptionNotFound(subscription_id)
    return row


async def allowed(unit: Unit, merchant_id: str, subscription_id: str, action: SubscriptionAction) -> Row:
    """The merchant's subscription, locked, with which the action may be done; raises the action's Refusal."""
    row = await locked(unit, merchant_id, subscription_id)
    guard(action, await _state(unit, row))
    return row


async def _state(unit: Unit, row: Row) -> SubscriptionState:
    return SubscriptionState(
        subscription_id=row["id"],
        status=row["status"],
        begun=row["token"] is not None,
        ending=is_ending(row),
        owing=await is_owing(unit, row["id"]),
    )


async def _reserve(unit: Unit, *, wish: Wish, now: datetime) -> Row | None:
    """The key, with the row that finds the outcome again; None when the key has done its work."""
    row = await locked(unit, wish.merchant_id, wish.subscription_id)
    key = {"merchant_id": wish.merchant_id, "mutation": wish.mutation, "key": wish.idempotency_key}
    earlier = await idempotency.recall(unit, **key, body_digest=wish.body_digest)
    if earlier and "done" in earlier:
        return None
    if earlier is None:
        guard(wish.action, await _state(unit, row))
        answer = {"subscription_id": row["id"]}
        await idempotency.claim(unit, **key, body_digest=wish.body_digest, answer=answer, now=now)
    await unit.execute("UPDATE subscriptions SET inquire_at = $2 WHERE id = $1", row["id"], now + SETTLING)
    return row


async def _ask(gateways: Gateways, row: Row, wish: Wish, call: Call, cause: Cause, now: datetime) -> None:
    billing = gateways[row["gateway"]].billing
    key = idempotency.digest({"subscription": row["id"], "mutation": wish.mutation, "key": wish.idempotency_key})
    try:
        report = await call(billing, row, key)
    except Declined as error:
        raise ChangeDeclined(error.message) from error
    except Refused as error:
        raise GatewayRefused(error.message) from error
    except AnswerStored as error:
        message = "it failed. How the subscription stands is asked for: look, and use a new key."
        raise GatewayRefused(message) from error
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    if report is not None:
        await record(report, told_before=row["told_at"], cause=cause, now=now)
    await unit_of_work(partial(_done, wish=wish))


async def _done(unit: Unit, *, wish: Wish) -> None:
    await idempotency.answer_anew(
        unit,
        merchant_id=wish.merchant_id,
        mutation=wish.mutation,
        key=wish.idempotency_key,
        answer={"subscription_id": wish.subscription_id, "done": "yes"},
    )
