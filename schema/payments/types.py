"""Payments: tries at collecting an order's amount, and what came of them."""

from asyncio import gather
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.types import Info

from domain import ledger, reads
from domain.actions import PaymentAction, PaymentState, most_minor, payment_refusal
from domain.disputes import respond
from domain.disputes.respond import DisputeState
from domain.payments.state import state_of
from domain.reads import Condition, Row
from domain.refusals import Fault
from kit import clock
from kit.database.reading import decode_json, decode_time
from models import (
    CONTESTING,
    IN_FLIGHT,
    CaptureMethod,
    DisputeStatus,
    PaymentStatus,
    Recurrence,
    RefundReason,
    RefundStatus,
    Scope,
)
from schema.arguments import After, First
from schema.enums import show
from schema.events.types import Event
from schema.methods.types import UsedMethod
from schema.nodes import Node
from schema.pagination import Connection, connection, version, window
from schema.permissions import context_of, guarded
from schema.scalars import Cursor, Money, money_of

if TYPE_CHECKING:
    from schema.orders.types import Order
    from schema.vendors.types import Transfer

show(
    PaymentStatus,
    "Where a payment stands. Refunded and disputed are amounts, not statuses.",
    CREATED="Reserved here; the PSP is being asked.",
    OPEN="The payer can pay.",
    REQUIRES_ACTION="The payer has to do something, such as to confirm at the bank.",
    PROCESSING="A delayed method is on its way: it may take days, and fail.",
    AUTHORIZED="The money is reserved on the payer's account.",
    CAPTURED="The money was taken.",
    FAILED="Ended without money; the order can be paid with another try.",
    CANCELED="The authorization was given up.",
    EXPIRED="The hosted page closed, or the authorization ran out, without money.",
    UNKNOWN="The PSP was asked and gave no clear answer. It is asked again, never with another key.",
    CONFLICTED="The PSP's amount, currency, account or mode is not the order's: somebody has to look into it.",
)
show(
    CaptureMethod,
    "When the money is taken.",
    AUTOMATIC="At once.",
    MANUAL="It is reserved first.",
)
show(
    PaymentAction,
    "What may be done with a payment.",
    PAY="Send the payer to checkoutUrl.",
    SYNC="Ask the PSP how it stands: paymentSync.",
    CAPTURE="Take the reserved money, or a part of it: paymentCapture.",
    VOID="Give the authorization up: paymentVoid.",
    REFUND="Give captured money back, or a part of it: refundCreate.",
)
show(
    DisputeStatus,
    "Where a dispute stands.",
    WARNING_NEEDS_RESPONSE="The bank inquires; no money has moved. Answer by the deadline.",
    WARNING_UNDER_REVIEW="The bank reads the answer to its inquiry.",
    WARNING_CLOSED="The inquiry ended without a dispute.",
    NEEDS_RESPONSE="The bank has taken the money. Answer by the deadline.",
    UNDER_REVIEW="The bank reads the answer.",
    WON="The money came back.",
    LOST="The money is the payer's.",
    PREVENTED="Settled before it became a dispute.",
)
show(
    RefundStatus,
    "Where a refund stands.",
    RESERVED="Decided here; the PSP is being asked.",
    PENDING="On its way at the PSP.",
    SUCCEEDED="Given back, as far as the PSP knows. It may still fail.",
    FAILED="The PSP could not give it back: the merchant has the money again.",
    CANCELED="Called back at the PSP: the merchant has the money again.",
)
show(
    RefundReason,
    "Why money goes back.",
    DUPLICATE="The order was paid already or canceled, or another page took this one's place.",
    FRAUDULENT="The payment was a fraud.",
    REQUESTED_BY_CUSTOMER="The customer asked for it.",
    OTHER="Another reason.",
)
_MERCHANT = (Scope.PAYMENTS_READ, Scope.PAYMENTS_WRITE)


