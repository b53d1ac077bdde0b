"""Reading subscriptions and entitlements."""

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from models import Scope, SubscriptionStatus
from schema.arguments import After, Before, CustomerId, Filter, First, Last, SubscriptionId
from schema.errors import known_id
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import context_of, query
from schema.subscriptions.types import Entitlement, Subscription


@strawberry.input(description="Which subscriptions; all conditions must hold.")
class SubscriptionFilter:
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Of this customer (cus_…).")
    plan_id: strawberry.ID | None = strawberry.field(default=None, description="To this plan (plan_…).")
    status: list[SubscriptionStatus] | None = strawberry.field(default=None, description="In one of these.")


@strawberry.type
class SubscriptionQueries:
    @query(Scope.PAYMENTS_READ, description="A subscription; null when the merchant has none with this id.")
    async def subscription(self, info: Info, id: SubscriptionId) -> Subscription | None:
        row = await reads.by_id("subscriptions", context_of(info).merchant_id, known_id(id, "sub", "a subscription"))
        return Subscription.of(row) if row else None

    @query(
        Scope.PAYMENTS_READ, description="The merchant's subscriptions, 25 unless first or last (1 to 100) says else."
    )
    async def subscriptions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[SubscriptionFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Subscription]:
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("sub"))
        conditions = _conditions(filter) if filter else []
        return await listed("subscriptions", context_of(info).merchant_id, stretch, conditions, Subscription.of)

    @query(
        Scope.PAYMENTS_READ,
        description="What a customer may use now, because of all subscriptions together. A feature that is not here may"
        " not be used. Events `entitlement.granted`, `entitlement.changed` and `entitlement.revoked` tell of changes.",
    )
    async def entitlements(
        self, info: Info, customer_id: CustomerId, first: First = None, after: After = None
    ) -> Connection[Entitlement]:
        stretch = window(first, after, None, None, descending=False, key=row_id("ent"))
        conditions = [
            Condition("customer_id", "=", known_id(customer_id, "cus", "a customer")),
            Condition("quantity", ">", 0),
        ]
        return await listed("entitlements", context_of(info).merchant_id, stretch, conditions, Entitlement.of)


def _conditions(wanted: SubscriptionFilter) -> list[Condition]:
    conditions = []
    if wanted.customer_id is not None:
        conditions.append(Condition("customer_id", "=", known_id(wanted.customer_id, "cus", "a customer")))
    if wanted.plan_id is not None:
        conditions.append(Condition("plan_id", "=", known_id(wanted.plan_id, "plan", "a plan")))
    if wanted.status is not None:
        conditions.append(Condition("status", "IN", [status.value for status in wanted.status]))
    return conditions
