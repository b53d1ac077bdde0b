"""Proves that a message comes from Stripe and is fresh."""

import re
from collections.abc import Sequence
from datetime import datetime

import stripe

from gateways.base import BadSignature

TOLERANCE_SECONDS = 300
_TIMESTAMP = re.compile(r"(?:^|,)t=(\d{1,12})(?:,|$)")


def verify(body: bytes, signature: str | None, secrets: Sequence[str], now: datetime) -> str:
    """The body as text; raises BadSignature unless one of the secrets signed it within the tolerance of `now`."""
    if not signature or not signature.isascii():
        raise BadSignature("The Stripe-Signature header is missing or malformed.")
    timestamp = _TIMESTAMP.search(signature)
    if timestamp is None or abs(int(timestamp[1]) - now.timestamp()) > TOLERANCE_SECONDS:
        raise BadSignature("The signature's time is missing, too old or in the future.")
    try:
        payload = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadSignature("The body is not UTF-8.") from None
    for secret in secrets:
        try:
            # Freshness was judged above by the time passed in; the SDK alone would accept the future.
            stripe.WebhookSignature.verify_header(payload, signature, secret, tolerance=None)
            return payload
        except (stripe.SignatureVerificationError, ValueError, TypeError):
            continue
    raise BadSignature("No signature matches: check the webhook's signing secret.")
