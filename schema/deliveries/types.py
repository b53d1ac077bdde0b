"""Endpoints and deliveries."""

import json
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from domain.reads import Row
from kit.database.reading import decode_json, decode_time
from models import DeliveryStatus, DisabledReason
from schema.enums import show
from schema.nodes import Node

show(
    DisabledReason,
    "Why nothing is sent to an endpoint.",
    MERCHANT="The merchant disabled it.",
    GONE="It answered 410 Gone.",
    FAILING="For five days it took nothing.",
)
show(
    DeliveryStatus,
    "Where a delivery stands.",
    PENDING="It is sent when its time comes.",
    SUCCEEDED="The endpoint has taken it: it answered with a status of 200 to 299.",
    FAILED="All attempts failed. It can be sent again.",
)


@strawberry.type(description="A condition of a connector.")
class WebhookFilter:
    path: str = strawberry.field(description="Leads into the message, such as data.order.metadata.kind.")
    one_of: list[str] = strawberry.field(description="What may stand there; numbers and true as they are written.")


@strawberry.type(description="A field of the body that a connector is sent.")
class WebhookMapping:
    field: str = strawberry.field(description="Its name; dots make objects, such as customer.email.")
    path: str | None = strawberry.field(description="Where its value stands in the message; null for a constant.")
    value: str | None = strawberry.field(description="The constant; null for a path.")


@strawberry.type(description="An address of the merchant's that is told of events.")
class WebhookEndpoint(Node):
    url: str = strawberry.field(description="Where messages are posted.")
    description: str | None = strawberry.field(description="The merchant's own words, null when there are none.")
    event_types: list[str] | None = strawberry.field(description="Which types it wants; null for all of them.")
    filter: list[WebhookFilter] = strawberry.field(description="Conditions that all must hold; empty for none.")
    mapping: list[WebhookMapping] = strawberry.field(description="The body's fields; empty for the message itself.")
    enabled: bool = strawberry.field(description="Whether anything is sent to it.")
    disabled_reason: DisabledReason | None = strawberry.field(description="Why it is disabled, null while enabled.")
    disabled_at: datetime | None = strawberry.field(description="Since when, null while enabled.")
    failing_since: datetime | None = strawberry.field(
        description="The first failure after the last success; null while all goes well."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When the merchant, or we, last changed it.")

    @classmethod
    def of(cls, row: Row) -> "WebhookEndpoint":
        reason = row["disabled_reason"]
        return cls(
            id=row["id"],
            url=row["url"],
            description=row["description"],
            event_types=decode_json(row["event_types"]),
            filter=[WebhookFilter(**each) for each in decode_json(row["conditions"]) or ()],
            mapping=[WebhookMapping(**each) for each in decode_json(row["mapping"]) or ()],
            enabled=reason is None,
            disabled_reason=DisabledReason(reason) if reason else None,
            disabled_at=_time(row["disabled_at"]),
            failing_since=_time(row["failing_since"]),
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
        )


@strawberry.type(description="One event's message for one endpoint, with all attempts at sending it.")
class WebhookDelivery(Node):
    endpoint_id: strawberry.ID = strawberry.field(description="The endpoint it is for.")
    event_id: strawberry.ID = strawberry.field(description="The event it tells; also the webhook-id of every attempt.")
    event_type: str = strawberry.field(description="Such as payment.captured.")
    sequence: int = strawberry.field(description="The event's number among the merchant's.")
    status: DeliveryStatus = strawberry.field(description="Where it stands.")
    attempts: int = strawberry.field(description="How often it was sent.")
    next_attempt_at: datetime | None = strawberry.field(
        description="When it is sent again, null when it is not. Nothing is sent while the endpoint is disabled."
    )
    attempted_at: datetime | None = strawberry.field(description="The last attempt, null before the first.")
    response_status: int | None = strawberry.field(description="The last answer's HTTP status, null for no answer.")
    response_excerpt: str | None = strawberry.field(
        description="The beginning of the last answer, up to 500 characters; secrets, addresses and card numbers are"
        " struck out. Null for no answer."
    )
    failure: str | None = strawberry.field(description="Why there was no answer, null when there was one.")
    created_at: datetime = strawberry.field(description="When it was written down.")
    body: strawberry.Private[str]

    @classmethod
    def of(cls, row: Row) -> "WebhookDelivery":
        return cls(
            id=row["id"],
            endpoint_id=row["endpoint_id"],
            event_id=row["event_id"],
            event_type=row["event_type"],
            sequence=row["sequence"],
            status=DeliveryStatus(row["status"]),
            attempts=row["attempts"],
            next_attempt_at=_time(row["due_at"]),
            attempted_at=_time(row["attempted_at"]),
            response_status=row["response_status"],
            response_excerpt=row["response_excerpt"],
            failure=row["failure"],
            created_at=decode_time(row["created_at"]),
            body=row["body"],
        )

    @strawberry.field(description="What every attempt sends.")
    def payload(self) -> JSON:
        return JSON(json.loads(self.body))


def _time(value: Any) -> datetime | None:
    return decode_time(value) if value else None
