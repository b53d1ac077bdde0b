"""The payment form: what the payer typed, checked field by field. Card numbers pass through and are not kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.store import Json
from sandbox.stripe import cards, checkout, methods, paying, tender
from sandbox.stripe.paying import Payer
from sandbox.world import Call

FIELDS = ("email", "method", "number", "expiry", "cvc", "name", "attempt", "save")
ACCOUNT_FIELDS = tuple(f"{method.type}_account" for method in methods.METHODS if method.account)
SHOWN_AGAIN = ("email", "method", "expiry", "name")
"""What a page with errors may show again: never the number or the security code."""


@dataclass
class Form:
    """The typed values and, by field, what is wrong with them."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    kept: Json | None = None
    """The saved method that was chosen."""

    @property
    def save(self) -> bool:
        """The payer wants the card to be kept."""
        return self.values.get("save") == "yes"

    @property
    def method(self) -> str:
        return self.values.get("method", "")

    def again(self) -> dict[str, str]:
        return {name: self.values[name] for name in SHOWN_AGAIN if self.values.get(name)}


def parse(call: Call, session: Json, raw: Any) -> Form:
    """Reads and checks a submitted form; look at its errors before use."""
    values = {name: str(raw.get(name, ""))[:300].strip() for name in (*FIELDS, *ACCOUNT_FIELDS)}
    form = Form(values)
    if not session["customer_email"] and not session["customer"] and not _is_email(values["email"]):
        form.errors["email"] = "Enter your email address, like name@example.com."
    if not paying.may_save(session):
        values["save"] = ""
    if checkout.is_free(session):
        return form
    form.kept = next((each for each in paying.saved_methods(call, session) if each["id"] == form.method), None)
    if form.kept:
        return form
    if form.method not in session["payment_method_types"]:
        form.errors["method"] = "Choose how you want to pay."
    elif form.method == "card":
        _check_card(call, form)
    else:
        _check_account(form)
    return form


def _is_email(text: str) -> bool:
    return re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", text) is not None


def _check_card(call: Call, form: Form) -> None:
    values = form.values
    month, year = read_expiry(values["expiry"])
    now = datetime.fromtimestamp(call.world.now(), UTC)
    number = cards.digits(values["number"])
    for problem in cards.problems(number, month, year, values["cvc"], now):
        form.errors.setdefault(problem.field, problem.message)
    for name, sentence in (
        ("number", "Enter the card number."),
        ("expiry", "Enter the expiry date as MM / YY."),
        ("cvc", "Enter the security code."),
    ):
        if not values[name]:
            form.errors[name] = sentence
    if not values["name"]:
        form.errors["name"] = "Enter the name on the card."


def read_expiry(text: str) -> tuple[int, int]:
    """(month, year) of "12 / 34", "12/2034" or "1234"; (0, 0) if it is none of them."""
    found = re.fullmatch(r"(\d{1,2})\s*[/\-. ]\s*(\d{2}|\d{4})", text) or re.fullmatch(r"(\d{2})(\d{2})", text)
    if not found or not text.isascii():
        return 0, 0
    year = int(found[2])
    return int(found[1]), year + 2000 if year < 100 else year


def _check_account(form: Form) -> None:
    kind, name = methods.BY_TYPE[form.method].account, f"{form.method}_account"
    if kind and not re.fullmatch(r"[A-Za-z0-9 ]{5,42}", form.values[name]):
        thing = "IBAN" if kind == "iban" else "account number"
        form.errors[name] = f"Enter the {thing} of your bank account."


def payer(form: Form) -> Payer:
    return Payer(form.values["email"] or None, form.values["name"] or None)


def tender_of(call: Call, form: Form) -> Json:
    """The PaymentMethod of a form without errors."""
    if form.kept:
        return form.kept
    values, billing = form.values, tender.billing(email=form.values["email"], name=form.values["name"])
    if form.method == "card":
        month, year = read_expiry(values["expiry"])
        return tender.from_card(call, values["number"], month, year, values["cvc"], billing)
    return tender.from_method(call, form.method, values.get(f"{form.method}_account"), billing)
