"""Vendors of a test: made, onboarded at the PSP, with rules and sales that divide."""

import os
from typing import Any

from tests import invariants
from tests.town import ERRORS, MONEY, Shop, eventually

BALANCES = f"balances {{ currency held {MONEY} pending {MONEY} available {MONEY} inTransit {MONEY} negative {MONEY} }}"
VENDOR = f"id name country status disabled token requirements disabledReason transfersEnabled payoutsEnabled {BALANCES}"
TRANSFER = f"id status amount {MONEY} reversed {MONEY} reversesId token errorCode vendor {{ id }}"
HOLD = f"""id orderId paymentId lineItemId captured {MONEY} returned {MONEY} released {MONEY} held {MONEY} releaseAt
  releaseBy unassigned commission {MONEY} rule {{ name version }}
  shares {{ vendor {{ id }} held {MONEY} released {MONEY} }}"""
CREATE = f"mutation ($input: VendorCreateInput!) {{ vendorCreate(input: $input) {{ vendor {{ {VENDOR} }} {ERRORS} }} }}"
FIND = f"query ($id: ID!) {{ vendor(id: $id) {{ {VENDOR} }} }}"
RULE = f"""mutation ($input: SplitRuleCreateInput!) {{ splitRuleCreate(input: $input) {{
  splitRule {{ id name version feeBearer hold {{ releaseAfterDays onDeadline }} commission {{ basisPoints remainder }}
    parts {{ vendorId basisPoints remainder fixed {MONEY} }} }} {ERRORS} }} }}"""
PAYMENT = f"""query ($id: ID!) {{ payment(id: $id) {{ id status captured {MONEY} refunded {MONEY} fee {MONEY}
  refunds {{ id status amount {MONEY} }} ledger {{ account balance {MONEY} }} transfers {{ {TRANSFER} }}
  timeline(first: 100) {{ nodes {{ type data }} }} order {{ id status holds {{ {HOLD} }} }} }} }}"""
POSTINGS = f"postings {{ kind debit credit amount {MONEY} }}"
RELEASE = f"""mutation ($input: HoldReleaseInput!) {{ holdRelease(input: $input) {{
  holds {{ {HOLD} }} preview {{ {POSTINGS} holds {{ id held {MONEY} }} }} {ERRORS} }} }}"""
REFUND = f"""mutation ($input: HoldRefundInput!) {{ holdRefund(input: $input) {{
  holds {{ {HOLD} }} refunds {{ id status amount {MONEY} }} preview {{ {POSTINGS} holds {{ id held {MONEY} }} }}
  {ERRORS} }} }}"""
ASSIGN = f"""mutation ($input: HoldAssignInput!) {{ holdAssign(input: $input) {{ holds {{ {HOLD} }} {ERRORS} }} }}"""
REFUND_CREATE = f"""mutation ($input: RefundCreateInput!) {{ refundCreate(input: $input) {{
  refund {{ id status amount {MONEY} }} preview {{ {POSTINGS} }} {ERRORS} }} }}"""
BYPASS = "4000000000000077"
"""A card whose money is available at once: vendors can be paid out, and their accounts be emptied. Transfers of it take
from what the platform has available, which other tests use up."""


def key() -> str:
    return os.urandom(8).hex()


def codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def money(amount_minor: int, currency: str = "EUR") -> dict[str, Any]:
    return {"amountMinor": amount_minor, "currency": currency}


def create(shop: Shop, **more: Any) -> Any:
    """The payload of vendorCreate."""
    given = {"idempotencyKey": key(), "name": "Anna", "email": "anna@vendor.example", "country": "DE", **more}
    return shop.ask(CREATE, input=given)["vendorCreate"]


def find(shop: Shop, vendor_id: str) -> Any:
    return shop.ask(FIND, id=vendor_id)["vendor"]


def onboard(shop: Shop, vendor: Any, **how: Any) -> None:
    """The vendor tells the PSP about itself."""
    shop.town.sandbox("POST", f"/accounts/{vendor['token']}/onboard", **how)


