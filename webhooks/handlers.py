"""Which domain verb takes which kind of event in."""

from domain.inbox import Handlers
from domain.payments import apply as payments
from domain.payouts import observe as payouts
from domain.vendors import inquire as vendors
from gateways.base import EventKind

HANDLERS: Handlers = {
    EventKind.PAYMENT: payments.apply,
    EventKind.ACCOUNT: vendors.take_hint,
    EventKind.PAYOUT: payouts.observe,
}
