"""Releasing what is held, giving it back, and naming who is to get it."""

from enum import Enum
from typing import Any

import strawberry
from strawberry.types import Info

from domain import idempotency, preview, reads
from domain.holds import assign, refund, release
from domain.holds.locking import Which
from domain.refusals import Fault, Refusal
from kit import clock, ids
from models import RefundReason, Scope
from schema.arguments import Input
from schema.context import Context
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.holds.types import Hold
from schema.orders.inputs import KEY
from schema.payments.mutations import Posting
from schema.payments.types import Refund
from schema.permissions import context_of, mutation
from schema.scalars import MoneyInput

DRY_RUN = "Only say what would happen: `preview` shows the postings and the holds as they would be. Nothing is done."


@error_codes("Why nothing became of a hold.")
class HoldErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    ORDER_NOT_PAID = "ORDER_NOT_PAID"
    HOLD_UNASSIGNED = "HOLD_UNASSIGNED"
    FEE_NOT_KNOWN = "FEE_NOT_KNOWN"
    HOLD_RELEASED = "HOLD_RELEASED"
    HOLD_REFUNDED = "HOLD_REFUNDED"
    HOLD_NOT_ASSIGNABLE = "HOLD_NOT_ASSIGNABLE"
    AMOUNT_EXCEEDS_HELD = "AMOUNT_EXCEEDS_HELD"
    VENDOR_DISABLED = "VENDOR_DISABLED"
    VENDOR_NOT_READY = "VENDOR_NOT_READY"
    PAYMENT_DISPUTED = "PAYMENT_DISPUTED"
    PAYMENT_NOT_CAPTURED = "PAYMENT_NOT_CAPTURED"
    ALREADY_REFUNDED = "ALREADY_REFUNDED"
    REASON_NOT_EXPLAINED = "REASON_NOT_EXPLAINED"


@strawberry.type(description="Why nothing was changed.")
class HoldUserError:
    code: HoldErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.input(description="What is to be released: one hold or a part of it, or all of an order.")
class HoldReleaseInput:
    idempotency_key: str = strawberry.field(description=KEY)
    hold_id: strawberry.ID | None = strawberry.field(default=None, description="The hold (hold_…), or:")
    order_id: strawberry.ID | None = strawberry.field(default=None, description="All holds of this order (ord_…).")
    amount: MoneyInput | None = strawberry.field(
        default=None, description="Only a part of the hold, over all its parties; all that is held when left out."
    )
    dry_run: bool = strawberry.field(default=False, description=DRY_RUN)


@strawberry.input(description="What is to go back to the payer: one hold or a part of it, or all of an order.")
class HoldRefundInput:
    idempotency_key: str = strawberry.field(description=KEY)
    reason: RefundReason = strawberry.field(description="Why the money goes back.")
    explanation: str | None = strawberry.field(default=None, description="More about why, up to 500 characters.")
    hold_id: strawberry.ID | None = strawberry.field(default=None, description="The hold (hold_…), or:")
    order_id: strawberry.ID | None = strawberry.field(default=None, description="All holds of this order (ord_…).")
    amount: MoneyInput | None = strawberry.field(
        default=None, description="Only a part of the hold; all that is held when left out."
    )
    dry_run: bool = strawberry.field(default=False, description=DRY_RUN)


@strawberry.input(description="Who is to get what a hold's rule leaves open.")
class HoldAssignInput:
    hold_id: strawberry.ID = strawberry.field(description="The hold (hold_…).")
    vendor_id: strawberry.ID = strawberry.field(description="The vendor (ven_…). It must be ACTIVE.")


@strawberry.type(description="What would happen, exactly.")
class HoldPreview:
    postings: list[Posting] = strawberry.field(
        description="What would be booked, in order, with the transfers as if the PSP had made them."
    )
    holds: list[Hold] = strawberry.field(description="The holds as they would be.")


