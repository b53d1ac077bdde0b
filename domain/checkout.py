"""Checkout: a payer's visit to a hosted payment page. However often it is started, an order has one open session."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from domain import events, idempotency, merchants, orders
from domain.actions import CheckoutInProgress, OrderAction, guard
from domain.events import Cause, NewEvent
from domain.methods import availability
from domain.methods.method import PaymentMethodType
from domain.orders import Locked
from domain.payments import ask, inquire
from domain.refusals import Fault, Refusal
from domain.tokens import Tokens
from gateways.base import Capabilities, DirectRequest, RequestItem, SessionRequest
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, unit_of_work
from models import CaptureMethod, PaymentStatus, Recurrence

SESSION_LIFE = timedelta(hours=1)
_MARGIN = timedelta(seconds=60)
_PAUSE, _LONGEST_PAUSE = 0.05, 0.4
_ROUNDS = 4

MUTATION = "checkoutStart"


class UntrustedUrl(Refusal):
    """Payers are sent back to the merchant's own origins only."""

    def __init__(self, url: str, field: str) -> None:
        message = f"{url[:100]!r} is not on one of the merchant's origins (main.py merchant origins)."
        super().__init__(Fault("RETURN_URL_NOT_ALLOWED", message, (field,)))


@dataclass(frozen=True, slots=True)
class Places:
    """Where the payer goes after the hosted page; None stands for our own return page."""

    base_url: str
    success_url: str | None = None
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True)
class _Ready:
    payment_id: str


@dataclass(frozen=True, slots=True)
class _Ask:
    """This caller is to ask the PSP."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class _Wait:
    """Somebody else is asking the PSP."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class _Stale:
    """The session has run out, or is about to: it is closed before a new one is opened."""

    payment_id: str


_Next = _Ready | _Ask | _Wait | _Stale


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


async def start_checkout(
    gateways: Gateways,
    tokens: Tokens,
    *,
    merchant_id: str,
    order_id: str,
    places: Places,
    capture_method: CaptureMethod,
    idempotency_key: str,
    body_digest: str,
    cause: Cause,
    now: datetime,
    method: PaymentMethodType | None = None,
) -> str:
    """The order's one open payment, with its hosted page ready; returns the payment's id.

    Any number of calls, at once or one after the other, get the same session. A retry after a time-out asks
    the PSP with the stored key, so it finds what the first try made. `idempotency_key` answers the same
    payment for as long as it is known. A new page shows the `method` only, if one is chosen; a page that is
    open already stays as it is. Raises MethodNotAvailable for a method that cannot pay the order.
    """
    await check_places(merchant_id, places)
    start = Start(
        mutation=MUTATION,
        merchant_id=merchant_id,
        order_id=order_id,
        places=places,
        capture_method=capture_method,
        key=idempotency.check(idempotency_key),
        body_digest=body_digest,
        gateway=gateways.default.name,
        livemode=gateways.default.livemode,
        restrict=_restriction(method, capture_method, gateways.default.capabilities) if method else None,
    )
    return await register(gateways, tokens, start, cause=cause, now=now)


def _restriction(
    method: PaymentMethodType, capture_method: CaptureMethod, capabilities: Capabilities
) -> Callable[[str, int], tuple[str, ...]]:
    manual_capture = capture_method is CaptureMethod.MANUAL
    return partial(availability.restriction, method, capabilities=capabilities, manual_capture=manual_capture)


async def register(gateways: Gateways, tokens: Tokens, start: Start, *, cause: Cause, now: datetime) -> str:
    """The payment that the start comes to, reserved once and known to the PSP; returns its id."""
    began = asyncio.get_running_loop().time()
    for _ in range(_ROUNDS):
        moment = now + timedelta(seconds=asyncio.get_running_loop().time() - began)
        match await unit_of_work(partial(_reserve, tokens=tokens, start=start, cause=cause, now=moment)):
            case _Ready(payment_id):
                return payment_id
            case _Ask(payment_id):
                await ask.ask(gateways, payment_id, cause=cause, now=moment)
            case _Wait(payment_id):
                await _wait(payment_id)
            case _Stale(payment_id):
                await inquire.close(gateways, payment_id, cause=cause, now=moment)
    raise CheckoutInProgress(start.order_id)


async def check_places(merchant_id: str, places: Places) -> None:
    for field, url in (("returnUrl", places.success_url), ("cancelUrl", places.cancel_url)):
        if url is None:
            continue
        origin = _origin(url)
        if origin != places.base_url and not await merchants.origin_is_trusted(origin, merchant_id):
            raise UntrustedUrl(url, field)


