"""What a browser may do with a publishable key (pk_...): few calls, across origins, seeing only what is the payer's."""

from __future__ import annotations

import hmac
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from sandbox.store import Json
from sandbox.stripe import errors
from sandbox.stripe.endpoints import Endpoint, match
from sandbox.world import Call

CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Request-Id, Idempotent-Replayed, Original-Request, Stripe-Version",
}
SECRETIVE: Final[Json] = {
    "application_fee_amount": None,
    "customer": None,
    "latest_attempt": None,
    "latest_charge": None,
    "metadata": {},
    "on_behalf_of": None,
    "review": None,
    "transfer_data": None,
    "transfer_group": None,
}
"""What of an intent is none of a browser's business. Stripe leaves it out; we blank it, and so keep to the schema."""


def headers_for(method: str, path: str) -> dict[str, str]:
    """The CORS headers of a call that browsers may make."""
    found = match(method, path)
    return dict(CORS) if found and found[0].publishable else {}


def preflight(request: Request) -> Response | None:
    """The answer to a browser that asks whether it may make a call; None if it may not."""
    wanted = request.headers.get("access-control-request-method", "")
    if not headers_for(wanted, request.url.path):
        return None
    asked = request.headers.get("access-control-request-headers", "Authorization, Content-Type")
    headers = {
        "Access-Control-Allow-Headers": asked if asked.isascii() and asked.isprintable() else "Authorization",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Max-Age": "300",
    }
    return Response(None, 204, {**CORS, **headers})


def require_publishable(found: tuple[Endpoint, list[str]] | None) -> None:
    if found is None or found[0].publishable is None:
        raise errors.Unauthorized(
            "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list "
            "of your API keys at https://dashboard.stripe.com/account/apikeys.",
            code="secret_key_required",
        )


def require_secret(call: Call, given: dict[str, Any], identifier: str) -> None:
    """An intent is reached only with its client_secret; a wrong one is as good as a wrong id."""
    secret = given.get("client_secret")
    if secret is None:
        raise errors.InvalidParameter(
            "Missing required param: client_secret.", code="parameter_missing", param="client_secret"
        )
    document = call.store.find(call.livemode, identifier) or {}
    known = str(document.get("client_secret", ""))
    if not known or not hmac.compare_digest(known.encode(), secret.encode()):
        raise errors.NotFound(f"No such intent: '{identifier[:80]}'", code="resource_missing", param="intent")


def shown_to_browser(result: Json) -> Json:
    if result.get("object") not in ("payment_intent", "setup_intent"):
        return result
    return {**result, **{name: blank for name, blank in SECRETIVE.items() if name in result}}
