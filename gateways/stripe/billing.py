"""Stripe Billing: prices, subscriptions and invoices. Every answer about a subscription says of which moment it is."""

import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import stripe

from gateways.base import AnswerStored, Refused
from gateways.billing import (
    ChangePreview,
    ChangeRequest,
    InvoiceEvidence,
    PriceRequest,
    PriceTokens,
    SubscriptionReport,
    SubscriptionRequest,
)
from gateways.stripe import billing_evidence as evidence
from gateways.stripe.billing_requests import (
    change_params,
    fee_product_params,
    page_params,
    preview_params,
    price_params,
    start_params,
)
from gateways.stripe.errors import translated

_CLOCKS_APART = timedelta(minutes=5)
_PAGE = 100


class StripeBilling:
    """Speaks to one Stripe account, by its gateway's client."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    async def register_price(self, request: PriceRequest) -> PriceTokens:
        product = request.product_token or await self._made(
            self._client.v1.products.create_async,
            {"name": request.name, "metadata": {"paygraph_plan": request.plan_id}}
            | ({"description": request.description} if request.description else {}),
            request.plan_id,
        )
        price = await self._made(self._client.v1.prices.create_async, price_params(request, product), request.price_id)
        return PriceTokens(product_token=product, price_token=price)

    async def _made(self, create: Any, params: Any, key: str) -> str:
        try:
            with translated():
                return str((await create(params, {"idempotency_key": key})).id)
        except AnswerStored:  # the key is spent, and a second one that nobody uses does no harm
            with translated():
                return str((await create(params)).id)

    async def rename(self, product_token: str, name: str, description: str | None) -> None:
        params: Any = {"name": name, "description": description or ""}
        with translated():
            await self._client.v1.products.update_async(product_token, params)

    async def subscribe(self, request: SubscriptionRequest, *, idempotency_key: str) -> SubscriptionReport:
        options: Any = {"idempotency_key": idempotency_key}
        with translated():
            if request.method_token is None:
                page = await self._client.v1.checkout.sessions.create_async(page_params(request), options)
                return self._of_page(page)
            fee_product = await self._fee_product(request, idempotency_key) if request.setup_fee_minor else None
            made = await self._client.v1.subscriptions.create_async(start_params(request, fee_product), options)
        return await self._answered(made)

    async def _fee_product(self, request: SubscriptionRequest, idempotency_key: str) -> str:
        """A product of its own: here, Stripe names a row by nothing else."""
        options: Any = {"idempotency_key": f"{idempotency_key}-fee"}
        product = await self._client.v1.products.create_async(fee_product_params(request), options)
        return product.id

    async def find(self, request: SubscriptionRequest, *, since: datetime) -> SubscriptionReport | None:
        recent: Any = {
            "customer": request.customer_token,
            "created": {"gte": int((since - _CLOCKS_APART).timestamp())},
            "limit": _PAGE,
        }
        pages = request.method_token is None
        calls: Any = self._client.v1.checkout.sessions if pages else self._client.v1.subscriptions
        recent |= {} if pages else {"status": "all"}
        with translated():
            async for found in (await calls.list_async(recent)).auto_paging_iter():
                if (found.to_dict().get("metadata") or {}).get(evidence.SUBSCRIPTION_KEY) == request.subscription_id:
                    return await self.inquire(
                        token=None if pages else found.id, session_token=found.id if pages else None
                    )
        return None

    async def inquire(self, *, token: str | None, session_token: str | None) -> SubscriptionReport:
        with translated():
            if token is None:
                assert session_token is not None
                page = await self._client.v1.checkout.sessions.retrieve_async(session_token)
                if page.subscription is None:
                    return self._of_page(page)
                token = evidence.id_of(page.subscription)
            subscription = await self._client.v1.subscriptions.retrieve_async(token)
            invoices = await self._invoices(token)
        return SubscriptionReport(subscription=_told(subscription), invoices=invoices)

    async def _invoices(self, token: str) -> tuple[InvoiceEvidence, ...]:
        """Oldest first."""
        listed = await self._client.v1.invoices.list_async(
            {"subscription": token, "limit": _PAGE, "expand": ["data.payments"]}
        )
        found = [await self._invoice(invoice) async for invoice in listed.auto_paging_iter()]
        return tuple(invoice for invoice in reversed(found) if invoice)

    async def _invoice(self, invoice: Any) -> InvoiceEvidence | None:
        """With all of its rows: an invoice shows the first ten."""
        facts = invoice.to_dict()
        if facts["lines"]["has_more"]:
            lines = await self._client.v1.invoices.line_items.list_async(invoice.id, {"limit": _PAGE})
            found = [line.to_dict() async for line in lines.auto_paging_iter()]
            facts["lines"] = {"data": found, "has_more": False}
        return evidence.of_invoice(facts)

    async def expire_page(self, session_token: str) -> SubscriptionReport:
        with contextlib.suppress(Refused), translated():  # one that was complete or expired: the inquiry tells which
            await self._client.v1.checkout.sessions.expire_async(session_token)
        return await self.inquire(token=None, session_token=session_token)

    async def preview(self, request: ChangeRequest) -> ChangePreview:
        with translated():
            invoice = await self._client.v1.invoices.create_preview_async(preview_params(request))
        return evidence.preview_of(invoice.to_dict())

    async def change(self, request: ChangeRequest, *, idempotency_key: str) -> SubscriptionReport:
        return await self._update(request.token, change_params(request), idempotency_key)

    async def cancel(self, token: str, *, at_period_end: bool, idempotency_key: str) -> SubscriptionReport:
        if at_period_end:
            return await self._update(token, {"cancel_at_period_end": True}, idempotency_key)
        with contextlib.suppress(Refused), translated():  # it has ended: the inquiry tells how
            await self._client.v1.subscriptions.cancel_async(token, {"invoice_now": True})
        return await self.inquire(token=token, session_token=None)

    async def pause(self, token: str, *, until: datetime | None, idempotency_key: str) -> SubscriptionReport:
        pause = {"behavior": "void"} | ({"resumes_at": int(until.timestamp())} if until else {})
        return await self._update(token, {"pause_collection": pause}, idempotency_key)

    async def resume(self, token: str, *, idempotency_key: str) -> SubscriptionReport:
        params = {"pause_collection": "", "cancel_at_period_end": False}
        return await self._update(token, params, idempotency_key)

    async def method_page(self, customer_token: str, *, return_url: str) -> str:
        params: Any = {
            "customer": customer_token,
            "return_url": return_url,
            "flow_data": {"type": "payment_method_update"},
        }
        with translated():
            return (await self._client.v1.billing_portal.sessions.create_async(params)).url

    async def _update(self, token: str, params: Mapping[str, Any], key: str) -> SubscriptionReport:
        wanted: Any = {**params, "expand": ["latest_invoice.payments"]}
        with translated():
            updated = await self._client.v1.subscriptions.update_async(token, wanted, {"idempotency_key": key})
        return await self._answered(updated)

    async def _answered(self, subscription: Any) -> SubscriptionReport:
        """What the call came to. An answer that was stored is of another day: the present is asked for."""
        if "idempotent-replayed" in _headers(subscription):
            return await self.inquire(token=subscription.id, session_token=None)
        latest = subscription.latest_invoice
        invoice = None if latest is None or isinstance(latest, str) else await self._invoice(latest)
        return SubscriptionReport(subscription=_told(subscription), invoices=(invoice,) if invoice else ())

    def _of_page(self, page: Any) -> SubscriptionReport:
        return SubscriptionReport(subscription=evidence.of_page(page.to_dict()), invoices=())


def _told(subscription: Any) -> Any:
    told_at = parsedate_to_datetime(_headers(subscription)["date"])
    return evidence.of_subscription(subscription.to_dict(), told_at)


def _headers(answer: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.last_response.headers.items()}
