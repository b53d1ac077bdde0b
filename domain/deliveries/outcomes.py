"""What came of attempts: a message was taken, is sent again later, or is given up; and how its endpoint stands then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.deliveries import endpoints, schedule
from domain.events import Cause
from domain.refusals import Fault, Refusal, can_be_shown
from kit.database.reading import decode_time
from kit.database.unit import Unit, unit_of_work
from kit.outbound import Answer
from kit.redaction import redact
from models import DELIVERY_EDGES, DeliveryStatus, DisabledReason, advance

_EXCERPT, _FAILURE, _GONE = 500, 200, 410


class UnknownDelivery(Refusal):
    def __init__(self, delivery_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no delivery {delivery_id!r}.", ("delivery_id",)))


class EndpointDisabled(Refusal):
    def __init__(self) -> None:
        super().__init__(Fault("ENDPOINT_DISABLED", "The delivery's endpoint is disabled: enable it first."))


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt that was made. `draw`, from 0 to 1, spreads the next one."""

    delivery_id: str
    answer: Answer
    draw: float

    @property
    def succeeded(self) -> bool:
        return self.answer.status is not None and 200 <= self.answer.status < 300

    @property
    def slow(self) -> bool:
        return self.answer.seconds > schedule.SLOW_SECONDS


async def record(endpoint_id: str, outcomes: Sequence[Outcome], *, cause: Cause, now: datetime) -> timedelta | None:
    """Writes down what came of an endpoint's attempts. None: go on; else its turn is over, and this is for how long to
    leave the endpoint alone."""
    return await unit_of_work(lambda unit: _record(unit, endpoint_id, outcomes, cause, now))


async def _record(
    unit: Unit, endpoint_id: str, outcomes: Sequence[Outcome], cause: Cause, now: datetime
) -> timedelta | None:
    endpoint = await unit.fetch_one(
        """SELECT id, merchant_id, url, version, failing_since, slow, disabled_reason FROM webhook_endpoints
            WHERE id = $1 FOR NO KEY UPDATE""",
        endpoint_id,
    )
    assert endpoint is not None
    wanted = [schedule.wanted_pause(outcome.answer.retry_after, now) for outcome in outcomes]
    tries = await unit.fetch(
        "SELECT id, tries FROM webhook_deliveries WHERE id = ANY($1) AND status = 'pending'",
        [outcome.delivery_id for outcome in outcomes],
    )
    before = {row["id"]: row["tries"] for row in tries}
    for outcome, pause in zip(outcomes, wanted, strict=True):
        if outcome.delivery_id in before:  # else our lease had run out, and another process has sent it, too
            await _record_one(unit, outcome, before[outcome.delivery_id] + 1, pause, now)
    await _record_health(unit, endpoint, outcomes, cause, now)
    if all(outcome.succeeded and not outcome.slow for outcome in outcomes):
        return None
    return max(schedule.rest(o.answer.status, pause) for o, pause in zip(outcomes, wanted, strict=True))


async def _record_one(unit: Unit, outcome: Outcome, tries: int, wanted: timedelta | None, now: datetime) -> None:
    answer, pause = outcome.answer, None
    if outcome.succeeded:
        after = DeliveryStatus.SUCCEEDED
    else:
        pause = schedule.pause_before_next(tries, wanted, outcome.draw)
        after = DeliveryStatus.FAILED if pause is None else DeliveryStatus.PENDING
    await unit.execute(
        """UPDATE webhook_deliveries SET status = $2, attempts = attempts + 1, tries = $3, due_at = $4,
                  attempted_at = $5, updated_at = $5, response_status = $6, response_excerpt = $7, failure = $8
            WHERE id = $1""",
        outcome.delivery_id,
        advance(DELIVERY_EDGES, DeliveryStatus.PENDING, after).value,
        tries,
        None if pause is None else now + pause,
        now,
        answer.status,
        _shown(answer.text)[:_EXCERPT] if answer.status is not None else None,
        _shown(answer.failure)[:_FAILURE] if answer.failure else None,
    )


async def _record_health(
    unit: Unit, endpoint: Mapping[str, Any], outcomes: Sequence[Outcome], cause: Cause, now: datetime
) -> None:
    alive = any(outcome.succeeded for outcome in outcomes)
    since = None if alive else decode_time(endpoint["failing_since"]) if endpoint["failing_since"] else now
    slow = any(outcome.slow for outcome in outcomes)
    if since is not None or endpoint["failing_since"] or slow != bool(endpoint["slow"]):
        await unit.execute(
            "UPDATE webhook_endpoints SET failing_since = $2, slow = $3 WHERE id = $1", endpoint["id"], since, slow
        )
    if endpoint["disabled_reason"] is not None:
        return
    stands = {**endpoint, "failing_since": since}
    if any(outcome.answer.status == _GONE for outcome in outcomes):
        await endpoints.disable(unit, stands, DisabledReason.GONE, cause, now)
    elif since is not None and now - since >= schedule.FAILING_FOR:
        await endpoints.disable(unit, stands, DisabledReason.FAILING, cause, now)


def _shown(text: str) -> str:
    """The text as a log may hold it: no secrets, no control characters."""
    return "".join(character if can_be_shown(character) else " " for character in redact(text)).strip()


async def redeliver(delivery_id: str, *, merchant_id: str, now: datetime) -> None:
    """Sends the message again, at once, with the same id; if it fails, the schedule begins anew."""

    async def work(unit: Unit) -> None:
        row = await unit.fetch_one(
            """SELECT e.id, e.disabled_reason FROM webhook_endpoints e JOIN webhook_deliveries d ON d.endpoint_id = e.id
                WHERE d.merchant_id = $1 AND d.id = $2 FOR NO KEY UPDATE OF e""",
            merchant_id,
            delivery_id,
        )
        if row is None:
            raise UnknownDelivery(delivery_id)
        if row["disabled_reason"] is not None:
            raise EndpointDisabled
        await unit.execute(
            "UPDATE webhook_deliveries SET status = 'pending', tries = 0, due_at = $2, updated_at = $2 WHERE id = $1",
            delivery_id,
            now,
        )
        await endpoints.becomes_due(unit, row["id"], now)

    await unit_of_work(work)
