"""Stripe's errors: what is raised here leaves as {"error": {...}} with its HTTP status."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """Base of all refusals.

    `stored` says whether an idempotency key remembers the answer; `keeps` whether the work done
    before the error is kept (a declined card leaves a failed charge behind).
    """

    status = 400
    type = "invalid_request_error"
    stored = True
    keeps = False

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.message, self.code, self.param, self.extra = message, code, param, extra

    def body(self, request_id: str) -> Json:
        facts = {"code": self.code, "param": self.param, **self.extra}
        error: Json = {key: value for key, value in facts.items() if value is not None}
        if self.code:
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        error |= {"message": self.message, "type": self.type}
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error}


class InvalidRequest(StripeError):
    """The request can't be done in the state things are in; the refusal is an outcome and is stored."""


class InvalidParameter(InvalidRequest):
    """A parameter failed validation: nothing began, so no idempotency key remembers it."""

    stored = False


class NotFound(InvalidRequest):
    status = 404


class Unauthorized(InvalidParameter):
    status = 401


class Forbidden(InvalidParameter):
    status = 403


class CardError(StripeError):
    """The payment was declined; the failed attempt stays on record."""

    status = 402
    type = "card_error"
    keeps = True


class IdempotencyMismatch(StripeError):
    type = "idempotency_error"
    stored = False


class KeyInUse(StripeError):
    status = 409
    type = "idempotency_error"
    stored = False


class ServerError(StripeError):
    status = 500
    type = "api_error"


def missing(kind: str, identifier: str, param: str = "id") -> NotFound:
    """Stripe's answer for an id that leads nowhere in this mode."""
    return NotFound(f"No such {kind}: '{identifier}'", code="resource_missing", param=param)


def unsupported(param: str) -> InvalidParameter:
    """What Stripe has and this sandbox has not: refused aloud rather than ignored."""
    return InvalidParameter(f"The sandbox does not implement the parameter {param}.", param=param)
