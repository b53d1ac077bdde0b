"""Answering disputes, and saying what early warnings of fraud bring about."""

from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, reads
from domain.disputes import respond, warnings
from domain.disputes.respond import Answer
from domain.refusals import Refusal
from kit import clock, ids
from models import FraudPolicy, Scope
from schema.arguments import Input
from schema.enums import show
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.orders.inputs import KEY
from schema.payments.types import Dispute
from schema.permissions import context_of, mutation

show(
    FraudPolicy,
    "What a card network's early warning of fraud brings about.",
    NONE="It is recorded.",
    ALERT="The merchant is told by an event.",
    REFUND="The merchant is told, and the money is given back before the bank takes it.",
)


@error_codes("Why a dispute was not answered.")
class DisputeErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    EVIDENCE_SUBMITTED = "EVIDENCE_SUBMITTED"
    DISPUTE_CLOSED = "DISPUTE_CLOSED"
    EVIDENCE_OVERDUE = "EVIDENCE_OVERDUE"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    GATEWAY_REFUSED = "GATEWAY_REFUSED"


@strawberry.type(description="Why nothing was changed.")
class DisputeUserError:
    code: DisputeErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.input(description="The merchant's side of a dispute. Each text up to 20,000 characters.")
class DisputeEvidenceInput:
    uncategorized_text: str | None = strawberry.field(default=None, description="All that fits nowhere else.")
    product_description: str | None = strawberry.field(default=None, description="What was sold.")
    customer_name: str | None = strawberry.field(default=None, description="Who bought it.")
    service_date: str | None = strawberry.field(default=None, description="When a service was performed.")
    shipping_date: str | None = strawberry.field(default=None, description="When goods were sent.")
    shipping_carrier: str | None = strawberry.field(default=None, description="Who carried them.")
    shipping_tracking_number: str | None = strawberry.field(default=None, description="The carrier's number.")
    cancellation_rebuttal: str | None = strawberry.field(default=None, description="Why it was not canceled.")
    refund_policy_disclosure: str | None = strawberry.field(default=None, description="How the payer knew the policy.")
    refund_refusal_explanation: str | None = strawberry.field(default=None, description="Why no refund is due.")


@strawberry.input(description="An answer to a dispute.")
class DisputeEvidenceSubmitInput:
    dispute_id: strawberry.ID = strawberry.field(description="The dispute (dp_…).")
    idempotency_key: str = strawberry.field(description=KEY)
    evidence: DisputeEvidenceInput = strawberry.field(description="What is to be said; at least one part.")
    submit: bool = strawberry.field(
        default=True, description="False only stages it at the PSP. The bank reads one submitted answer."
    )


@strawberry.type(description="The dispute, or why it was not answered.")
class DisputeEvidenceSubmitPayload:
    dispute: Dispute | None = strawberry.field(description="As it is now; null when there is none.")
    user_errors: list[DisputeUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.input(description="What early warnings of fraud are to bring about.")
class FraudPolicySetInput:
    early_warnings: FraudPolicy = strawberry.field(description="From now on, for this merchant.")


@strawberry.type(description="The policy in force.")
class FraudPolicySetPayload:
    early_warnings: FraudPolicy | None = strawberry.field(description="The policy in force from now on.")
    user_errors: list[DisputeUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class DisputeMutations:
    @mutation(Scope.PAYMENTS_WRITE, description="Answers a dispute at the PSP, before its deadline, once.")
    async def dispute_evidence_submit(
        self, info: Info, input: Input[DisputeEvidenceSubmitInput]
    ) -> DisputeEvidenceSubmitPayload:
        context, errors = context_of(info), list[DisputeUserError]()
        try:
            parts = {name: str(text) for name, text in strawberry.asdict(input.evidence).items() if text is not None}
            answer = Answer(
                merchant_id=context.merchant_id,
                dispute_id=checked_id(input.dispute_id, "dp", "a dispute", "disputeId"),
                parts=parts,
                submit=input.submit,
            )
            await respond.submit(
                context.services.gateways,
                answer,
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            errors = user_errors(DisputeUserError, DisputeErrorCode, refusal)
        known = ids.prefix_of(input.dispute_id) == "dp"
        row = await reads.by_id("disputes", context.merchant_id, input.dispute_id) if known else None
        return DisputeEvidenceSubmitPayload(dispute=Dispute.of(row) if row else None, user_errors=errors)

    @mutation(Scope.PAYMENTS_WRITE, description="Says what a card network's early warning of fraud brings about.")
    async def fraud_policy_set(self, info: Info, input: Input[FraudPolicySetInput]) -> FraudPolicySetPayload:
        await warnings.set_policy(context_of(info).merchant_id, input.early_warnings)
        return FraudPolicySetPayload(early_warnings=input.early_warnings, user_errors=[])
