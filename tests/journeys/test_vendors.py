"""a vendor is made -> onboards at the PSP -> is sent its shares -> is paid out, which may fail -> has its statement"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.events import Cause, CauseKind
from domain.payouts import inquire as payouts
from domain.vendors import inquire as vendors
from kit import clock
from tests.following import follow
from tests.town import ERRORS, MONEY, Shop, Town, eventually
from tests.vendors import (
    BYPASS,
    CREATE,
    REFUND_CREATE,
    VENDOR,
    active,
    books,
    check,
    codes,
    commissioned,
    create,
    do,
    find,
    found,
    fund,
    item,
    key,
    money,
    moved,
    onboard,
    settled,
    sold,
)

ONBOARD = f"""mutation ($input: VendorOnboardInput!) {{ vendorOnboard(input: $input) {{
  url expiresAt vendor {{ id }} {ERRORS} }} }}"""
DISABLE = (
    f"mutation ($input: VendorDisableInput!) {{ vendorDisable(input: $input) {{ vendor {{ {VENDOR} }} {ERRORS} }} }}"
)
ENABLE = f"mutation ($input: VendorEnableInput!) {{ vendorEnable(input: $input) {{ vendor {{ {VENDOR} }} {ERRORS} }} }}"
PAYOUTS = f"""query ($id: ID!) {{ payouts(filter: {{vendorId: $id}}) {{ nodes {{
  id status amount {MONEY} failureCode vendor {{ id }} }} }} }}"""
STATEMENT = f"""query ($id: ID!, $from: DateTime!, $to: DateTime!) {{
  vendorStatement(vendorId: $id, currency: "EUR", from: $from, to: $to) {{
    opening {{ held {MONEY} balance {MONEY} }} closing {{ held {MONEY} balance {MONEY} }} csv
    lines(first: 100) {{ totalCount nodes {{ kind heldBy {MONEY} balanceBy {MONEY} orderId paymentId }} }} }} }}"""
UPDATES = """subscription ($id: ID!, $after: Cursor) { vendorUpdates(id: $id, after: $after) {
  cursor event { type } vendor { status balances { available { amountMinor } } } } }"""
_SWEEP = Cause(CauseKind.SWEEP, "test")


@pytest.fixture(autouse=True)
def right_books(shop: Shop) -> Iterator[None]:
    """After each story all invariants hold."""
    yield
    check(shop)


def balance(shop: Shop, vendor: Any) -> dict[str, int]:
    """What it has in euros, without what is zero."""
    (row,) = find(shop, vendor["id"])["balances"]
    amounts = {name: value["amountMinor"] for name, value in row.items() if name != "currency"}
    return {name: amount for name, amount in amounts.items() if amount}


def ask_about(town: Town, vendor: Any) -> None:
    """Reconciliation of one vendor."""
    for ask in (vendors.inquire, payouts.inquire):
        town.call(ask(town.house.gateways, vendor["id"], cause=_SWEEP, now=clock.now()))


def pay_out(town: Town, vendor: Any, amount_minor: int) -> Any:
    """The PSP pays the vendor's account out."""
    headers = {"Authorization": "Bearer sk_test_town", "Stripe-Account": vendor["token"]}
    form = {"amount": str(amount_minor), "currency": "eur"}
    answer = town.http.post(f"{town.sandbox_url}/v1/payouts", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_vendor_onboards_and_each_step_is_learned_of_the_psp(town: Town, shop: Shop) -> None:
    made = create(shop)["vendor"]
    assert (made["status"], made["transfersEnabled"], made["token"][:5]) == ("ONBOARDING", False, "acct_")
    assert "external_account" in made["requirements"]
    link = shop.ask(ONBOARD, input={"vendorId": made["id"], "returnUrl": f"{town.base_url}/"})["vendorOnboard"]
    assert codes(link) == []
    assert (
        link["url"]
        != shop.ask(ONBOARD, input={"vendorId": made["id"], "returnUrl": f"{town.base_url}/"})["vendorOnboard"]["url"]
    )
    onboard(shop, made, outcome="partial")
    eventually(lambda: 0 < len(find(shop, made["id"])["requirements"]) < len(made["requirements"]))
    onboard(shop, made, outcome="document")
    eventually(lambda: find(shop, made["id"])["status"] == "RESTRICTED")
    onboard(shop, made, outcome="complete")
    done = eventually(lambda: find(shop, made["id"]), lambda vendor: vendor["status"] == "ACTIVE")
    assert (done["requirements"], done["transfersEnabled"], done["payoutsEnabled"]) == ([], True, True)
    onboard(shop, made, outcome="rejected")
    eventually(lambda: find(shop, made["id"])["status"] == "REJECTED")
    steps = {"vendor.onboarding", "vendor.restricted", "vendor.active", "vendor.rejected"}
    kinds = eventually(lambda: vendor_events(shop), lambda seen: steps <= set(seen))
    assert kinds[0] == "vendor.created"


def vendor_events(shop: Shop) -> list[str]:
    """The types of what the merchant is told of vendors, in order; the last ones may still lack their number."""
    told = shop.ask("{ events(first: 100) { nodes { type } } }")["events"]["nodes"]
    return [event["type"] for event in told if event["type"].startswith("vendor.")]


def test_with_every_webhook_lost_the_vendor_is_asked_about_all_the_same(town: Town, shop: Shop) -> None:
    made = create(shop)["vendor"]
    town.sandbox("POST", "/webhooks/rules", action="drop")
    onboard(shop, made)
    ask_about(town, made)
    assert find(shop, made["id"])["status"] == "ACTIVE"
    payment = sold_quietly(town, shop, made)
    assert balance(shop, made) == {"available": 9000}
    pay_out(town, made, 9000)
    ask_about(town, made)
    assert balance(shop, made) == {"inTransit": 9000}
    assert payment["status"] == "CAPTURED"


def test_a_vendor_of_whom_all_is_known_is_not_asked_about_again_at_once(town: Town, shop: Shop) -> None:
    vendor = active(shop)
    town.settle()
    path = f"/v1/accounts/{vendor['token']}"
    asked = len(town.calls("GET", path))
    until = clock.now() + timedelta(seconds=5)  # the worker looks around every two
    eventually(clock.now, lambda now: now > until)
    assert len(town.calls("GET", path)) <= asked + 1


def sold_quietly(town: Town, shop: Shop, vendor: Any) -> Any:
    """A sale that reconciliation alone learns of."""
    fund(town, "EUR")
    order = shop.order(items=[item(10000, commissioned(shop, vendor))])
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment, card=BYPASS)
    town.sweep(only=payment["id"])
    eventually(lambda: ("MADE", 9000, False) in moved(found(shop, payment["id"])))
    return found(shop, payment["id"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_account_that_the_psp_failed_to_open_is_opened_once(town: Town, shop: Shop, when: str) -> None:
    town.sandbox("POST", "/faults", method="POST", path="/v1/accounts", when=when, kind="reset", next=3)
    given = {"idempotencyKey": key(), "name": "Anna", "email": "anna@vendor.example", "country": "DE"}
    assert codes(shop.ask(CREATE, input=given)["vendorCreate"]) == ["GATEWAY_UNAVAILABLE"]
    again = shop.ask(CREATE, input=given)["vendorCreate"]
    assert codes(again) == []
    assert again["vendor"]["id"] == shop.ask(CREATE, input=given)["vendorCreate"]["vendor"]["id"]
    calls = [c for c in town.calls("POST", "/v1/accounts") if c["idempotency_key"] == again["vendor"]["id"]]
    assert sum(call["executed"] for call in calls) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("kind", "status"), [("reset", None), ("status", 500)])
def test_a_transfer_that_the_psp_failed_at_is_made_once(
    town: Town, shop: Shop, when: str, kind: str, status: int | None
) -> None:
    vendor = active(shop)
    fault: dict[str, Any] = {"status": status} if status else {}
    town.sandbox("POST", "/faults", method="POST", path="/v1/transfers", when=when, kind=kind, next=3, **fault)
    payment = sold(shop, [item(10000, commissioned(shop, vendor))])
    if kind == "status" and when == "before":  # the PSP says nothing else of this key for a day: it is looked for
        assert moved(found(shop, payment["id"])) == [("RESERVED", 9000, False)]
        return
    eventually(lambda: moved(found(shop, payment["id"])) == [("MADE", 9000, False)])
    (transfer,) = settled(shop, payment["id"])["transfers"]
    calls = [call for call in town.calls("POST", "/v1/transfers") if call["idempotency_key"] == transfer["id"]]
    assert sum(call["executed"] for call in calls) == 1


def test_a_refused_transfer_is_kept_and_another_is_tried_later(town: Town, shop: Shop) -> None:
    vendor = active(shop)
    town.sandbox("POST", "/transfers/fail", code="transfers_not_allowed", next=1)
    payment = sold(shop, [item(10000, commissioned(shop, vendor))])
    (failed,) = eventually(lambda: found(shop, payment["id"])["transfers"])
    eventually(lambda: moved(found(shop, payment["id"])) == [("FAILED", 9000, False)])
    assert balance(shop, vendor) == {"pending": 9000}
    town.call(_settle_later(town, payment["id"]))
    assert moved(found(shop, payment["id"])) == [("FAILED", 9000, False), ("MADE", 9000, False)]
    assert found(shop, payment["id"])["transfers"][0]["errorCode"] == "transfers_not_allowed"
    assert failed["id"] != found(shop, payment["id"])["transfers"][1]["id"]


async def _settle_later(town: Town, payment_id: str) -> None:
    from domain.transfers import settle
    from kit.database import reading

    for row in await reading.fetch("SELECT id FROM shares WHERE payment_id = $1", payment_id):
        await settle.settle(town.house.gateways, row["id"], cause=_SWEEP, now=clock.now())


def test_a_disabled_or_restricted_vendor_waits_for_its_share(town: Town, shop: Shop) -> None:
    vendor = active(shop)
    name = commissioned(shop, vendor)
    order = shop.order(items=[item(10000, name)])
    disabled = shop.ask(DISABLE, input={"vendorId": vendor["id"]})["vendorDisable"]
    assert disabled["vendor"]["disabled"] is True
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment)
    eventually(lambda: balance(shop, vendor) == {"pending": 9000} if find(shop, vendor["id"])["balances"] else False)
    assert moved(settled(shop, payment["id"])) == []
    shop.ask(ENABLE, input={"vendorId": vendor["id"]})
    eventually(lambda: moved(found(shop, payment["id"])) == [("MADE", 9000, False)])
    restricted = active(shop, name="Restricted")
    order = shop.order(items=[item(10000, commissioned(shop, restricted))])
    onboard(shop, restricted, outcome="document")
    eventually(lambda: find(shop, restricted["id"])["status"] == "RESTRICTED")
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment)
    eventually(lambda: find(shop, restricted["id"])["balances"])
    assert moved(settled(shop, payment["id"])) == []
    onboard(shop, restricted, outcome="complete")
    eventually(lambda: moved(found(shop, payment["id"])) == [("MADE", 9000, False)])


