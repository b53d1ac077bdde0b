"""What Stripe Billing is asked, in its words."""

from typing import Any

from gateways.billing import ChangeRequest, PriceRequest, SubscriptionRequest
from gateways.stripe.billing_evidence import SUBSCRIPTION_KEY
from gateways.stripe.errors import wire

_PRORATIONS = {"now": "always_invoice", "next_invoice": "create_prorations", "none": "none"}


def price_params(request: PriceRequest, product_token: str) -> Any:
    return {
        "product": product_token,
        "currency": request.currency.lower(),
        "unit_amount": wire(request.amount_minor, request.currency),
        "recurring": {"interval": request.interval, "interval_count": request.interval_count},
        "metadata": {"paygraph_price": request.price_id},
    }


def page_params(request: SubscriptionRequest) -> Any:
    """A hosted page that begins a subscription."""
    metadata = {SUBSCRIPTION_KEY: request.subscription_id}
    lines: list[Any] = [{"price": request.price_token, "quantity": request.quantity}]
    if request.setup_fee_minor:
        fee = _setup_fee(request) | {"product_data": fee_product_params(request)}
        lines.append({"price_data": fee, "quantity": 1})
    return {
        "mode": "subscription",
        "client_reference_id": request.subscription_id,
        "customer": request.customer_token,
        "line_items": lines,
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": request.expires_at,
        "metadata": metadata,
        "subscription_data": {"metadata": metadata, **_trial(request)},
        "adaptive_pricing": {"enabled": False},
    }


def fee_product_params(request: SubscriptionRequest) -> Any:
    """What the set-up fee is called on the invoice."""
    return {"name": f"{request.plan_name}: set-up fee"}


def start_params(request: SubscriptionRequest, fee_product_token: str | None) -> Any:
    """A subscription on an instrument that the customer left. What its bank asks is answered on the invoice's page."""
    params: dict[str, Any] = {
        "customer": request.customer_token,
        "items": [{"price": request.price_token, "quantity": request.quantity}],
        "default_payment_method": request.method_token,
        "off_session": True,
        "payment_behavior": "allow_incomplete",
        "metadata": {SUBSCRIPTION_KEY: request.subscription_id},
        "expand": ["latest_invoice.payments"],
        **_trial(request),
    }
    if fee_product_token:
        fee = _setup_fee(request) | {"product": fee_product_token}
        params["add_invoice_items"] = [{"price_data": fee, "quantity": 1}]
    return params


def _setup_fee(request: SubscriptionRequest) -> dict[str, Any]:
    return {
        "currency": request.currency.lower(),
        "unit_amount": wire(request.setup_fee_minor, request.currency),
    }


def _trial(request: SubscriptionRequest) -> dict[str, Any]:
    return {"trial_period_days": request.trial_days} if request.trial_days else {}


def change_params(request: ChangeRequest) -> Any:
    """What is owed for the change at once is paid at once, or nothing is changed."""
    params: dict[str, Any] = _change(request) | {"items": _items(request)}
    if request.proration == "now":
        params |= {"payment_behavior": "error_if_incomplete", "off_session": True}
    return params


def preview_params(request: ChangeRequest) -> Any:
    details = _change(request) | {"items": _items(request)}
    return {"subscription": request.token, "subscription_details": details}


def _change(request: ChangeRequest) -> dict[str, Any]:
    behavior = _PRORATIONS[request.proration]
    moment = {"proration_date": int(request.at.timestamp())} if request.at and behavior != "none" else {}
    return {"proration_behavior": behavior, **moment}


def _items(request: ChangeRequest) -> list[dict[str, Any]]:
    return [{"id": request.item_token, "price": request.price_token, "quantity": request.quantity}]
