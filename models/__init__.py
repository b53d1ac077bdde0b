"""What we remember.

Each model names its `table_description`: Tortoise would take the docstring's first line, and rewording it would
then be a change of the schema. Enum fields name their `description` and `max_length` for the same reason.
"""

from models.customer import Customer
from models.delivery import DELIVERY_EDGES, DeliveryStatus, DisabledReason, WebhookDelivery, WebhookEndpoint
from models.dispute import (
    AWAITING_RESPONSE,
    CONTESTING,
    DISPUTE_EDGES,
    DISPUTE_ENDED,
    Dispute,
    DisputeStatus,
    FraudPolicy,
    FraudWarning,
)
from models.event import Event
from models.idempotency import IdempotencyRecord
from models.inbox import InboxStatus, WebhookEvent
from models.invoice import INVOICE_EDGES, Invoice, InvoiceReason, InvoiceStatus
from models.link import SINGLE_VISIT, LinkStatus, PaymentLink
from models.mail import ABOUT_SUBSCRIPTIONS, MAIL_EDGES, TO_MERCHANT, Mail, MailKind, MailStatus
from models.merchant import ApiKey, KeyKind, Merchant, MerchantOrigin, Scope
from models.method import GatewayCustomer, SavedMethod
from models.operation import OPERATION_EDGES, Operation, OperationKind, OperationStatus
from models.order import ORDER_EDGES, LineItem, Order, OrderStatus
from models.payment import FINAL, LIVE, PAYMENT_EDGES, CaptureMethod, Payment, PaymentStatus, Recurrence
from models.plan import Interval, Plan, PlanPrice
from models.posting import Posting, PostingKind
from models.product import Price, Product, ProductKind
from models.refund import IN_FLIGHT, REFUND_EDGES, Refund, RefundReason, RefundStatus
from models.split import DeadlinePolicy, FeeBearer, Hold, Split, SplitRule
from models.subscription import (
    ENTITLED,
    SUBSCRIPTION_EDGES,
    SUBSCRIPTION_ENDED,
    Entitlement,
    Subscription,
    SubscriptionStatus,
)
from models.transitions import IllegalMove, advance
from models.vendor import (
    PAYOUT_EDGES,
    TRANSFER_EDGES,
    VENDOR_EDGES,
    BalanceSnapshot,
    Payout,
    PayoutStatus,
    Share,
    Transfer,
    TransferStatus,
    Vendor,
    VendorStatus,
)

__all__ = [
    "ABOUT_SUBSCRIPTIONS",
    "AWAITING_RESPONSE",
    "CONTESTING",
    "DELIVERY_EDGES",
    "DISPUTE_EDGES",
    "DISPUTE_ENDED",
    "ENTITLED",
    "FINAL",
    "INVOICE_EDGES",
    "IN_FLIGHT",
    "LIVE",
    "MAIL_EDGES",
    "OPERATION_EDGES",
    "ORDER_EDGES",
    "PAYMENT_EDGES",
    "PAYOUT_EDGES",
    "REFUND_EDGES",
    "SINGLE_VISIT",
    "SUBSCRIPTION_EDGES",
    "SUBSCRIPTION_ENDED",
    "TO_MERCHANT",
    "TRANSFER_EDGES",
    "VENDOR_EDGES",
    "ApiKey",
    "BalanceSnapshot",
    "CaptureMethod",
    "Customer",
    "DeadlinePolicy",
    "DeliveryStatus",
    "DisabledReason",
    "Dispute",
    "DisputeStatus",
    "Entitlement",
    "Event",
    "FeeBearer",
    "FraudPolicy",
    "FraudWarning",
    "GatewayCustomer",
    "Hold",
    "IdempotencyRecord",
    "IllegalMove",
    "InboxStatus",
    "Interval",
    "Invoice",
    "InvoiceReason",
    "InvoiceStatus",
    "KeyKind",
    "LineItem",
    "LinkStatus",
    "Mail",
    "MailKind",
    "MailStatus",
    "Merchant",
    "MerchantOrigin",
    "Operation",
    "OperationKind",
    "OperationStatus",
    "Order",
    "OrderStatus",
    "Payment",
    "PaymentLink",
    "PaymentStatus",
    "Payout",
    "PayoutStatus",
    "Plan",
    "PlanPrice",
    "Posting",
    "PostingKind",
    "Price",
    "Product",
    "ProductKind",
    "Recurrence",
    "Refund",
    "RefundReason",
    "RefundStatus",
    "SavedMethod",
    "Scope",
    "Share",
    "Split",
    "SplitRule",
    "Subscription",
    "SubscriptionStatus",
    "Transfer",
    "TransferStatus",
    "Vendor",
    "VendorStatus",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "advance",
]
