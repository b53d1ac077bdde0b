"""A payment under its lock, as far as it decides what may be done with it."""

from datetime import datetime
from typing import Any

from domain.actions import PaymentState
from domain.refusals import Fault, Refusal
from kit.database.reading import decode_time
from kit.database.unit import Unit
from models import CONTESTING, PaymentStatus


class NotFound(Refusal):
    def __init__(self, payment_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no payment {payment_id!r}.", ("paymentId",)))


async def locked_state(unit: Unit, merchant_id: str, payment_id: str, now: datetime) -> PaymentState:
    """The merchant's payment with its order, both locked; raises NotFound."""
    row = await unit.fetch_one(
        """SELECT p.id, p.status, p.currency, p.authorized_minor, p.captured_minor, p.refunded_minor, p.disputed_minor,
                  p.session_token, p.intent_token, p.capture_before
             FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = $1 AND p.merchant_id = $2
              FOR UPDATE OF o, p""",
        payment_id,
        merchant_id,
    )
    if row is None:
        raise NotFound(payment_id)
    pending = await unit.fetch_one(
        """SELECT (SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) FROM refunds
                    WHERE payment_id = $1 AND status IN ('reserved', 'pending')) AS refunding,
                  EXISTS (SELECT 1 FROM operations WHERE payment_id = $1 AND status = 'reserved') AS operating,
                  EXISTS (SELECT 1 FROM disputes WHERE payment_id = $1 AND status = ANY($2)) AS contested""",
        payment_id,
        sorted(CONTESTING),
    )
    assert pending is not None
    return state_of(
        row,
        refunding_minor=int(pending["refunding"]),
        operating=bool(pending["operating"]),
        contested=bool(pending["contested"]),
        now=now,
    )


def state_of(row: Any, *, refunding_minor: int, operating: bool, contested: bool, now: datetime) -> PaymentState:
    """What a payment's row, its refunds on their way, its operation underway and its open disputes come to."""
    over = row["capture_before"] is not None and decode_time(row["capture_before"]) <= now
    return PaymentState(
        payment_id=row["id"],
        status=PaymentStatus(row["status"]),
        currency=row["currency"],
        authorized_minor=row["authorized_minor"],
        captured_minor=row["captured_minor"],
        refunded_minor=row["refunded_minor"],
        disputed_minor=row["disputed_minor"],
        refunding_minor=refunding_minor,
        operating=operating,
        contested=contested,
        expired=over and row["status"] == PaymentStatus.AUTHORIZED,
        registered=row["session_token"] is not None or row["intent_token"] is not None,
    )
