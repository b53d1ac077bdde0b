"""What a payer who is back brings about: asking the PSP, following the payment live, and trying again."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from domain import following
from domain.checkout.hosted import start_checkout
from domain.checkout.places import Places
from domain.events import Cause
from domain.payments import inquire
from domain.returning.shown import Shown, look
from domain.tokens import Tokens
from gateways.registry import Gateways
from kit.database import reading
from kit.database.reading import decode_json
from kit.hub import Hub
from models import FINAL, CaptureMethod


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is back, and from which payment. `settled`: nothing the PSP could say would change the page."""

    payment_id: str
    order_id: str
    merchant_id: str
    settled: bool


async def visit(payment_id: str) -> Visit | None:
    """The payment's visit, None if there is no such payment."""
    row = await reading.fetch_one("SELECT order_id, merchant_id, status FROM payments WHERE id = $1", payment_id)
    return Visit(payment_id, row["order_id"], row["merchant_id"], row["status"] in FINAL) if row else None


async def ask(gateways: Gateways, visit: Visit, *, cause: Cause, now: datetime) -> None:
    """Asks the PSP how the payment stands, unless it has ended. Raises a Refusal when the PSP does not answer."""
    if not visit.settled:
        await inquire.inquire(gateways, visit.payment_id, cause=cause, now=now)


async def start_again(
    gateways: Gateways, tokens: Tokens, visit: Visit, *, base_url: str, cause: Cause, now: datetime
) -> str:
    """Opens a hosted page for the order once more, with the same ends; returns the payment's id.

    The same visit always gives the same new payment. Raises a Refusal where the order takes no payment now.
    """
    row = await reading.fetch_one("SELECT request, capture_method FROM payments WHERE id = $1", visit.payment_id)
    assert row is not None
    request = decode_json(row["request"])
    return await start_checkout(
        gateways,
        tokens,
        merchant_id=visit.merchant_id,
        order_id=visit.order_id,
        places=_places(base_url, request["success_url"], request["cancel_url"]),
        capture_method=CaptureMethod(row["capture_method"]),
        idempotency_key=f"again:{visit.payment_id}",
        body_digest=visit.order_id,
        cause=cause,
        now=now,
    )


def _places(base_url: str, success_url: str, cancel_url: str) -> Places:
    """Our own return page is another one for each payment; the merchant's pages stay."""
    own = f"{base_url}/return/"
    return Places(
        base_url,
        None if success_url.startswith(own) else success_url,
        None if cancel_url.startswith(own) else cancel_url,
    )


def follow(hub: Hub, visit: Visit, after: int, now: datetime) -> AsyncGenerator[Shown, None]:
    """What is known, as soon as it is newer than the order's version `after`; ends with what is settled."""
    return following.follow(hub, visit.order_id, after, partial(look, visit.payment_id, now))
