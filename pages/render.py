"""Renders pages: templates, the payer's locale, and the headers that keep a page safe."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from kit import money
from kit.locales import day, moment
from pages import locales
from pages.assets import asset

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["asset"] = asset

SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
"""What HTML in a frame may do: its links open pages of their own."""

_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def page(
    request: Request, template: str, *, status: int = 200, form_targets: str = "", frames: bool = False, **facts: Any
) -> HTMLResponse:
    """The page. `form_targets` are origins that a form may be sent on to, beside our own; `frames`: it shows a page."""
    html = fragment(request, template, **{"shop": "/" if request.app.state.demo else None, **facts})
    return HTMLResponse(html, status, headers={**_HEADERS, "Content-Security-Policy": _policy(form_targets, frames)})


def framed(html: str) -> HTMLResponse:
    """HTML that is no page of ours, for a frame on one: it runs nothing, loads nothing, and is of no origin."""
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; sandbox {SANDBOX}; base-uri 'none'; frame-ancestors 'self'"
    )
    return HTMLResponse(html, headers=_HEADERS | {"X-Frame-Options": "SAMEORIGIN", "Content-Security-Policy": policy})


def fragment(request: Request, template: str, **facts: Any) -> str:
    """A template's HTML, with amounts and times in the payer's locale."""
    locale = locales.negotiate(request.headers.get("accept-language", ""))
    return _environment.get_template(template).render(
        money=partial(_money, locale), moment=partial(_moment, locale), day=partial(_day, locale), **facts
    )


def _policy(form_targets: str, frames: bool) -> str:
    # A form's targets hold for where it is redirected to as well.
    targets = " ".join(["'self'", *form_targets.split()])
    frame_src = " frame-src 'self';" if frames else ""
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        f"{frame_src} form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )


def _money(locale: str, amount_minor: int, currency: str) -> Markup:
    """The amount in the payer's language, though the text around it is English."""
    text = money.formatted(amount_minor, currency, locale)
    return Markup('<bdi lang="{}">{}</bdi>').format(locales.tag(locale), text)


def _day(locale: str, time: datetime) -> Markup:
    return Markup('<time lang="{}" datetime="{}"><bdi>{}</bdi></time>').format(
        locales.tag(locale), time.isoformat(timespec="seconds"), day(time, locale)
    )


def _moment(locale: str, time: datetime) -> Markup:
    text = moment(time, locale)
    return Markup('<time lang="{}" datetime="{}"><bdi>{}</bdi></time>').format(
        locales.tag(locale), time.isoformat(timespec="seconds"), text
    )