def test_a_payout_that_was_paid_may_still_fail(town: Town, shop: Shop) -> None:
    vendor = active(shop)
    settled(shop, sold(shop, [item(10000, commissioned(shop, vendor))], card=BYPASS)["id"])
    eventually(lambda: balance(shop, vendor) == {"available": 9000})
    payout = pay_out(town, vendor, 5000)
    eventually(lambda: balance(shop, vendor) == {"available": 4000, "inTransit": 5000})
    town.sandbox("POST", f"/payouts/{payout['id']}/pay")
    eventually(lambda: balance(shop, vendor) == {"available": 4000})
    (known,) = shop.ask(PAYOUTS, id=vendor["id"])["payouts"]["nodes"]
    assert (known["status"], known["amount"], known["vendor"]["id"]) == ("PAID", money(5000), vendor["id"])
    town.sandbox("POST", f"/payouts/{payout['id']}/fail", code="account_closed")
    eventually(lambda: balance(shop, vendor) == {"available": 9000})
    (known,) = shop.ask(PAYOUTS, id=vendor["id"])["payouts"]["nodes"]
    assert (known["status"], known["failureCode"]) == ("FAILED", "account_closed")


def test_the_statement_adds_up_from_its_opening_to_its_closing(town: Town, shop: Shop) -> None:
    vendor = active(shop)
    name = commissioned(shop, vendor)
    begin = clock.now()
    first = sold(shop, [item(10000, name)], card=BYPASS)
    settled(shop, first["id"])
    middle = clock.now()
    second = sold(shop, [item(5000, name)])
    settled(shop, second["id"])
    assert codes(do(shop, REFUND_CREATE, paymentId=second["id"], amount=money(1000))) == []
    settled(shop, second["id"])
    town.sandbox("POST", f"/payouts/{pay_out(town, vendor, 9000)['id']}/pay")
    eventually(lambda: balance(shop, vendor), lambda seen: seen == {"available": 3600})
    end = datetime.now(UTC) + timedelta(seconds=1)

    def read(since: datetime, until: datetime) -> Any:
        args = {"from": since.isoformat(), "to": until.isoformat()}
        return shop.ask(STATEMENT, id=vendor["id"], **args)["vendorStatement"]

    def stands(statement: Any, name: str) -> tuple[int, int]:
        return statement[name]["held"]["amountMinor"], statement[name]["balance"]["amountMinor"]

    whole, early, late = read(begin, end), read(begin, middle), read(middle, end)
    assert stands(whole, "opening") == (0, 0)
    assert stands(early, "closing") == stands(late, "opening") == (0, 9000)
    assert stands(late, "closing") == stands(whole, "closing") == (0, 3600)
    assert whole["lines"]["totalCount"] == early["lines"]["totalCount"] + late["lines"]["totalCount"]
    for statement in (whole, early, late):
        lines = statement["lines"]["nodes"]
        assert sum(line["balanceBy"]["amountMinor"] for line in lines) == (
            stands(statement, "closing")[1] - stands(statement, "opening")[1]
        )
    rows = whole["csv"].splitlines()
    assert rows[0].startswith("at,kind,order,payment,held,balance")
    assert rows[-1] == ",closing,,,,,0.00,36.00,EUR"
    assert len(rows) == whole["lines"]["totalCount"] + 3


