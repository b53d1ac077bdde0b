"""What subscriptions are asked for with: the parameters of their making and changing."""

from __future__ import annotations

from typing import Any, Final

from sandbox.stripe import catalog, params
from sandbox.stripe.errors import InvalidParameter

INVOICE_SETTINGS = params.shape(
    {
        "account_tax_ids": params.not_here,
        "custom_fields": params.not_here,
        "description": params.text(1500, unset=True),
        "footer": params.text(unset=True),
        "issuer": params.not_here,
    }
)
BILLING_MODE = params.shape(
    {
        "type*": params.choice("classic", "flexible"),
        "flexible": params.shape({"proration_discounts": params.choice("included", "itemized")}),
    }
)
TRIAL_SETTINGS = params.shape(
    {
        "end_behavior*": params.shape(
            {
                "billing_cycle_anchor": params.choice("now", "unchanged"),
                "missing_payment_method*": params.choice("cancel", "create_invoice", "pause"),
            }
        )
    }
)
PRORATION: Final = params.choice("always_invoice", "create_prorations", "none")
ONE_TIME_PRICE: Final[params.Shape] = {
    "currency*": params.currency,
    "product*": params.text(),
    "tax_behavior": catalog.TAX_BEHAVIOR,
    **catalog.AMOUNT,
}
EXTRA: Final[params.Shape] = {
    "discountable": params.boolean,
    "discounts": params.not_here,
    "metadata": params.metadata,
    "period": params.not_here,
    "price": params.text(),
    "price_data": params.shape(ONE_TIME_PRICE),
    "quantity": params.integer(1, 999_999),
    "tax_rates": params.not_here,
}
ITEM: Final[params.Shape] = {
    "billing_thresholds": params.not_here,
    "current_trial": params.not_here,
    "discounts": params.not_here,
    "metadata": params.metadata,
    "plan": params.text(),
    "price": params.text(),
    "price_data": params.shape({**ONE_TIME_PRICE, "recurring*": params.shape(catalog.RECURRING)}),
    "quantity": params.integer(0, 999_999),
    "tax_rates": params.not_here,
}
CHANGED_ITEM: Final[params.Shape] = {
    **ITEM,
    "clear_usage": params.boolean,
    "deleted": params.boolean,
    "id": params.text(),
}
CANCELLATION = params.shape(
    {
        "comment": params.text(unset=True),
        "feedback": params.choice(
            "",
            "customer_service",
            "low_quality",
            "missing_features",
            "other",
            "switched_service",
            "too_complex",
            "too_expensive",
            "unused",
        ),
        "feedback_option": params.not_here,
    }
)
UNSUPPORTED: Final = (
    "application_fee_percent",
    "automatic_tax",
    "billing_schedules",
    "billing_thresholds",
    "default_source",
    "default_tax_rates",
    "discounts",
    "on_behalf_of",
    "pending_invoice_item_interval",
    "transfer_data",
)


def trial_end(value: Any, name: str) -> int | str:
    """A moment, or "now"."""
    found: int | str = "now" if value == "now" else params.integer(0)(value, name)
    return found


def cancel_at(value: Any, name: str) -> int | None:
    """A moment; empty unsets it."""
    if value in ("max_billed_until", "max_period_end", "min_period_end"):
        raise InvalidParameter(f"The sandbox takes a timestamp as {name} only.", param=name)
    found: int | None = None if value == "" else params.integer(0)(value, name)
    return found


COMMON: Final[params.Shape] = {
    **dict.fromkeys(UNSUPPORTED, params.not_here),
    "add_invoice_items": params.each(params.shape(EXTRA), 20),
    "cancel_at": cancel_at,
    "cancel_at_period_end": params.boolean,
    "collection_method": params.choice("charge_automatically", "send_invoice"),
    "days_until_due": params.integer(0, 10_000),
    "default_payment_method": params.text(unset=True),
    "description": params.text(500, unset=True),
    "invoice_settings": INVOICE_SETTINGS,
    "metadata": params.metadata,
    "off_session": params.boolean,
    "payment_behavior": params.choice(
        "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"
    ),
    "payment_settings": params.shape(
        {
            "payment_method_options": params.any_hash,
            "payment_method_types": params.any_hash,
            "save_default_payment_method": params.choice("off", "on_subscription"),
        }
    ),
    "proration_behavior": PRORATION,
    "trial_end": trial_end,
    "trial_from_plan": params.boolean,
    "trial_settings": TRIAL_SETTINGS,
}
CREATE: Final[params.Shape] = {
    **COMMON,
    "backdate_start_date": params.not_here,
    "billing_cycle_anchor": params.integer(0),
    "billing_cycle_anchor_config": params.not_here,
    "billing_mode": BILLING_MODE,
    "currency": params.currency,
    "customer*": params.text(),
    "customer_account": params.not_here,
    "items*": params.each(params.shape(ITEM), 20),
    "trial_period_days": params.integer(0, 730),
}
UPDATE: Final[params.Shape] = {
    **COMMON,
    "billing_cycle_anchor": params.shape({"type*": params.choice("now", "unchanged")}),
    "cancellation_details": CANCELLATION,
    "items": params.each(params.shape(CHANGED_ITEM), 20),
    "pause_collection": params.shape(
        {
            "behavior*": params.choice("keep_as_draft", "mark_uncollectible", "void"),
            "resumes_at": params.integer(0),
        },
        unset=True,
    ),
    "proration_date": params.integer(0),
}
CANCEL: Final[params.Shape] = {
    "cancellation_details": CANCELLATION,
    "invoice_now": params.boolean,
    "prorate": params.boolean,
}
SESSION_DATA: Final[params.Shape] = {
    **dict.fromkeys(
        (
            "application_fee_percent",
            "billing_cycle_anchor_config",
            "default_tax_rates",
            "on_behalf_of",
            "pending_invoice_item_interval",
            "transfer_data",
        ),
        params.not_here,
    ),
    "billing_cycle_anchor": params.integer(0),
    "billing_mode": BILLING_MODE,
    "description": params.text(500),
    "invoice_settings": INVOICE_SETTINGS,
    "metadata": params.metadata,
    "proration_behavior": params.choice("create_prorations", "none"),
    "trial_end": params.integer(0),
    "trial_period_days": params.integer(1, 730),
    "trial_settings": TRIAL_SETTINGS,
}
