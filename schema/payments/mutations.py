"""Asking the PSP about a payment, taking and giving up what is reserved, and giving money back."""

from enum import Enum
from typing import Any

import strawberry
from strawberry.types import Info

from domain import idempotency, preview, reads
from domain.catalog import Amount
from domain.payments import inquire, operations
from domain.refunds import items
from domain.refunds import request as refunds
from domain.refusals import Fault, Refusal
from kit import clock, ids
from kit.logs import bind
from models import OperationKind, PostingKind, RefundReason, Scope
from schema.arguments import Input
from schema.context import Context
from schema.enums import show
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.orders.inputs import KEY
from schema.payments.types import Payment, Refund
from schema.permissions import context_of, mutation
from schema.scalars import Money, MoneyInput, money_of

DRY_RUN = "Only say what would happen: `preview` shows the postings and the payment as it would be. Nothing is done."

show(
    PostingKind,
    "The business event that a posting tells.",
    CAPTURE="The PSP took money of the payer.",
    FEE="The PSP kept its price.",
    DISPUTE_WITHDRAWN="The payer's bank took the contested money.",
    DISPUTE_REINSTATED="The bank gave it back.",
    DISPUTE_LOST="The dispute is lost: the merchant bears it.",
    DISPUTE_FEE="The PSP's price of a dispute.",
    DISPUTE_FEE_RETURNED="The PSP gave its price of a dispute back.",
    REFUND_RESERVED="Money is set aside to be given back.",
    REFUND_PAID="The PSP gave it back.",
    REFUND_RETURNED="It could not be given back, and was not: the merchant has it again.",
    REFUND_REVERSED="It was given back, and came back after all.",
    COMMISSION="The commission of a sale.",
    COMMISSION_RETURNED="A commission goes back with the money that it was of.",
    SHARE_HELD="A vendor's share of a sale, which is held.",
    SHARE_RETURNED="A vendor's share goes back with the money that it was of, or to another vendor.",
    SHARE_RELEASED="A vendor's share is released: it is the vendor's.",
    SHARE_RECLAIMED="A released share is taken back.",
    SHARE_WITHHELD="The merchant took it back of the vendor at the PSP, and keeps it.",
    SHARE_RESTORED="What is withheld counts as taken back for what was reclaimed.",
    TRANSFER="A share was sent to the vendor's account at the PSP.",
    TRANSFER_REVERSED="It was taken back from there.",
    PAYOUT="Money left the vendor's account for its bank.",
    PAYOUT_PAID="The bank has it.",
    PAYOUT_RETURNED="It did not arrive, and is in the vendor's account again.",
    PAYOUT_REVERSED="The bank sent it back after it had arrived.",
)


@error_codes("Why a call about a payment was refused.")
class PaymentErrorCode(Enum):
    INVALID_ID = "INVALID_ID"
    INVALID = "INVALID"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    NOT_FOUND = "NOT_FOUND"
    PAYMENT_CONFLICTED = "PAYMENT_CONFLICTED"
    PAYMENT_NOT_AUTHORIZED = "PAYMENT_NOT_AUTHORIZED"
    ALREADY_CAPTURED = "ALREADY_CAPTURED"
    ALREADY_VOIDED = "ALREADY_VOIDED"
    AUTHORIZATION_EXPIRED = "AUTHORIZATION_EXPIRED"
    AMOUNT_EXCEEDS_AUTHORIZED = "AMOUNT_EXCEEDS_AUTHORIZED"
    OPERATION_IN_PROGRESS = "OPERATION_IN_PROGRESS"
    PAYMENT_NOT_CAPTURED = "PAYMENT_NOT_CAPTURED"
    ALREADY_REFUNDED = "ALREADY_REFUNDED"
    AMOUNT_EXCEEDS_REFUNDABLE = "AMOUNT_EXCEEDS_REFUNDABLE"
    PAYMENT_DISPUTED = "PAYMENT_DISPUTED"
    REASON_NOT_EXPLAINED = "REASON_NOT_EXPLAINED"
    INVALID_ITEMS = "INVALID_ITEMS"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    GATEWAY_REFUSED = "GATEWAY_REFUSED"


@strawberry.type(description="Why nothing was changed.")
class PaymentUserError:
    code: PaymentErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.input(description="Which payment to ask about.")
class PaymentSyncInput:
    payment_id: strawberry.ID = strawberry.field(description="The payment (pay_…).")


