"""Takes in all that a PSP told of a subscription at once, each part through its own door."""

from datetime import datetime
from functools import partial

from domain.events import Cause
from domain.invoices import apply as invoices
from domain.subscriptions import apply as subscriptions
from gateways.billing import SubscriptionReport
from kit.database.unit import unit_of_work


async def record(report: SubscriptionReport, *, told_before: datetime | None, cause: Cause, now: datetime) -> None:
    """The subscription first, then its invoices, oldest first. `told_before`: what was known when the PSP was asked."""
    answer = partial(subscriptions.apply_answer, evidence=report.subscription, told_before=told_before)
    await unit_of_work(partial(answer, cause=cause, now=now))
    for invoice in report.invoices:
        await unit_of_work(partial(invoices.apply, evidence=invoice, cause=cause, now=now))