@strawberry.type(description="The holds as they are now, or why nothing became of them.")
class HoldPayload:
    holds: list[Hold] | None = strawberry.field(description="Those that were named; null when there are none.")
    preview: HoldPreview | None = strawberry.field(description="With dryRun only: what would happen.")
    user_errors: list[HoldUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type(description="The refunds, or why there are none.")
class HoldRefundPayload:
    holds: list[Hold] | None = strawberry.field(description="Those that were named; null when there are none.")
    refunds: list[Refund] | None = strawberry.field(
        description="One for each payment; null with userErrors and dryRun."
    )
    preview: HoldPreview | None = strawberry.field(description="With dryRun only: what would happen.")
    user_errors: list[HoldUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class HoldMutations:
    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Releases captured money to its vendors. Their shares are sent to their accounts at the PSP behind"
        " this call: transfer.made tells of each.",
    )
    async def hold_release(self, info: Info, input: Input[HoldReleaseInput]) -> HoldPayload:
        context, planned, errors = context_of(info), None, list[HoldUserError]()
        try:
            which = _which(context, input)
            if input.dry_run:
                planned = await preview.release(which, now=clock.now())
            else:
                await release.release(which, **_intent(context, input))
        except Refusal as refusal:
            errors = user_errors(HoldUserError, HoldErrorCode, refusal)
        return HoldPayload(holds=await _holds(context, input), preview=_preview(planned), user_errors=errors)

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Gives held money back to the payer, as a refund of its payment that takes from the hold and from"
        " nothing else. The PSP is asked behind this call.",
    )
    async def hold_refund(self, info: Info, input: Input[HoldRefundInput]) -> HoldRefundPayload:
        context, planned, made, errors = context_of(info), None, None, list[HoldUserError]()
        said: dict[str, Any] = {"reason": input.reason, "explanation": input.explanation}
        try:
            which = _which(context, input)
            if input.dry_run:
                planned = await preview.hold_refund(context.services.gateways, which, **said, now=clock.now())
            else:
                made = await refund.refund(which, **said, **_intent(context, input))
        except Refusal as refusal:
            errors = user_errors(HoldUserError, HoldErrorCode, refusal)
        rows = await reads.by_ids("refunds", context.merchant_id, made) if made is not None else None
        return HoldRefundPayload(
            holds=await _holds(context, input),
            refunds=[Refund.of(row) for row in rows.values()] if rows is not None else None,
            preview=_preview(planned),
            user_errors=errors,
        )

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Names the vendor of a hold whose rule leaves it open. Until something is released, another vendor"
        " can take its place.",
    )
    async def hold_assign(self, info: Info, input: Input[HoldAssignInput]) -> HoldPayload:
        context, errors = context_of(info), list[HoldUserError]()
        try:
            await assign.assign(
                context.services.gateways,
                merchant_id=context.merchant_id,
                hold_id=checked_id(input.hold_id, "hold", "a hold", "holdId"),
                vendor_id=checked_id(input.vendor_id, "ven", "a vendor", "vendorId"),
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            errors = user_errors(HoldUserError, HoldErrorCode, refusal)
        return HoldPayload(holds=await _holds(context, input), preview=None, user_errors=errors)


def _which(context: Context, input: HoldReleaseInput | HoldRefundInput) -> Which:
    hold_id, order_id, amount = input.hold_id, input.order_id, input.amount
    if (hold_id is None) == (order_id is None):
        raise Refusal(Fault("REQUIRED", "Give holdId or orderId, one of the two.", ("holdId",)))
    if amount is not None and hold_id is None:
        raise Refusal(Fault("INVALID", "A part can only be named of one hold: give its holdId.", ("amount",)))
    return Which(
        merchant_id=context.merchant_id,
        hold_id=checked_id(hold_id, "hold", "a hold", "holdId") if hold_id is not None else None,
        order_id=checked_id(order_id, "ord", "an order", "orderId") if order_id is not None else None,
        amount_minor=amount.amount_minor if amount else None,
        currency=amount.currency if amount else None,
    )


def _intent(context: Context, input: Any) -> dict[str, Any]:
    """What every money-moving verb is told beside what is wanted."""
    return {
        "idempotency_key": input.idempotency_key,
        "body_digest": idempotency.digest(strawberry.asdict(input)),
        "cause": context.cause,
        "now": clock.now(),
    }


async def _holds(context: Context, input: Any) -> list[Hold] | None:
    hold_id, order_id = input.hold_id, getattr(input, "order_id", None)
    if hold_id is not None and ids.prefix_of(hold_id) == "hold":
        found = await reads.by_ids("holds", context.merchant_id, [hold_id])
        return [Hold.of(row) for row in found.values()] or None
    if order_id is not None and ids.prefix_of(order_id) == "ord":
        return [Hold.of(row) for row in await reads.holds_of_orders([order_id], context.merchant_id)] or None
    return None


def _preview(planned: preview.HoldsPreview | None) -> HoldPreview | None:
    if planned is None:
        return None
    return HoldPreview(
        postings=[Posting.of(row) for row in planned.postings], holds=[Hold.of(row) for row in planned.holds]
    )
