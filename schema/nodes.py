"""Global ids: every object is found again by its id alone, by whoever may see it."""

from typing import Any

import strawberry
from strawberry.types import Info

from domain import reads
from kit import ids
from models import Scope
from schema.arguments import NodeId, NodeIds
from schema.errors import bad_request
from schema.pagination import MAX_PAGE
from schema.permissions import context_of, query
from schema.transport.errors import ApiError, ErrorCode


@strawberry.interface(description="Anything with an id of its own.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="Global, opaque and time-ordered; its prefix tells the kind. The same id stands in URLs, logs,"
        " mails and webhooks."
    )


READ_SCOPES = {
    "orders": Scope.ORDERS_READ,
    "customers": Scope.ORDERS_READ,
    "mails": Scope.ORDERS_READ,
    "payments": Scope.PAYMENTS_READ,
    "refunds": Scope.PAYMENTS_READ,
    "disputes": Scope.PAYMENTS_READ,
    "saved_methods": Scope.PAYMENTS_READ,
    "payment_links": Scope.ORDERS_READ,
    "products": Scope.PRODUCTS_READ,
    "plans": Scope.PRODUCTS_READ,
    "subscriptions": Scope.PAYMENTS_READ,
    "invoices": Scope.PAYMENTS_READ,
    "entitlements": Scope.PAYMENTS_READ,
    "events": Scope.EVENTS_READ,
    "vendors": Scope.VENDORS_READ,
    "split_rules": Scope.VENDORS_READ,
    "holds": Scope.PAYMENTS_READ,
    "transfers": Scope.PAYMENTS_READ,
    "payouts": Scope.VENDORS_READ,
    "webhook_endpoints": Scope.WEBHOOKS_READ,
    "webhook_deliveries": Scope.WEBHOOKS_READ,
}
"""What a key needs to see a row of each table by its id."""


def _types() -> dict[str, Any]:
    from schema.deliveries.types import WebhookDelivery, WebhookEndpoint
    from schema.events.types import Event
    from schema.holds.types import Hold
    from schema.invoices.types import Invoice
    from schema.links.types import PaymentLink
    from schema.mails.types import Mail
    from schema.orders.types import Customer, Order, SavedMethod
    from schema.payments.types import Dispute, Payment, Refund
    from schema.plans.types import Plan
    from schema.products.types import Product
    from schema.splits.types import SplitRule
    from schema.subscriptions.types import Entitlement, Subscription
    from schema.vendors.types import Payout, Transfer, Vendor

    return {
        "orders": Order,
        "customers": Customer,
        "mails": Mail,
        "payments": Payment,
        "refunds": Refund,
        "disputes": Dispute,
        "saved_methods": SavedMethod,
        "payment_links": PaymentLink,
        "products": Product,
        "plans": Plan,
        "subscriptions": Subscription,
        "invoices": Invoice,
        "entitlements": Entitlement,
        "events": Event,
        "vendors": Vendor,
        "split_rules": SplitRule,
        "holds": Hold,
        "transfers": Transfer,
        "payouts": Payout,
        "webhook_endpoints": WebhookEndpoint,
        "webhook_deliveries": WebhookDelivery,
    }


async def find(info: Info, wanted: list[strawberry.ID]) -> list[Any]:
    """The nodes in the order of their ids, one statement for each kind; None for what is not the merchant's."""
    context = context_of(info)
    by_table: dict[str, list[str]] = {}
    for text in wanted:
        by_table.setdefault(_readable_table(info, text), []).append(text)
    types = _types()
    found: dict[str, Any] = {}
    for table, table_ids in by_table.items():
        rows = await reads.by_ids(table, context.merchant_id, table_ids)
        found |= {row_id: types[table].of(row) for row_id, row in rows.items()}
    return [found.get(text) for text in wanted]


def _readable_table(info: Info, text: str) -> str:
    table = reads.table_of(ids.prefix_of(text) or "")
    if table is None:
        raise bad_request(f"{text[:60]!r} is not an id of this API.")
    actor = context_of(info).actor
    if actor is None or READ_SCOPES[table] not in actor.scopes:
        raise ApiError(ErrorCode.FORBIDDEN, f"This key lacks the scope `{READ_SCOPES[table]}`.")
    return table


@strawberry.type
class NodeQueries:
    @query(
        *sorted(set(READ_SCOPES.values())),
        description="The object with this id; null when there is none, or it is another merchant's.",
    )
    async def node(self, info: Info, id: NodeId) -> Node | None:
        found: Node | None = (await find(info, [id]))[0]
        return found

    @query(
        *sorted(set(READ_SCOPES.values())),
        description=f"The objects with these ids, up to {MAX_PAGE}, in the same order; null where there is none.",
    )
    async def nodes(self, info: Info, ids: NodeIds) -> list[Node | None]:
        if len(ids) > MAX_PAGE:
            raise bad_request(f"At most {MAX_PAGE} ids at once.")
        return await find(info, ids)