def active(shop: Shop, **more: Any) -> Any:
    """A vendor that money can be sent to."""
    made = create(shop, **more)
    assert codes(made) == []
    onboard(shop, made["vendor"])
    return eventually(lambda: find(shop, made["vendor"]["id"]), lambda vendor: vendor["status"] == "ACTIVE")


def rule(shop: Shop, name: str, parts: list[dict[str, Any]], **more: Any) -> Any:
    """The payload of splitRuleCreate."""
    given = {"idempotencyKey": key(), "name": name, "parts": parts, **more}
    return shop.ask(RULE, input=given)["splitRuleCreate"]


def commissioned(shop: Shop, vendor: Any, basis_points: int = 1000, **more: Any) -> str:
    """The name of a rule by which the vendor gets all but a commission."""
    name = f"rule {key()}"
    made = rule(shop, name, [{"vendorId": vendor["id"]}], commission={"basisPoints": basis_points}, **more)
    assert codes(made) == []
    return name


def item(amount_minor: int, rule_name: str | None = None, currency: str = "EUR", **more: Any) -> dict[str, Any]:
    return {"name": "Thing", "unitAmount": money(amount_minor, currency), "splitRule": rule_name, **more}


def sold(
    shop: Shop, items: list[dict[str, Any]], card: str = "4242424242424242", currency: str = "EUR", **more: Any
) -> Any:
    """A payment of an order of these items that was captured, with its fee known."""
    if card == BYPASS:
        fund(shop.town, currency)
    order = shop.order(items=items, currency=currency, **more)
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment, card=card)
    return eventually(lambda: found(shop, payment["id"]), lambda seen: seen["fee"] is not None)


def fund(town: Any, currency: str) -> None:
    """The platform has enough available for a while."""
    form = {"amount": "10000000", "currency": currency.lower(), "payment_method": "pm_card_bypassPending"}
    form |= {"confirm": "true", "return_url": town.sandbox_url}
    headers = {"Authorization": "Bearer sk_test_town"}
    answer = town.http.post(f"{town.sandbox_url}/v1/payment_intents", data=form, headers=headers)
    assert answer.json()["status"] == "succeeded", answer.text


def found(shop: Shop, payment_id: str) -> Any:
    return shop.ask(PAYMENT, id=payment_id)["payment"]


def settled(shop: Shop, payment_id: str) -> Any:
    """The payment once nothing is to be sent or taken back any more."""
    from kit.database import reading

    waiting = "SELECT id FROM shares WHERE payment_id = $1 AND ask_at IS NOT NULL"
    eventually(lambda: shop.town.call(reading.fetch(waiting, payment_id)), lambda rows: not rows)
    return found(shop, payment_id)


def check(shop: Shop) -> None:
    """Fails with every invariant of this merchant that is broken, once all is calm."""
    shop.town.settle()
    url = shop.town.house.settings.database_url
    eventually(lambda: invariants.broken(url, shop.town.sandbox_url, merchant_id=shop.merchant_id), lambda f: not f)


def books(payment: Any) -> dict[str, int]:
    """What the accounts hold, without what is zero."""
    held = {row["account"]: row["balance"]["amountMinor"] for row in payment["ledger"]}
    return {account: amount for account, amount in held.items() if amount}


def held(payment: Any) -> list[int]:
    return [hold["held"]["amountMinor"] for hold in payment["order"]["holds"]]


def moved(payment: Any) -> list[tuple[str, int, bool]]:
    """(status, amount, whether it takes back) of each transfer."""
    return [(t["status"], t["amount"]["amountMinor"], t["reversesId"] is not None) for t in payment["transfers"]]


def do(shop: Shop, mutation: str, **given: Any) -> Any:
    """The payload of a mutation with a fresh key."""
    if mutation != ASSIGN:
        given = {"idempotencyKey": key(), **given}
    if mutation in (REFUND, REFUND_CREATE):
        given = {"reason": "REQUESTED_BY_CUSTOMER", **given}
    return next(iter(shop.ask(mutation, input=given).values()))
