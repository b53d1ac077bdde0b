"""Sorts what the SDK raises by whether money may have moved, and what Stripe would refuse anyway."""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from gateways.base import AnswerStored, Declined, GatewayError, NotSent, OutcomeUnknown, Refused
from gateways.stripe.currencies import NotRepresentable, to_wire


@contextmanager
def translated() -> Iterator[None]:
    """Raises a GatewayError in place of the SDK's errors."""
    try:
        yield
    except stripe.StripeError as error:
        raise _translate(error) from error


def wire(amount_minor: int, currency: str) -> int:
    """The amount as Stripe wants it; raises Refused for one that it cannot charge exactly."""
    try:
        return to_wire(amount_minor, currency)
    except NotRepresentable as error:
        raise Refused(str(error), code="amount_not_representable") from error


def _translate(error: stripe.StripeError) -> GatewayError:
    code = error.code or (error.error.code if error.error else None)
    message = error.user_message or "The PSP did not say why."
    if isinstance(error, stripe.CardError):
        return Declined(message, code=code)
    if isinstance(error, stripe.RateLimitError):
        return NotSent("The PSP is busy.", code=code or "rate_limit")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return NotSent("The PSP does not accept our key.", code=code or "authentication")
    if isinstance(error, stripe.InvalidRequestError) and not isinstance(error, stripe.IdempotencyError):
        return Refused(message, code=code)
    unclear = AnswerStored if _is_stored(error) else OutcomeUnknown
    return unclear("The PSP gave no clear answer.", code=code or type(error).__name__)


def _is_stored(error: stripe.StripeError) -> bool:
    """Stripe keeps its own failures: a 500 is what the key hears from then on, and a replay says so itself."""
    replayed = "idempotent-replayed" in {name.lower() for name in error.headers or {}}
    return error.http_status == 500 or ((error.http_status or 0) > 500 and replayed)