@strawberry.type(description="The last decline or failure, in the PSP's words and codes.")
class PaymentError:
    code: str = strawberry.field(description="The PSP's code, such as card_declined.")
    decline_code: str | None = guarded(*_MERCHANT, description="The issuer's reason, null when it gave none.")
    advice: str | None = guarded(
        *_MERCHANT, description="The network's advice on trying again, null when it gave none."
    )
    message: str = strawberry.field(description="For people.")
    occurred_at: datetime = strawberry.field(description="The PSP's time of it.")


@strawberry.type(description="What the payer has to do before the money can be taken.")
class NextAction:
    type: str = strawberry.field(description="The PSP's name of it, such as redirect_to_url.")
    url: str | None = strawberry.field(description="Send the payer there; null where there is nowhere to go.")


@strawberry.type(description="What may be done with a payment now, or why not.")
class PaymentActionState:
    name: PaymentAction = strawberry.field(description="The action.")
    enabled: bool = strawberry.field(description="Whether it is possible now.")
    code: str | None = strawberry.field(description="The code that the mutation would answer; null when possible.")
    reason: str | None = strawberry.field(description="Why not; null when it is possible.")
    max_amount: Money | None = strawberry.field(description="The most it may move; null for actions without amount.")


@strawberry.type(description="What a ledger account holds: debits less credits.")
class LedgerBalance:
    account: str = strawberry.field(description="The account's name, such as merchant_payable.")
    balance: Money = strawberry.field(description="Negative where credits outweigh.")


