"""Making split rules."""

from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, reads
from domain.catalog import Amount
from domain.refusals import Refusal
from domain.splits import rules
from domain.splits.rule import Hold
from domain.splits.rules import NewPart, NewRule
from kit import clock
from models import DeadlinePolicy, FeeBearer, Scope
from schema.arguments import Input
from schema.errors import MESSAGE, PATH, RETRYABLE, error_codes, user_errors
from schema.orders.inputs import KEY
from schema.permissions import context_of, mutation
from schema.scalars import MoneyInput
from schema.splits.types import SplitRule


@error_codes("Why a split rule was not made.")
class SplitErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    INVALID_SPLIT = "INVALID_SPLIT"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    SPLIT_EXCEEDS_AMOUNT = "SPLIT_EXCEEDS_AMOUNT"
    VENDOR_DISABLED = "VENDOR_DISABLED"


@strawberry.type(description="Why nothing was made.")
class SplitUserError:
    code: SplitErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.input(description="What a vendor gets. Without basis points and a fixed amount: all that remains.")
class SplitPartInput:
    vendor_id: strawberry.ID | None = strawberry.field(
        default=None, description="The vendor (ven_…). Left out: the one that holdAssign names later."
    )
    basis_points: int | None = strawberry.field(
        default=None, description="Hundredths of a percent of the amount, 1 to 10,000."
    )
    fixed: MoneyInput | None = strawberry.field(
        default=None, description="For each piece of a line item; once where the rule is the order's."
    )


@strawberry.input(description="What the platform gets. Without basis points and a fixed amount: all that remains.")
class CommissionInput:
    basis_points: int | None = strawberry.field(
        default=None, description="Hundredths of a percent of the amount, 1 to 10,000."
    )
    fixed: MoneyInput | None = strawberry.field(
        default=None, description="For each piece of a line item; once where the rule is the order's."
    )


@strawberry.input(description="Captured money is to wait until it is released.")
class HoldTermsInput:
    release_after_days: int | None = strawberry.field(
        default=None,
        description="Release it by itself after so many days, from 1 to the PSP's limit. Left out: holdRelease does.",
    )
    on_deadline: DeadlinePolicy = strawberry.field(
        default=DeadlinePolicy.REFUND, description="What becomes of it when the PSP's limit comes."
    )


@strawberry.input(description="A rule to make, or its next version.")
class SplitRuleCreateInput:
    idempotency_key: str = strawberry.field(description=KEY)
    name: str = strawberry.field(description="Up to 100 characters. A rule of this name gets its next version.")
    parts: list[SplitPartInput] = strawberry.field(description="What vendors get, 1 to 50 of them.")
    commission: CommissionInput | None = strawberry.field(default=None, description="What the platform gets.")
    fee_bearer: FeeBearer = strawberry.field(default=FeeBearer.PLATFORM, description="Who bears the PSP's fee.")
    hold: HoldTermsInput | None = strawberry.field(
        default=None, description="Left out: shares are released as soon as the money is there."
    )


@strawberry.type(description="The rule, or why there is none.")
class SplitRuleCreatePayload:
    split_rule: SplitRule | None = strawberry.field(description="Null when userErrors says why.")
    user_errors: list[SplitUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class SplitMutations:
    @mutation(
        Scope.VENDORS_WRITE,
        description="Makes a rule of how a sale's money divides. Rules never change: the same name makes the next"
        " version, and an order keeps the one it was sold under.",
    )
    async def split_rule_create(self, info: Info, input: Input[SplitRuleCreateInput]) -> SplitRuleCreatePayload:
        context = context_of(info)
        try:
            rule_id = await rules.create_rule(
                context.services.gateways,
                _wanted(input),
                merchant_id=context.merchant_id,
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                now=clock.now(),
            )
        except Refusal as refusal:
            errors = user_errors(SplitUserError, SplitErrorCode, refusal)
            return SplitRuleCreatePayload(split_rule=None, user_errors=errors)
        row = await reads.by_id("split_rules", context.merchant_id, rule_id)
        return SplitRuleCreatePayload(split_rule=SplitRule.of(row) if row else None, user_errors=[])


def _wanted(input: SplitRuleCreateInput) -> NewRule:
    hold = input.hold
    return NewRule(
        name=input.name,
        parts=[_part(part, part.vendor_id) for part in input.parts],
        commission=_part(input.commission, None) if input.commission else None,
        fee_bearer=input.fee_bearer,
        hold=Hold(release_after_days=hold.release_after_days, on_deadline=hold.on_deadline) if hold else None,
    )


def _part(part: SplitPartInput | CommissionInput, vendor_id: str | None) -> NewPart:
    fixed = Amount(part.fixed.amount_minor, part.fixed.currency) if part.fixed else None
    return NewPart(vendor_id=vendor_id, basis_points=part.basis_points, fixed=fixed)
