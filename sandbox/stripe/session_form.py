"""What a Checkout Session is asked for with: the parameters of its creation and their rules."""

from __future__ import annotations

from typing import Any, Final

from sandbox.stripe import catalog, intent_form, params
from sandbox.stripe.billing import subscription_form
from sandbox.stripe.errors import InvalidParameter
from sandbox.stripe.payment_methods import REDISPLAY
from sandbox.world import Call

HALF_HOUR, DAY = 1800, 86400
SUBMIT_TYPES = ("auto", "book", "donate", "pay", "subscribe")
LOCALES = [
    "auto",
    "bg",
    "cs",
    "da",
    "de",
    "el",
    "en",
    "en-GB",
    "es",
    "es-419",
    "et",
    "fi",
    "fil",
    "fr",
    "fr-CA",
    "hi-IN",
    "hr",
    "hu",
    "id",
    "it",
    "ja",
    "ko",
    "lt",
    "lv",
    "ms",
    "mt",
    "nb",
    "nl",
    "pl",
    "pt",
    "pt-BR",
    "ro",
    "ru",
    "sk",
    "sl",
    "sv",
    "th",
    "tr",
    "vi",
    "zh",
    "zh-HK",
    "zh-TW",
]

PRICE_DATA: Final[params.Shape] = {
    "currency*": params.currency,
    "product": params.text(),
    "product_data": params.shape(
        {
            "name*": params.text(),
            "description": params.text(40000),
            "images": params.each(params.url, 8),
            "metadata": params.metadata,
            "tax_code": params.text(),
            "tax_details": params.not_here,
            "unit_label": params.text(12),
        }
    ),
    "recurring": params.shape(catalog.RECURRING),
    "tax_behavior": catalog.TAX_BEHAVIOR,
    **catalog.AMOUNT,
}
LINE_ITEM: Final[params.Shape] = {
    "adjustable_quantity": params.not_here,
    "dynamic_tax_rates": params.not_here,
    "metadata": params.metadata,
    "price": params.text(),
    "price_data": params.shape(PRICE_DATA),
    "quantity": params.integer(1, 999_999),
    "tax_rates": params.not_here,
}
INTENT_DATA: Final[params.Shape] = {
    "application_fee_amount": params.not_here,
    "capture_method": intent_form.CAPTURE_METHOD,
    "description": params.text(1000),
    "metadata": params.metadata,
    "on_behalf_of": params.not_here,
    "receipt_email": params.email,
    "setup_future_usage": params.choice("off_session", "on_session"),
    "shipping": params.shape(params.SHIPPING),
    "statement_descriptor": params.text(22),
    "statement_descriptor_suffix": params.text(22),
    "transfer_data": params.not_here,
    "transfer_group": params.text(),
}
UNSUPPORTED: Final = [
    "after_expiration",
    "automatic_tax",
    "consent_collection",
    "custom_fields",
    "customer_account",
    "discounts",
    "invoice_creation",
    "managed_payments",
    "name_collection",
    "optional_items",
    "payment_method_configuration",
    "permissions",
    "redirect_on_completion",
    "return_url",
    "shipping_address_collection",
    "shipping_options",
    "tax_id_collection",
]
CREATE: Final[params.Shape] = {
    **dict.fromkeys(UNSUPPORTED, params.not_here),
    "adaptive_pricing": params.shape({"enabled": params.boolean}),
    "allow_promotion_codes": params.boolean,
    "allowed_payment_method_types": intent_form.TYPES,
    "billing_address_collection": params.choice("auto", "required"),
    "branding_settings": params.any_hash,
    "cancel_url": params.url,
    "client_reference_id": params.text(200),
    "currency": params.currency,
    "custom_text": params.any_hash,
    "customer": params.text(),
    "customer_creation": params.choice("always", "if_required"),
    "customer_email": params.email,
    "customer_update": params.any_hash,
    "excluded_payment_method_types": intent_form.TYPES,
    "expires_at": params.integer(0),
    "integration_identifier": params.text(),
    "line_items": params.each(params.shape(LINE_ITEM), 100),
    "locale": params.choice(*LOCALES),
    "metadata": params.metadata,
    "mode": params.choice("payment", "setup", "subscription"),
    "origin_context": params.choice("mobile_app", "web"),
    "payment_intent_data": params.shape(INTENT_DATA),
    "payment_method_data": params.shape({"allow_redisplay": REDISPLAY}),
    "payment_method_collection": params.choice("always", "if_required"),
    "payment_method_options": params.any_hash,
    "phone_number_collection": params.shape({"enabled*": params.boolean}),
    "saved_payment_method_options": params.shape(
        {
            "allow_redisplay_filters": params.each(REDISPLAY),
            "payment_method_remove": params.choice("disabled", "enabled"),
            "payment_method_save": params.choice("disabled", "enabled"),
        }
    ),
    "setup_intent_data": params.shape(
        {"description": params.text(1000), "metadata": params.metadata, "on_behalf_of": params.not_here}
    ),
    "submit_type": params.choice(*SUBMIT_TYPES),
    "subscription_data": params.shape(subscription_form.SESSION_DATA),
    "success_url": params.text(),
    "ui_mode": params.choice("hosted_page", "embedded_page", "elements", "form"),
    "wallet_options": params.any_hash,
}


NOT_IN: Final = {
    "payment": ("setup_intent_data", "subscription_data", "payment_method_collection"),
    "setup": (
        "line_items",
        "payment_intent_data",
        "payment_method_collection",
        "saved_payment_method_options",
        "submit_type",
        "subscription_data",
    ),
    "subscription": ("customer_creation", "payment_intent_data", "setup_intent_data"),
}
"""What a session of each mode does not take."""


def _require(given: dict[str, Any], *names: str) -> None:
    for name in names:
        if not given.get(name):
            raise InvalidParameter(f"Missing required param: {name}.", code="parameter_missing", param=name)


def check(call: Call, given: dict[str, Any]) -> None:
    """What a session must and must not have; raises InvalidParameter."""
    if given.get("ui_mode", "hosted_page") != "hosted_page":
        raise InvalidParameter("The sandbox has hosted pages only: ui_mode=hosted_page.", param="ui_mode")
    setup = given.get("mode") == "setup"
    _require(given, "mode", *(() if setup else ("line_items",)), "success_url")
    for name in NOT_IN[given["mode"]]:
        if name in given:
            raise InvalidParameter(f"You can not pass `{name}` in `{given['mode']}` mode.", param=name)
    if setup and not given.get("allowed_payment_method_types"):
        _require(given, "currency")
    params.url(given["success_url"], "success_url")
    if "customer" in given and ("customer_email" in given or "customer_creation" in given):
        other = "customer_email" if "customer_email" in given else "customer_creation"
        raise InvalidParameter(
            f"You may only specify one of these parameters: customer, {other}.",
            code="parameters_exclusive",
            param="customer",
        )
    if not HALF_HOUR - 60 <= given.get("expires_at", call.now + DAY) - call.now <= DAY + 60:
        raise InvalidParameter(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