@strawberry.type(description="The payment as the PSP knows it now.")
class PaymentSyncPayload:
    payment: Payment | None = strawberry.field(description="Null when there is none; unchanged if the PSP is silent.")
    user_errors: list[PaymentUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.input(description="Money to take out of an authorization.")
class PaymentCaptureInput:
    payment_id: strawberry.ID = strawberry.field(description="The payment (pay_…). It must be AUTHORIZED.")
    idempotency_key: str = strawberry.field(description=KEY)
    amount: MoneyInput | None = strawberry.field(
        default=None, description="How much; all of it when left out. What remains is given up."
    )
    dry_run: bool = strawberry.field(default=False, description=DRY_RUN)


@strawberry.input(description="An authorization to give up.")
class PaymentVoidInput:
    payment_id: strawberry.ID = strawberry.field(description="The payment (pay_…). AUTHORIZED or REQUIRES_ACTION.")
    idempotency_key: str = strawberry.field(description=KEY)
    dry_run: bool = strawberry.field(default=False, description=DRY_RUN)


@strawberry.input(description="A line item to be given back.")
class RefundLineItemInput:
    line_item_id: strawberry.ID = strawberry.field(description="The row of the order (li_…).")
    amount: MoneyInput | None = strawberry.field(
        default=None, description="How much of it; all that was not given back of it by name when left out."
    )


@strawberry.input(description="Money to give back.")
class RefundCreateInput:
    payment_id: strawberry.ID = strawberry.field(description="The payment (pay_…). It must be CAPTURED.")
    idempotency_key: str = strawberry.field(description=KEY)
    reason: RefundReason = strawberry.field(description="Why; OTHER wants an explanation.")
    amount: MoneyInput | None = strawberry.field(
        default=None, description="How much; all that is left to give back when left out."
    )
    line_items: list[RefundLineItemInput] | None = strawberry.field(
        default=None,
        description="Instead of an amount: which rows, 1 to 100. Only their vendors' shares are taken back. Without it"
        " all shares go back in proportion.",
    )
    explanation: str | None = strawberry.field(
        default=None, description="More about why, up to 500 characters; needed with OTHER."
    )
    dry_run: bool = strawberry.field(default=False, description=DRY_RUN)


@strawberry.type(description="An amount that goes from one ledger account to another.")
class Posting:
    kind: PostingKind = strawberry.field(description="The business event it tells.")
    debit: str = strawberry.field(description="The account it is debited to.")
    credit: str = strawberry.field(description="The account it is credited to.")
    amount: Money = strawberry.field(description="How much.")

    @classmethod
    def of(cls, row: Any) -> "Posting":
        return cls(
            kind=PostingKind(row["kind"]),
            debit=row["debit"],
            credit=row["credit"],
            amount=money_of(row["amount_minor"], row["currency"]),
        )


@strawberry.type(description="What the call would bring about: exact, and nothing of it was done.")
class PaymentPreview:
    payment: Payment = strawberry.field(
        description="The payment as it would be: its own status, amounts and actions."
        " What belongs to it, such as its order, refunds and ledger, is shown as it is now; `postings` say what would"
        " be booked."
    )
    postings: list[Posting] = strawberry.field(description="The postings that would be made, in order.")

    @classmethod
    def of(cls, found: preview.Preview) -> "PaymentPreview":
        return cls(payment=Payment.of(found.payment), postings=[Posting.of(row) for row in found.postings])


@strawberry.type(description="The payment after the call, or why it is not as wanted.")
class PaymentPayload:
    payment: Payment | None = strawberry.field(description="As it is now; null when there is none.")
    preview: PaymentPreview | None = strawberry.field(description="With dryRun only: what would happen.")
    user_errors: list[PaymentUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type(description="The refund, or why there is none.")
class RefundCreatePayload:
    refund: Refund | None = strawberry.field(description="Null when userErrors says why, and with dryRun.")
    payment: Payment | None = strawberry.field(description="As it is now; null when there is none.")
    preview: PaymentPreview | None = strawberry.field(description="With dryRun only: what would happen.")
    user_errors: list[PaymentUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class PaymentMutations:
    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Takes the reserved money of an AUTHORIZED payment, or a part of it; the rest is given up.",
    )
    async def payment_capture(self, info: Info, input: Input[PaymentCaptureInput]) -> PaymentPayload:
        return await _operate(info, input, OperationKind.CAPTURE, input.amount)

    @mutation(
        Scope.PAYMENTS_WRITE, description="Gives up what is reserved, or waits for the payer's bank. It is no refund."
    )
    async def payment_void(self, info: Info, input: Input[PaymentVoidInput]) -> PaymentPayload:
        return await _operate(info, input, OperationKind.VOID, None)

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Gives captured money back, all or a part of it, never more than was taken, whoever else refunds at"
        " the same time. A refund may be PENDING for days, and fail after it succeeded.",
    )
    async def refund_create(self, info: Info, input: Input[RefundCreateInput]) -> RefundCreatePayload:
        context, refund_id, planned, errors = context_of(info), None, None, list[PaymentUserError]()
        try:
            wanted = refunds.Wanted(
                merchant_id=context.merchant_id,
                payment_id=checked_id(input.payment_id, "pay", "a payment", "paymentId"),
                amount_minor=input.amount.amount_minor if input.amount else None,
                currency=input.amount.currency if input.amount else None,
                reason=input.reason,
                explanation=input.explanation,
                items=_named(input),
            )
            bind(payment_id=wanted.payment_id)
            if input.dry_run:
                planned = await preview.refund(context.services.gateways, wanted, now=clock.now())
            else:
                refund_id = await refunds.request(context.services.gateways, wanted, **_intent(context, input))
        except Refusal as refusal:
            errors = user_errors(PaymentUserError, PaymentErrorCode, refusal)
        row = await reads.by_id("refunds", context.merchant_id, refund_id) if refund_id else None
        return RefundCreatePayload(
            refund=Refund.of(row) if row else None,
            payment=await _payment(context, input.payment_id),
            preview=PaymentPreview.of(planned) if planned else None,
            user_errors=errors,
        )

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Asks the PSP how the payment stands and takes its word in. It moves no money, so it needs no"
        " idempotency key.",
    )
    async def payment_sync(self, info: Info, input: Input[PaymentSyncInput]) -> PaymentSyncPayload:
        context, row, errors = context_of(info), None, list[PaymentUserError]()
        try:
            payment_id = checked_id(input.payment_id, "pay", "a payment", "paymentId")
            row = await reads.by_id("payments", context.merchant_id, payment_id)
            if row is None:
                raise Refusal(Fault("NOT_FOUND", f"There is no payment {payment_id!r}.", ("paymentId",)))
            bind(payment_id=payment_id)
            await inquire.inquire(context.services.gateways, payment_id, cause=context.cause, now=clock.now())
        except Refusal as refusal:
            errors = user_errors(PaymentUserError, PaymentErrorCode, refusal)
        if row:
            row = await reads.by_id("payments", context.merchant_id, row["id"])
        return PaymentSyncPayload(payment=Payment.of(row) if row else None, user_errors=errors)


