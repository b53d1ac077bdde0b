"""The whole API: every concept's fields under the three roots, and the schema made of them."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.customers.mutations import CustomerMutations
from schema.customers.queries import CustomerQueries
from schema.deliveries.mutations import DeliveryMutations
from schema.deliveries.queries import DeliveryQueries
from schema.direct.mutations import DirectMutations
from schema.disputes.mutations import DisputeMutations
from schema.disputes.queries import DisputeQueries
from schema.events.live import EventLive
from schema.events.queries import EventQueries
from schema.holds.mutations import HoldMutations
from schema.holds.queries import HoldQueries
from schema.invoices.queries import InvoiceQueries
from schema.links.mutations import LinkMutations
from schema.links.queries import LinkQueries
from schema.mails.mutations import MailMutations
from schema.mails.queries import MailQueries
from schema.methods.queries import MethodQueries
from schema.nodes import NodeQueries
from schema.orders.live import OrderLive
from schema.orders.mutations import OrderMutations
from schema.orders.queries import OrderQueries
from schema.payments.live import PaymentLive
from schema.payments.mutations import PaymentMutations
from schema.payments.queries import PaymentQueries
from schema.plans.mutations import PlanMutations
from schema.plans.queries import PlanQueries
from schema.products.mutations import ProductMutations
from schema.products.queries import ProductQueries
from schema.scalars import SCALARS
from schema.splits.mutations import SplitMutations
from schema.splits.queries import SplitQueries
from schema.subscriptions.live import SubscriptionLive
from schema.subscriptions.mutations import SubscriptionMutations
from schema.subscriptions.queries import SubscriptionQueries
from schema.transport.limits import Limits
from schema.transport.schema import Schema
from schema.vendors.live import VendorLive
from schema.vendors.mutations import VendorMutations
from schema.vendors.queries import VendorQueries
from schema.vendors.statement import StatementQueries


@strawberry.type(description="What can be read.")
class Query(
    NodeQueries,
    MethodQueries,
    OrderQueries,
    PaymentQueries,
    DisputeQueries,
    LinkQueries,
    CustomerQueries,
    ProductQueries,
    PlanQueries,
    SubscriptionQueries,
    InvoiceQueries,
    VendorQueries,
    StatementQueries,
    SplitQueries,
    HoldQueries,
    MailQueries,
    EventQueries,
    DeliveryQueries,
):
    pass


@strawberry.type(description="What can be done. Refusals come as userErrors; nothing changes then.")
class Mutation(
    OrderMutations,
    PaymentMutations,
    DirectMutations,
    DisputeMutations,
    LinkMutations,
    CustomerMutations,
    ProductMutations,
    PlanMutations,
    SubscriptionMutations,
    VendorMutations,
    SplitMutations,
    HoldMutations,
    MailMutations,
    DeliveryMutations,
):
    pass


@strawberry.type(
    description="What can be followed: live status, each event once and in order, resumable from any cursor."
)
class LiveUpdates(OrderLive, PaymentLive, SubscriptionLive, VendorLive, EventLive):
    pass


def build_schema(*, production: bool, limits: Limits | None = None) -> Schema:
    """The schema; one for each process, because it caches what it has validated."""
    return Schema(
        Query,
        Mutation,
        LiveUpdates,
        limits=limits,
        production=production,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