def test_a_vendor_is_followed_live_and_from_any_cursor(town: Town, shop: Shop) -> None:
    vendor = active(shop)
    with follow(town.graphql_url, shop.secret_key, UPDATES, id=vendor["id"]) as following:
        start = following.next()
        assert (start["event"], start["vendor"]["status"]) == (None, "ACTIVE")
        settled(shop, sold(shop, [item(10000, commissioned(shop, vendor))], card=BYPASS)["id"])
        kinds = [following.next()["event"]["type"] for _ in range(2)]
        pay_out(town, vendor, 100)
        kinds.append(following.next()["event"]["type"])
    assert kinds == ["payment.split", "transfer.made", "payout.pending"]
    with follow(town.graphql_url, shop.secret_key, UPDATES, id=vendor["id"], after=start["cursor"]) as again:
        assert [again.next()["event"]["type"] for _ in range(3)] == kinds


def test_nobody_sees_or_uses_another_merchants_vendor(town: Town, shop: Shop) -> None:
    vendor, stranger = active(shop), town.merchant()
    assert find(stranger, vendor["id"]) is None
    given = {"vendorId": vendor["id"]}
    for mutation, name in ((DISABLE, "vendorDisable"), (ENABLE, "vendorEnable")):
        assert codes(stranger.ask(mutation, input=given)[name]) == ["NOT_FOUND"]
    back = {**given, "returnUrl": f"{town.base_url}/"}
    assert codes(stranger.ask(ONBOARD, input=back)["vendorOnboard"]) == ["NOT_FOUND"]
    assert stranger.ask(PAYOUTS, id=vendor["id"])["payouts"]["nodes"] == []
    assert books(sold(shop, [item(1000, commissioned(shop, vendor))])) != {}
