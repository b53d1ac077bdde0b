"""What is to be paid, and what the PSP is asked for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.checkout.places import Places
from domain.orders import Locked
from domain.refusals import Fault, Refusal
from gateways.base import DirectRequest, RequestItem, SessionRequest
from kit.database.unit import Unit
from models import CaptureMethod, Recurrence

SESSION_LIFE = timedelta(hours=1)


class PartTooLarge(Refusal):
    """More than the order still wants."""

    def __init__(self, outstanding_minor: int) -> None:
        message = f"At most {outstanding_minor} minor units are outstanding."
        super().__init__(Fault("INVALID_AMOUNT", message, ("amount",)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What is charged without a hosted page; see DirectRequest."""

    token: str
    customer_token: str | None
    save: bool
    off_session: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a caller wants paid. With an `instrument` it is charged at once, without one a hosted page is opened.

    `restrict` tells from currency and amount which methods the page shows, in the gateway's names; None: all it has.
    `part_minor` is how much of what is outstanding is to be paid; None: all of it.
    """

    mutation: str
    merchant_id: str
    order_id: str
    places: Places
    capture_method: CaptureMethod
    key: str
    body_digest: str
    gateway: str
    livemode: bool
    instrument: Instrument | None = None
    restrict: Callable[[str, int], tuple[str, ...]] | None = None
    recurrence: Recurrence = Recurrence.SALE
    part_minor: int | None = None

    def amount_minor(self, locked: Locked) -> int:
        """What this payment is to collect; raises PartTooLarge."""
        if self.part_minor is None:
            return locked.outstanding_minor
        if self.part_minor > locked.outstanding_minor:
            raise PartTooLarge(locked.outstanding_minor)
        return self.part_minor


def direct_request(
    start: Start, instrument: Instrument, locked: Locked, payment_id: str, own_page: str
) -> DirectRequest:
    return DirectRequest(
        payment_id=payment_id,
        order_id=start.order_id,
        currency=locked.order["currency"],
        amount_minor=start.amount_minor(locked),
        token=instrument.token,
        manual_capture=start.capture_method is CaptureMethod.MANUAL,
        customer_token=instrument.customer_token,
        save=instrument.save,
        off_session=instrument.off_session,
        return_url=start.places.success_url or own_page,
        recurring=start.recurrence is Recurrence.RECC,
    )


async def session_request(
    unit: Unit, start: Start, locked: Locked, payment_id: str, own_page: str, now: datetime
) -> SessionRequest:
    order, amount_minor = locked.order, start.amount_minor(locked)
    lines = await unit.fetch(
        "SELECT name, unit_amount_minor, quantity FROM line_items WHERE order_id = $1 ORDER BY position", start.order_id
    )
    customer = await unit.fetch_one("SELECT email FROM customers WHERE id = $1", order["customer_id"])
    return SessionRequest(
        payment_id=payment_id,
        order_id=start.order_id,
        currency=order["currency"],
        amount_minor=amount_minor,
        items=_items(order, lines, amount_minor),
        manual_capture=start.capture_method is CaptureMethod.MANUAL,
        customer_email=customer["email"] if customer else None,
        success_url=start.places.success_url or own_page,
        cancel_url=start.places.cancel_url or own_page,
        expires_at=int((now + SESSION_LIFE).timestamp()),
        method_types=start.restrict(order["currency"], amount_minor) if start.restrict else (),
    )


def _items(order: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], amount_minor: int) -> tuple[RequestItem, ...]:
    """The order's rows; a part of it is one row."""
    if amount_minor != order["total_minor"]:
        return (RequestItem(f"Part of order {order['reference'] or order['id']}", amount_minor, 1),)
    return tuple(RequestItem(line["name"], line["unit_amount_minor"], line["quantity"]) for line in lines)
