"""A letter as the message that a mail server gets: its headers are those set here, whatever the texts hold."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from domain.mails.outbox import Outgoing
from mail import letter

_SPECIALS = frozenset('()<>[]:;@\\,."')
_ONE_LINE = SMTP.clone(max_line_length=400)
"""Python loses the quotes around a name when it folds the line that the name is in."""


def compose(mail: Outgoing, mail_from: str) -> EmailMessage:
    """The same mail makes the same message, so that a server which gets it again can tell."""
    written = letter.write(mail)
    domain = mail_from.rpartition("@")[2]
    names = (written.merchant, letter.one_line(mail.facts.get("name", ""), 60))
    quoted = any(name.isascii() and _SPECIALS.intersection(name) for name in names)
    message = EmailMessage(policy=_ONE_LINE if quoted else SMTP)
    message["Date"] = format_datetime(mail.created_at)
    message["From"] = _address(mail_from, f"{written.merchant} via Paygraph")
    message["To"] = _address(mail.recipient, names[1])
    if mail.reply_to and mail.reply_to != mail.recipient:
        message["Reply-To"] = _address(mail.reply_to)
    message["Subject"] = written.subject
    message["Message-ID"] = f"<{mail.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(written.as_text(), cte="quoted-printable")
    message.add_alternative(written.as_html(), subtype="html", cte="quoted-printable")
    message["Content-Language"] = written.language  # given earlier, it would go to the first part
    message.set_boundary(f"=_{mail.id}")
    return message


def _address(address: str, name: str = "") -> Address:
    user, _, domain = address.rpartition("@")
    return Address(name, user, domain if domain.isascii() else domain.encode("idna").decode())
