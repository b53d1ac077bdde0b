"""Orders: made before any payment, edited while nothing is paid, canceled when nobody can pay them any more."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain import customers, events, idempotency
from domain.actions import CheckoutInProgress, OrderAction, OrderState, guard
from domain.events import Cause, NewEvent
from domain.order_input import Line, NewCustomer, NewItem, check_customer, check_items, check_metadata
from domain.payments import inquire
from domain.refusals import Fault, Findings, Refusal
from domain.splits import sale
from domain.splits.sale import Sale
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.unit import Unit, unit_of_work
from models import LIVE, ORDER_EDGES, LineItem, OrderStatus, PaymentStatus, advance

_EDIT_TRIES = 3


class OrderNotFound(Refusal):
    def __init__(self, order_id: str, *path: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no order {order_id[:60]!r}.", path or ("orderId",)))


class OrderPartlyPaid(Refusal):
    """Money of the order has been divided already."""

    def __init__(self, order_id: str) -> None:
        message = f"A part of order {order_id} is paid, and was divided by its rules: its items stay as they are."
        super().__init__(Fault("ORDER_PARTLY_PAID", message, ("orderId",)))


@dataclass(frozen=True, slots=True)
class LinkVisit:
    """The visit to a payment link that an order comes of."""

    link_id: str
    visit: str


async def create_order(
    gateways: Gateways,
    *,
    merchant_id: str,
    currency: str,
    items: Sequence[NewItem],
    customer: NewCustomer | None,
    reference: str | None,
    metadata: Collection[tuple[str, str]],
    idempotency_key: str,
    body_digest: str,
    cause: Cause,
    now: datetime,
    visit: LinkVisit | None = None,
    split_rule: str | None = None,
) -> str:
    """A new OPEN order with its total computed here; returns its id. The same key and body give the same order.
    `split_rule` names the rule for what no rule of an item's or a product's covers."""
    key = idempotency.check(idempotency_key)
    findings = Findings()
    lines = await check_items(findings, merchant_id, currency, items)
    sales = await _sales(findings, gateways, merchant_id, currency, lines, split_rule)
    email, name = check_customer(findings, customer)
    clean_reference = findings.text(reference, "The reference", 100, "reference")
    clean_metadata = check_metadata(findings, metadata)
    findings.refuse_if_any()
    order_id = ids.new("ord", now)
    total = sum(line.amount_minor for line in lines)

    async def work(unit: Unit) -> str:
        earlier = await idempotency.claim(
            unit,
            merchant_id=merchant_id,
            mutation="paymentLinkVisit" if visit else "orderCreate",
            key=key,
            body_digest=body_digest,
            answer={"order_id": order_id},
            now=now,
        )
        if earlier:
            return earlier["order_id"]
        customer_id = await customers.known(unit, merchant_id, email, name, now) if email else None
        terms = (currency, total, clean_reference, clean_metadata)
        await _insert_order(unit, (order_id, merchant_id, customer_id, *terms), visit, bool(sales), now)
        await _insert_lines(unit, order_id, lines, sales, now)
        await _tell(unit, merchant_id, order_id, 0, "order.created", _facts(total, currency), cause, now)
        return order_id

    return await unit_of_work(work)


async def _insert_order(
    unit: Unit, columns: Sequence[Any], visit: LinkVisit | None, is_split: bool, now: datetime
) -> None:
    await unit.execute(
        """INSERT INTO orders (id, merchant_id, customer_id, currency, total_minor, reference, metadata, status,
                               version, payment_link_id, visit, is_split, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $12, $12)""",
        *columns,
        OrderStatus.OPEN.value,
        visit.link_id if visit else None,
        visit.visit if visit else None,
        is_split,
        now,
    )


async def edit_order(
    gateways: Gateways,
    *,
    merchant_id: str,
    order_id: str,
    items: Sequence[NewItem],
    split_rule: str | None,
    cause: Cause,
    now: datetime,
    by_payer: bool = False,
) -> None:
    """Replaces the items of an OPEN order, and how it divides. An open session is closed at the PSP first: if it was
    paid meanwhile, the edit is refused; money that should still come on it goes back as a duplicate. An order of a
    payment link is edited only `by_payer`, who names another amount."""
    order = await reading.fetch_one(
        "SELECT currency FROM orders WHERE id = $1 AND merchant_id = $2", order_id, merchant_id
    )
    if order is None:
        raise OrderNotFound(order_id)
    findings = Findings()
    lines = await check_items(findings, merchant_id, order["currency"], items)
    sales = await _sales(findings, gateways, merchant_id, order["currency"], lines, split_rule)
    findings.refuse_if_any()

    async def change(unit: Unit, order: Mapping[str, Any]) -> None:
        total = sum(line.amount_minor for line in lines)
        if order["is_split"]:
            await _forget_splits(unit, order_id)
        await unit.execute("DELETE FROM line_items WHERE order_id = $1", order_id)
        await _insert_lines(unit, order_id, lines, sales, now)
        await supersede(unit, order_id, now)
        await unit.execute(
            "UPDATE orders SET total_minor = $2, is_split = $3, version = version + 1, updated_at = $4 WHERE id = $1",
            order_id,
            total,
            bool(sales),
            now,
        )
        facts = _facts(total, order["currency"])
        await _tell(unit, merchant_id, order_id, order["version"], "order.edited", facts, cause, now)

    await _when_nobody_can_pay(gateways, merchant_id, order_id, OrderAction.EDIT, change, cause, now, by_payer=by_payer)


async def cancel_order(gateways: Gateways, *, merchant_id: str, order_id: str, cause: Cause, now: datetime) -> None:
    """Ends an OPEN order without money. An open session is closed at the PSP first; if it was paid, nothing changes."""

    async def change(unit: Unit, order: Mapping[str, Any]) -> None:
        status = advance(ORDER_EDGES, OrderStatus(order["status"]), OrderStatus.CANCELED)
        await unit.execute(
            "UPDATE orders SET status = $2, version = version + 1, updated_at = $3 WHERE id = $1",
            order_id,
            status.value,
            now,
        )
        await _tell(unit, merchant_id, order_id, order["version"], "order.canceled", {}, cause, now)

    await _when_nobody_can_pay(gateways, merchant_id, order_id, OrderAction.CANCEL, change, cause, now)


async def _when_nobody_can_pay(
    gateways: Gateways,
    merchant_id: str,
    order_id: str,
    action: OrderAction,
    change: Callable[[Unit, Mapping[str, Any]], Awaitable[None]],
    cause: Cause,
    now: datetime,
    *,
    by_payer: bool = False,
) -> None:
    """Makes the change under the order's lock, with the open session, if there is one, closed at the PSP before."""

    async def work(unit: Unit) -> str | None:
        locked = await lock(unit, merchant_id, order_id)
        guard(action, replace(locked.state, of_link=False) if by_payer else locked.state)
        if locked.live is not None:
            return str(locked.live["id"])
        await change(unit, locked.order)
        return None

    for _ in range(_EDIT_TRIES):
        open_payment = await unit_of_work(work)
        if open_payment is None:
            return
        await inquire.close(gateways, open_payment, cause=cause, now=now)
    raise CheckoutInProgress(order_id)


