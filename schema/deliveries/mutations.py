"""Making and changing endpoints, and sending messages again."""

from datetime import timedelta
from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, reads
from domain.deliveries import endpoints, outcomes, signing
from domain.refusals import Refusal
from kit import clock, ids
from models import Scope
from schema.arguments import Input
from schema.deliveries.inputs import (
    WebhookEndpointCreateInput,
    WebhookEndpointRotateInput,
    WebhookEndpointUpdateInput,
    WebhookRedeliverInput,
    said_in,
)
from schema.deliveries.types import WebhookDelivery, WebhookEndpoint
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.permissions import context_of, mutation

_SECRET = "The signing secret (whsec_…), in this answer and nowhere else; null when userErrors says why."
_WHAT = "a webhook endpoint"


@error_codes("Why nothing was done about a webhook.")
class WebhookErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    TOO_MANY_ENDPOINTS = "TOO_MANY_ENDPOINTS"
    ENDPOINT_DISABLED = "ENDPOINT_DISABLED"


@strawberry.type(description="Why nothing was changed.")
class WebhookUserError:
    code: WebhookErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.type(description="The new endpoint, or why there is none.")
class WebhookEndpointCreatePayload:
    endpoint: WebhookEndpoint | None = strawberry.field(description="Null when userErrors says why.")
    secret: str | None = strawberry.field(description=_SECRET)
    user_errors: list[WebhookUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type(description="The changed endpoint, or why it was not changed.")
class WebhookEndpointUpdatePayload:
    endpoint: WebhookEndpoint | None = strawberry.field(description="As it is now; null when there is none.")
    user_errors: list[WebhookUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type(description="The endpoint with its new secret, or why there is none.")
class WebhookEndpointRotatePayload:
    endpoint: WebhookEndpoint | None = strawberry.field(description="As it is now; null when there is none.")
    secret: str | None = strawberry.field(description=_SECRET)
    user_errors: list[WebhookUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type(description="The delivery, or why it is not sent again.")
class WebhookRedeliverPayload:
    delivery: WebhookDelivery | None = strawberry.field(description="As it is now; null when there is none.")
    user_errors: list[WebhookUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class DeliveryMutations:
    @mutation(
        Scope.WEBHOOKS_WRITE,
        description="Makes an endpoint, which is told of every event from now on. The same key and input give the same"
        " endpoint and secret. At most 20 may be enabled.",
    )
    async def webhook_endpoint_create(
        self, info: Info, input: Input[WebhookEndpointCreateInput]
    ) -> WebhookEndpointCreatePayload:
        context = context_of(info)
        try:
            made = await endpoints.create(
                said_in(input),
                merchant_id=context.merchant_id,
                private_targets=context.services.private_targets,
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                now=clock.now(),
            )
        except Refusal as refusal:
            return WebhookEndpointCreatePayload(endpoint=None, secret=None, user_errors=_told(refusal))
        secret = signing.shown(context.services.tokens, made.salt)
        return WebhookEndpointCreatePayload(
            endpoint=await _endpoint(info, made.endpoint_id), secret=secret, user_errors=[]
        )

    @mutation(
        Scope.WEBHOOKS_WRITE,
        description="Changes an endpoint, or disables or enables it. Messages that were written down stay as they are.",
    )
    async def webhook_endpoint_update(
        self, info: Info, input: Input[WebhookEndpointUpdateInput]
    ) -> WebhookEndpointUpdatePayload:
        context, errors = context_of(info), list[WebhookUserError]()
        try:
            await endpoints.update(
                checked_id(input.endpoint_id, "whe", _WHAT, "endpointId"),
                said_in(input),
                merchant_id=context.merchant_id,
                private_targets=context.services.private_targets,
                now=clock.now(),
            )
        except Refusal as refusal:
            errors = _told(refusal)
        return WebhookEndpointUpdatePayload(endpoint=await _endpoint(info, input.endpoint_id), user_errors=errors)

    @mutation(
        Scope.WEBHOOKS_WRITE,
        description="Gives an endpoint a new signing secret. For the overlap, messages carry a signature of each.",
    )
    async def webhook_endpoint_rotate(
        self, info: Info, input: Input[WebhookEndpointRotateInput]
    ) -> WebhookEndpointRotatePayload:
        context, errors, secret = context_of(info), list[WebhookUserError](), None
        try:
            made = await endpoints.rotate(
                checked_id(input.endpoint_id, "whe", _WHAT, "endpointId"),
                merchant_id=context.merchant_id,
                overlap=timedelta(hours=input.overlap_hours),
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                now=clock.now(),
            )
            secret = signing.shown(context.services.tokens, made.salt)
        except Refusal as refusal:
            errors = _told(refusal)
        return WebhookEndpointRotatePayload(
            endpoint=await _endpoint(info, input.endpoint_id), secret=secret, user_errors=errors
        )

    @mutation(
        Scope.WEBHOOKS_WRITE,
        description="Sends a message again at once, with the same webhook-id and the same body.",
    )
    async def webhook_redeliver(self, info: Info, input: Input[WebhookRedeliverInput]) -> WebhookRedeliverPayload:
        merchant_id, errors = context_of(info).merchant_id, list[WebhookUserError]()
        try:
            delivery_id = checked_id(input.delivery_id, "whd", "a webhook delivery", "deliveryId")
            await outcomes.redeliver(delivery_id, merchant_id=merchant_id, now=clock.now())
        except Refusal as refusal:
            errors = _told(refusal)
        known = ids.prefix_of(input.delivery_id) == "whd"
        row = await reads.by_id("webhook_deliveries", merchant_id, input.delivery_id) if known else None
        return WebhookRedeliverPayload(delivery=WebhookDelivery.of(row) if row else None, user_errors=errors)


async def _endpoint(info: Info, endpoint_id: str) -> WebhookEndpoint | None:
    known = ids.prefix_of(endpoint_id) == "whe"
    row = await reads.by_id("webhook_endpoints", context_of(info).merchant_id, endpoint_id) if known else None
    return WebhookEndpoint.of(row) if row else None


def _told(refusal: Refusal) -> list[WebhookUserError]:
    return user_errors(WebhookUserError, WebhookErrorCode, refusal)
