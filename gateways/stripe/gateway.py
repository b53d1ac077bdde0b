"""The gateway to Stripe: hosted pages, inquiries, refunds, signed events."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import stripe

from gateways.base import (
    AnswerStored,
    Declined,
    DirectRequest,
    Evidence,
    GatewayEvent,
    PaymentTokens,
    RefundRequest,
    Refused,
    SessionRequest,
    SetupEvidence,
)
from gateways.connect import Connect
from gateways.stripe import events, evidence, signature
from gateways.stripe.billing import StripeBilling
from gateways.stripe.capabilities import CAPABILITIES
from gateways.stripe.connect import StripeConnect
from gateways.stripe.errors import translated, wire

NAME = "stripe"
_CHARGE = ["latest_charge.balance_transaction", "latest_charge.refunds"]
_SESSION = [f"payment_intent.{path}" for path in _CHARGE]
_REFUNDS_SHOWN = 10
_CLOCKS_APART = timedelta(minutes=5)
_REASONS = {"duplicate", "fraudulent", "requested_by_customer"}


class StripeGateway:
    """Speaks to one Stripe account. `api_base` None is Stripe itself; calls give up after `timeout` seconds."""

    name = NAME
    capabilities = CAPABILITIES

    def __init__(
        self, secret_key: str, webhook_secrets: Sequence[str], *, api_base: str | None = None, timeout: float = 20
    ) -> None:
        self.livemode = secret_key.startswith(("sk_live_", "rk_live_"))
        self._webhook_secrets = tuple(webhook_secrets)
        self._http = stripe.HTTPXClient(timeout=timeout)
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else {},
            max_network_retries=2,
            http_client=self._http,
        )
        self.billing = StripeBilling(self._client)
        self.connect: Connect = StripeConnect(self._client, NAME, livemode=self.livemode)

    async def open_session(self, request: SessionRequest, *, idempotency_key: str) -> Evidence:
        with translated():
            session = await self._client.v1.checkout.sessions.create_async(
                _session_params(request), {"idempotency_key": idempotency_key}
            )
        return self._session_evidence(session)

    async def find(self, payment_id: str, *, direct: bool, since: datetime) -> Evidence | None:
        recent: Any = {"created": {"gte": int((since - _CLOCKS_APART).timestamp())}, "limit": 100}
        with translated():
            calls: Any = self._client.v1.payment_intents if direct else self._client.v1.checkout.sessions
            async for found in (await calls.list_async(recent)).auto_paging_iter():
                if (found.to_dict().get("metadata") or {}).get(evidence.PAYMENT_KEY) == payment_id:
                    return await self.inquire(
                        PaymentTokens(**{"intent_token" if direct else "session_token": found.id})
                    )
        return None

    async def authorize(self, request: DirectRequest, *, idempotency_key: str) -> Evidence:
        options: Any = {"idempotency_key": idempotency_key}
        try:
            intent = await self._client.v1.payment_intents.create_async(_intent_params(request), options)
        except stripe.CardError as error:
            declined = error.error.payment_intent if error.error else None
            if declined is None:
                with translated():
                    raise
            intent = declined
        except stripe.StripeError:
            with translated():
                raise
        return self._intent_evidence(intent)

    async def open_customer(self, customer_id: str, email: str, name: str | None) -> str:
        params: Any = {"email": email, "metadata": {"paygraph_customer": customer_id}} | (
            {"name": name} if name else {}
        )
        create = self._client.v1.customers.create_async
        try:
            with translated():
                return (await create(params, {"idempotency_key": customer_id})).id
        except AnswerStored:  # the key is spent, and a second customer does no harm
            with translated():
                return (await create(params)).id

    async def save_method(
        self, token: str, customer_token: str, *, return_url: str, idempotency_key: str
    ) -> SetupEvidence:
        params: Any = {
            "customer": customer_token,
            "payment_method": token,
            "confirm": True,
            "usage": "off_session",
            "return_url": return_url,
            "automatic_payment_methods": {"enabled": True},
            "expand": ["payment_method"],
        }
        with translated():
            setup = await self._client.v1.setup_intents.create_async(params, {"idempotency_key": idempotency_key})
            if setup.status != "succeeded":  # a repeated call gets the first answer again: ask how it stands now
                setup = await self._client.v1.setup_intents.retrieve_async(setup.id, {"expand": ["payment_method"]})
        facts = setup.to_dict()
        if facts["status"] in ("requires_payment_method", "canceled"):
            error = facts["last_setup_error"] or {}
            raise Declined(error.get("message") or "The payer's bank did not agree.", code=error.get("code"))
        if facts["status"] != "succeeded":
            return SetupEvidence(token=None, method=None, next_action=evidence.next_action(facts))
        method = facts["payment_method"]
        return SetupEvidence(token=method["id"], method=evidence.method_of(method), next_action=None)

    async def remove_method(self, token: str) -> None:
        try:
            with translated():
                await self._client.v1.payment_methods.detach_async(token)
        except Refused:
            return  # it was detached before

    async def expire_session(self, session_token: str) -> Evidence:
        try:
            with translated():
                await self._client.v1.checkout.sessions.expire_async(session_token)
        except Refused:
            pass  # it was complete or expired before: the inquiry tells which
        return await self.inquire(PaymentTokens(session_token=session_token))

    async def inquire(self, tokens: PaymentTokens) -> Evidence:
        with translated():
            if tokens.session_token:
                session = await self._client.v1.checkout.sessions.retrieve_async(
                    tokens.session_token, {"expand": _SESSION}
                )
                return await self._completed(self._session_evidence(session), session.payment_intent)
            assert tokens.intent_token is not None
            intent = await self._client.v1.payment_intents.retrieve_async(tokens.intent_token, {"expand": _CHARGE})
            return await self._completed(self._intent_evidence(intent), intent)

    async def capture(self, intent_token: str, amount_minor: int, currency: str, *, idempotency_key: str) -> Evidence:
        params: Any = {"amount_to_capture": wire(amount_minor, currency), "expand": _CHARGE}
        with translated():
            intent = await self._client.v1.payment_intents.capture_async(
                intent_token, params, {"idempotency_key": idempotency_key}
            )
        return self._intent_evidence(intent)

    async def void(self, intent_token: str, *, idempotency_key: str) -> Evidence:
        with translated():
            intent = await self._client.v1.payment_intents.cancel_async(
                intent_token, {"expand": _CHARGE}, {"idempotency_key": idempotency_key}
            )
        return self._intent_evidence(intent)

    async def refund(self, request: RefundRequest) -> Evidence:
        params: Any = {
            "payment_intent": request.intent_token,
            "amount": wire(request.amount_minor, request.currency),
            "metadata": {evidence.REFUND_KEY: request.refund_id, evidence.PAYMENT_KEY: request.payment_id},
        }
        if request.reason in _REASONS:
            params["reason"] = request.reason
        with translated():
            refund = await self._client.v1.refunds.create_async(params, {"idempotency_key": request.refund_id})
        return self._refund_evidence(refund, request)

    async def find_refund(self, request: RefundRequest) -> Evidence | None:
        by_intent: Any = {"payment_intent": request.intent_token, "limit": 100}
        with translated():
            listed = await self._client.v1.refunds.list_async(by_intent)
            async for refund in listed.auto_paging_iter():
                if evidence.refund_of(refund.to_dict()).refund_id == request.refund_id:
                    return self._refund_evidence(refund, request)
        return None

    def verify_event(self, body: bytes, signature_header: str | None, now: datetime) -> GatewayEvent:
        return events.read(signature.verify(body, signature_header, self._webhook_secrets, now), NAME)

    def read_event(self, payload: str) -> GatewayEvent:
        return events.read(payload, NAME)

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def answer_dispute(
        self, token: str, answer: Mapping[str, str], *, submit: bool, idempotency_key: str
    ) -> Evidence:
        params: Any = {"evidence": dict(answer), "submit": submit}
        with translated():
            dispute = await self._client.v1.disputes.update_async(token, params, {"idempotency_key": idempotency_key})
        return evidence.evidence(evidence.of_dispute(dispute.to_dict()), gateway=NAME, livemode=self.livemode)

    async def _completed(self, found: Evidence, intent: Any) -> Evidence:
        """A charge shows its ten newest refunds and not its disputes: where there are more, they are listed."""
        if found.intent_token is None or intent is None:
            return found
        by_intent: Any = {"payment_intent": found.intent_token, "limit": 100}
        if len(found.refunds) >= _REFUNDS_SHOWN:
            listed = await self._client.v1.refunds.list_async(by_intent)
            refunds = [evidence.refund_of(refund.to_dict()) async for refund in listed.auto_paging_iter()]
            found = replace(found, refunds=tuple(refunds))
        if intent.latest_charge is not None and intent.latest_charge.disputed:
            disputes = await self._client.v1.disputes.list_async(by_intent)
            found = replace(found, disputes=tuple(evidence.dispute_of(d.to_dict()) for d in disputes.data))
        return found

    def _refund_evidence(self, refund: Any, request: RefundRequest) -> Evidence:
        facts = evidence.of_refund(refund.to_dict())
        return evidence.evidence(facts, gateway=NAME, livemode=self.livemode, payment_id=request.payment_id)

    def _intent_evidence(self, intent: Any) -> Evidence:
        return evidence.evidence(evidence.of_intent(intent.to_dict()), gateway=NAME)

    def _session_evidence(self, session: Any) -> Evidence:
        return evidence.evidence(evidence.of_session(session.to_dict()), gateway=NAME)


def _intent_params(request: DirectRequest) -> Any:
    metadata = {evidence.PAYMENT_KEY: request.payment_id, evidence.FLOW_KEY: evidence.DIRECT}
    params: dict[str, Any] = {
        "amount": wire(request.amount_minor, request.currency),
        "currency": request.currency.lower(),
        "payment_method": request.token,
        "confirm": True,
        "capture_method": "manual" if request.manual_capture else "automatic",
        "metadata": metadata | {"paygraph_order": request.order_id},
        "transfer_group": request.order_id,
        "automatic_payment_methods": {"enabled": True} | ({"allow_redirects": "never"} if request.off_session else {}),
        "expand": _CHARGE,
    }
    if request.customer_token:
        params["customer"] = request.customer_token
    if request.off_session:
        params["off_session"] = "recurring" if request.recurring else True
    else:
        params["return_url"] = request.return_url
        if request.save:
            params["setup_future_usage"] = "off_session"
    return params


def _session_params(request: SessionRequest) -> Any:
    metadata = {evidence.PAYMENT_KEY: request.payment_id, "paygraph_order": request.order_id}
    intent: dict[str, Any] = {"metadata": metadata, "transfer_group": request.order_id}
    if request.manual_capture:
        intent["capture_method"] = "manual"
    params: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": request.payment_id,
        "line_items": [_line_item(request, *item) for item in _items(request)],
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": request.expires_at,
        "metadata": metadata,
        "payment_intent_data": intent,
        "adaptive_pricing": {"enabled": False},  # the payer is charged the order's amount in the order's currency
    }
    if request.customer_email:
        params["customer_email"] = request.customer_email
    if request.method_types:
        params["allowed_payment_method_types"] = list(request.method_types)
    return params


def _items(request: SessionRequest) -> list[tuple[str, int, int]]:
    return [(item.name, item.unit_amount_minor, item.quantity) for item in request.items]


def _line_item(request: SessionRequest, name: str, unit_amount_minor: int, quantity: int) -> dict[str, Any]:
    return {
        "price_data": {
            "currency": request.currency.lower(),
            "unit_amount": wire(unit_amount_minor, request.currency),
            "product_data": {"name": name},
        },
        "quantity": quantity,
    }