@dataclass(frozen=True, slots=True)
class Locked:
    """An order under its lock, with the payment that may still bring money: there is at most one. `outstanding_minor`
    is what its payments have not captured yet."""

    order: dict[str, Any]
    live: dict[str, Any] | None
    outstanding_minor: int
    state: OrderState


async def lock(unit: Unit, merchant_id: str, order_id: str) -> Locked:
    """The merchant's order, locked; raises OrderNotFound."""
    order = await unit.fetch_one(
        """SELECT id, customer_id, status, currency, total_minor, version, reference, payment_link_id, is_split
             FROM orders WHERE id = $1 AND merchant_id = $2 FOR UPDATE""",
        order_id,
        merchant_id,
    )
    if order is None:
        raise OrderNotFound(order_id)
    tries = await unit.fetch(
        """SELECT id, status, expires_at, amount_minor, captured_minor, superseded_at
             FROM payments WHERE order_id = $1 FOR UPDATE""",
        order_id,
    )
    live = next((row for row in tries if row["status"] in LIVE), None)
    state = OrderState(
        order_id,
        OrderStatus(order["status"]),
        PaymentStatus(live["status"]) if live else None,
        conflicted=any(row["status"] == PaymentStatus.CONFLICTED for row in tries),
        of_link=order["payment_link_id"] is not None,
    )
    collected = sum(row["captured_minor"] for row in tries if row["superseded_at"] is None)
    return Locked(order, live, order["total_minor"] - collected, state)


async def supersede(unit: Unit, order_id: str, now: datetime) -> None:
    """Ends the claim that earlier tries have on the order: money that comes on them after all goes back."""
    await unit.execute(
        """UPDATE payments SET superseded_at = $2
            WHERE order_id = $1 AND superseded_at IS NULL AND status <> 'captured'""",
        order_id,
        now,
    )


async def _sales(
    findings: Findings, gateways: Gateways, merchant_id: str, currency: str, lines: Sequence[Line], rule: str | None
) -> list[Sale]:
    return await sale.check_sales(findings, gateways.default, merchant_id, currency, lines, rule)


async def _forget_splits(unit: Unit, order_id: str) -> None:
    if await unit.fetch_one("SELECT id FROM holds WHERE order_id = $1 LIMIT 1", order_id):
        raise OrderPartlyPaid(order_id)
    await sale.forget(unit, order_id)


async def _insert_lines(unit: Unit, order_id: str, lines: Sequence[Line], sales: Sequence[Sale], now: datetime) -> None:
    rows = [
        LineItem(
            id=ids.new("li", now),
            order_id=order_id,
            position=position,
            product_id=line.product_id,
            name=line.name,
            unit_amount_minor=line.unit_amount_minor,
            quantity=line.quantity,
            amount_minor=line.amount_minor,
        )
        for position, line in enumerate(lines, 1)
    ]
    await LineItem.bulk_create(rows)
    await sale.keep(unit, order_id, [row.id for row in rows], sales, now)


def _facts(total_minor: int, currency: str) -> dict[str, Any]:
    return {"total_minor": total_minor, "currency": currency}


async def _tell(
    unit: Unit,
    merchant_id: str,
    order_id: str,
    version: int,
    kind: str,
    data: Mapping[str, Any],
    cause: Cause,
    now: datetime,
) -> None:
    await events.append(
        unit,
        [NewEvent(type=kind, data=data)],
        merchant_id=merchant_id,
        subject_id=order_id,
        version=version,
        cause=cause,
        now=now,
    )
