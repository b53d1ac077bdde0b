"""The mails of the demo merchant, for somebody at this very machine: what would be sent, where nothing is."""

from starlette.requests import Request
from starlette.responses import Response

from domain.mails import outbox
from domain.mails.outbox import Outgoing
from kit import ids
from mail import letter
from mail.message import compose
from models import MailStatus
from pages.recipe import keys_for
from pages.render import SANDBOX, framed, page
from pages.shop import demo_of

_MOST = 100

STATUSES = {
    MailStatus.QUEUED: "on its way",
    MailStatus.SENT: "sent",
    MailStatus.KEPT: "kept here",
    MailStatus.REFUSED: "refused",
    MailStatus.FAILED: "failed",
}


async def mails_page(request: Request) -> Response:
    """GET /mails."""
    merchant_id = _merchant_id(request)
    if merchant_id is None:
        return _not_found(request)
    found = [(mail, letter.write(mail).subject) for mail in await outbox.newest(merchant_id, _MOST)]
    sends = request.app.state.house.post.server is not None
    return page(request, "mails.html", mails=found, statuses=STATUSES, sends=sends)


async def mail_page(request: Request) -> Response:
    """GET /mails/{mail_id}: its headers, how it looks, and its text."""
    mail = await _mail(request)
    if mail is None:
        return _not_found(request)
    message = compose(mail, request.app.state.house.post.mail_from)
    return page(
        request,
        "mail.html",
        frames=True,
        mail=mail,
        headers=[(name, str(message[name])) for name in ("From", "To", "Reply-To", "Date") if message[name]],
        letter=letter.write(mail),
        sandbox=SANDBOX,
        statuses=STATUSES,
    )


async def mail_html(request: Request) -> Response:
    """GET /mails/{mail_id}/html: the mail as its reader sees it."""
    mail = await _mail(request)
    return framed(letter.write(mail).as_html()) if mail else _not_found(request)


async def _mail(request: Request) -> Outgoing | None:
    merchant_id, mail_id = _merchant_id(request), request.path_params["mail_id"]
    return await outbox.find(merchant_id, mail_id) if merchant_id and ids.prefix_of(mail_id) == "mail" else None


def _merchant_id(request: Request) -> str | None:
    """Mails name people: they are shown where the keys are, and nowhere else."""
    demo = demo_of(request)
    return demo["merchantId"] if demo and keys_for(request) else None


def _not_found(request: Request) -> Response:
    return page(request, "not_found.html", status=404)
