"""Money from the platform's balance to a connected account's, and back: both sides of it."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import currencies, events, ids, ledger, params
from sandbox.stripe.connect import accounts, mishaps, schedule
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call, blank_list, public

EMPTY: Final = (
    "application",
    "application_fee",
    "application_fee_amount",
    "balance_transaction",
    "customer",
    "description",
    "failure_balance_transaction",
    "failure_code",
    "failure_message",
    "on_behalf_of",
    "outcome",
    "payment_intent",
    "payment_method",
    "receipt_email",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
)
"""What the payment that a transfer is to its destination has nothing to say about."""
NOBODY: Final = {"address": params.full_address({}), "email": None, "name": None, "phone": None, "tax_id": None}


def make(call: Call, given: dict[str, Any]) -> Json:
    """transfer.created. With a source_transaction the money becomes available on both sides when the charge's does."""
    account = accounts.destination(call, given["destination"])
    amount, currency = given["amount"], given["currency"]
    mishaps.refuse_as_ordered(call.store)
    if account["capabilities"].get("transfers") != "active":
        raise mishaps.refusal("insufficient_capabilities_for_transfer")
    charge, funds_on = _source(call, given)
    if funds_on <= call.now and available(call, currency) < amount:
        raise mishaps.refusal("balance_insufficient")
    transfer = call.insert(
        {
            "id": ids.new("tr"),
            "object": "transfer",
            "amount": amount,
            "amount_reversed": 0,
            "balance_transaction": None,
            "created": call.now,
            "currency": currency,
            "description": given.get("description"),
            "destination": account["id"],
            "destination_payment": None,
            "livemode": call.livemode,
            "metadata": params.merged({}, given.get("metadata")),
            "reversals": {},
            "reversed": False,
            "source_transaction": charge["id"] if charge else None,
            "source_type": "card",
            "transfer_group": _group(call, charge, given.get("transfer_group")),
            "_": {"funds_on": funds_on},
        }
    )
    transfer["reversals"] = blank_list(f"/v1/transfers/{transfer['id']}/reversals")
    line = ledger.post(call, transfer, "transfer", -amount, delay=funds_on - call.now)
    payment = _payment(call.of(account["id"]), transfer)
    events.change(call, transfer, balance_transaction=line["id"], destination_payment=payment["id"])
    events.emit(call, "transfer.created", transfer)
    return transfer


def available(call: Call, currency: str) -> int:
    """Minor units that the call's account may spend."""
    return ledger.totals(call)[0].get(currency, 0)


def _source(call: Call, given: dict[str, Any]) -> tuple[Json | None, int]:
    """The charge that funds the transfer, and when its funds are available (now, if there is no charge)."""
    if "source_transaction" not in given:
        return None, call.now
    charge = call.get(given["source_transaction"], "charge", "source_transaction")
    line = call.find(charge["balance_transaction"], "balance_transaction")
    if charge["status"] != "succeeded" or not charge["captured"] or line is None:
        raise InvalidRequest(
            f"The charge {charge['id']} has no funds to transfer: the sandbox takes only charges that succeeded and "
            "were captured as a source_transaction.",
            param="source_transaction",
        )
    if line["currency"] != given["currency"]:
        raise InvalidRequest(
            f"The currency of source_transaction's balance transaction ({line['currency']}) must be the same as the "
            f"transfer currency ({given['currency']})",
            param="currency",
        )
    _require_room(call, charge, given["amount"])
    return charge, max(line["available_on"], call.now)


def _require_room(call: Call, charge: Json, amount: int) -> None:
    """The transfers of a charge, also those that were reversed, come to no more than it."""
    others = call.store.linked(call.livemode, "transfer", "source_transaction", charge["id"])
    spent = sum(each["amount"] for each in others)
    if spent + amount <= charge["amount_captured"]:
        return
    limit, used = (currencies.major(each, charge["currency"]) for each in (charge["amount_captured"], spent))
    already = f" (There is already a transfer using this source, amounting to {used}.)" if spent else ""
    raise InvalidRequest(
        f"Transfers using this transaction as a source must not exceed the source amount of {limit}.{already}",
        param="amount",
    )


def _group(call: Call, charge: Json | None, wanted: str | None) -> str | None:
    """The transfer_group: the charge's, which gets one if it has none."""
    if charge is None:
        return wanted
    if charge["transfer_group"] is None:
        events.change(call, charge, transfer_group=wanted or f"group_{charge['payment_intent']}")
    elif wanted and wanted != charge["transfer_group"]:
        raise InvalidParameter(
            f"The transfer_group must be that of the source_transaction, {charge['transfer_group']}.",
            param="transfer_group",
        )
    return str(charge["transfer_group"])


