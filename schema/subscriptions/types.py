"""Subscriptions, and what customers may use because of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry.types import Info

from domain.reads import Condition, Row
from domain.subscriptions.actions import SubscriptionAction, SubscriptionState, refusal
from kit import clock
from kit.database.reading import decode_json, decode_time
from models import SUBSCRIPTION_ENDED, Scope, SubscriptionStatus
from schema.arguments import After, First
from schema.enums import show
from schema.events.types import Event
from schema.invoices.types import Invoice
from schema.nodes import Node
from schema.orders.types import Customer, MetadataEntry
from schema.pagination import Connection, listed, row_id, window
from schema.payments.types import NextAction, timeline
from schema.permissions import context_of, guarded
from schema.plans.types import Plan, PlanPrice

show(
    SubscriptionStatus,
    "Where a subscription stands. Customers may use what they subscribe to while TRIALING, ACTIVE or PAST_DUE.",
    INCOMPLETE="It has not begun: the first payment has not come.",
    INCOMPLETE_EXPIRED="The first payment did not come in time: it never began.",
    TRIALING="The trial runs.",
    ACTIVE="It runs, and is paid.",
    PAST_DUE="A payment failed, and the PSP tries again.",
    UNPAID="A payment failed for good; nothing more is collected.",
    PAUSED="Nobody is charged for now.",
    CANCELED="It has ended.",
)
show(
    SubscriptionAction,
    "What may be done with a subscription.",
    CHANGE="Another plan or quantity: subscriptionChangePreview, subscriptionChange.",
    CANCEL="End it, now or with the period: subscriptionCancel.",
    PAUSE="Charge nobody for a while: subscriptionPause.",
    RESUME="End a pause, or take a scheduled cancelation back: subscriptionResume.",
    UPDATE_METHOD="Let the customer leave another instrument: subscriptionMethodUpdate.",
)


@strawberry.type(description="What may be done with a subscription now, or why not.")
class SubscriptionActionState:
    name: SubscriptionAction = strawberry.field(description="The action.")
    enabled: bool = strawberry.field(description="Whether it is possible now.")
    code: str | None = strawberry.field(description="The code that the mutation would answer; null when possible.")
    reason: str | None = strawberry.field(description="Why not; null when it is possible.")


@strawberry.type(description="A customer's agreement to a plan. The PSP bills, and its word decides where it stands.")
class Subscription(Node):
    status: SubscriptionStatus = strawberry.field(description="Where it stands.")
    quantity: int = strawberry.field(description="How many seats; 1 for a plan that is not sold by the seat.")
    version: int = strawberry.field(description="How many events it has had.")
    current_period_start: datetime | None = strawberry.field(description="Null until it has begun.")
    current_period_end: datetime | None = strawberry.field(description="When it renews, or ends. Null until it began.")
    trial_end: datetime | None = strawberry.field(description="When its trial ends or ended; null without one.")
    cancel_at_period_end: bool = strawberry.field(description="Whether it ends with the period.")
    cancel_at: datetime | None = strawberry.field(description="When it ends; null while no end is set.")
    paused_until: datetime | None = strawberry.field(description="When a pause ends by itself; null for never.")
    canceled_at: datetime | None = strawberry.field(description="When its end was decided; null while it was not.")
    ended_at: datetime | None = strawberry.field(description="When it ended, by the PSP's clock; null until then.")
    created_at: datetime = strawberry.field(description="When it was made here.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    checkout_url: str | None = strawberry.field(
        description="The hosted page on which the customer subscribes; null once that is done, or past."
    )
    customer_id: strawberry.ID = strawberry.field(description="Who subscribes.")
    plan_id: strawberry.ID = strawberry.field(description="What was subscribed to.")
    token: str | None = strawberry.field(
        description="The PSP's name of it, or of the hosted page until it has begun; null before."
    )
    price_id: strawberry.Private[str]
    begun: strawberry.Private[bool]
    pairs: strawberry.Private[Any]

    @classmethod
    def of(cls, row: Row) -> "Subscription":
        status = SubscriptionStatus(row["status"])
        names = ("trial_end", "cancel_at", "paused_until", "canceled_at", "ended_at", "created_at", "updated_at")
        times: dict[str, Any] = {name: _time(row[name]) for name in names}
        expires_at = _time(row["expires_at"])
        payable = status is SubscriptionStatus.INCOMPLETE and not row["token"]
        return cls(
            id=row["id"],
            status=status,
            quantity=row["quantity"],
            version=row["version"],
            current_period_start=_time(row["period_start"]),
            current_period_end=_time(row["period_end"]),
            cancel_at_period_end=bool(row["cancel_at_period_end"]),
            checkout_url=row["checkout_url"] if payable and expires_at and expires_at > clock.now() else None,
            customer_id=row["customer_id"],
            plan_id=row["plan_id"],
            token=row["token"] or row["session_token"],
            price_id=row["price_id"],
            begun=row["token"] is not None,
            pairs=row["metadata"],
            **times,
        )

    @guarded(Scope.PRODUCTS_READ, description="What was subscribed to.")
    async def plan(self, info: Info) -> Plan:
        row = await context_of(info).load.plans.load(self.plan_id)
        assert row is not None
        return Plan.of(row)

    @strawberry.field(description="The version of the plan's terms that holds for it.")
    async def price(self, info: Info) -> PlanPrice:
        row = await context_of(info).load.prices_by_id.load(self.price_id)
        assert row is not None
        return PlanPrice.of(row)

    @guarded(Scope.ORDERS_READ, description="Who subscribes.")
    async def customer(self, info: Info) -> Customer:
        row = await context_of(info).load.customers.load(self.customer_id)
        assert row is not None
        return Customer.of(row)

    async def _owed(self, info: Info) -> Sequence[Row]:
        """The invoices that are to be paid, oldest first; none once it has ended."""
        ended = self.status in SUBSCRIPTION_ENDED
        return () if ended else await context_of(info).load.owed_invoices.load(self.id)

    @strawberry.field(
        description="What the customer has to do: pay an invoice, or confirm it at the bank. Null for nothing,"
        " and once it has ended."
    )
    async def next_action(self, info: Info) -> NextAction | None:
        if not (unpaid := await self._owed(info)):
            return None
        return NextAction(type="confirm" if unpaid[-1]["requires_action"] else "pay", url=unpaid[-1]["payment_url"])

    @strawberry.field(description="When the PSP next tries to collect what is owed; null when it does not.")
    async def next_attempt_at(self, info: Info) -> datetime | None:
        attempts = [row["next_attempt_at"] for row in await self._owed(info)]
        return min((decode_time(attempt) for attempt in attempts if attempt), default=None)

    @strawberry.field(
        description="A page for the customer: how it stands, what is owed, and the way to leave another instrument."
        " It lasts: it may stand in mails."
    )
    def page_url(self, info: Info) -> str:
        services = context_of(info).services
        return services.base_url + services.tokens.page_path("subscriptions", self.id)

    @strawberry.field(description="What the merchant keeps with it.")
    def metadata(self) -> list[MetadataEntry]:
        return [MetadataEntry(key=key, value=value) for key, value in decode_json(self.pairs).items()]

    @strawberry.field(description="What may be done now, and why not the rest.")
    async def actions(self, info: Info) -> list[SubscriptionActionState]:
        state = SubscriptionState(
            subscription_id=self.id,
            status=self.status,
            begun=self.begun,
            ending=self.cancel_at_period_end or self.cancel_at is not None,
            owing=bool(await self._owed(info)),
        )
        found = {action: refusal(action, state) for action in SubscriptionAction}
        return [
            SubscriptionActionState(
                name=action,
                enabled=refused is None,
                code=refused.faults[0].code if refused else None,
                reason=refused.faults[0].message if refused else None,
            )
            for action, refused in found.items()
        ]

    @guarded(Scope.PAYMENTS_READ, description="Its invoices, newest first. Drafts are not shown.")
    async def invoices(self, info: Info, first: First = None, after: After = None) -> Connection[Invoice]:
        stretch = window(first, after, None, None, descending=True, key=row_id("inv"))
        conditions = [Condition("subscription_id", "=", self.id)]
        return await listed("invoices", context_of(info).merchant_id, stretch, conditions, Invoice.of)

    @guarded(
        Scope.EVENTS_READ,
        description="Everything that happened to it, its invoices and its entitlements, oldest first.",
    )
    async def timeline(self, info: Info, first: First = None, after: After = None) -> Connection[Event]:
        return await timeline(info, Condition("subject_id", "=", self.id), first, after)


@strawberry.type(description="What a customer may use now, from all of the customer's subscriptions together.")
class Entitlement(Node):
    feature: str = strawberry.field(description="What it is, in the merchant's own words, as the plans name it.")
    quantity: int = strawberry.field(description="How many seats; 0 when it was revoked.")
    customer_id: strawberry.ID = strawberry.field(description="Who may use it.")
    since: datetime = strawberry.field(description="When it was last granted.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def of(cls, row: Row) -> "Entitlement":
        return cls(
            id=row["id"],
            feature=row["feature"],
            quantity=row["quantity"],
            customer_id=row["customer_id"],
            since=decode_time(row["since"]),
            updated_at=decode_time(row["updated_at"]),
        )


def _time(value: Any) -> datetime | None:
    return decode_time(value) if value else None
