"""Another plan or quantity: looked at first, then done, with the very numbers that were shown."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.billing.alter import Wish, allowed, alter, is_known
from domain.billing.start import check_quantity, usable_plan
from domain.events import Cause
from domain.payments.ask import GatewayRefused, GatewayUnavailable
from domain.plans import register
from domain.refusals import Fault, Findings, Refusal
from domain.subscriptions.actions import SubscriptionAction
from domain.subscriptions.writing import Row
from gateways.base import GatewayError, Refused
from gateways.billing import Billing, ChangePreview, ChangeRequest, SubscriptionReport
from gateways.registry import Gateways
from kit.database import reading
from kit.database.unit import unit_of_work


class Proration(StrEnum):
    """When a change within a period is accounted for: NOW by an invoice of its own, with the NEXT_INVOICE, or not."""

    NOW = "now"
    NEXT_INVOICE = "next_invoice"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What it is to become; None leaves it. A plan is taken in its newest version. `at` is the moment that a preview
    was computed for."""

    plan_id: str | None
    quantity: int | None
    proration: Proration
    at: datetime | None


async def preview(
    gateways: Gateways, *, merchant_id: str, subscription_id: str, target: Target, now: datetime
) -> ChangePreview:
    """What the change would be invoiced with; nothing is changed. Raises a Refusal as `change` would."""
    row, request = await _checked(gateways, merchant_id, subscription_id, target, now)
    try:
        return await gateways[row["gateway"]].billing.preview(request)
    except Refused as error:
        raise GatewayRefused(error.message) from error
    except GatewayError as error:
        raise GatewayUnavailable(error) from error


async def change(gateways: Gateways, wish: Wish, target: Target, *, cause: Cause, now: datetime) -> None:
    """Changes it. What it costs NOW is collected at once, or nothing is changed: ChangeDeclined. A key that was used
    for it before is not checked again: the change that it made may be why it would be refused."""
    try:
        await _checked(gateways, wish.merchant_id, wish.subscription_id, target, now)
    except Refusal:
        if not await is_known(wish):
            raise

    async def call(billing: Billing, row: Row, key: str) -> SubscriptionReport | None:
        request = await _request(gateways, wish.merchant_id, row, target, now)
        return await billing.change(request, idempotency_key=key) if request else None

    await alter(gateways, wish, call, cause=cause, now=now)


async def _checked(
    gateways: Gateways, merchant_id: str, subscription_id: str, target: Target, now: datetime
) -> tuple[Row, ChangeRequest]:
    """Raises a Refusal for what may not be done, or makes no sense."""
    row = await unit_of_work(lambda unit: allowed(unit, merchant_id, subscription_id, SubscriptionAction.CHANGE))
    request = await _request(gateways, merchant_id, row, target, now)
    if request is None:
        raise Refusal(Fault("NOTHING_TO_CHANGE", "It has that plan and quantity already."))
    return row, request


async def _request(
    gateways: Gateways, merchant_id: str, row: Row, target: Target, now: datetime
) -> ChangeRequest | None:
    """None: it has that plan and quantity already."""
    present = await _present(row)
    plan = await usable_plan(merchant_id, target.plan_id) if target.plan_id is not None else present
    quantity = row["quantity"] if target.quantity is None else target.quantity
    findings = Findings()
    check_quantity(findings, plan, quantity, gateways[row["gateway"]].capabilities)
    message = f"The subscription is in {present['currency']}, the plan in {plan['currency']}: begin another one."
    findings.unless(plan["currency"] == present["currency"], "CURRENCY_MISMATCH", message, "planId")
    _check_proration(findings, target, present, plan)
    findings.refuse_if_any()
    price_id = row["price_id"] if target.plan_id is None else await register.newest(gateways, target.plan_id, now=now)
    if (price_id, quantity) == (row["price_id"], row["quantity"]):
        return None
    price = await reading.fetch_one("SELECT token FROM plan_prices WHERE id = $1", price_id)
    assert price is not None
    return ChangeRequest(
        token=row["token"],
        item_token=row["item_token"],
        price_token=price["token"],
        quantity=quantity,
        proration=target.proration.value,
        at=target.at,
    )


async def _present(row: Row) -> Row:
    """The terms that hold. `is_free`: nobody pays for the running period, for its invoice was voided."""
    present = await reading.fetch_one(
        """SELECT per_seat, currency, amount_minor, interval, interval_count,
                  EXISTS (SELECT 1 FROM invoices WHERE subscription_id = $2 AND status = 'void' AND period_end > $3)
                    AS is_free
             FROM plan_prices WHERE id = $1""",
        row["price_id"],
        row["id"],
        row["period_start"],
    )
    assert present is not None
    return present


def _check_proration(findings: Findings, target: Target, present: Row, plan: Row) -> None:
    """What the PSP does at once whatever it is told, and what would give back what nobody paid."""
    same = all(plan[name] == present[name] for name in ("interval", "interval_count"))
    message = "Another interval begins a new period at once, which is paid at once: take the proration NOW."
    findings.unless(same or target.proration is Proration.NOW, "INVALID", message, "proration")
    message = "Nobody pays for the running period, so a part of it cannot be credited: take the proration NONE."
    free = bool(present["is_free"]) and target.proration is not Proration.NONE
    findings.unless(not free, "SUBSCRIPTION_UNPAID", message, "proration")
