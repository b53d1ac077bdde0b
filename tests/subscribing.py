"""What tests of subscriptions ask of a shop, as a merchant would, and of the sandbox, as its customers would."""

from typing import Any
from uuid import uuid4

from domain.billing import inquire
from domain.events import Cause, CauseKind
from kit import clock
from tests.town import ERRORS, MONEY, Shop, eventually

PRICE = f"""{{ id number amount {MONEY} interval intervalCount perSeat trialDays setupFee {MONEY} features }}"""
PLAN_FIELDS = f"id name description archivedAt metadata {{ key value }} price {PRICE} versions {PRICE}"
LINE = f"{{ description quantity amount {MONEY} periodStart periodEnd proration }}"
INVOICE_FIELDS = f"""
  id number status reason lines {LINE} subtotal {MONEY} tax {MONEY} total {MONEY} amountDue {MONEY} amountPaid {MONEY}
  amountRefunded {MONEY} balanceBefore {MONEY} balanceAfter {MONEY} attemptCount nextAttemptAt periodStart periodEnd
  issuedAt paidAt paymentUrl pageUrl subscriptionId order {{ id status reference total {MONEY} }}
"""
SUBSCRIPTION_FIELDS = f"""
  id status quantity version currentPeriodStart currentPeriodEnd trialEnd cancelAtPeriodEnd cancelAt pausedUntil
  canceledAt endedAt checkoutUrl customerId planId token pageUrl nextAttemptAt nextAction {{ type url }}
  plan {{ id name }} price {PRICE} customer {{ id email }} metadata {{ key value }} actions {{ name enabled code }}
"""
INVOICES = f"""query ($id: ID!, $after: Cursor) {{
  invoices(first: 50, after: $after, filter: {{subscriptionId: $id}}, sort: OLDEST_FIRST) {{
    nodes {{ {INVOICE_FIELDS} }} pageInfo {{ endCursor hasNextPage }} }} }}"""
TIMELINE = """query ($id: ID!, $after: Cursor) { subscription(id: $id) {
  timeline(first: 100, after: $after) {
    nodes { type version data cause { kind } } pageInfo { endCursor hasNextPage } } } }"""
PLAN_CREATE = (
    f"mutation ($input: PlanCreateInput!) {{ planCreate(input: $input) {{ plan {{ {PLAN_FIELDS} }} {ERRORS} }} }}"
)
PLAN_UPDATE = (
    f"mutation ($input: PlanUpdateInput!) {{ planUpdate(input: $input) {{ plan {{ {PLAN_FIELDS} }} {ERRORS} }} }}"
)
PLAN_ARCHIVE = f"""mutation ($input: PlanArchiveInput!) {{
  planArchive(input: $input) {{ plan {{ {PLAN_FIELDS} }} {ERRORS} }} }}"""
SUBSCRIPTION = f"query ($id: ID!) {{ subscription(id: $id) {{ {SUBSCRIPTION_FIELDS} }} }}"
ENTITLEMENTS = "query ($id: ID!) { entitlements(customerId: $id) { nodes { feature quantity } } }"
PREVIEW = f"""mutation ($input: SubscriptionChangePreviewInput!) {{
  subscriptionChangePreview(input: $input) {{ preview {{
    lines {LINE} subtotal {MONEY} tax {MONEY} total {MONEY} amountDue {MONEY} prorationDate
  }} {ERRORS} }} }}"""
METHOD_UPDATE = f"""mutation ($input: SubscriptionMethodUpdateInput!) {{
  subscriptionMethodUpdate(input: $input) {{ url {ERRORS} }} }}"""


def _mutation(name: str) -> str:
    kind = name[0].upper() + name[1:]
    return f"""mutation ($input: {kind}Input!) {{
      {name}(input: $input) {{ subscription {{ {SUBSCRIPTION_FIELDS} }} {ERRORS} }} }}"""


def plan(shop: Shop, amount_minor: int = 1900, currency: str = "EUR", **more: Any) -> Any:
    """A new plan, monthly unless `interval` says else."""
    given = {
        "idempotencyKey": str(uuid4()),
        "name": "All courses",
        "amount": {"amountMinor": amount_minor, "currency": currency},
        "interval": "MONTH",
        "features": ["courses"],
        **more,
    }
    made = shop.ask(PLAN_CREATE, input=given)["planCreate"]
    assert made["userErrors"] == [], made
    return made["plan"]


