"""Sends shares to their vendors and takes them back: reserve, ask with the stored key, record, until all is done."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from domain.events import Cause
from domain.payments.ask import GatewayUnavailable
from domain.psp_keys import ask_once
from domain.transfers import record
from domain.transfers.observe import observe
from domain.transfers.reserve import LEASE, reserve
from gateways.base import AnswerStored, Declined, GatewayError, OutcomeUnknown, Refused
from gateways.connect import INSUFFICIENT, Connect, ReversalRequest, TransferRequest
from gateways.registry import Gateways
from kit.database import due, reading
from kit.database.reading import decode_time
from kit.database.unit import run_to_end, unit_of_work

_STEPS = 20
_REPAIR = timedelta(hours=1)
"""What the PSP failed at may still appear, when its engineers repair it: only then it is asked for anew."""
_PAUSES = (timedelta(seconds=2), timedelta(seconds=20), timedelta(minutes=2), timedelta(minutes=15))

Row = dict[str, Any]


async def claim_due(now: datetime, limit: int) -> list[str]:
    """Shares that something is to be sent of, ours alone for the lease."""
    return await due.claim("shares", "ask_at", now=now, lease=LEASE, limit=limit)


async def settle(gateways: Gateways, share_id: str, *, cause: Cause, now: datetime) -> None:
    """Brings the share to what it is owed, as far as it can be now. Raises GatewayUnavailable while the PSP gives no
    clear answer: it is asked again later, with the same key."""
    try:
        for _ in range(_STEPS):
            transfer = await unit_of_work(lambda unit: reserve(unit, share_id, now))
            if transfer is None or not await run_to_end(_perform(gateways, transfer, cause, now)):
                return
    except GatewayUnavailable:
        raise
    except Exception:
        await _again(share_id, _PAUSES[0], now)
        raise


async def _perform(gateways: Gateways, transfer: Row, cause: Cause, now: datetime) -> bool:
    """Whether it went through; then more may be done for the share at once."""
    try:
        return await _asked(gateways, transfer, cause, now)
    except GatewayError as error:
        await reading.execute("UPDATE transfers SET asks = asks + 1 WHERE id = $1", transfer["id"])
        await _again(transfer["share_id"], _PAUSES[min(transfer["asks"], len(_PAUSES) - 1)], now)
        raise GatewayUnavailable(error) from error


async def _asked(gateways: Gateways, transfer: Row, cause: Cause, now: datetime) -> bool:
    row = await _known(transfer)
    connect = gateways[row["gateway"]].connect
    try:
        token = await _ask(connect, transfer, row, now)
    except (Refused, Declined) as error:
        code, reason, back = error.code, error.message, transfer["reverses_id"] is not None
        left = await _left(connect, transfer, row, code, cause, now) if back else 0
        await unit_of_work(lambda unit: record.failed(unit, transfer, code, reason, cause, now, left_minor=left))
        return back
    await unit_of_work(lambda unit: record.made(unit, transfer, token, cause, now))
    return True


async def _left(connect: Connect, transfer: Row, row: Row, code: str | None, cause: Cause, now: datetime) -> int:
    """How much of a reversal that was refused can be taken back after all: what the account has, or, where the merchant
    took back of the transfer at the PSP, so that less is left of it than was asked for, all that then is wanted."""
    if code == INSUFFICIENT:
        available = await connect.available(row["account_token"], transfer["currency"])
        return available if available < transfer["amount_minor"] else 0
    evidence = await connect.reversed(row["reversed_token"])
    await unit_of_work(lambda unit: observe(unit, evidence, cause=cause, now=now))
    reversed_one = await reading.fetch_one(
        "SELECT amount_minor - reversed_minor AS left_minor FROM transfers WHERE id = $1", transfer["reverses_id"]
    )
    assert reversed_one is not None
    return transfer["amount_minor"] if reversed_one["left_minor"] < transfer["amount_minor"] else 0


async def _known(transfer: Row) -> Row:
    """What the PSP has to be told of it."""
    row = await reading.fetch_one(
        """SELECT v.gateway, v.token AS account_token, s.order_id, p.charge_token, r.token AS reversed_token
             FROM transfers t JOIN vendors v ON v.id = t.vendor_id JOIN shares s ON s.id = t.share_id
             JOIN payments p ON p.id = t.payment_id LEFT JOIN transfers r ON r.id = t.reverses_id
            WHERE t.id = $1""",
        transfer["id"],
    )
    assert row is not None
    return row


async def _ask(connect: Connect, transfer: Row, row: Row, now: datetime) -> str:
    """The PSP's token of it."""
    if transfer["reverses_id"] is not None:
        return await _reverse(connect, transfer, row, now)
    request = TransferRequest(
        transfer_id=transfer["id"],
        vendor_id=transfer["vendor_id"],
        account_token=row["account_token"],
        charge_token=row["charge_token"] if transfer["sourced"] else None,
        group=row["order_id"],
        currency=transfer["currency"],
        amount_minor=transfer["amount_minor"],
    )
    return await _once(partial(connect.transfer, request), partial(connect.find_transfer, request), transfer, now)


async def _reverse(connect: Connect, transfer: Row, row: Row, now: datetime) -> str:
    request = ReversalRequest(
        reversal_id=transfer["id"],
        transfer_token=row["reversed_token"],
        currency=transfer["currency"],
        amount_minor=transfer["amount_minor"],
    )
    return await _once(partial(connect.reverse, request), partial(connect.find_reversal, request), transfer, now)


async def _once(
    ask: Callable[[], Awaitable[str]], find: Callable[[], Awaitable[str | None]], transfer: Row, now: datetime
) -> str:
    """The token. What the PSP failed at, and says nothing else of, may yet appear, or is given up."""
    since = decode_time(transfer["created_at"])
    try:
        return await ask_once(ask, find, since=since, now=now)
    except AnswerStored as error:
        if now < since + _REPAIR:
            raise OutcomeUnknown("The PSP failed, and shows no transfer. We look for one for an hour.") from error
        raise Refused("it failed, and did nothing.") from error


async def _again(share_id: str, pause: timedelta, now: datetime) -> None:
    """Lets somebody go on after a while; when even that cannot be written, the lease ends by itself."""
    with contextlib.suppress(Exception):
        await reading.execute("UPDATE shares SET ask_at = $2 WHERE id = $1", share_id, now + pause)