def _origin(url: str) -> str:
    """The origin of a URL, "" for what is none."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > 2000:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()


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
        step = await _continue(unit, start, locked.live, now)
    answer = {"payment_id": step.payment_id}
    if isinstance(step, _Stale) or answer == earlier:
        return step
    if earlier:
        await idempotency.answer_anew(unit, **key, answer=answer)
    else:
        await idempotency.claim(unit, **key, body_digest=start.body_digest, answer=answer, now=now)
    return step


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


async def _continue(unit: Unit, start: Start, live: Mapping[str, Any], now: datetime) -> _Next:
    payment_id = live["id"]
    if live["status"] != PaymentStatus.OPEN:
        return _Ask(payment_id) if await ask.claim(unit, payment_id, now) else _Wait(payment_id)
    stale = start.instrument is not None or decode_time(live["expires_at"]) <= now + _MARGIN
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
    order, amount_minor = locked.order, locked.outstanding_minor
    own_page = f"{start.places.base_url}/return/{payment_id}/{tokens.return_token(payment_id)}"
    request = (
        _direct_request(start, start.instrument, locked, payment_id, own_page)
        if start.instrument
        else await _session_request(unit, start, locked, payment_id, own_page, now)
    )
    await orders.supersede(unit, start.order_id, now)
    await unit.execute(
        """INSERT INTO payments (id, merchant_id, order_id, gateway, livemode, status, recurrence, capture_method,
                                 currency, amount_minor, authorized_minor, captured_minor, refunded_minor,
                                 disputed_minor, idempotency_key, request, saves_method, asked_at, inquire_at,
                                 inquiries, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, 0, $1, $11, $12, $13, $14, 0, $13, $13)""",
        payment_id,
        start.merchant_id,
        start.order_id,
        start.gateway,
        start.livemode,
        PaymentStatus.CREATED.value,
        Recurrence.SALE.value,
        start.capture_method.value,
        order["currency"],
        amount_minor,
        request.to_json(),
        start.instrument.save if start.instrument else None,
        now,
        now + ask.LEASE,
    )
    await unit.execute("UPDATE orders SET version = version + 1, updated_at = $2 WHERE id = $1", start.order_id, now)
    facts = {"amount_minor": amount_minor, "currency": order["currency"], "gateway": start.gateway}
    await events.append(
        unit,
        [NewEvent(type="payment.created", payment_id=payment_id, data=facts)],
        merchant_id=start.merchant_id,
        subject_id=start.order_id,
        version=order["version"],
        cause=cause,
        now=now,
    )


def _direct_request(
    start: Start, instrument: Instrument, locked: Locked, payment_id: str, own_page: str
) -> DirectRequest:
    return DirectRequest(
        payment_id=payment_id,
        order_id=start.order_id,
        currency=locked.order["currency"],
        amount_minor=locked.outstanding_minor,
        token=instrument.token,
        manual_capture=start.capture_method is CaptureMethod.MANUAL,
        customer_token=instrument.customer_token,
        save=instrument.save,
        off_session=instrument.off_session,
        return_url=start.places.success_url or own_page,
    )


async def _session_request(
    unit: Unit, start: Start, locked: Locked, payment_id: str, own_page: str, now: datetime
) -> SessionRequest:
    order = locked.order
    lines = await unit.fetch(
        "SELECT name, unit_amount_minor, quantity FROM line_items WHERE order_id = $1 ORDER BY position", start.order_id
    )
    customer = await unit.fetch_one("SELECT email FROM customers WHERE id = $1", order["customer_id"])
    return SessionRequest(
        payment_id=payment_id,
        order_id=start.order_id,
        currency=order["currency"],
        amount_minor=locked.outstanding_minor,
        items=_items(order, lines, locked.outstanding_minor),
        manual_capture=start.capture_method is CaptureMethod.MANUAL,
        customer_email=customer["email"] if customer else None,
        success_url=start.places.success_url or own_page,
        cancel_url=start.places.cancel_url or own_page,
        expires_at=int((now + SESSION_LIFE).timestamp()),
        method_types=start.restrict(order["currency"], locked.outstanding_minor) if start.restrict else (),
    )


def _items(order: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], amount_minor: int) -> tuple[RequestItem, ...]:
    """The order's rows; a part of it that was collected before leaves one row for the rest."""
    if amount_minor != order["total_minor"]:
        return (RequestItem(f"Rest of order {order['reference'] or order['id']}", amount_minor, 1),)
    return tuple(RequestItem(line["name"], line["unit_amount_minor"], line["quantity"]) for line in lines)


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
