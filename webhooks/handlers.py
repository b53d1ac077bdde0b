"""Which domain verb takes which kind of event in."""

from domain.inbox import Handlers
from domain.invoices import apply as invoices
from domain.payments import apply as payments
from domain.payouts import observe as payouts
from domain.subscriptions import apply as subscriptions
from domain.transfers import observe as transfers
from domain.vendors import inquire as vendors
from gateways.base import EventKind

HANDLERS: Handlers = {
    EventKind.PAYMENT: payments.apply,
    EventKind.SUBSCRIPTION: subscriptions.apply,
    EventKind.INVOICE: invoices.apply,
    EventKind.INVOICE_PAYMENT: invoices.apply_payment,
    EventKind.ACCOUNT: vendors.take_hint,
    EventKind.PAYOUT: payouts.observe,
    EventKind.TRANSFER: transfers.observe,
}
