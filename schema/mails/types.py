"""Mails, and whom at the merchant they go to."""

from datetime import datetime

import strawberry

from domain.reads import Row
from kit.database.reading import decode_time
from models import MailKind, MailStatus
from schema.enums import show
from schema.nodes import Node

show(
    MailKind,
    "What a mail is about, and to whom it goes.",
    LINK="To the payer: a payment link.",
    REMINDER="To the payer: a payment link that is still open.",
    RECEIPT="To the payer: the order has all of its money.",
    PAYMENT_FAILED="To the payer: a payment that takes days came to nothing.",
    REFUND="To the payer: a refund succeeded, or failed.",
    PAID="To the merchant: an order has all of its money.",
    DISPUTE_OPENED="To the merchant: a bank contests a payment, or asks about it.",
    HOLD_DUE_SOON="To the merchant: money has been held nearly as long as the PSP lets it be.",
    DISPUTE_DUE_SOON="To the merchant: a dispute awaits its answer, and the deadline is near.",
    RENEWAL_FAILED="To the customer: an invoice of a subscription could not be collected; with the way to pay it.",
    TRIAL_ENDING="To the customer: a trial ends, and what comes then.",
    SUBSCRIPTION_CANCELED="To the customer: a subscription has ended.",
    PAYMENT_CONFLICTED="To the merchant: the PSP contradicts the order; somebody has to look into it.",
    WEBHOOK_ENDPOINT_DISABLED="To the merchant: an endpoint failed for days or was gone, and is sent nothing any more.",
)
show(
    MailStatus,
    "What has become of a mail.",
    QUEUED="It is on its way; if a try failed, another follows.",
    SENT="A mail server has taken it.",
    KEPT="It stayed here: no mail server is configured.",
    REFUSED="The mail server refused it for good, for this recipient; lastError has its words.",
    FAILED="No mail server took it for two days; lastError says what stood in the way.",
)


@strawberry.type(description="A mail to a payer or to the merchant.")
class Mail(Node):
    kind: MailKind = strawberry.field(description="What it is about.")
    recipient: str = strawberry.field(description="The address it goes to.")
    locale: str = strawberry.field(description="What it is written for, such as de_AT.")
    status: MailStatus = strawberry.field(description="What has become of it.")
    attempts: int = strawberry.field(description="How often it was tried to send it.")
    next_attempt_at: datetime | None = strawberry.field(description="When it is tried (again); null at the end.")
    last_error: str | None = strawberry.field(
        description="What stood in the way of the last try, such as the mail server's words; null when nothing did."
    )
    created_at: datetime = strawberry.field(description="When it came to be owed.")
    sent_at: datetime | None = strawberry.field(description="When a mail server took it; null until then.")
    order_id: strawberry.ID | None = strawberry.field(description="The order it is about; null when it is none.")
    payment_id: strawberry.ID | None = strawberry.field(description="The payment it is about; null when it is none.")
    refund_id: strawberry.ID | None = strawberry.field(description="The refund it is about; null when it is none.")
    subscription_id: strawberry.ID | None = strawberry.field(
        description="The subscription it is about; null when it is none."
    )

    @classmethod
    def of(cls, row: Row) -> "Mail":
        return cls(
            id=row["id"],
            kind=MailKind(row["kind"]),
            recipient=row["recipient"],
            locale=row["locale"],
            status=MailStatus(row["status"]),
            attempts=row["attempts"],
            next_attempt_at=decode_time(row["try_at"]) if row["try_at"] else None,
            last_error=row["error"],
            created_at=decode_time(row["created_at"]),
            sent_at=decode_time(row["sent_at"]) if row["sent_at"] else None,
            order_id=row["order_id"],
            payment_id=row["payment_id"],
            refund_id=row["refund_id"],
            subscription_id=row["subscription_id"],
        )


@strawberry.type(description="Whom at the merchant we write to.")
class MerchantContact:
    email: str | None = strawberry.field(description="Null: the merchant gets no mail.")
    locale: str = strawberry.field(
        description="The language of mails, and the form of amounts and dates in them, such as de_AT. Payers whose own"
        " nobody named get it, too."
    )
