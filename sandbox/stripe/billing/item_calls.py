"""/v1/invoiceitems and the balance transactions of customers"""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json, equals
from sandbox.stripe import customers, events, params
from sandbox.stripe.billing import balances, clocks, invoice_items, invoices, lines, proration, taxes, terms
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call

UNSUPPORTED: Final = ("discounts", "quantity_decimal", "tax_behavior", "tax_code", "tax_rates", "unit_amount_decimal")
COMMON: Final[params.Shape] = {
    **dict.fromkeys(UNSUPPORTED, params.not_here),
    "amount": params.integer(),
    "description": params.text(),
    "discountable": params.boolean,
    "metadata": params.metadata,
    "period": params.shape({"end*": params.integer(0), "start*": params.integer(0)}),
    "price_data": params.not_here,
    "pricing": params.shape({"price": params.text()}),
    "quantity": params.integer(1, 999_999),
}


@endpoint(
    "POST",
    "/v1/invoiceitems",
    {
        **COMMON,
        "currency": params.currency,
        "customer*": params.text(),
        "customer_account": params.not_here,
        "invoice": params.text(),
        "subscription": params.text(),
    },
)
def create(call: Call, given: dict[str, Any]) -> Json:
    customer = customers.alive(call, given["customer"])
    now = clocks.now(call, customer)
    quantity, price = given.get("quantity", 1), None
    if identifier := (given.get("pricing") or {}).get("price"):
        price = terms.active_price(call, identifier, "pricing[price]")
        terms.require_type(price, "pricing[price]", recurring=False)
        amount, currency = proration.times(price["unit_amount_decimal"], quantity), price["currency"]
    elif "amount" in given and "currency" in given:
        amount, currency = given["amount"], given["currency"]
    else:
        raise InvalidParameter("You must give amount and currency, or pricing[price].", param="amount")
    if "subscription" in given:
        call.get(given["subscription"], "subscription", "subscription")
    period = given.get("period") or {"start": now, "end": now}
    item = invoice_items.make(
        call,
        customer,
        now=now,
        amount=amount,
        currency=currency,
        description=given.get("description") or (lines.product_name(call, price) if price else None),
        period=(period["start"], period["end"]),
        price=price,
        quantity=quantity,
        subscription=given.get("subscription"),
        metadata=given.get("metadata"),
    )
    if "invoice" in given:
        _add(call, _draft(call, given["invoice"]), item)
    return item


def _draft(call: Call, identifier: str) -> Json:
    invoice = call.get(identifier, "invoice", "invoice")
    if invoice["status"] != "draft":
        raise InvalidRequest("The invoice is not a draft any more.", code="invoice_not_editable", param="invoice")
    return invoice


def _add(call: Call, invoice: Json, item: Json) -> None:
    """The item is a line of the draft from now on."""
    [line] = invoice_items.take(call, [item], invoice["id"])
    line = taxes.taxed(call.get(invoice["customer"], "customer"), line)
    _redraw(call, invoice, [*invoice["lines"]["data"], {**line, "invoice": invoice["id"]}])


def _redraw(call: Call, invoice: Json, data: list[Json]) -> None:
    changed = {**invoice, "lines": {**invoice["lines"], "data": data}}
    sums = invoices.totals(changed, invoice["starting_balance"])
    events.change(call, invoice, "invoice.updated", lines=changed["lines"], **sums)


@endpoint(
    "GET",
    "/v1/invoiceitems",
    {
        **params.PAGE,
        "created": params.moment,
        "customer": params.text(),
        "customer_account": params.not_here,
        "invoice": params.text(),
        "pending": params.boolean,
    },
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = [(equals(n), given[n]) for n in ("customer", "invoice") if n in given]
    if "pending" in given:
        where.append(("(json_extract(body, '$.invoice') IS NULL) = ?", given["pending"]))
    return page(call, "invoiceitem", given, "/v1/invoiceitems", where)


@endpoint("GET", "/v1/invoiceitems/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "invoiceitem")


@endpoint("POST", "/v1/invoiceitems/{id}", {**COMMON, "invoicing_rules": params.not_here})
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    item = _waiting(call, identifier)
    changes = params.picked(given, "amount", "description", "discountable")
    if "metadata" in given:
        changes["metadata"] = params.merged(item["metadata"], given["metadata"])
    if "amount" in changes:
        changes["net_amount"] = changes["amount"]
    return events.change(call, item, **changes)


@endpoint("DELETE", "/v1/invoiceitems/{id}")
def delete(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return invoice_items.delete(call, _waiting(call, identifier))


def _waiting(call: Call, identifier: str) -> Json:
    item = call.get(identifier, "invoiceitem")
    if item["invoice"]:
        raise InvalidRequest(
            "The invoice item is attached to an invoice: the sandbox changes waiting ones only.",
            code="invoice_not_editable",
        )
    return item


# -- balances ----------------------------------------------------------------------------


@endpoint(
    "GET",
    "/v1/customers/{id}/balance_transactions",
    {**params.PAGE, "created": params.moment, "invoice": params.text()},
)
def list_balance(call: Call, given: dict[str, Any], identifier: str) -> Json:
    where: list[tuple[str, Any]] = [(equals("customer"), call.get(identifier, "customer")["id"])]
    if "invoice" in given:
        where.append((equals("invoice"), given["invoice"]))
    url = f"/v1/customers/{identifier}/balance_transactions"
    return page(call, "customer_balance_transaction", given, url, where)


@endpoint(
    "POST",
    "/v1/customers/{id}/balance_transactions",
    {
        "amount*": params.integer(),
        "currency*": params.currency,
        "description": params.text(350),
        "metadata": params.metadata,
    },
)
def adjust_balance(call: Call, given: dict[str, Any], identifier: str) -> Json:
    customer = customers.alive(call, identifier, "id")
    return balances.post(
        call,
        customer,
        given["amount"],
        "adjustment",
        now=clocks.now(call, customer),
        currency=given["currency"],
        **params.picked(given, "description", "metadata"),
    )


@endpoint("GET", "/v1/customers/{id}/balance_transactions/{transaction}")
def retrieve_balance(call: Call, given: dict[str, Any], identifier: str, transaction: str) -> Json:
    return call.get(transaction, "customer_balance_transaction")
