"""Checkout: a payer's visit to a hosted payment page. However often it is started, an order has one open session."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from domain import idempotency
from domain.checkout.places import Places, check_places
from domain.checkout.register import register
from domain.checkout.requests import Start
from domain.events import Cause
from domain.methods import availability
from domain.methods.method import PaymentMethodType
from domain.tokens import Tokens
from gateways.capabilities import Capabilities
from gateways.registry import Gateways
from models import CaptureMethod

MUTATION = "checkoutStart"


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
    part_minor: int | None = None,
) -> str:
    """The order's one open payment, with its hosted page ready; returns the payment's id.

    Any number of calls, at once or one after the other, get the same session. A retry after a time-out asks
    the PSP with the stored key, so it finds what the first try made. `idempotency_key` answers the same
    payment for as long as it is known. A new page shows the `method` only, if one is chosen; a page that is
    open already stays as it is, unless it is for another `part_minor` of what is outstanding. Raises
    MethodNotAvailable for a method that cannot pay the order, PartTooLarge for more than is outstanding.
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
        part_minor=part_minor,
    )
    return await register(gateways, tokens, start, cause=cause, now=now)


def _restriction(
    method: PaymentMethodType, capture_method: CaptureMethod, capabilities: Capabilities
) -> Callable[[str, int], tuple[str, ...]]:
    manual_capture = capture_method is CaptureMethod.MANUAL
    return partial(availability.restriction, method, capabilities=capabilities, manual_capture=manual_capture)
