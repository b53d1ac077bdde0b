"""What a capture, void or refund would bring about: done in a transaction that is rolled back, so it is exact."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.events import Cause, CauseKind
from domain.payments import operations
from domain.payments.apply import apply
from domain.payments.state import locked_state
from domain.reads import Row, by_id
from domain.refunds import request
from gateways.base import Evidence, RefundEvidence, RefundStanding, Standing
from gateways.registry import Gateways
from kit.database.unit import Unit, unit_of_work
from models import OperationKind

_CAUSE = Cause(CauseKind.SYSTEM, "preview")


@dataclass(frozen=True, slots=True)
class Preview:
    """The payment as it would be, and the postings that would be made."""

    payment: Row
    postings: Sequence[Row]


class _Undo(Exception):
    """Ends the transaction without a trace."""

    def __init__(self, preview: Preview) -> None:
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
        made = RefundEvidence(
            token=f"preview:{new.refund_id}",
            refund_id=new.refund_id,
            standing=RefundStanding.SUCCEEDED,
            amount_minor=new.amount_minor,
            currency=state.currency,
            reason=None,
            failure_code=None,
        )
        await apply(unit, _evidence(gateways, wanted.payment_id, refunds=(made,)), cause=_CAUSE, now=now)

    return await _tried(wanted.merchant_id, wanted.payment_id, work)


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
        before = await unit.fetch_one(
            "SELECT COALESCE(MAX(id), 0) AS n FROM postings WHERE payment_id = $1", payment_id
        )
        assert before is not None
        await work(unit)
        postings = await unit.fetch(
            """SELECT kind, debit, credit, currency, amount_minor FROM postings
                WHERE payment_id = $1 AND id > $2 ORDER BY id""",
            payment_id,
            before["n"],
        )
        payment = await by_id("payments", merchant_id, payment_id)
        assert payment is not None
        raise _Undo(Preview(payment, postings))

    try:
        return await unit_of_work(trial)
    except _Undo as undone:
        return undone.preview