def act(shop: Shop, name: str, **given: Any) -> Any:
    """The payload of a mutation of subscriptions, such as subscriptionCancel."""
    return shop.ask(_mutation(name), input={"idempotencyKey": str(uuid4()), **given})[name]


def done(shop: Shop, name: str, **given: Any) -> Any:
    """The subscription after a mutation that goes well."""
    payload = act(shop, name, **given)
    assert payload["userErrors"] == [], payload
    return payload["subscription"]


def start(shop: Shop, plan_id: str, email: str = "ada@example.com", **more: Any) -> Any:
    """A subscription whose hosted page is open, unless it is begun with a saved method."""
    who = {} if "customerId" in more else {"customer": {"email": email}}
    return done(shop, "subscriptionStart", planId=plan_id, **who, **more)


def subscribe(shop: Shop, plan_id: str, email: str = "ada@example.com", **more: Any) -> Any:
    """A subscription that was begun on the hosted page, as it stands when all is settled."""
    begun = start(shop, plan_id, email, **more)
    shop.pay(begun)
    return eventually(
        lambda: settled(shop, begun["id"], "ACTIVE", "TRIALING"), lambda found: found["nextAction"] is None
    )


def find(shop: Shop, subscription_id: str) -> Any:
    """The subscription with all of its invoices, oldest first."""
    found = shop.ask(SUBSCRIPTION, id=subscription_id)["subscription"]
    return found | {"invoices": invoices(shop, subscription_id)}


def invoices(shop: Shop, subscription_id: str) -> list[Any]:
    found: list[Any] = []
    page: Any = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"]:
        page = shop.ask(INVOICES, id=subscription_id, after=page["pageInfo"]["endCursor"])["invoices"]
        found += page["nodes"]
    return found


def timeline(shop: Shop, subscription_id: str) -> list[Any]:
    found: list[Any] = []
    page: Any = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"]:
        asked = shop.ask(TIMELINE, id=subscription_id, after=page["pageInfo"]["endCursor"])
        page = asked["subscription"]["timeline"]
        found += page["nodes"]
    return found


def settled(shop: Shop, subscription_id: str, *statuses: str) -> Any:
    """The subscription, once it is in one of the statuses and every paid invoice has its order."""
    return eventually(
        lambda: find(shop, subscription_id), lambda found: found["status"] in statuses and _is_collected(found)
    )


def _is_collected(subscription: Any) -> bool:
    paid = [invoice for invoice in subscription["invoices"] if invoice["amountPaid"]["amountMinor"]]
    return all(invoice["order"] for invoice in paid)


def entitlements(shop: Shop, customer_id: str) -> dict[str, int]:
    found = shop.ask(ENTITLEMENTS, id=customer_id)["entitlements"]["nodes"]
    return {each["feature"]: each["quantity"] for each in found}


def types(shop: Shop, subscription_id: str) -> list[str]:
    return [event["type"] for event in timeline(shop, subscription_id)]


def psp(shop: Shop, path: str, **params: Any) -> Any:
    """What the PSP says itself."""
    headers = {"Authorization": "Bearer sk_test_town"}
    answer = shop.town.http.get(f"{shop.town.sandbox_url}/v1{path}", params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def payer(shop: Shop, subscription: Any) -> str:
    """The PSP's name of the customer."""
    return str(psp(shop, f"/subscriptions/{subscription['token']}")["customer"])


def advance(shop: Shop, subscription: Any, **how: Any) -> None:
    """Moves the customer's own time at the PSP: by seconds or days, or past the next renewal with renew=True."""
    shop.town.sandbox("POST", f"/customers/{payer(shop, subscription)}/advance", **how)


def decline(shop: Shop, subscription: Any, code: str | None) -> None:
    """What the customer's bank says from now on; None: yes."""
    shop.town.sandbox("POST", f"/customers/{payer(shop, subscription)}/decline", code=code)


def sweep(shop: Shop, subscription: Any) -> None:
    """Reconciliation of one subscription, as when its time has come."""
    cause = Cause(CauseKind.SWEEP, "test")
    shop.town.call(inquire.inquire(shop.town.house.gateways, subscription["id"], cause=cause, now=clock.now()))
