"""Single flight: a payment is reserved under its order's lock, asked by one caller, and waited for by the others."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from domain import events, idempotency, orders
from domain.actions import CheckoutInProgress, OrderAction, guard
from domain.checkout.requests import Start, direct_request, session_request
from domain.events import Cause
from domain.orders import Locked
from domain.payments import ask, inquire, rows
from domain.payments.rows import NewPayment
from domain.tokens import Tokens
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, unit_of_work
from models import PaymentStatus

_MARGIN = timedelta(seconds=60)
_PAUSE, _LONGEST_PAUSE = 0.05, 0.4
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class _Ready:
    payment_id: str


@dataclass(frozen=True, slots=True)
class _Ask:
    """This caller is to ask the PSP. `first`: for a payment that must be cleared up before the caller's own."""

    payment_id: str
    first: bool = False


@dataclass(frozen=True, slots=True)
class _Wait:
    """Somebody else is asking the PSP."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class _Stale:
    """The session has run out, or is about to: it is closed before a new one is opened."""

    payment_id: str


_Next = _Ready | _Ask | _Wait | _Stale


async def register(gateways: Gateways, tokens: Tokens, start: Start, *, cause: Cause, now: datetime) -> str:
    """The payment that the start comes to, reserved once and known to the PSP; returns its id."""
    began = asyncio.get_running_loop().time()
    for _ in range(_ROUNDS):
        moment = now + timedelta(seconds=asyncio.get_running_loop().time() - began)
        match await unit_of_work(partial(_reserve, tokens=tokens, start=start, cause=cause, now=moment)):
            case _Ready(payment_id):
                return payment_id
            case _Ask(payment_id, first=False):
                await ask.ask(gateways, payment_id, cause=cause, now=moment)
                return payment_id
            case _Ask(payment_id):
                with contextlib.suppress(ask.GatewayRefused, ask.NothingMade):
                    await ask.ask(gateways, payment_id, cause=cause, now=moment)
            case _Wait(payment_id):
                await _wait(payment_id)
            case _Stale(payment_id):
                await inquire.close(gateways, payment_id, cause=cause, now=moment)
    raise CheckoutInProgress(start.order_id)


async def _reserve(unit: Unit, *, tokens: Tokens, start: Start, cause: Cause, now: datetime) -> _Next:
    """Under the order's lock: the open payment if there is one, else a new row that the PSP is asked about next."""
    locked = await orders.lock(unit, start.merchant_id, start.order_id)
    key = {"merchant_id": start.merchant_id, "mutation": start.mutation, "key": start.key}
    earlier = await idempotency.recall(unit, **key, body_digest=start.body_digest)
    if earlier and (answered := await _answered(unit, earlier["payment_id"])):
        return answered
    guard(OrderAction.CHECKOUT, locked.state)
    if locked.live is None:
        payment_id = ids.new("pay", now)
        await _insert(unit, tokens, start, locked, payment_id, cause, now)
        step: _Next = _Ask(payment_id)
    else:
        first = _makes_room(start, locked.live, earlier)
        step = await _continue(unit, start, locked.live, first, now)
        if first or isinstance(step, _Stale):
            return step
    answer = {"payment_id": step.payment_id}
    if answer == earlier:
        return step
    if earlier:
        await idempotency.answer_anew(unit, **key, answer=answer)
    else:
        await idempotency.claim(unit, **key, body_digest=start.body_digest, answer=answer, now=now)
    return step


def _makes_room(start: Start, live: Mapping[str, Any], earlier: Mapping[str, str] | None) -> bool:
    """Whether the live payment is not what the caller wants, so that it ends before the caller's own begins."""
    if start.instrument is not None:
        return earlier != {"payment_id": live["id"]}
    return start.part_minor not in (None, live["amount_minor"])


async def _answered(unit: Unit, payment_id: str) -> _Next | None:
    """What the key's payment came to; None while the PSP has still to be asked for it, or for another in its place."""
    row = await unit.fetch_one(
        "SELECT status, session_token, intent_token, last_error FROM payments WHERE id = $1", payment_id
    )
    assert row is not None
    if row["status"] in {PaymentStatus.CREATED, PaymentStatus.UNKNOWN}:
        return None
    if row["status"] == PaymentStatus.FAILED and row["session_token"] is None and row["intent_token"] is None:
        error = decode_json(row["last_error"])
        if error["code"] == ask.NOTHING_MADE:
            return None
        raise ask.GatewayRefused(error["message"])
    return _Ready(payment_id)


async def _continue(unit: Unit, start: Start, live: Mapping[str, Any], first: bool, now: datetime) -> _Next:
    """With the order's live payment; `first`: it makes room for another, and is not what the caller wants."""
    payment_id = live["id"]
    if live["status"] != PaymentStatus.OPEN:
        return _Ask(payment_id, first) if await ask.claim(unit, payment_id, now) else _Wait(payment_id)
    stale = first or decode_time(live["expires_at"]) <= now + _MARGIN
    return _Stale(payment_id) if stale else _Ready(payment_id)


async def _insert(
    unit: Unit,
    tokens: Tokens,
    start: Start,
    locked: Locked,
    payment_id: str,
    cause: Cause,
    now: datetime,
) -> None:
    """The new try, which takes the place of all earlier ones."""
    order, amount_minor = locked.order, start.amount_minor(locked)
    own_page = f"{start.places.base_url}/return/{payment_id}/{tokens.return_token(payment_id)}"
    request = (
        direct_request(start, start.instrument, locked, payment_id, own_page)
        if start.instrument
        else await session_request(unit, start, locked, payment_id, own_page, now)
    )
    await orders.supersede(unit, start.order_id, now)
    payment = NewPayment(
        payment_id=payment_id,
        merchant_id=start.merchant_id,
        order_id=start.order_id,
        gateway=start.gateway,
        livemode=start.livemode,
        recurrence=start.recurrence,
        capture_method=start.capture_method,
        currency=order["currency"],
        amount_minor=amount_minor,
        request=request.to_json(),
        saves_method=start.instrument.save if start.instrument else None,
        asked_at=now,
        inquire_at=now + ask.LEASE,
    )
    await unit.insert("payments", rows.row_of(payment, now))
    await unit.execute("UPDATE orders SET version = version + 1, updated_at = $2 WHERE id = $1", start.order_id, now)
    await events.append(
        unit,
        [rows.created(payment)],
        merchant_id=start.merchant_id,
        subject_id=start.order_id,
        version=order["version"],
        cause=cause,
        now=now,
    )


async def _wait(payment_id: str) -> None:
    """Until whoever asks the PSP has recorded its answer, has given up, or should have."""
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + ask.LEASE.total_seconds(), _PAUSE
    while loop.time() < deadline:
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
        row = await reading.fetch_one("SELECT asked_at FROM payments WHERE id = $1", payment_id)
        if row is None or row["asked_at"] is None:
            return
