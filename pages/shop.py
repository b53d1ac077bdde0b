"""The start page of the embedded instance: a small shop, so that a newcomer can make a first payment."""

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from babel.numbers import get_territory_currencies
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain import orders, reads
from domain.checkout.hosted import start_checkout
from domain.checkout.places import Places
from domain.events import Cause, CauseKind
from domain.order_input import NewCustomer, NewItem
from domain.reads import Row, Window
from domain.refusals import Refusal
from kit import clock
from models import CaptureMethod, Merchant, PaymentStatus
from pages import locales, wording
from pages.forms import BadForm, read_form
from pages.recipe import keys_for, recipe
from pages.render import page
from pages.returning import OPENING, Retry, own_path

_CAUSE = Cause(CauseKind.SYSTEM, "demo_shop")
_PAYER = NewCustomer("ada@payer.example", "Ada")  # no mail ever reaches .example
_SHAPES = {
    "product": re.compile(r"prod_[0-9a-z]{1,32}"),
    "currency": re.compile(r"[A-Z]{3}"),
    "intent": re.compile(r"[0-9a-f]{24}-[0-9]{1,3}"),
}


@dataclass(frozen=True, slots=True)
class _Offer:
    """A product as the shop shows it; `chosen` is the currency that is proposed."""

    product: Row
    prices: Sequence[Row]
    chosen: str


def demo_of(request: Request) -> dict[str, Any] | None:
    """The demo's facts; None in production, and where real money would move."""
    demo: dict[str, Any] | None = request.app.state.demo
    return None if request.app.state.house.livemode else demo


async def start_page(request: Request) -> Response:
    """GET /. In production only a sign that the server is there."""
    demo = demo_of(request)
    if demo is None:
        return page(request, "bare.html")
    offers = await _offers(request, demo)
    merchant = await Merchant.get(id=demo["merchantId"])
    keys, intent = keys_for(request), secrets.token_hex(12)
    first = offers[0] if offers else None
    return page(
        request,
        "start.html",
        form_targets=_form_targets(demo),
        shop_name=merchant.name,
        offers=offers,
        demo=demo,
        keys=keys,
        intent=intent,
        sends_mail=request.app.state.house.post.server is not None,
        recipe=recipe(demo, keys, first.product["id"], first.chosen, f"try-{intent}") if first else None,
    )


async def buy(request: Request) -> Response:
    """POST /demo/buy: makes the order, opens its checkout, sends the payer there."""
    demo = demo_of(request)
    if demo is None:
        return page(request, "not_found.html", status=404)
    try:
        given = await _given(request)
    except BadForm as bad:
        return _refused(request, bad.status, str(bad))
    try:
        async with asyncio.timeout(OPENING):
            payment_id = await _start(request, demo["merchantId"], given)
    except TimeoutError:
        return _refused(request, 503, wording.SLOW, given)
    except Refusal as refused:
        passing = wording.is_passing(refused)
        return _refused(request, 503 if passing else 422, wording.refusal(refused), given if passing else None)
    return await _onward(request, demo["merchantId"], payment_id)


async def _onward(request: Request, merchant_id: str, payment_id: str) -> Response:
    """To the hosted page; to the return page when this purchase has ended, in whatever way."""
    row = await reads.by_id("payments", merchant_id, payment_id)
    assert row is not None
    if row["status"] == PaymentStatus.OPEN and row["checkout_url"]:
        return RedirectResponse(row["checkout_url"], status_code=303)
    return RedirectResponse(own_path(request, payment_id), status_code=303)


async def _given(request: Request) -> dict[str, str]:
    given = await read_form(request)
    if not all(shape.fullmatch(given.get(name, "")) for name, shape in _SHAPES.items()):
        raise BadForm(422, "The form does not say what is to be bought. Please choose in the shop.")
    return {name: given[name] for name in _SHAPES}


def _refused(request: Request, status: int, message: str, given: Mapping[str, str] | None = None) -> Response:
    """Says why not; `given` is a wish that may be granted in a moment."""
    targets = _form_targets(request.app.state.demo)
    retry = Retry("/demo/buy", given) if given else None
    return page(request, "refused.html", status=status, form_targets=targets, message=message, retry=retry, back="/")


def _form_targets(demo: Mapping[str, Any]) -> str:
    """Where a purchase is sent on to. A Stripe account's hosted page may have a domain of its own."""
    return str(demo["sandboxUrl"] or "https:")


async def _offers(request: Request, demo: Mapping[str, Any]) -> list[_Offer]:
    """What is for sale, the demo's own products first and in their order."""
    merchant_id, own = demo["merchantId"], list(demo["productIds"] or ())
    rows = list((await reads.page("products", merchant_id, Window(limit=50, descending=False))).rows)
    rows.sort(key=lambda row: own.index(row["id"]) if row["id"] in own else len(own))
    prices = await reads.prices_of_products([row["id"] for row in rows], merchant_id)
    of_product: dict[str, list[Row]] = {}
    for price in prices:
        of_product.setdefault(price["product_id"], []).append(price)
    liked = _liked_currencies(locales.negotiate(request.headers.get("accept-language", "")))
    return [_Offer(row, found, _choose(found, liked)) for row in rows if (found := of_product.get(row["id"]))]


def _choose(prices: Sequence[Row], liked: Sequence[str]) -> str:
    offered = [price["currency"] for price in prices]
    return next((currency for currency in liked if currency in offered), offered[0])


def _liked_currencies(locale: str) -> list[str]:
    """What is paid with where the locale is at home."""
    territory = locale.rpartition("_")[2]
    return list(get_territory_currencies(territory)) if territory.isupper() and len(territory) == 2 else []


async def _start(request: Request, merchant_id: str, given: Mapping[str, str]) -> str:
    house, now = request.app.state.house, clock.now()
    product_id, currency = given["product"], given["currency"]
    intent = f"{given['intent']}:{currency}"
    order_id = await orders.create_order(
        house.gateways,
        merchant_id=merchant_id,
        currency=currency,
        items=[NewItem(quantity=1, product_id=product_id)],
        customer=_PAYER,
        reference=None,
        metadata={},
        idempotency_key=intent,
        body_digest=f"{product_id}:{currency}",
        cause=_CAUSE,
        now=now,
    )
    return await start_checkout(
        house.gateways,
        house.tokens,
        merchant_id=merchant_id,
        order_id=order_id,
        places=Places(house.base_url),
        capture_method=CaptureMethod.AUTOMATIC,
        idempotency_key=intent,
        body_digest=order_id,
        cause=_CAUSE,
        now=now,
    )