@strawberry.type(description="Captured money on its way back to the payer.")
class Refund(Node):
    status: RefundStatus = strawberry.field(description="Where it stands.")
    reason: RefundReason = guarded(*_MERCHANT, description="Why the money goes back.")
    explanation: str | None = guarded(*_MERCHANT, description="More about why, null when there is nothing to add.")
    amount: Money = strawberry.field(description="What goes back.")
    failure_code: str | None = guarded(*_MERCHANT, description="The PSP's reason for a failure, null without one.")
    created_at: datetime = strawberry.field(description="When it was recorded here.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    payment_id: strawberry.ID = strawberry.field(description="The payment it gives back.")

    @classmethod
    def of(cls, row: Row) -> "Refund":
        return cls(
            id=row["id"],
            status=RefundStatus(row["status"]),
            reason=RefundReason(row["reason"]),
            explanation=row["explanation"],
            amount=money_of(row["amount_minor"], row["currency"]),
            failure_code=row["failure_code"],
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            payment_id=row["payment_id"],
        )

    @strawberry.field(description="The payment it gives back.")
    async def payment(self, info: Info) -> "Payment":
        row = await context_of(info).load.payment.load(self.payment_id)
        assert row is not None
        return Payment.of(row)


@strawberry.type(description="What a payer's bank contests.")
class Dispute(Node):
    status: DisputeStatus = strawberry.field(description="Where it stands.")
    reason: str = strawberry.field(description="The bank's reason, in the PSP's words, such as fraudulent.")
    amount: Money = strawberry.field(description="What is contested.")
    withdrawn: Money = strawberry.field(description="What the bank has taken so far.")
    reinstated: Money = strawberry.field(description="What the bank has given back so far.")
    fee: Money = strawberry.field(description="What the PSP has charged for the dispute and not given back.")
    due_by: datetime | None = strawberry.field(description="Until when it may be answered; null when it may not.")
    evidence_submitted_at: datetime | None = strawberry.field(description="When the answer was given; null until then.")
    created_at: datetime = strawberry.field(description="When it was recorded here.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    payment_id: strawberry.ID = strawberry.field(description="The contested payment.")

    @classmethod
    def of(cls, row: Row) -> "Dispute":
        currency = row["currency"]
        submitted = row["evidence_submitted_at"]
        return cls(
            id=row["id"],
            status=DisputeStatus(row["status"]),
            reason=row["reason"],
            amount=money_of(row["amount_minor"], currency),
            withdrawn=money_of(row["withdrawn_minor"], currency),
            reinstated=money_of(row["reinstated_minor"], currency),
            fee=money_of(row["fee_minor"] - row["fee_returned_minor"], currency),
            due_by=decode_time(row["due_by"]) if row["due_by"] else None,
            evidence_submitted_at=decode_time(submitted) if submitted else None,
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            payment_id=row["payment_id"],
        )

    @strawberry.field(description="Whether it can be answered now: disputeEvidenceSubmit.")
    def can_respond(self) -> bool:
        return self._obstacle() is None

    @strawberry.field(description="The code that disputeEvidenceSubmit would answer; null when it can be answered.")
    def respond_code(self) -> str | None:
        fault = self._obstacle()
        return fault.code if fault else None

    @strawberry.field(description="The contested payment.")
    async def payment(self, info: Info) -> "Payment":
        row = await context_of(info).load.payment.load(self.payment_id)
        assert row is not None
        return Payment.of(row)

    def _obstacle(self) -> Fault | None:
        state = DisputeState(self.status, self.due_by, self.evidence_submitted_at is not None)
        return respond.refusal(state, clock.now())


@strawberry.type(description="One try at collecting an order's amount through one gateway.")
class Payment(Node):
    status: PaymentStatus = strawberry.field(description="Where it stands.")
    gateway: str = strawberry.field(description="The gateway that it goes through, such as stripe.")
    livemode: bool = strawberry.field(description="Whether real money moves.")
    type: Recurrence = strawberry.field(description="SALE or RECC.")
    capture_method: CaptureMethod = strawberry.field(description="Whether the money is taken at once.")
    amount: Money = strawberry.field(description="What is to be collected.")
    authorized: Money = strawberry.field(description="Reserved on the payer's account so far, captured money included.")
    captured: Money = strawberry.field(description="Taken so far.")
    refunded: Money = strawberry.field(description="Given back so far.")
    disputed: Money = strawberry.field(description="Contested by the payer's bank.")
    fee: Money | None = guarded(
        *_MERCHANT, description="The PSP's price, in the currency it settles in; null until the PSP has told it."
    )
    checkout_url: str | None = strawberry.field(description="The hosted page; null unless the payment is OPEN.")
    expires_at: datetime | None = strawberry.field(description="When the hosted page closes; null without a page.")
    token: str | None = strawberry.field(description="The PSP's token of its session; null before it was registered.")
    capture_before: datetime | None = strawberry.field(
        description="When the authorization runs out; null where nothing is reserved, or the PSP says none."
    )
    risk_level: str | None = guarded(*_MERCHANT, description="The PSP's own word; null when it says none.")
    conflict: str | None = guarded(*_MERCHANT, description="In what the PSP differs from us; null when it agrees.")
    superseded: bool = strawberry.field(description="Whether another try took its place: money on it goes back.")
    created_at: datetime = strawberry.field(description="When it was reserved here.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    order_id: strawberry.ID = strawberry.field(description="The order it collects.")
    facts: strawberry.Private[Any]

    @classmethod
    def of(cls, row: Row) -> "Payment":
        currency, status = row["currency"], PaymentStatus(row["status"])
        fee = money_of(row["fee_minor"], row["fee_currency"]) if row["fee_minor"] is not None else None
        return cls(
            id=row["id"],
            status=status,
            gateway=row["gateway"],
            livemode=bool(row["livemode"]),
            type=Recurrence(row["recurrence"]),
            capture_method=CaptureMethod(row["capture_method"]),
            amount=money_of(row["amount_minor"], currency),
            authorized=money_of(row["authorized_minor"], currency),
            captured=money_of(row["captured_minor"], currency),
            refunded=money_of(row["refunded_minor"], currency),
            disputed=money_of(row["disputed_minor"], currency),
            fee=fee,
            checkout_url=row["checkout_url"] if status is PaymentStatus.OPEN else None,
            expires_at=decode_time(row["expires_at"]) if row["expires_at"] else None,
            capture_before=decode_time(row["capture_before"]) if row["capture_before"] else None,
            token=row["session_token"] or row["intent_token"],
            risk_level=row["risk_level"],
            conflict=row["conflict"],
            superseded=row["superseded_at"] is not None,
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            order_id=row["order_id"],
            facts=row,
        )

    @strawberry.field(description="The last decline or failure; null when there was none. A decline is no error.")
    def last_error(self) -> PaymentError | None:
        error = decode_json(self.facts["last_error"])
        if not error:
            return None
        return PaymentError(
            code=error["code"],
            decline_code=error["decline_code"],
            advice=error["advice"],
            message=error["message"],
            occurred_at=decode_time(error["occurred_at"]),
        )

    @strawberry.field(description="What the payer has to do; null unless the payment is REQUIRES_ACTION.")
    def next_action(self) -> NextAction | None:
        action = decode_json(self.facts["next_action"]) if self.status is PaymentStatus.REQUIRES_ACTION else None
        return NextAction(type=action["type"], url=action.get("url")) if action else None

    @strawberry.field(description="The instrument that was used; null until the PSP tells it.")
    def method(self) -> UsedMethod | None:
        method = decode_json(self.facts["method"])
        return UsedMethod.of(method) if method else None

    @strawberry.field(description="What may be done now, and why not the rest.")
    async def actions(self, info: Info) -> list[PaymentActionState]:
        load = context_of(info).load
        refunds, operating, disputes = await gather(
            load.refunds.load(self.id), load.operations.load(self.id), load.disputes.load(self.id)
        )
        state = state_of(
            self.facts,
            refunding_minor=sum(row["amount_minor"] for row in refunds if row["status"] in IN_FLIGHT),
            operating=bool(operating),
            contested=any(row["status"] in CONTESTING for row in disputes),
            now=clock.now(),
        )
        return [_action_state(action, state) for action in PaymentAction]

    @strawberry.field(description="Money given back or on its way back, oldest first.")
    async def refunds(self, info: Info) -> list[Refund]:
        return [Refund.of(row) for row in await context_of(info).load.refunds.load(self.id)]

    @guarded(*_MERCHANT, description="What the payer's bank contests, oldest first.")
    async def disputes(self, info: Info) -> list[Dispute]:
        return [Dispute.of(row) for row in await context_of(info).load.disputes.load(self.id)]

    @guarded(*_MERCHANT, description="Every attempt to send shares of it to vendors, and to take them back.")
    async def transfers(self, info: Info) -> list[Annotated["Transfer", strawberry.lazy("schema.vendors.types")]]:
        from schema.vendors.types import Transfer

        return [Transfer.of(row) for row in await context_of(info).load.transfers.load(self.id)]

    @guarded(Scope.ORDERS_READ, Scope.CHECKOUT, description="The order it collects.")
    async def order(self, info: Info) -> Annotated["Order", strawberry.lazy("schema.orders.types")]:
        from schema.orders.types import Order

        row = await context_of(info).load.orders.load(self.order_id)
        assert row is not None
        return Order.of(row)

    @guarded(*_MERCHANT, description="What the books say of this payment; each currency adds up to zero.")
    async def ledger(self, info: Info) -> list[LedgerBalance]:
        rows = await ledger.balances(context_of(info).merchant_id, self.id)
        return [LedgerBalance(account=r.account, balance=money_of(r.amount_minor, r.currency)) for r in rows]

    @guarded(Scope.EVENTS_READ, description="Everything that happened to it, oldest first, each entry with its cause.")
    async def timeline(self, info: Info, first: First = None, after: After = None) -> Connection[Event]:
        return await timeline(info, Condition("payment_id", "=", self.id), first, after)


def _action_state(action: PaymentAction, state: PaymentState) -> PaymentActionState:
    refused, most = payment_refusal(action, state), most_minor(action, state)
    return PaymentActionState(
        name=action,
        enabled=refused is None,
        code=refused.faults[0].code if refused else None,
        reason=refused.faults[0].message if refused else None,
        max_amount=money_of(most, state.currency) if most is not None else None,
    )


async def timeline(info: Info, condition: Condition, first: int | None, after: Cursor | None) -> Connection[Event]:
    """A page of the events that meet the condition, in the order of their versions."""
    merchant_id = context_of(info).merchant_id
    stretch = window(first, after, None, None, descending=False, key=version)
    page = await reads.page("events", merchant_id, stretch, [condition], key="version")
    return connection(
        page,
        [Event.of(row) for row in page.rows],
        [str(row["version"]) for row in page.rows],
        lambda: reads.count("events", merchant_id, [condition]),
    )
