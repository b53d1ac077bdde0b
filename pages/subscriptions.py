"""A subscription's page for its customer: how it stands, what is owed, another card. And its invoices, to print."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.billing import inquire, method, shown
from domain.billing.shown import Subscribed
from domain.checkout.places import Places
from domain.refusals import Refusal
from kit import clock, ids
from pages import asking, streams, wording
from pages.render import fragment, page
from pages.returning import OPENING, Retry


async def subscription_page(request: Request) -> Response:
    """GET /subscriptions/{subscription_id}/{token}. Who comes from paying finds it paid: the PSP itself is asked."""
    found = await _subscribed(request)
    if found is not None and not found.settled:
        await _ask(request, found)
        found = await _subscribed(request)
    if found is None:
        return page(request, "not_found.html", status=404)
    return page(request, "subscription.html", form_targets=_portal(request), **_facts(request.url.path, found))


async def subscription_live(request: Request) -> Response:
    """GET /subscriptions/{subscription_id}/{token}/live: server-sent events, one for each change of the page.

    204 tells the browser not to come again: there is no more to tell.
    """
    found = await _subscribed(request)
    if found is None:
        return Response(status_code=404)
    after = streams.cursor(request)
    if found.settled and found.version == after:
        return Response(status_code=204)
    return streams.stream(request, _changes(request, found.subscription_id, after))


async def change_method(request: Request) -> Response:
    """POST /subscriptions/{subscription_id}/{token}/method: to the PSP's page for another card."""
    found = await _subscribed(request)
    if found is None:
        return page(request, "not_found.html", status=404)
    house, back = request.app.state.house, request.url.path.removesuffix("/method")
    try:
        async with asyncio.timeout(OPENING):
            url = await method.update_page(
                house.gateways,
                house.tokens,
                merchant_id=found.merchant_id,
                subscription_id=found.subscription_id,
                places=Places(house.base_url),
            )
    except TimeoutError:
        return _refused(request, 503, wording.SLOW, back)
    except Refusal as refused:
        passing = wording.is_passing(refused)
        return _refused(request, 503 if passing else 409, wording.refusal(refused), back)
    return RedirectResponse(url, 303)


async def invoice_page(request: Request) -> Response:
    """GET /invoices/{invoice_id}/{token}."""
    invoice_id = request.path_params["invoice_id"]
    found = await shown.invoice(invoice_id) if _may_see(request, invoice_id, "inv") else None
    if found is None:
        return page(request, "not_found.html", status=404)
    return page(request, "billed.html", invoice=found)


async def _ask(request: Request, found: Subscribed) -> None:
    gateways, now = request.app.state.house.gateways, clock.now()
    question = partial(inquire.inquire, gateways, found.subscription_id, cause=asking.CAUSE, now=now)
    await asking.of(request.app).ask(found.subscription_id, question)


async def _changes(request: Request, subscription_id: str, after: int) -> AsyncGenerator[str, None]:
    path = request.url.path.removesuffix("/live")
    async with aclosing(shown.follow(request.app.state.house.hub, subscription_id, after, clock.now())) as following:
        async for found in following:
            facts = _facts(path, found)
            told = {
                "state": found.status.value,
                "settled": found.settled,
                "title": facts["words"].title,
                "text": facts["words"].text or "",
                "html": fragment(request, "subscribed.html", **facts),
            }
            yield streams.message(found.version, told)


def _facts(path: str, found: Subscribed) -> dict[str, Any]:
    return {
        "shown": found,
        "words": wording.subscription(found),
        "live_path": f"{path}/live?after={found.version}",
        "method_path": f"{path}/method",
    }


async def _subscribed(request: Request) -> Subscribed | None:
    subscription_id = request.path_params["subscription_id"]
    may_see = _may_see(request, subscription_id, "sub")
    return await shown.subscription(subscription_id, clock.now()) if may_see else None


def _may_see(request: Request, subject_id: str, prefix: str) -> bool:
    known = ids.prefix_of(subject_id) == prefix
    opens: bool = known and request.app.state.house.tokens.opens_page(subject_id, request.path_params["token"])
    return opens


def _refused(request: Request, status: int, message: str, back: str) -> Response:
    retry = Retry(f"{back}/method", {}) if status == 503 else None
    targets = _portal(request)
    return page(request, "refused.html", status=status, form_targets=targets, message=message, retry=retry, back=back)


def _portal(request: Request) -> str:
    """Where the form is sent on to."""
    return request.app.state.house.settings.stripe_api_base or "https:"
