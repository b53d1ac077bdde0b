"""A payment link's pages: what is to be paid and why, the way to the hosted page, a QR code, an invoice to print."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from domain import reads
from domain.events import Cause, CauseKind
from domain.links import visits
from domain.links.visits import BadAmount, Link, LinkClosed, Standing
from domain.refusals import Refusal
from kit import clock, money, qr
from models import LinkStatus, OrderStatus, PaymentStatus
from pages import wording
from pages.assets import STATIC
from pages.forms import BadForm, read_form
from pages.render import page
from pages.returning import OPENING, Retry, own_path

_COOKIE_SECONDS = 30 * 24 * 3600
_VISIT = re.compile(r"[0-9a-f]{32}")
_COOKIE = re.compile(rf"visit-({_VISIT.pattern})")
_MOST_REMEMBERED = 20
_KEPT_SECONDS = 3600


def _at_a_link(answer: Callable[[Request, Link], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Answers for the link at the address; 404 where there never was one."""

    @wraps(answer)
    async def find(request: Request) -> Response:
        link = await visits.find(request.path_params["slug"])
        return await answer(request, link) if link else page(request, "not_found.html", status=404)

    return find


@_at_a_link
async def link_page(request: Request, link: Link) -> Response:
    """GET /l/{slug}. 404 for an address that never was, 410 for a link that is closed."""
    visit = await _visit(request, link)
    standing = await visits.standing(link, visit, clock.now())
    if standing.status is LinkStatus.USED_UP or standing.order_status is OrderStatus.PAID:
        return _remembering(request, link, visit, _paid(request, link, standing))
    if standing.status is not LinkStatus.ACTIVE:
        return _closed(request, link, standing.status)
    return _remembering(request, link, visit, _offer(request, link, standing, visit))


@_at_a_link
async def pay_link(request: Request, link: Link) -> Response:
    """POST /l/{slug}: to the hosted page of the visit's one open payment; with `again`, a new visit begins."""
    try:
        given = await read_form(request)
    except BadForm as bad:
        return _refused(request, link, bad.status, str(bad))
    if "again" in given and link.reusable:
        return _remembering(request, link, _new_visit(), RedirectResponse(_path(link), 303))
    return await _pay(request, link, given)


async def _pay(request: Request, link: Link, given: Mapping[str, str]) -> Response:
    visit = await _visit(request, link, given.get("visit", ""))
    house = request.app.state.house
    try:
        async with asyncio.timeout(OPENING):
            payment_id = await visits.pay(
                house.gateways,
                house.tokens,
                link,
                visit,
                amount_minor=_amount(link, given),
                base_url=house.base_url,
                cause=Cause(CauseKind.LINK, link.link_id),
                now=clock.now(),
            )
    except TimeoutError:
        return _refused(request, link, 503, wording.SLOW, given)
    except LinkClosed as closed:
        return _closed(request, link, closed.status)
    except BadAmount as bad:
        standing = await visits.standing(link, visit, clock.now())
        return _offer(request, link, standing, visit, wrong=bad, typed=given.get("amount", ""))
    except Refusal as refused:
        passing = wording.is_passing(refused)
        return _refused(request, link, 503 if passing else 409, wording.refusal(refused), given if passing else None)
    return _remembering(request, link, visit, await _onward(request, link, payment_id))


async def _onward(request: Request, link: Link, payment_id: str) -> Response:
    row = await reads.by_id("payments", link.merchant_id, payment_id)
    if row is not None and row["status"] == PaymentStatus.OPEN and row["checkout_url"]:
        return RedirectResponse(row["checkout_url"], status_code=303)
    return RedirectResponse(own_path(request, payment_id), status_code=303)


@_at_a_link
async def invoice(request: Request, link: Link) -> Response:
    """GET /l/{slug}/invoice: the same to print, with the address and its QR code."""
    standing = await visits.standing(link, "", clock.now())
    return page(request, "invoice.html", link=link, standing=standing, address=_address(request, link))


@_at_a_link
async def qr_svg(request: Request, link: Link) -> Response:
    """GET /l/{slug}/qr.svg"""
    return _picture(request, link, qr.svg, "image/svg+xml")


@_at_a_link
async def qr_png(request: Request, link: Link) -> Response:
    """GET /l/{slug}/qr.png"""
    return _picture(request, link, qr.png, "image/png")


