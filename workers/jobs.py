"""The job families: refunds to ask for, messages to try again, payments, subscriptions and vendors to ask about,
shares to send."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from domain import inbox
from domain.billing import inquire as subscriptions
from domain.disputes import respond as disputes
from domain.events import Cause, CauseKind
from domain.holds import deadlines
from domain.links import closing
from domain.payments import inquire, operations
from domain.payments.ask import GatewayUnavailable
from domain.payouts import inquire as payouts
from domain.refunds import ask as refunds
from domain.refusals import Refusal
from domain.transfers import inquire as reversals
from domain.transfers import settle as transfers
from domain.vendors import balances
from domain.vendors import inquire as vendors
from gateways.base import GatewayError
from gateways.registry import Gateways
from kit import clock
from kit.logs import fresh
from webhooks.handlers import HANDLERS

_log = logging.getLogger(__name__)
_SWEEP = Cause(CauseKind.SWEEP, "reconciliation")
_REFUNDS = Cause(CauseKind.SYSTEM, "refunds")
_OPERATIONS = Cause(CauseKind.SYSTEM, "operations")
_LINKS = Cause(CauseKind.SYSTEM, "links")
_TRANSFERS = Cause(CauseKind.SYSTEM, "transfers")
_DEADLINES = Cause(CauseKind.SYSTEM, "deadlines")
_AT_ONCE = 8
_BATCH = 100

Ask = Callable[..., Awaitable[None]]
"""Is given an id, the cause and the time."""


async def ask_refunds(ctx: dict[str, Any]) -> None:
    """Asks the PSP for every refund that is due."""
    gateways: Gateways = ctx["gateways"]
    more = True
    while more:
        try:
            more = await refunds.ask_next(gateways, cause=_REFUNDS, now=clock.now())
        except GatewayError as error:
            _log.warning("A refund is asked for again later: %s", error)


async def perform_operations(ctx: dict[str, Any]) -> None:
    """Asks the PSP for every capture and void that is due: the caller did, unless it died or got no clear answer."""
    more = True
    while more:
        try:
            more = await operations.perform_next(ctx["gateways"], cause=_OPERATIONS, now=clock.now())
        except Refusal as refusal:
            _log.warning("A capture or void did not go through, or is asked for again later: %s", refusal)


async def alert_disputes(ctx: dict[str, Any]) -> None:
    """Tells merchants of disputes whose deadline comes near."""
    while await disputes.alert_next(cause=_DEADLINES, now=clock.now()):
        pass


async def close_links(ctx: dict[str, Any]) -> None:
    """Closes the pages that are open at payment links that have ended."""
    more = True
    while more:
        try:
            more = await closing.close_next(ctx["gateways"], cause=_LINKS, now=clock.now())
        except GatewayUnavailable as error:
            _log.warning("The pages of a payment link are closed later: %s", error)


async def retry_inbox(ctx: dict[str, Any]) -> None:
    """Tries every kept message that is due."""
    while await inbox.retry_next(ctx["gateways"], handlers=HANDLERS, now=clock.now()):
        pass


async def inquire_due(ctx: dict[str, Any]) -> None:
    """Asks the PSP about every payment whose time has come: what webhooks did not tell is learned here."""
    while due := await inquire.claim_due(clock.now(), _BATCH):
        await _ask_about(due, "payment_id", partial(inquire.inquire, ctx["gateways"]))


async def inquire_subscriptions(ctx: dict[str, Any]) -> None:
    """Asks the PSP about every subscription whose time has come, with its invoices."""
    while due := await subscriptions.claim_due(clock.now(), _BATCH):
        await _ask_about(due, "subscription_id", partial(subscriptions.inquire, ctx["gateways"]))


async def _ask_about(due: Sequence[str], name: str, ask: Ask, cause: Cause = _SWEEP) -> None:
    """A few at once. `name` is what the logs call the id."""
    slots = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(_ask(each, name, ask, cause, slots) for each in due))


async def _ask(subject_id: str, name: str, ask: Ask, cause: Cause, slots: asyncio.Semaphore) -> None:
    async with slots:
        fresh(**{name: subject_id}, job=cause.ref)
        try:
            await ask(subject_id, cause=cause, now=clock.now())
        except Refusal as refusal:
            _log.warning("It is asked about again later: %s", refusal)
        except Exception:
            _log.exception("It could not be brought to the PSP's truth; it is tried again later")


async def mind_holds(ctx: dict[str, Any]) -> None:
    """Releases holds on their dates, tells of those whose limit comes near, and ends those whose limit has come."""
    while await deadlines.mind_next(cause=_DEADLINES, now=clock.now()):
        pass


async def snapshot_balances(ctx: dict[str, Any]) -> None:
    """Sums up vendors' older postings, so that a balance never has to add up many."""
    await balances.take_snapshots(clock.now())


async def settle_shares(ctx: dict[str, Any]) -> None:
    """Sends every share that is due to its vendor, and takes back what was reclaimed."""
    while due := await transfers.claim_due(clock.now(), _BATCH):
        await _ask_about(due, "share_id", partial(transfers.settle, ctx["gateways"]), _TRANSFERS)


async def inquire_vendors(ctx: dict[str, Any]) -> None:
    """Asks the PSP about every vendor whose time has come, its payouts and what was taken back of it."""
    while due := await vendors.claim_due(clock.now(), _BATCH):
        await _ask_about(due, "vendor_id", partial(_inquire_vendor, ctx["gateways"]))


async def _inquire_vendor(gateways: Gateways, vendor_id: str, *, cause: Cause, now: datetime) -> None:
    for about in (vendors, payouts, reversals):
        await about.inquire(gateways, vendor_id, cause=cause, now=now)
