"""Which domain verb takes which kind of event in."""

from domain.inbox import Handlers
from domain.payments.apply import apply
from gateways.base import EventKind

HANDLERS: Handlers = {
    EventKind.PAYMENT: apply,
}
