"""paid into a hold -> assigned, released in parts, by date or by limit, or refunded; disputed -> taken back"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.events import Cause, CauseKind
from domain.holds import deadlines
from domain.refunds import ask as refunds
from domain.transfers import settle as transfers
from kit import clock
from kit.database import reading
from tests.journeys.test_disputes import charge_of
from tests.town import Shop, Town, eventually
from tests.unchanged import nothing_happens
from tests.vendors import (
    ASSIGN,
    BYPASS,
    REFUND,
    REFUND_CREATE,
    RELEASE,
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
    held,
    item,
    key,
    money,
    moved,
    rule,
    settled,
    sold,
)

UNTIL_RELEASED = {"onDeadline": "REFUND"}


@pytest.fixture
def anna(shop: Shop) -> Any:
    return active(shop)


@pytest.fixture(autouse=True)
def right_books(shop: Shop) -> Iterator[None]:
    """After each story all invariants hold."""
    yield
    check(shop)


def into_hold(shop: Shop, vendor: Any, amount_minor: int = 10000, **more: Any) -> Any:
    """A payment whose money is held for the vendor, less 10 %."""
    name = commissioned(shop, vendor, hold={**UNTIL_RELEASED, **more})
    return sold(shop, [item(amount_minor, name)])


def hold_of(payment: Any) -> Any:
    (hold,) = payment["order"]["holds"]
    return hold


def later(town: Town, ahead: timedelta) -> None:
    """What happens to holds by themselves, as it would at a later time."""
    town.call(_later(town, clock.now() + ahead))


async def _later(town: Town, now: datetime) -> None:
    cause, gateways = Cause(CauseKind.SYSTEM, "test"), town.house.gateways
    while await deadlines.mind_next(cause=cause, now=now):
        pass
    for share_id in await transfers.claim_due(now, 100):
        await transfers.settle(gateways, share_id, cause=cause, now=now)
    while await refunds.ask_next(gateways, cause=cause, now=now):
        pass


def told(payment: Any) -> list[str]:
    return [event["type"] for event in payment["timeline"]["nodes"]]


def test_the_truck_hire_is_paid_into_a_hold_and_released_on_completion(town: Town, shop: Shop, anna: Any) -> None:
    payment = into_hold(shop, anna)
    assert held(payment) == [10000]
    assert moved(payment) == []
    assert books(payment)[f"held:{anna['id']}"] == -9000
    assert find(shop, anna["id"])["balances"][0]["held"] == money(9000)
    done = do(shop, RELEASE, orderId=payment["order"]["id"])
    assert codes(done) == []
    assert done["holds"][0]["released"] == money(10000)
    after = settled(shop, payment["id"])
    assert moved(after) == [("MADE", 9000, False)]
    assert f"held:{anna['id']}" not in books(after)
    assert [kind for kind in told(after) if kind.startswith(("hold.", "transfer."))] == [
        "hold.released",
        "transfer.made",
    ]
    with nothing_happens(shop):
        assert codes(do(shop, RELEASE, holdId=hold_of(after)["id"])) == ["HOLD_RELEASED"]
        assert codes(do(shop, REFUND, holdId=hold_of(after)["id"])) == ["HOLD_RELEASED"]


def test_the_truck_hire_is_called_off_and_all_of_it_goes_back(town: Town, shop: Shop, anna: Any) -> None:
    payment = into_hold(shop, anna)
    back = do(shop, REFUND, orderId=payment["order"]["id"])
    assert codes(back) == []
    assert [refund["amount"] for refund in back["refunds"]] == [money(10000)]
    eventually(lambda: found(shop, payment["id"])["refunded"] == money(10000))
    after = settled(shop, payment["id"])
    fee = after["fee"]["amountMinor"]
    assert (moved(after), books(after)) == ([], {"psp_fees": fee, "psp_receivable": -fee})
    for again in (do(shop, RELEASE, holdId=hold_of(after)["id"]), do(shop, REFUND, holdId=hold_of(after)["id"])):
        assert codes(again) == ["HOLD_REFUNDED"]


def test_the_photographer_is_assigned_when_paid_and_gets_the_package_less_the_commission(
    town: Town, shop: Shop, anna: Any
) -> None:
    name = f"shoot {key()}"
    made = rule(shop, name, [{}], commission={"basisPoints": 2000}, hold=UNTIL_RELEASED)
    assert codes(made) == []
    payment = sold(shop, [item(20000, name)])
    hold = hold_of(payment)
    assert (hold["unassigned"], hold["shares"]) == (
        True,
        [{"vendor": None, "held": money(16000), "released": money(0)}],
    )
    assert books(payment)["held:unassigned"] == -16000
    assert codes(do(shop, RELEASE, holdId=hold["id"])) == ["HOLD_UNASSIGNED"]
    half = create(shop, name="Half")["vendor"]
    assert codes(do(shop, ASSIGN, holdId=hold["id"], vendorId=half["id"])) == ["VENDOR_NOT_READY"]
    other = active(shop, name="Other")
    for photographer in (other, anna, anna):
        assert codes(do(shop, ASSIGN, holdId=hold["id"], vendorId=photographer["id"])) == []
    assert codes(do(shop, RELEASE, holdId=hold["id"])) == []
    after = settled(shop, payment["id"])
    assert moved(after) == [("MADE", 16000, False)]
    assert after["transfers"][0]["vendor"]["id"] == anna["id"]
    assert {name for name in books(after) if other["id"] in name or "unassigned" in name} == set()
    assert codes(do(shop, ASSIGN, holdId=hold["id"], vendorId=other["id"])) == ["HOLD_NOT_ASSIGNABLE"]


def test_parts_are_released_and_refunded_and_nothing_is_lost(town: Town, shop: Shop, anna: Any) -> None:
    payment = into_hold(shop, anna, 10001)
    hold_id = hold_of(payment)["id"]
    assert codes(do(shop, RELEASE, holdId=hold_id, amount=money(3333))) == []
    assert codes(do(shop, REFUND, holdId=hold_id, amount=money(3334))) == []
    assert codes(do(shop, RELEASE, holdId=hold_id, amount=money(3335))) == ["AMOUNT_EXCEEDS_HELD"]
    assert codes(do(shop, RELEASE, holdId=hold_id)) == []
    eventually(lambda: found(shop, payment["id"])["refunded"] == money(3334))
    after = settled(shop, payment["id"])
    fee = after["fee"]["amountMinor"]
    sent = sum(amount for _, amount, _ in moved(after))
    assert books(after) == {
        "commission": -(6667 - sent),
        "psp_fees": fee,
        "psp_receivable": 6667 - sent - fee,
        f"psp_vendor:{anna['id']}": sent,
        f"vendor_payable:{anna['id']}": -sent,
    }
    assert sent in (6000, 6001)


def test_a_dry_run_shows_every_posting_and_does_nothing(town: Town, shop: Shop, anna: Any) -> None:
    payment = into_hold(shop, anna)
    vendor, order_id = anna["id"], payment["order"]["id"]
    with nothing_happens(shop):
        planned = do(shop, RELEASE, orderId=order_id, dryRun=True)["preview"]
        back = do(shop, REFUND, orderId=order_id, dryRun=True)["preview"]
    assert [(p["kind"], p["debit"], p["credit"], p["amount"]["amountMinor"]) for p in planned["postings"]] == [
        ("SHARE_RELEASED", f"held:{vendor}", f"vendor_payable:{vendor}", 9000),
        ("TRANSFER", f"psp_vendor:{vendor}", "psp_receivable", 9000),
    ]
    assert [(p["kind"], p["amount"]["amountMinor"]) for p in back["postings"]] == [
        ("REFUND_RESERVED", 10000),
        ("COMMISSION_RETURNED", 1000),
        ("SHARE_RETURNED", 9000),
        ("REFUND_PAID", 10000),
    ]
    assert [hold["held"] for hold in planned["holds"]] == [money(0)]
    assert codes(do(shop, RELEASE, orderId=order_id)) == []
    real = settled(shop, payment["id"])
    assert moved(real) == [("MADE", 9000, False)]


def test_money_is_released_on_its_date(town: Town, shop: Shop, anna: Any) -> None:
    payment = into_hold(shop, anna, releaseAfterDays=3)
    later(town, timedelta(days=2))
    assert held(found(shop, payment["id"])) == [10000]
    later(town, timedelta(days=3, minutes=1))
    assert moved(settled(shop, payment["id"])) == [("MADE", 9000, False)]


@pytest.mark.parametrize(("policy", "ends"), [("RELEASE", "payable"), ("REFUND", "refunded")])
def test_the_merchant_is_told_before_the_limit_and_then_the_policy_decides(
    town: Town, shop: Shop, anna: Any, policy: str, ends: str
) -> None:
    payment = into_hold(shop, anna, onDeadline=policy)
    later(town, timedelta(days=82))
    assert "hold.due_soon" not in told(found(shop, payment["id"]))
    later(town, timedelta(days=84))
    later(town, timedelta(days=85))
    assert told(found(shop, payment["id"])).count("hold.due_soon") == 1
    later(town, timedelta(days=90, minutes=1))
    after = settled(shop, payment["id"])
    if ends == "payable":
        assert moved(after) == [("MADE", 9000, False)]
    else:
        eventually(lambda: found(shop, payment["id"])["refunded"] == money(10000))


def test_the_limit_is_that_of_the_vendors_country(town: Town, shop: Shop) -> None:
    limits = {}
    for country in ("DE", "TH", "US"):
        payment = into_hold(shop, active(shop, country=country))
        row = town.call(reading.fetch("SELECT created_at, release_by FROM holds WHERE id = $1", hold_of(payment)["id"]))
        begin, end = (reading.decode_time(row[0][name]) for name in ("created_at", "release_by"))
        limits[country] = (end - begin).days
    assert limits == {"DE": 90, "TH": 10, "US": 730}


def test_a_hundred_releases_and_refunds_at_once_have_one_outcome(town: Town, shop: Shop, anna: Any) -> None:
    payment = into_hold(shop, anna)
    hold_id = hold_of(payment)["id"]
    with ThreadPoolExecutor(25) as pool:
        tries = [pool.submit(do, shop, mutation, holdId=hold_id) for mutation in (RELEASE, REFUND) * 50]
    won = [try_ for try_ in tries if codes(try_.result()) == []]
    assert len(won) == 1
    released = tries.index(won[0]) % 2 == 0
    lost = {code for try_ in tries for code in codes(try_.result())}
    assert lost == {"HOLD_RELEASED" if released else "HOLD_REFUNDED"}
    after = settled(shop, payment["id"])
    assert moved(after) == ([("MADE", 9000, False)] if released else [])
    assert len(after["refunds"]) == (0 if released else 1)


def test_parts_that_race_never_come_to_more_than_the_hold(town: Town, shop: Shop, anna: Any) -> None:
    payment = into_hold(shop, anna)
    hold_id = hold_of(payment)["id"]
    with ThreadPoolExecutor(20) as pool:
        tries = [
            pool.submit(do, shop, mutation, holdId=hold_id, amount=money(900)) for mutation in (RELEASE, REFUND) * 20
        ]
    won = [try_.result() for try_ in tries if codes(try_.result()) == []]
    assert len(won) == 11
    assert held(found(shop, payment["id"])) == [100]
    refunds = 900 * sum("refunds" in payload for payload in won)
    eventually(lambda: found(shop, payment["id"])["refunded"] == money(refunds))
    after = settled(shop, payment["id"])
    keys = [call["idempotency_key"] for call in town.calls("POST", "/v1/transfers") if call["executed"]]
    ids = [transfer["id"] for transfer in after["transfers"]]
    assert sorted(k for k in keys if k in ids) == sorted(ids)
    payable = -books(after).get(f"vendor_payable:{anna['id']}", 0)
    assert sum(amount for _, amount, _ in moved(after)) == payable


def test_the_same_key_releases_and_refunds_once(town: Town, shop: Shop, anna: Any) -> None:
    payment = into_hold(shop, anna)
    hold_id = hold_of(payment)["id"]
    given = {"holdId": hold_id, "idempotencyKey": "part", "amount": money(1000)}
    for _ in range(2):
        assert codes(do(shop, RELEASE, **given)) == []
        first = do(shop, REFUND, **given)
        assert codes(first) == []
        assert len(first["refunds"]) == 1
    assert held(found(shop, payment["id"])) == [8000]
    assert codes(do(shop, RELEASE, **given | {"amount": money(1)})) == ["IDEMPOTENCY_KEY_REUSED"]


def test_a_dispute_takes_the_shares_back_and_a_win_gives_them_again(town: Town, shop: Shop, anna: Any) -> None:
    fund(town, "EUR")
    payment = sold(shop, [item(10000, commissioned(shop, anna))])
    settled(shop, payment["id"])
    session = shop.find_payment(payment["id"])
    dispute = town.sandbox("POST", f"/charges/{charge_of(town, session)}/dispute")
    town.settle()
    eventually(lambda: ("MADE", 9000, True) in moved(found(shop, payment["id"])))
    assert books(settled(shop, payment["id"])).get(f"vendor_payable:{anna['id']}", 0) == 0
    town.sandbox("POST", f"/disputes/{dispute['id']}/decide", outcome="won")
    town.settle()
    again = eventually(lambda: found(shop, payment["id"]), lambda seen: len(seen["transfers"]) == 3)
    again = settled(shop, payment["id"])
    assert moved(again)[-1] == ("MADE", 9000, False)
    assert books(again)[f"vendor_payable:{anna['id']}"] == -9000


def test_a_sale_that_is_contested_when_it_is_first_heard_of_shares_nothing(town: Town, shop: Shop, anna: Any) -> None:
    town.sandbox("POST", "/webhooks/rules", action="drop")
    order = shop.order(items=[item(10000, commissioned(shop, anna))])
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment, card="4000000000000259")
    shop.sync(payment["id"])
    seen = settled(shop, payment["id"])
    assert any(kind.startswith("dispute.") for kind in told(seen))
    assert (moved(seen), books(seen).get(f"vendor_payable:{anna['id']}", 0)) == ([], 0)


def test_shares_less_a_fee_that_is_not_known_are_not_released(town: Town, shop: Shop, anna: Any) -> None:
    name = commissioned(shop, anna, feeBearer="VENDORS", hold=UNTIL_RELEASED)
    order = shop.order(items=[item(10000, name)])
    payment = shop.checkout(order["id"])["payment"]
    town.sandbox("POST", "/faults", method="GET", path="/v1/checkout/sessions/*", kind="status", status=503, next=100)
    shop.pay(payment)
    paid = eventually(lambda: found(shop, payment["id"]), lambda seen: seen["order"]["holds"] != [])
    given = {"holdId": hold_of(paid)["id"], "idempotencyKey": "once"}
    assert paid["fee"] is None
    for more in ({}, {"dryRun": True}):
        (error,) = do(shop, RELEASE, **given, **more)["userErrors"]
        assert (error["code"], error["retryable"]) == ("FEE_NOT_KNOWN", True)
    assert (held(found(shop, payment["id"])), moved(found(shop, payment["id"]))) == ([10000], [])
    town.quiet()
    shop.sync(payment["id"])
    fee = found(shop, payment["id"])["fee"]["amountMinor"]
    assert codes(do(shop, RELEASE, **given)) == []
    assert moved(settled(shop, payment["id"])) == [("MADE", 9000 - fee, False)]


@pytest.mark.parametrize("ends", ["released", "refunded", "refundCreate", "RELEASE", "REFUND"])
def test_what_a_lost_dispute_has_left_can_be_released_and_refunded_and_its_limit_comes(
    town: Town, shop: Shop, anna: Any, ends: str
) -> None:
    payment = into_hold(shop, anna, onDeadline=ends if ends.isupper() else "REFUND")
    hold_id = hold_of(payment)["id"]
    charge = charge_of(town, shop.find_payment(payment["id"]))
    dispute = town.sandbox("POST", f"/charges/{charge}/dispute", amount=4000)
    eventually(lambda: held(found(shop, payment["id"])), lambda amounts: amounts == [6000])
    refund = {"paymentId": payment["id"]}
    with nothing_happens(shop):
        for mutation, given in ((RELEASE, {"holdId": hold_id}), (REFUND, {"holdId": hold_id}), (REFUND_CREATE, refund)):
            assert codes(do(shop, mutation, **given)) == ["PAYMENT_DISPUTED"]
    if ends.isupper():  # nothing happens while the bank has not decided
        later(town, timedelta(days=90, minutes=1))
        assert held(found(shop, payment["id"])) == [6000]
    town.sandbox("POST", f"/disputes/{dispute['id']}/decide", outcome="lost")
    town.settle()
    eventually(lambda: "dispute.lost" in told(found(shop, payment["id"])))
    query = "query ($id: ID!) { payment(id: $id) { actions { name enabled maxAmount { amountMinor } } } }"
    (action,) = [a for a in shop.ask(query, id=payment["id"])["payment"]["actions"] if a["name"] == "REFUND"]
    assert (action["enabled"], action["maxAmount"]) == (True, {"amountMinor": 6000})
    with nothing_happens(shop):
        more = {**refund, "amount": money(6001)}
        assert codes(do(shop, REFUND_CREATE, **more)) == ["AMOUNT_EXCEEDS_REFUNDABLE"]
    if ends.isupper():
        later(town, timedelta(days=91, minutes=2))
    else:
        mutation = {"released": RELEASE, "refunded": REFUND, "refundCreate": REFUND_CREATE}[ends]
        assert codes(do(shop, mutation, **(refund if mutation is REFUND_CREATE else {"holdId": hold_id}))) == []
    if ends.upper() in ("RELEASE", "RELEASED"):
        assert moved(settled(shop, payment["id"])) == [("MADE", 5400, False)]
    else:
        eventually(lambda: found(shop, payment["id"])["refunded"], lambda refunded: refunded == money(6000))
        after = books(settled(shop, payment["id"]))
        assert after == {"psp_fees": after["psp_fees"], "psp_receivable": -after["psp_fees"]}
        assert codes(do(shop, REFUND_CREATE, **refund)) == ["PAYMENT_DISPUTED"]


def test_a_refund_at_the_limit_that_fails_is_tried_again_a_day_later(town: Town, shop: Shop, anna: Any) -> None:
    name = commissioned(shop, anna, hold=UNTIL_RELEASED)
    payment = sold(shop, [item(10000, name)], card="4000000000005126")
    hold_id, past = hold_of(payment)["id"], clock.now() - timedelta(minutes=1)
    town.call(reading.execute("UPDATE holds SET release_by = $2, due_at = $2 WHERE id = $1", hold_id, past))
    eventually(lambda: [refund["status"] for refund in found(shop, payment["id"])["refunds"]], lambda all: all)
    town.sandbox("POST", "/clock/advance", seconds=60)
    town.settle()
    eventually(lambda: found(shop, payment["id"])["refunds"][0]["status"] == "FAILED")
    later(town, timedelta(minutes=5))
    assert (len(found(shop, payment["id"])["refunds"]), held(found(shop, payment["id"]))) == (1, [10000])
    later(town, timedelta(days=1, minutes=10))
    assert len(found(shop, payment["id"])["refunds"]) == 2


def test_what_cannot_be_taken_back_is_owed_and_netted_against_the_next_share(town: Town, shop: Shop, anna: Any) -> None:
    name = commissioned(shop, anna)
    first = sold(shop, [item(10000, name)], card=BYPASS)
    settled(shop, first["id"])
    town.sandbox("POST", f"/accounts/{anna['token']}/adjust", amount=-9000, currency="eur")
    assert codes(do(shop, REFUND_CREATE, paymentId=first["id"])) == []
    eventually(lambda: ("FAILED", 9000, True) in moved(found(shop, first["id"])))
    settled(shop, first["id"])
    (owes,) = find(shop, anna["id"])["balances"]
    assert owes["negative"] == money(9000)
    second = sold(shop, [item(6000, name)])
    assert moved(settled(shop, second["id"])) == []
    third = sold(shop, [item(6000, name)])
    assert moved(settled(shop, third["id"])) == [("MADE", 1800, False)]
    (even,) = find(shop, anna["id"])["balances"]
    assert even["negative"] == money(0)


@pytest.mark.parametrize("currency", ["JPY", "KWD"])
def test_other_currencies_divide_as_exactly(town: Town, shop: Shop, anna: Any, currency: str) -> None:
    bert = active(shop, name="Bert")
    name, step = f"thirds {key()}", {"JPY": 1, "KWD": 10}[currency]
    parts = [{"vendorId": vendor["id"], "basisPoints": 3333} for vendor in (anna, bert)]
    assert codes(rule(shop, name, parts, commission={"basisPoints": 1111})) == []
    payment = sold(shop, [item(100 * step, name, currency)], currency=currency)
    after = settled(shop, payment["id"])
    assert sorted(amount for _, amount, _ in moved(after)) == [33 * step, 34 * step]
    assert books(after)["commission"] == -11 * step
    assert books(after)["merchant_payable"] == -22 * step


def test_vendors_bear_the_fee_by_their_shares_and_the_platform_when_all_goes_back(
    town: Town, shop: Shop, anna: Any
) -> None:
    payment = sold(shop, [item(10000, commissioned(shop, anna, feeBearer="VENDORS"))])
    after = settled(shop, payment["id"])
    fee = after["fee"]["amountMinor"]
    assert moved(after) == [("MADE", 9000 - fee, False)]
    assert books(after) == {
        "commission": -1000,
        "merchant_payable": -fee,
        "psp_fees": fee,
        "psp_receivable": 1000,
        f"psp_vendor:{anna['id']}": 9000 - fee,
        f"vendor_payable:{anna['id']}": fee - 9000,
    }
    assert codes(do(shop, REFUND_CREATE, paymentId=payment["id"])) == []
    eventually(lambda: found(shop, payment["id"])["refunded"] == money(10000))
    assert books(settled(shop, payment["id"])) == {"psp_fees": fee, "psp_receivable": -fee}