def _picture(request: Request, link: Link, draw: Callable[[str], bytes], media_type: str) -> Response:
    headers = {"Cache-Control": f"public, max-age={_KEPT_SECONDS}"}
    return Response(draw(_address(request, link)), media_type=media_type, headers=headers)


async def embed(_request: Request) -> Response:
    """GET /embed.js: the button for pages of other origins."""
    headers = {"Cache-Control": f"public, max-age={_KEPT_SECONDS}", "Cross-Origin-Resource-Policy": "cross-origin"}
    return FileResponse(STATIC / "embed.js", media_type="text/javascript", headers=headers)


def _offer(
    request: Request, link: Link, standing: Standing, visit: str, *, wrong: BadAmount | None = None, typed: str = ""
) -> Response:
    return page(
        request,
        "link.html",
        status=422 if wrong else 200,
        form_targets=_form_targets(request),
        link=link,
        standing=standing,
        visit=visit,
        wrong=wrong,
        typed=typed or request.query_params.get("amount", "")[:30],
        plain=money.decimal_of,
        late=link.due_at is not None and link.due_at < clock.now(),
    )


def _paid(request: Request, link: Link, standing: Standing) -> Response:
    """There is nothing more to pay: the receipt, and for a reusable link the way to pay once more."""
    receipt = own_path(request, standing.payment_id) if standing.payment_id else None
    status = 410 if standing.status is LinkStatus.USED_UP else 200
    again = link.reusable and standing.status is LinkStatus.ACTIVE
    return page(request, "link_paid.html", status=status, link=link, standing=standing, receipt=receipt, again=again)


def _closed(request: Request, link: Link, status: LinkStatus) -> Response:
    return page(request, "link_closed.html", status=410, link=link, closed=wording.CLOSED[status])


def _refused(
    request: Request, link: Link, status: int, message: str, given: Mapping[str, str] | None = None
) -> Response:
    """Says why not; `given` is a wish that may be granted in a moment."""
    path = _path(link)
    retry = Retry(path, given) if given is not None else None
    targets = _form_targets(request)
    return page(request, "refused.html", status=status, form_targets=targets, message=message, retry=retry, back=path)


def _amount(link: Link, given: Mapping[str, str]) -> int | None:
    """What the payer typed, else what was clicked on; -1 for what is no amount."""
    typed = given.get("amount", "").strip() or given.get("preset", "").strip()
    if not typed:
        return None
    parsed = money.parsed(typed, link.currency)
    return -1 if parsed is None else parsed


def _new_visit() -> str:
    """Nobody guesses it, and older ones sort before it."""
    return f"{int(clock.now().timestamp() * 1000):012x}{secrets.token_hex(10)}"


async def _visit(request: Request, link: Link, given: str = "") -> str:
    """The browser's visit; where it keeps no cookies, what the form says. Tabs that are opened at once each begin one
    before they hear of each other: the browser remembers them all, and every tab goes on with the same."""
    remembered = _remembered(request)
    if len(remembered) > 1:
        return await visits.to_go_on_with(link, remembered)
    known = (*remembered, given)
    return next((visit for visit in known if _VISIT.fullmatch(visit)), None) or _new_visit()


def _remembered(request: Request) -> list[str]:
    found = (_COOKIE.fullmatch(name) for name in request.cookies)
    return sorted(match[1] for match in found if match)[:_MOST_REMEMBERED]


def _remembering(request: Request, link: Link, visit: str, response: Response) -> Response:
    if not link.reusable:
        return response
    secure = request.app.state.house.base_url.startswith("https:")
    kept = {other: 0 for other in _remembered(request)} | {visit: _COOKIE_SECONDS}
    for name, seconds in kept.items():
        response.set_cookie(
            f"visit-{name}", max_age=seconds, path=_path(link), secure=secure, httponly=True, samesite="lax"
        )
    return response


def _path(link: Link) -> str:
    return f"/l/{link.slug}"


def _address(request: Request, link: Link) -> str:
    return f"{request.app.state.house.base_url}{_path(link)}"


def _form_targets(request: Request) -> str:
    """Where a payer is sent on to. A Stripe account's hosted page may have a domain of its own."""
    return request.app.state.house.settings.stripe_api_base or "https:"
