"""What a capture, void, refund or release would bring about: done in a transaction that is rolled back: it is exact."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from domain.events import Cause, CauseKind
from domain.holds.locking import Which, lock
from domain.holds.refund import explained, refund_now
from domain.holds.release import release_now
from domain.payments import operations
from domain.payments.apply import apply
from domain.payments.state import locked_state
from domain.reads import Row, by_id, holds_of_orders
from domain.refunds import request
from domain.transfers import record
from domain.transfers.reserve import reserve
from gateways.base import Evidence, RefundEvidence, RefundStanding, Standing
from gateways.registry import Gateways
from kit.database.unit import Unit, unit_of_work
from models import OperationKind, RefundReason

_CAUSE = Cause(CauseKind.SYSTEM, "preview")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Preview:
    """The payment as it would be, and the postings that would be made."""

    payment: Row
    postings: Sequence[Row]


@dataclass(frozen=True, slots=True)
class HoldsPreview:
    """The order's holds as they would be, and the postings that would be made."""

    holds: Sequence[Row]
    postings: Sequence[Row]


class _Undo(Exception):
    """Ends the transaction without a trace."""

    def __init__(self, preview: Any) -> None:
        super().__init__("rolled back on purpose")
        self.preview = preview


async def operation(gateways: Gateways, wanted: operations.Wanted, *, now: datetime) -> Preview:
    """What the capture or void would do; raises the refusal that it would get here."""

    async def work(unit: Unit) -> None:
        state = await locked_state(unit, wanted.merchant_id, wanted.payment_id, now)
        amount_minor = operations.check(wanted, state, gateways)
        captured = amount_minor if wanted.kind is OperationKind.CAPTURE else 0
        standing = Standing.CAPTURED if captured else Standing.CANCELED
        evidence = _evidence(gateways, wanted.payment_id, standing=standing, captured_minor=captured)
        await apply(unit, evidence, cause=_CAUSE, now=now)

    return await _tried(wanted.merchant_id, wanted.payment_id, work)


async def refund(gateways: Gateways, wanted: request.Wanted, *, now: datetime) -> Preview:
    """What the refund would do once it has succeeded; raises the refusal that it would get here."""

    async def work(unit: Unit) -> None:
        state = await locked_state(unit, wanted.merchant_id, wanted.payment_id, now)
        new = await request.prepare(unit, wanted, state, gateways, now)
        await request.reserve_now(unit, wanted.payment_id, new, _CAUSE, now)
        await _succeed(unit, gateways, new.refund_id, now)
        await _send(unit, wanted.payment_id, now)

    return await _tried(wanted.merchant_id, wanted.payment_id, work)


async def release(which: Which, *, now: datetime) -> HoldsPreview:
    """What the release would do, with the transfers made; raises the refusal that it would get here."""

    async def work(unit: Unit) -> None:
        await release_now(unit, which, _CAUSE, now)

    return await _held(which, work, now)


async def hold_refund(
    gateways: Gateways, which: Which, *, reason: RefundReason, explanation: str | None, now: datetime
) -> HoldsPreview:
    """What the refund of held money would do once it has succeeded; raises the refusal that it would get here."""

    async def work(unit: Unit) -> None:
        for refund_id in await refund_now(unit, which, reason, explained(reason, explanation), _CAUSE, now):
            await _succeed(unit, gateways, refund_id, now)

    return await _held(which, work, now)


async def _undone(trial: Callable[[Unit], Awaitable[T]]) -> T:
    """What the trial comes to; nothing of it stays."""

    async def work(unit: Unit) -> None:
        raise _Undo(await trial(unit))

    try:
        await unit_of_work(work)
    except _Undo as undone:
        found: T = undone.preview
        return found
    raise AssertionError("a trial is always undone")


async def _held(which: Which, work: Callable[[Unit], Awaitable[None]], now: datetime) -> HoldsPreview:
    async def trial(unit: Unit) -> HoldsPreview:
        found = await lock(unit, which, now)
        payments, order_id = [locked.payment["id"] for locked in found], found[0].payment["order_id"]
        before = await _newest_posting(unit, payments)
        await work(unit)
        for payment_id in payments:
            await _send(unit, payment_id, now)
        postings = await _postings_since(unit, payments, before)
        return HoldsPreview(await holds_of_orders([order_id], which.merchant_id), postings)

    return await _undone(trial)


async def _succeed(unit: Unit, gateways: Gateways, refund_id: str, now: datetime) -> None:
    """As if the PSP had given the money back."""
    row = await unit.fetch_one("SELECT payment_id, amount_minor, currency FROM refunds WHERE id = $1", refund_id)
    assert row is not None
    made = RefundEvidence(
        token=f"preview:{refund_id}",
        refund_id=refund_id,
        standing=RefundStanding.SUCCEEDED,
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        reason=None,
        failure_code=None,
    )
    await apply(unit, _evidence(gateways, row["payment_id"], refunds=(made,)), cause=_CAUSE, now=now)


async def _send(unit: Unit, payment_id: str, now: datetime) -> None:
    """As if the PSP had sent and taken back what is due of the payment's shares."""
    for share in await unit.fetch("SELECT id FROM shares WHERE payment_id = $1 AND ask_at = $2", payment_id, now):
        while transfer := await reserve(unit, share["id"], now):
            await record.made(unit, transfer, f"preview:{transfer['id']}", _CAUSE, now)


def _evidence(
    gateways: Gateways,
    payment_id: str,
    *,
    standing: Standing | None = None,
    captured_minor: int = 0,
    refunds: tuple[RefundEvidence, ...] = (),
) -> Evidence:
    gateway = gateways.default
    return Evidence(
        gateway=gateway.name,
        livemode=gateway.livemode,
        payment_id=payment_id,
        standing=standing,
        captured_minor=captured_minor,
        refunds=refunds,
    )


async def _tried(merchant_id: str, payment_id: str, work: Callable[[Unit], Awaitable[None]]) -> Preview:
    async def trial(unit: Unit) -> Preview:
        before = await _newest_posting(unit, [payment_id])
        await work(unit)
        postings = await _postings_since(unit, [payment_id], before)
        payment = await by_id("payments", merchant_id, payment_id)
        assert payment is not None
        return Preview(payment, postings)

    return await _undone(trial)


async def _newest_posting(unit: Unit, payment_ids: list[str]) -> int:
    row = await unit.fetch_one("SELECT COALESCE(MAX(id), 0) AS n FROM postings WHERE payment_id = ANY($1)", payment_ids)
    assert row is not None
    return int(row["n"])


async def _postings_since(unit: Unit, payment_ids: list[str], newest: int) -> list[dict[str, Any]]:
    return await unit.fetch(
        """SELECT kind, debit, credit, currency, amount_minor FROM postings
            WHERE payment_id = ANY($1) AND id > $2 ORDER BY id""",
        payment_ids,
        newest,
    )
