"""The arguments that many fields have, each with its description."""

from typing import Annotated, TypeVar

import strawberry

from schema.scalars import Cursor

T = TypeVar("T")

Input = Annotated[T, strawberry.argument(description="What is to be done, and with what.")]
Filter = Annotated[T | None, strawberry.argument(description="Which rows; all of them when left out.")]
First = Annotated[int | None, strawberry.argument(description="At most this many from the beginning, 1 to 100.")]
Last = Annotated[int | None, strawberry.argument(description="At most this many from the end, 1 to 100.")]
After = Annotated[Cursor | None, strawberry.argument(description="Begin behind the row with this cursor.")]
Before = Annotated[Cursor | None, strawberry.argument(description="End before the row with this cursor.")]
Resume = Annotated[
    Cursor | None,
    strawberry.argument(
        description="The cursor of the last message that came: go on from there. Null begins with the present."
        " A stream of server-sent events may give it as Last-Event-ID."
    ),
]
NodeId = Annotated[strawberry.ID, strawberry.argument(description="Any object's id.")]
NodeIds = Annotated[
    list[strawberry.ID], strawberry.argument(description="Ids of objects of any kind, up to 100 of them.")
]
OrderId = Annotated[strawberry.ID, strawberry.argument(description="The order (ord_…).")]
PaymentId = Annotated[strawberry.ID, strawberry.argument(description="The payment (pay_…).")]
RefundId = Annotated[strawberry.ID, strawberry.argument(description="The refund (re_…).")]
CustomerId = Annotated[strawberry.ID, strawberry.argument(description="The customer (cus_…).")]
DisputeId = Annotated[strawberry.ID, strawberry.argument(description="The dispute (dp_…).")]
MailId = Annotated[strawberry.ID, strawberry.argument(description="The mail (mail_…).")]
EventId = Annotated[strawberry.ID, strawberry.argument(description="The event (evt_…).")]
EndpointId = Annotated[strawberry.ID, strawberry.argument(description="The endpoint (whe_…).")]
DeliveryId = Annotated[strawberry.ID, strawberry.argument(description="The delivery (whd_…).")]
PaymentLinkId = Annotated[strawberry.ID, strawberry.argument(description="The payment link (plink_…).")]
VendorId = Annotated[strawberry.ID, strawberry.argument(description="The vendor (ven_…).")]
HoldId = Annotated[strawberry.ID, strawberry.argument(description="The hold (hold_…).")]
ProductId = Annotated[strawberry.ID, strawberry.argument(description="The product (prod_…).")]
PlanId = Annotated[strawberry.ID, strawberry.argument(description="The plan (plan_…).")]
SubscriptionId = Annotated[strawberry.ID, strawberry.argument(description="The subscription (sub_…).")]
InvoiceId = Annotated[strawberry.ID, strawberry.argument(description="The invoice (inv_…).")]
ClientSecret = Annotated[
    str | None,
    strawberry.argument(description="The order's client secret; needed with a publishable key, else ignored."),
]
