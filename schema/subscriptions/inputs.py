"""What a caller says to begin, change and end a subscription."""

from datetime import datetime
from enum import Enum

import strawberry

from domain.billing.change import Proration
from schema.enums import show
from schema.orders.inputs import KEY, CustomerInput, MetadataInput

SUBSCRIPTION = "The subscription (sub_…)."
_QUANTITY = "How many seats, 1 to 1,000,000; 1 for a plan that is not sold by the seat."

show(
    Proration,
    "When a change within a period is accounted for: what is left of the old, and of the new.",
    NOW="By an invoice of its own, collected at once. A credit is kept as the customer's balance.",
    NEXT_INVOICE="With the next invoice, or a last one when the subscription ends. Not for another interval.",
    NONE="Not at all: the new price holds from the next period on. Not for another interval.",
)


class CancelWhen(Enum):
    PERIOD_END = "period_end"
    NOW = "now"


show(
    CancelWhen,
    "When a subscription is to end.",
    PERIOD_END="With the period that is paid. It can be taken back until then: subscriptionResume.",
    NOW="At once and for good. Nothing is given back by itself: refundCreate does.",
)


@strawberry.input(description="A subscription to begin. Give a customerId or a customer.")
class SubscriptionStartInput:
    idempotency_key: str = strawberry.field(description=KEY)
    plan_id: strawberry.ID = strawberry.field(description="The plan (plan_…), in its newest version.")
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Who subscribes (cus_…).")
    customer: CustomerInput | None = strawberry.field(default=None, description="Who subscribes, by e-mail address.")
    quantity: int = strawberry.field(default=1, description=_QUANTITY)
    payment_method_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="A saved method (pmt_…) of the customer's, to be charged at once and each period. Left out: a"
        " hosted page is opened.",
    )
    metadata: list[MetadataInput] = strawberry.field(
        default_factory=list, description="Up to 20 pairs to keep with the subscription."
    )
    return_url: str | None = strawberry.field(
        default=None,
        description="Where the customer goes after subscribing, on one of the merchant's origins. Our own page when"
        " left out.",
    )
    cancel_url: str | None = strawberry.field(
        default=None, description="Where the customer goes who does not subscribe. Our own page when left out."
    )


@strawberry.input(description="What a subscription would become.")
class SubscriptionChangePreviewInput:
    subscription_id: strawberry.ID = strawberry.field(description=SUBSCRIPTION)
    plan_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Another plan, or the same one for its newest version. Left out: the version of now.",
    )
    quantity: int | None = strawberry.field(default=None, description=f"{_QUANTITY} Left out: as it is.")
    proration: Proration = strawberry.field(default=Proration.NOW, description="How it is accounted for.")
    proration_date: datetime | None = strawberry.field(
        default=None, description="The moment to compute it for, within the period. Left out: the PSP's present."
    )


@strawberry.input(description="What a subscription is to become.")
class SubscriptionChangeInput:
    subscription_id: strawberry.ID = strawberry.field(description=SUBSCRIPTION)
    idempotency_key: str = strawberry.field(description=KEY)
    plan_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Another plan, or the same one for its newest version. Left out: the version of now.",
    )
    quantity: int | None = strawberry.field(default=None, description=f"{_QUANTITY} Left out: as it is.")
    proration: Proration = strawberry.field(default=Proration.NOW, description="How it is accounted for.")
    proration_date: datetime | None = strawberry.field(
        default=None,
        description="The prorationDate of a preview: then the invoice has the preview's numbers. Left out: the PSP's"
        " present.",
    )


@strawberry.input(description="A subscription to end.")
class SubscriptionCancelInput:
    subscription_id: strawberry.ID = strawberry.field(description=SUBSCRIPTION)
    idempotency_key: str = strawberry.field(description=KEY)
    when: CancelWhen = strawberry.field(default=CancelWhen.PERIOD_END, description="When it is to end.")


@strawberry.input(description="A subscription to pause.")
class SubscriptionPauseInput:
    subscription_id: strawberry.ID = strawberry.field(description=SUBSCRIPTION)
    idempotency_key: str = strawberry.field(description=KEY)
    until: datetime | None = strawberry.field(
        default=None, description="When it goes on by itself. Left out: not before subscriptionResume."
    )


@strawberry.input(description="A subscription to go on with.")
class SubscriptionResumeInput:
    subscription_id: strawberry.ID = strawberry.field(description=SUBSCRIPTION)
    idempotency_key: str = strawberry.field(description=KEY)


@strawberry.input(description="A subscription whose customer leaves another instrument.")
class SubscriptionMethodUpdateInput:
    subscription_id: strawberry.ID = strawberry.field(description=SUBSCRIPTION)
    return_url: str | None = strawberry.field(
        default=None,
        description="Where the customer goes afterwards, on one of the merchant's origins. Our own page when left out.",
    )
