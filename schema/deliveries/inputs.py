"""What a merchant says of an endpoint."""

from typing import Any

import strawberry

from domain.deliveries.endpoint_input import Condition, Mapped
from schema.orders.inputs import KEY

_EVENT_TYPES = "Up to 50 types, such as payment.captured, or order.* for all of a subject."
_FILTER = "Up to 20 conditions that all must hold, else the event is not sent."
_MAPPING = "Up to 50 fields, which are sent as the body in place of the message."


@strawberry.input(description="A condition on the message.")
class WebhookFilterInput:
    path: str = strawberry.field(
        description="Leads into the message, such as data.order.metadata.kind; a number is a place in a list."
    )
    one_of: list[str] = strawberry.field(
        description="1 to 50 texts of which one must stand there; numbers, true and null as they are written."
    )


@strawberry.input(description="A field of the body to send: a path or a value.")
class WebhookMappingInput:
    field: str = strawberry.field(description="Its name; dots make objects, such as customer.email.")
    path: str | None = strawberry.field(default=None, description="Where its value stands in the message.")
    value: str | None = strawberry.field(default=None, description="A constant, up to 500 characters.")


@strawberry.input(description="An endpoint to make.")
class WebhookEndpointCreateInput:
    idempotency_key: str = strawberry.field(description=KEY)
    url: str = strawberry.field(description="Where messages are posted: https, up to 2,000 characters.")
    description: str | None = strawberry.field(default=None, description="Your own words, up to 200 characters.")
    event_types: list[str] | None = strawberry.field(
        default=None, description=f"{_EVENT_TYPES} All types when left out."
    )
    filter: list[WebhookFilterInput] | None = strawberry.field(default=None, description=_FILTER)
    mapping: list[WebhookMappingInput] | None = strawberry.field(default=None, description=_MAPPING)


@strawberry.input(description="A change of an endpoint. What is left out stays as it is.")
class WebhookEndpointUpdateInput:
    endpoint_id: strawberry.ID = strawberry.field(description="The endpoint (whe_…).")
    url: str | None = strawberry.field(default=strawberry.UNSET, description="Where messages are posted from now on.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="Null takes it away.")
    event_types: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description=f"{_EVENT_TYPES} Null for all types."
    )
    filter: list[WebhookFilterInput] | None = strawberry.field(
        default=strawberry.UNSET, description=f"{_FILTER} Null takes it away."
    )
    mapping: list[WebhookMappingInput] | None = strawberry.field(
        default=strawberry.UNSET, description=f"{_MAPPING} Null for the message itself."
    )
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="False: nothing is sent. True: everything since it was disabled is sent, and what was pending.",
    )


@strawberry.input(description="An endpoint that gets a new signing secret.")
class WebhookEndpointRotateInput:
    endpoint_id: strawberry.ID = strawberry.field(description="The endpoint (whe_…).")
    idempotency_key: str = strawberry.field(description=KEY)
    overlap_hours: int = strawberry.field(
        default=24, description="For how long messages are signed with the older secrets as well, 0 to 168 hours."
    )


@strawberry.input(description="A delivery to be sent again.")
class WebhookRedeliverInput:
    delivery_id: strawberry.ID = strawberry.field(description="The delivery (whd_…), in any status.")


def said_in(input: WebhookEndpointCreateInput | WebhookEndpointUpdateInput) -> dict[str, Any]:
    """What was said of the endpoint, without what was left out, in the domain's words."""
    names = ("url", "description", "event_types", "filter", "mapping", "enabled")
    given = {name: getattr(input, name, strawberry.UNSET) for name in names}
    said = {name: value for name, value in given.items() if value is not strawberry.UNSET}
    if said.get("filter"):
        said["filter"] = [Condition(path=each.path, one_of=each.one_of) for each in said["filter"]]
    if said.get("mapping"):
        said["mapping"] = [Mapped(field=each.field, path=each.path, value=each.value) for each in said["mapping"]]
    return said
