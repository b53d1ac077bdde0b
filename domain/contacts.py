"""Whom at the merchant we write to, and in which language."""

from dataclasses import dataclass

from domain.addresses import check_email
from domain.merchants import UnknownMerchant
from domain.refusals import Findings
from kit import locales
from kit.database import reading


@dataclass(frozen=True, slots=True)
class Contact:
    """`email` None: the merchant gets no mail. `locale`, such as de_AT, is for payers whose own nobody named, too."""

    email: str | None
    locale: str


def checked(email: str | None, locale: str | None) -> Contact:
    """The contact as it can be set; without a locale: English. Raises Refusal."""
    findings = Findings()
    cleaned = check_email(findings, email, "email") if email and email.strip() else None
    known = locales.known(locale.replace("_", "-")[:40]) if locale else "en"
    findings.unless(known is not None, "INVALID", f"{(locale or '')[:40]!r} is no language we know.", "locale")
    findings.refuse_if_any()
    return Contact(cleaned, known or "en")


async def set_contact(merchant_id: str, contact: Contact) -> None:
    """From now on the merchant's mail goes there, and payers' answers too."""
    changed = await reading.execute(
        "UPDATE merchants SET contact_email = $2, contact_locale = $3 WHERE id = $1",
        merchant_id,
        contact.email,
        contact.locale,
    )
    if not changed:
        raise UnknownMerchant(merchant_id)


async def contact_of(merchant_id: str) -> Contact:
    row = await reading.fetch_one("SELECT contact_email, contact_locale FROM merchants WHERE id = $1", merchant_id)
    if row is None:
        raise UnknownMerchant(merchant_id)
    return Contact(row["contact_email"], row["contact_locale"] or "en")
