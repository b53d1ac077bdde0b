"""Secrets that are derived, never stored: of orders for their payers, of return pages, of webhook endpoints."""

import base64
import hashlib
import hmac


class Tokens:
    """Derives them from the server's secret key; another key makes all earlier ones void."""

    def __init__(self, secret_key: bytes) -> None:
        self._key = secret_key

    def client_secret(self, order_id: str) -> str:
        """What a browser or app needs, beside a publishable key, to pay and watch this one order."""
        return f"{order_id}_secret_{self._derive('client', order_id)}"

    def opens(self, order_id: str, client_secret: str | None) -> bool:
        """Whether the client secret is this order's."""
        return client_secret is not None and _same(client_secret, self.client_secret(order_id))

    def return_token(self, payment_id: str) -> str:
        """The part of a return page's address that nobody can guess."""
        return self._derive("return", payment_id)

    def opens_return(self, payment_id: str, token: str) -> bool:
        return _same(token, self.return_token(payment_id))

    def page_token(self, subject_id: str) -> str:
        """The part of the address of a subscription's page, or of an invoice's, that nobody can guess."""
        return self._derive("page", subject_id)

    def page_path(self, kind: str, subject_id: str) -> str:
        """The path of a subscription's page or an invoice's, by the kind's name in addresses."""
        return f"/{kind}/{subject_id}/{self.page_token(subject_id)}"

    def opens_page(self, subject_id: str, token: str) -> bool:
        return _same(token, self.page_token(subject_id))

    def signing_key(self, salt: str) -> bytes:
        """The 32 bytes that a webhook endpoint's messages are signed with; the salt is kept with the endpoint."""
        return self._digest("webhook", salt)

    def _derive(self, purpose: str, subject: str) -> str:
        return base64.b32encode(self._digest(purpose, subject)[:20]).decode().lower()

    def _digest(self, purpose: str, subject: str) -> bytes:
        return hmac.digest(self._key, f"{purpose}:{subject}".encode(), hashlib.sha256)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
