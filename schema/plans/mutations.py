"""Making, changing and ending plans."""

from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, reads
from domain.catalog import Amount
from domain.plans import manage
from domain.plans.manage import Amendment
from domain.plans.terms import Terms
from domain.refusals import Refusal
from kit import clock
from models import Interval, Scope
from schema.arguments import Input
from schema.context import Context
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.orders.inputs import KEY, MetadataInput
from schema.permissions import context_of, mutation
from schema.plans.types import Plan
from schema.scalars import MoneyInput

_AMOUNT = "What a period costs, for one seat if perSeat."
_COUNT = "How many of them a period has. Three years at most."
_PER_SEAT = "Whether it is sold by the seat."
_TRIAL = "Days before the first period that cost nothing, 0 to 730."
_FEE = "What comes once, with the first invoice, in the currency of the amount."
_FEATURES = "What subscribers may use, in your own words: up to 20, each up to 100 characters."


@error_codes("Why a plan was not made or changed.")
class PlanErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    PLAN_ARCHIVED = "PLAN_ARCHIVED"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    GATEWAY_REFUSED = "GATEWAY_REFUSED"


@strawberry.type(description="Why nothing was changed.")
class PlanUserError:
    code: PlanErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.type(description="The plan, or why it is not as wanted.")
class PlanPayload:
    plan: Plan | None = strawberry.field(description="Null when userErrors says why.")
    user_errors: list[PlanUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.input(description="A plan to make.")
class PlanCreateInput:
    idempotency_key: str = strawberry.field(description=KEY)
    name: str = strawberry.field(description="As the payer sees it, up to 200 characters.")
    amount: MoneyInput = strawberry.field(description=_AMOUNT)
    interval: Interval = strawberry.field(description="What periods are counted in.")
    description: str | None = strawberry.field(default=None, description="More about it, up to 2000 characters.")
    interval_count: int = strawberry.field(default=1, description=_COUNT)
    per_seat: bool = strawberry.field(default=False, description=_PER_SEAT)
    trial_days: int = strawberry.field(default=0, description=_TRIAL)
    setup_fee: MoneyInput | None = strawberry.field(default=None, description=_FEE)
    features: list[str] = strawberry.field(default_factory=list, description=_FEATURES)
    metadata: list[MetadataInput] = strawberry.field(
        default_factory=list, description="Up to 20 pairs to keep with the plan."
    )


@strawberry.input(description="A change of a plan. What is left out stays as it is. Other terms make a new version.")
class PlanUpdateInput:
    plan_id: strawberry.ID = strawberry.field(description="The plan (plan_…). It must not be archived.")
    name: str | None = strawberry.field(default=None, description="As the payer sees it, up to 200 characters.")
    description: str | None = strawberry.field(default=None, description="More about it, up to 2000 characters.")
    amount: MoneyInput | None = strawberry.field(default=None, description=_AMOUNT)
    interval: Interval | None = strawberry.field(default=None, description="What periods are counted in.")
    interval_count: int | None = strawberry.field(default=None, description=_COUNT)
    per_seat: bool | None = strawberry.field(default=None, description=_PER_SEAT)
    trial_days: int | None = strawberry.field(default=None, description=_TRIAL)
    setup_fee: MoneyInput | None = strawberry.field(default=None, description=f"{_FEE} 0 for none.")
    features: list[str] | None = strawberry.field(default=None, description=_FEATURES)


@strawberry.input(description="A plan to archive.")
class PlanArchiveInput:
    plan_id: strawberry.ID = strawberry.field(description="The plan (plan_…).")


@strawberry.type
class PlanMutations:
    @mutation(
        Scope.PRODUCTS_WRITE,
        description="Makes a plan, here and at the PSP. A plan has one currency for good.",
    )
    async def plan_create(self, info: Info, input: Input[PlanCreateInput]) -> PlanPayload:
        context = context_of(info)
        try:
            plan_id = await manage.create_plan(
                context.services.gateways,
                merchant_id=context.merchant_id,
                name=input.name,
                description=input.description,
                terms=_terms(input),
                setup_fee=_fee(input.setup_fee),
                metadata=[(entry.key, entry.value) for entry in input.metadata],
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                now=clock.now(),
            )
        except Refusal as refusal:
            return _refused(refusal)
        return await _plan(context, plan_id)

    @mutation(
        Scope.PRODUCTS_WRITE,
        description="Changes a plan. Other terms are a new version, for those who subscribe from now on: whoever has"
        " subscribed keeps the old one until moved by subscriptionChange.",
    )
    async def plan_update(self, info: Info, input: Input[PlanUpdateInput]) -> PlanPayload:
        context = context_of(info)
        try:
            plan_id = checked_id(input.plan_id, "plan", "a plan", "planId")
            await manage.update_plan(
                context.services.gateways,
                merchant_id=context.merchant_id,
                plan_id=plan_id,
                amendment=_amendment(input),
                now=clock.now(),
            )
        except Refusal as refusal:
            return _refused(refusal)
        return await _plan(context, plan_id)

    @mutation(
        Scope.PRODUCTS_WRITE,
        description="Ends a plan for good: nobody can subscribe to it any more, and those who have go on as before.",
    )
    async def plan_archive(self, info: Info, input: Input[PlanArchiveInput]) -> PlanPayload:
        context = context_of(info)
        try:
            plan_id = checked_id(input.plan_id, "plan", "a plan", "planId")
            await manage.archive_plan(context.merchant_id, plan_id, clock.now())
        except Refusal as refusal:
            return _refused(refusal)
        return await _plan(context, plan_id)


def _terms(input: PlanCreateInput) -> Terms:
    return Terms(
        currency=input.amount.currency,
        amount_minor=input.amount.amount_minor,
        interval=input.interval,
        interval_count=input.interval_count,
        per_seat=input.per_seat,
        trial_days=input.trial_days,
        setup_fee_minor=0,
        features=tuple(input.features),
    )


def _amendment(input: PlanUpdateInput) -> Amendment:
    return Amendment(
        name=input.name,
        description=input.description,
        currency=input.amount.currency if input.amount else None,
        amount_minor=input.amount.amount_minor if input.amount else None,
        interval=input.interval,
        interval_count=input.interval_count,
        per_seat=input.per_seat,
        trial_days=input.trial_days,
        setup_fee=_fee(input.setup_fee),
        features=tuple(input.features) if input.features is not None else None,
    )


def _fee(fee: MoneyInput | None) -> Amount | None:
    return Amount(fee.amount_minor, fee.currency) if fee else None


def _refused(refusal: Refusal) -> PlanPayload:
    return PlanPayload(plan=None, user_errors=user_errors(PlanUserError, PlanErrorCode, refusal))


async def _plan(context: Context, plan_id: str) -> PlanPayload:
    row = await reads.by_id("plans", context.merchant_id, plan_id)
    return PlanPayload(plan=Plan.of(row) if row else None, user_errors=[])
