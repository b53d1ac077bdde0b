"""Paying without a hosted page: the browser or app tokenizes at the PSP, and the token is charged here."""

import re
from dataclasses import dataclass
from datetime import datetime

from domain import idempotency, saved_methods
from domain.checkout.places import Places, check_places
from domain.checkout.register import register
from domain.checkout.requests import Instrument, Start
from domain.events import Cause
from domain.refusals import Fault, Refusal
from domain.tokens import Tokens
from gateways.registry import Gateways
from kit.database import reading
from kit.redaction import holds_card_number
from models import CaptureMethod, Recurrence

MUTATION = "paymentAuthorize"
_TOKEN = re.compile(r"(?:pm|tok|card|src)_[A-Za-z0-9_]{1,240}")


class NotAToken(Refusal):
    """What was given is no token of the PSP."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(Fault(code, message, ("token",)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be charged for an order: a fresh token, or one of the customer's saved methods."""

    merchant_id: str
    order_id: str
    token: str | None
    method_id: str | None
    save: bool
    off_session: bool
    capture_method: CaptureMethod
    recurrence: Recurrence
    places: Places


async def authorize(
    gateways: Gateways,
    tokens: Tokens,
    wanted: Wanted,
    *,
    idempotency_key: str,
    body_digest: str,
    cause: Cause,
    now: datetime,
) -> str:
    """Charges the order's amount, or reserves it; returns the payment's id.

    A decline is no error: the payment is FAILED and says why. The same key and body charge once. An open hosted
    page of the order is closed at the PSP first.
    """
    key = idempotency.check(idempotency_key)
    await check_places(wanted.merchant_id, wanted.places)
    start = Start(
        mutation=MUTATION,
        merchant_id=wanted.merchant_id,
        order_id=wanted.order_id,
        places=wanted.places,
        capture_method=wanted.capture_method,
        key=key,
        body_digest=body_digest,
        gateway=gateways.default.name,
        livemode=gateways.default.livemode,
        instrument=await _instrument(gateways, wanted),
        recurrence=wanted.recurrence,
    )
    return await register(gateways, tokens, start, cause=cause, now=now)


async def _instrument(gateways: Gateways, wanted: Wanted) -> Instrument:
    if (wanted.token is None) == (wanted.method_id is None):
        raise Refusal(Fault("INVALID", "Give a token, or a paymentMethodId: one of the two.", ("token",)))
    if wanted.save and wanted.off_session:
        message = "A payer who is away cannot leave an instrument: give savePaymentMethod or offSession."
        raise Refusal(Fault("INVALID", message, ("offSession",)))
    if wanted.recurrence is Recurrence.RECC and not (wanted.method_id and wanted.off_session):
        message = "A recurring payment wants a saved method and an absent payer: paymentMethodId and offSession."
        raise Refusal(Fault("INVALID", message, ("type",)))
    if wanted.method_id is not None:
        method = await saved_methods.usable(wanted.merchant_id, wanted.method_id)
        if method["customer_id"] != await _customer(wanted):
            raise Refusal(Fault("INVALID", "The saved method is not this customer's.", ("paymentMethodId",)))
        customer_token = await saved_methods.gateway_customer(gateways, wanted.merchant_id, method["customer_id"])
        return Instrument(
            token=method["token"], customer_token=customer_token, save=False, off_session=wanted.off_session
        )
    assert wanted.token is not None
    token = checked_token(wanted.token)
    saving_for: str | None = None
    if wanted.save:
        customer_id = await _customer(wanted)
        if customer_id is None:
            raise Refusal(Fault("REQUIRED", "To save the method, the order needs a customer.", ("savePaymentMethod",)))
        saving_for = await saved_methods.gateway_customer(gateways, wanted.merchant_id, customer_id)
    return Instrument(
        token=token,
        customer_token=saving_for,
        save=wanted.save,
        off_session=wanted.off_session,
    )


def checked_token(token: str) -> str:
    """The token, if it can be one; raises NotAToken, for a card number above all."""
    if holds_card_number(token):
        raise NotAToken(
            "CARD_NUMBER", "This looks like a card number. Tokenize it at the PSP: it must never come here."
        )
    if not _TOKEN.fullmatch(token):
        raise NotAToken("INVALID_TOKEN", "This is no token of the PSP; those look like pm_1AbC….")
    return token


async def _customer(wanted: Wanted) -> str | None:
    row = await reading.fetch_one(
        "SELECT customer_id FROM orders WHERE id = $1 AND merchant_id = $2", wanted.order_id, wanted.merchant_id
    )
    return row["customer_id"] if row else None