def _named(input: RefundCreateInput) -> dict[str, items.Named] | None:
    if input.line_items is None:
        return None
    return items.checked(
        [
            (item.line_item_id, Amount(item.amount.amount_minor, item.amount.currency) if item.amount else None)
            for item in input.line_items
        ],
        with_amount=input.amount is not None,
    )


async def _operate(
    info: Info, input: PaymentCaptureInput | PaymentVoidInput, kind: OperationKind, amount: MoneyInput | None
) -> PaymentPayload:
    context, planned, errors = context_of(info), None, list[PaymentUserError]()
    try:
        wanted = operations.Wanted(
            merchant_id=context.merchant_id,
            payment_id=checked_id(input.payment_id, "pay", "a payment", "paymentId"),
            kind=kind,
            amount_minor=amount.amount_minor if amount else None,
            currency=amount.currency if amount else None,
        )
        bind(payment_id=wanted.payment_id)
        if input.dry_run:
            planned = await preview.operation(context.services.gateways, wanted, now=clock.now())
        else:
            await operations.request(context.services.gateways, wanted, **_intent(context, input))
    except Refusal as refusal:
        errors = user_errors(PaymentUserError, PaymentErrorCode, refusal)
    return PaymentPayload(
        payment=await _payment(context, input.payment_id),
        preview=PaymentPreview.of(planned) if planned else None,
        user_errors=errors,
    )


def _intent(context: Context, input: Any) -> dict[str, Any]:
    """What every money-moving verb is told beside what is wanted."""
    return {
        "idempotency_key": input.idempotency_key,
        "body_digest": idempotency.digest(strawberry.asdict(input)),
        "cause": context.cause,
        "now": clock.now(),
    }


async def _payment(context: Context, payment_id: str) -> Payment | None:
    if ids.prefix_of(payment_id) != "pay":
        return None
    row = await reads.by_id("payments", context.merchant_id, payment_id)
    return Payment.of(row) if row else None
