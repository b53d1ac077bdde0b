"""Sending a mail once more."""

from datetime import datetime

from domain import idempotency
from domain.mails.outbox import TOPIC
from domain.refusals import Fault, Refusal
from kit import ids
from kit.database.unit import Unit, unit_of_work
from kit.wakeups import wake
from models import MailStatus


async def resend(merchant_id: str, mail_id: str, *, idempotency_key: str, body_digest: str, now: datetime) -> str:
    """A new mail with the same words to the same address; its id. The same key and body make one.

    Raises Refusal when the merchant has no such mail, or it is still on its way.
    """
    key, new_id = idempotency.check(idempotency_key), ids.new("mail", now)

    async def work(unit: Unit) -> str:
        row = await unit.fetch_one("SELECT status FROM mails WHERE merchant_id = $1 AND id = $2", merchant_id, mail_id)
        if row is None:
            raise Refusal(Fault("NOT_FOUND", f"There is no mail {mail_id!r}.", ("mailId",)))
        before = await idempotency.claim(
            unit,
            merchant_id=merchant_id,
            mutation="mailResend",
            key=key,
            body_digest=body_digest,
            answer={"mail_id": new_id},
            now=now,
        )
        if before:
            return before["mail_id"]
        if row["status"] == MailStatus.QUEUED:
            message = "This mail is still on its way; it is tried again without your help."
            raise Refusal(Fault("MAIL_QUEUED", message, ("mailId",)))
        await _copy(unit, mail_id, new_id, now)
        return new_id

    return await unit_of_work(work)


async def _copy(unit: Unit, mail_id: str, new_id: str, now: datetime) -> None:
    """Another id makes another Message-ID: the same one again would be taken for the same mail."""
    await unit.execute(
        """INSERT INTO mails (id, merchant_id, kind, cause, order_id, payment_id, refund_id, subscription_id,
                              recipient, locale, facts, status, attempts, try_at, created_at)
           SELECT $2, merchant_id, kind, $2, order_id, payment_id, refund_id, subscription_id, recipient, locale, facts,
                  $3, 0, $4, $4
             FROM mails WHERE id = $1""",
        mail_id,
        new_id,
        MailStatus.QUEUED.value,
        now,
    )
    unit.after_commit(lambda: wake(TOPIC))
