"""The mail server, spoken to by SMTP."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPResponseException

from domain.mails.outbox import Outgoing
from kit.redaction import redact
from mail.letter import one_line
from mail.message import compose

_WAIT = 20.0  # seconds that one answer may take
_IN_ALL = 60.0  # seconds that one mail may take


class Refused(Exception):
    """The server will not take this mail for this recipient, now or later. The message is its words."""


class NotSent(Exception):
    """No server has taken the mail; one may, later. The message says what stood in the way."""


@dataclass(frozen=True, slots=True)
class Server:
    """`starttls` None: encrypted if the server offers it. True: encrypted, or not at all."""

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    use_tls: bool
    starttls: bool | None


def server_of(url: str, *, development: bool) -> Server:
    """The server that an smtp:// or smtps:// URL names. Nothing leaves this machine in the clear, but for trying."""
    parts = urlsplit(url)
    host, use_tls = parts.hostname or "", parts.scheme == "smtps"
    in_the_clear = development or _is_local(host)
    return Server(
        host=host,
        port=parts.port or (465 if use_tls else 587),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=use_tls,
        starttls=False if use_tls else None if in_the_clear else True,
    )


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Post:
    """Hands mails to the server. Without one, nothing leaves this machine."""

    def __init__(self, server: Server | None, mail_from: str) -> None:
        self.server, self.mail_from = server, mail_from
        self.busy = asyncio.Lock()

    async def send(self, mail: Outgoing) -> None:
        """Returns once the server has taken the mail. Raises Refused or NotSent."""
        assert self.server is not None
        try:
            async with asyncio.timeout(_IN_ALL):
                await self._send(self.server, mail)
        except SMTPRecipientsRefused as error:
            raise _answer(error.recipients[0]) from error
        except SMTPDataError as error:
            raise _answer(error) from error
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            raise NotSent(_words(error)) from error

    async def _send(self, server: Server, mail: Outgoing) -> None:
        message = compose(mail, self.mail_from)
        await aiosmtplib.send(
            message,
            sender=self.mail_from,
            recipients=[message["To"].addresses[0].addr_spec],
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.use_tls,
            start_tls=server.starttls,
            local_hostname=self.mail_from.rpartition("@")[2],
            timeout=_WAIT,
        )


def _answer(error: SMTPResponseException) -> Exception:
    """5xx is for good, 4xx for now."""
    return (Refused if error.code >= 500 else NotSent)(_words(error))


def _words(error: Exception) -> str:
    said = f"{error.code} {error.message}" if isinstance(error, SMTPResponseException) else str(error)
    return one_line(redact(said or type(error).__name__))
