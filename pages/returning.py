"""The return page: a hint that the payer is back. It asks the PSP, shows what is known, follows live, tries again."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain import reads
from domain.refusals import Refusal
from domain.returning import visits
from domain.returning.shown import Shown, look
from domain.returning.visits import Visit
from kit import clock
from kit.logs import bind
from models import PaymentStatus
from pages import asking, streams, wording
from pages.render import fragment, page

OPENING = 20.0
"""How many seconds a payer waits for a hosted page to be opened; what was begun goes on."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A form that wishes the same once more."""

    path: str
    fields: Mapping[str, str]


async def return_page(request: Request) -> Response:
    """GET /return/{payment_id}/{token}. Whatever the address says, only the PSP's word counts."""
    visit = await _visit(request)
    if visit is None:
        return page(request, "not_found.html", status=404)
    await _ask(request, visit)
    shown = await look(visit.payment_id, clock.now())
    return page(request, "return.html", form_targets=_origin(shown.psp_url), **_facts(request, visit, shown))


async def return_live(request: Request) -> Response:
    """GET /return/{payment_id}/{token}/live: server-sent events, one for each change of what the page shows.

    204 tells the browser not to come again: there is no more to tell.
    """
    visit = await _visit(request)
    if visit is None:
        return Response(status_code=404)
    after = streams.cursor(request)
    shown = await look(visit.payment_id, clock.now())
    if shown.settled and shown.version == after:
        return Response(status_code=204)
    return streams.stream(request, _changes(request, visit, after))


async def pay_again(request: Request) -> Response:
    """POST /return/{payment_id}/{token}/again: a new hosted page for the same order, or the one that is open."""
    visit = await _visit(request)
    if visit is None:
        return page(request, "not_found.html", status=404)
    house = request.app.state.house
    try:
        async with asyncio.timeout(OPENING):
            payment_id = await visits.start_again(
                house.gateways, house.tokens, visit, base_url=house.base_url, cause=asking.CAUSE, now=clock.now()
            )
    except TimeoutError:
        return await _not_again(request, visit, 503, wording.SLOW)
    except Refusal as refused:
        return await _not_again(request, visit, 503 if wording.is_passing(refused) else 409, wording.refusal(refused))
    row = await reads.by_id("payments", visit.merchant_id, payment_id)
    pays = row is not None and row["status"] == PaymentStatus.OPEN and row["checkout_url"]
    return RedirectResponse(row["checkout_url"] if row and pays else own_path(request, payment_id), 303)


def own_path(request: Request, payment_id: str) -> str:
    """The address of a payment's return page."""
    return f"/return/{payment_id}/{request.app.state.house.tokens.return_token(payment_id)}"


async def _ask(request: Request, visit: Visit) -> None:
    if not visit.settled:
        gateways = request.app.state.house.gateways
        question = partial(visits.ask, gateways, visit, cause=asking.CAUSE, now=clock.now())
        await asking.of(request.app).ask(visit.payment_id, question)


async def _not_again(request: Request, visit: Visit, status: int, message: str) -> Response:
    path = own_path(request, visit.payment_id)
    shown = await look(visit.payment_id, clock.now())
    retry = Retry(f"{path}/again", {}) if status == 503 else None
    targets = _origin(shown.psp_url)
    return page(request, "refused.html", status=status, form_targets=targets, message=message, back=path, retry=retry)


async def _changes(request: Request, visit: Visit, after: int) -> AsyncGenerator[str, None]:
    async with aclosing(visits.follow(request.app.state.house.hub, visit, after, clock.now())) as following:
        async for shown in following:
            facts = _facts(request, visit, shown)
            told = {
                "state": shown.state.value,
                "settled": shown.settled,
                "title": facts["words"].title,
                "text": facts["words"].text,
                "html": fragment(request, "receipt.html", **facts),
            }
            yield streams.message(shown.version, told)


def _facts(request: Request, visit: Visit, shown: Shown) -> dict[str, Any]:
    demo = request.app.state.demo
    path = own_path(request, visit.payment_id)
    return {
        "shown": shown,
        "words": wording.words(shown),
        "decline": wording.decline(shown),
        "method": wording.method(shown),
        "live_path": f"{path}/live?after={shown.version}",
        "again_path": f"{path}/again",
        "shop": "/" if demo and demo["merchantId"] == visit.merchant_id else None,
    }


def _origin(url: str | None) -> str:
    """The PSP's origin, where a form that starts again is sent on to."""
    parts = urlsplit(url or "https://checkout.stripe.com")
    return f"{parts.scheme}://{parts.netloc}"


async def _visit(request: Request) -> Visit | None:
    payment_id, token = request.path_params["payment_id"], request.path_params["token"]
    if not request.app.state.house.tokens.opens_return(payment_id, token):
        return None
    bind(payment_id=payment_id)
    return await visits.visit(payment_id)