def _payment(inside: Call, transfer: Json) -> Json:
    """What the transfer is to the destination: a payment, with its line."""
    payment = inside.insert(
        {
            **dict.fromkeys(EMPTY),
            "id": ids.new("py"),
            "object": "charge",
            "amount": transfer["amount"],
            "amount_captured": transfer["amount"],
            "amount_refunded": 0,
            "billing_details": NOBODY,
            "calculated_statement_descriptor": None,
            "captured": True,
            "created": inside.now,
            "currency": transfer["currency"],
            "disputed": False,
            "fraud_details": {},
            "livemode": inside.livemode,
            "metadata": {},
            "paid": True,
            "payment_method_details": {"type": "stripe_account", "stripe_account": {}},
            "refunded": False,
            "source_transfer": transfer["id"],
            "status": "succeeded",
        }
    )
    funds_on = transfer["_"]["funds_on"]
    line = ledger.post(inside, payment, "payment", transfer["amount"], delay=funds_on - inside.now)
    schedule.plan(inside, funds_on)
    return events.change(inside, payment, balance_transaction=line["id"])


# -- and back --------------------------------------------------------------------------


def reverse(call: Call, transfer: Json, given: dict[str, Any]) -> Json:
    """transfer.reversed. Only as long as the destination has the money."""
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = given.get("amount", left)
    if left <= 0:
        raise InvalidRequest(f"The transfer {transfer['id']} is already fully reversed.")
    if amount > left:
        asked, most = (currencies.major(each, transfer["currency"]) for each in (amount, left))
        raise InvalidRequest(
            f"Reversal amount ({asked} {transfer['currency']}) is greater than unreversed amount on transfer "
            f"({most} {transfer['currency']})",
            param="amount",
        )
    inside = call.of(transfer["destination"])
    delay = max(0, transfer["_"]["funds_on"] - call.now)
    _require_funds(inside, transfer, amount, pending=delay > 0)
    reversal: Json = {
        "id": ids.new("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": None,
        "created": call.now,
        "currency": transfer["currency"],
        "destination_payment_refund": None,
        "metadata": params.merged({}, given.get("metadata")),
        "source_refund": None,
        "transfer": transfer["id"],
    }
    call.insert(reversal)
    line = ledger.post(call, reversal, "transfer_refund", amount, delay=delay)
    back = _payment_refund(inside, transfer, reversal, delay)
    events.change(call, reversal, balance_transaction=line["id"], destination_payment_refund=back["id"])
    total = transfer["amount_reversed"] + amount
    before = {"amount_reversed": transfer["amount_reversed"], "reversed": transfer["reversed"]}
    events.change(call, transfer, amount_reversed=total, reversed=total == transfer["amount"])
    show(call, transfer)
    events.emit(call, "transfer.reversed", transfer, {k: v for k, v in before.items() if transfer[k] != v})
    return reversal


def _require_funds(inside: Call, transfer: Json, amount: int, *, pending: bool) -> None:
    """The destination must have it: what came in and is still pending is there, too, unless settings deny it."""
    if pending and inside.world.settings.reverse_pending_transfers:
        return
    if available(inside, transfer["currency"]) < amount:
        raise InvalidRequest(
            f"The connected account {transfer['destination']} has insufficient available funds to reverse the transfer "
            f"{transfer['id']}.",
            code="balance_insufficient",
        )


def _payment_refund(inside: Call, transfer: Json, reversal: Json, delay: int) -> Json:
    """What the reversal is to the destination: a refund of the payment, with its line."""
    payment = inside.get(transfer["destination_payment"], "charge")
    back = inside.insert(
        {
            "id": ids.new("pyr"),
            "object": "refund",
            "amount": reversal["amount"],
            "balance_transaction": None,
            "charge": payment["id"],
            "created": inside.now,
            "currency": reversal["currency"],
            "customer": None,
            "customer_account": None,
            "metadata": {},
            "payment_intent": None,
            "payment_method": None,
            "reason": None,
            "receipt_number": None,
            "source_transfer_reversal": reversal["id"],
            "status": "succeeded",
            "transfer_reversal": None,
        }
    )
    line = ledger.post(inside, back, "payment_refund", -reversal["amount"], delay=delay)
    total = payment["amount_refunded"] + reversal["amount"]
    events.change(inside, payment, amount_refunded=total, refunded=total == payment["amount"])
    return events.change(inside, back, balance_transaction=line["id"])


def show(call: Call, transfer: Json) -> None:
    """Writes the newest reversals into the transfer, as Stripe shows them."""
    known = call.store.linked(call.livemode, "transfer_reversal", "transfer", transfer["id"])[::-1]
    inside = {**transfer["reversals"], "data": [public(each) for each in known[:10]], "has_more": len(known) > 10}
    events.change(call, transfer, reversals=inside)
