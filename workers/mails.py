"""Mail: what events cause is written, and what is due is sent. A mail server that is away delays nothing but mail."""

import asyncio
import logging
from datetime import datetime
from typing import Any

from domain.links import mailing
from domain.mails import drafting, outbox
from domain.mails.outbox import Outgoing
from kit import clock
from mail.post import NotSent, Post, Refused
from models import MailStatus

_AT_ONCE = 8
_LONG_ENOUGH = 120.0  # seconds; then the next sweep goes on, before the queue loses patience
_log = logging.getLogger(__name__)


async def send_mails(ctx: dict[str, Any]) -> None:
    """Writes and sends, unless this process is at it already."""
    post: Post = ctx["post"]
    if post.busy.locked():
        return
    async with post.busy:
        await drafting.draft(ctx["page_url"], now=clock.now())
        await deliver(post, now=clock.now())


async def send_reminders(ctx: dict[str, Any]) -> None:
    """Reminds of every payment link whose time for it has come."""
    while await mailing.remind_next(ctx["base_url"], clock.now()):
        pass


async def deliver(post: Post, *, now: datetime) -> None:
    """Sends what is due, a few at once. A server that takes none of these gets no more for now."""
    timer = asyncio.get_running_loop().time
    deadline = timer() + _LONG_ENOUGH
    while timer() < deadline and (due := await outbox.claim_due(_AT_ONCE, now=now)):
        if not any(await asyncio.gather(*(_deliver(post, mail, now) for mail in due))):
            return


async def _deliver(post: Post, mail: Outgoing, now: datetime) -> bool:
    """Whether the server has decided about the mail."""
    status, reason = MailStatus.SENT, None
    try:
        if post.server is None:
            status = MailStatus.KEPT
        else:
            await post.send(mail)
    except Refused as refused:
        status, reason = MailStatus.REFUSED, str(refused)
    except NotSent as error:
        _log.warning("A mail is sent later: %s", error, extra={"mail_id": mail.id})
        await outbox.postpone(mail, reason=str(error), now=now)
        return False
    except Exception:
        _log.exception("A mail could not be written out; it is tried again later", extra={"mail_id": mail.id})
        await outbox.postpone(mail, reason="It could not be written out; our log says why.", now=now)
        return True
    await outbox.end(mail, status, reason=reason, now=now)
    return True
