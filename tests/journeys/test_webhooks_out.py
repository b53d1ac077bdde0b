"""something happens -> the merchant's server is told, signed, again and again until it listens, and nothing is lost"""

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import WebhookVerificationError

from domain.deliveries.schedule import SLOW_SECONDS
from kit import clock
from kit.database import reading
from tests.linking import go, link
from tests.receiver import Answering, Receiver, receiving
from tests.town import Shop, Town, eventually, free_port
from tests.unchanged import nothing_happens, told
from tests.webhooking import (
    comes_due,
    create,
    deliveries,
    endpoint,
    events,
    failing_for,
    made,
    redeliver,
    rotate,
    update,
)
from workers.deliveries import PLACES


def settled(shop: Shop, **filter: Any) -> list[Any]:
    """All deliveries, once none is pending."""
    return eventually(
        lambda: deliveries(shop, **filter),
        lambda log: bool(log) and not any(delivery["status"] == "PENDING" for delivery in log),
    )


def first_failure(shop: Shop) -> Any:
    """The one delivery there is, once it was tried and not taken."""
    return eventually(lambda: deliveries(shop), lambda log: bool(log) and log[0]["attempts"] == 1)[0]


def test_a_paid_order_is_told_signed_and_in_full(shop: Shop, receiver: Receiver) -> None:
    _, secret = made(shop, receiver)
    metadata = [{"key": "kind", "value": "membership"}]
    order = shop.order(reference="A-1", metadata=metadata, customer={"email": "ada@example.com", "name": "Ada"})
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment)
    paid = receiver.message(lambda message: message["type"] == "order.paid")
    message = paid.verified(secret)
    assert paid.headers["content-type"] == "application/json"
    assert paid.headers["webhook-id"] == message["id"]
    assert {name: message[name] for name in ("type", "apiVersion")} == {
        "type": "order.paid",
        "apiVersion": "2026-11-01",
    }
    order_told, payment_told = message["data"]["order"], message["data"]["payment"]
    assert (message["data"]["totalMinor"], message["data"]["currency"]) == (4200, "EUR")
    assert order_told["customer"]["email"] == "ada@example.com"
    assert {name: order_told[name] for name in ("id", "status", "totalMinor", "currency", "reference", "metadata")} == {
        "id": order["id"],
        "status": "PAID",
        "totalMinor": 4200,
        "currency": "EUR",
        "reference": "A-1",
        "metadata": {"kind": "membership"},
    }
    assert [item["name"] for item in order_told["items"]] == ["Thing"]
    assert (payment_told["id"], payment_told["status"]) == (payment["id"], "CAPTURED")
    assert payment_told["capturedMinor"] == 4200
    with pytest.raises(WebhookVerificationError):
        paid.verified("whsec_" + "A" * 44)


def test_every_event_comes_once_with_its_number_and_the_log_says_so(shop: Shop, receiver: Receiver) -> None:
    endpoint_id, _ = made(shop, receiver)
    shop.paid_order()
    shop.town.settle()
    known = eventually(
        lambda: events(shop, first=100)["nodes"], lambda all_of: "order.paid" in [e["type"] for e in all_of]
    )
    receiver.got(len(known))
    log = settled(shop, endpointId=endpoint_id)
    assert sorted(each.message["sequence"] for each in receiver.received) == list(range(1, len(log) + 1))
    assert {each.message["id"] for each in receiver.received} == {delivery["eventId"] for delivery in log}
    assert {(d["status"], d["attempts"], d["responseStatus"], d["failure"]) for d in log} == {
        ("SUCCEEDED", 1, 204, None)
    }
    assert [delivery["nextAttemptAt"] for delivery in log] == [None] * len(log)


def test_an_endpoint_hears_of_the_types_it_names_and_of_what_comes_after_it(shop: Shop, receiver: Receiver) -> None:
    early = shop.order()
    eventually(lambda: events(shop)["totalCount"], lambda count: count == 1)
    made(shop, receiver, eventTypes=["order.*", "payment.captured"])
    shop.pay(shop.checkout(early["id"])["payment"])
    eventually(receiver.types, lambda types: len(types) == 2)
    shop.town.settle()
    assert sorted(receiver.types()) == ["order.paid", "payment.captured"]


def test_events_close_a_hole(shop: Shop, receiver: Receiver) -> None:
    """What was not received is read, by number: the same ids, the same messages."""
    made(shop, receiver, eventTypes=["order.created"])
    orders = [shop.order() for _ in range(5)]
    receiver.got(5)
    heard = {each.message["sequence"]: each.message for each in receiver.received if each.message["sequence"] != 3}
    missing = events(shop, filter={"sequenceAfter": 2}, first=1)
    assert [node["sequence"] for node in missing["nodes"]] == [3]
    assert missing["pageInfo"]["hasNextPage"] is True
    (lost,) = [each.message for each in receiver.received if each.message["sequence"] == 3]
    assert missing["nodes"][0]["payload"] == lost
    assert missing["nodes"][0]["data"] == {"totalMinor": 4200, "currency": "EUR"}
    rest = events(shop, after=missing["pageInfo"]["endCursor"])
    assert [node["sequence"] for node in rest["nodes"]] == [4, 5]
    assert {node["orderId"] for node in rest["nodes"]} <= {order["id"] for order in orders}
    assert events(shop, filter={"types": ["order.paid"]})["nodes"] == []
    assert sorted([*heard, 3]) == [1, 2, 3, 4, 5]


def test_a_rotated_secret_signs_beside_the_old_one_for_the_overlap(shop: Shop, receiver: Receiver) -> None:
    endpoint_id, old = made(shop, receiver)
    key = str(uuid4())
    new = rotate(shop, endpoint_id, idempotencyKey=key)["secret"]
    assert new not in (old, None)
    assert rotate(shop, endpoint_id, idempotencyKey=key)["secret"] == new, "a repeated call rotates once"
    shop.order()
    (both,) = receiver.got(1)
    assert len(both.headers["webhook-signature"].split()) == 2
    assert both.verified(old) == both.verified(new)
    newest = rotate(shop, endpoint_id, overlapHours=0)["secret"]
    shop.order()
    only = receiver.got(2)[1]
    assert len(only.headers["webhook-signature"].split()) == 1
    assert only.verified(newest)
    for ended in (old, new):
        with pytest.raises(WebhookVerificationError):
            only.verified(ended)


def test_the_same_key_makes_one_endpoint_with_one_secret(shop: Shop, receiver: Receiver) -> None:
    key = str(uuid4())
    first, again = (create(shop, receiver, idempotencyKey=key) for _ in range(2))
    assert first == again
    other = create(shop, receiver, idempotencyKey=key, description="Other")
    assert told(other) == [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]


def test_an_endpoint_that_was_down_for_days_gets_everything_once_it_is_back(shop: Shop, receiver: Receiver) -> None:
    receiver.answering = Answering(status=500, body=b"out \x00of order, mail ada@example.com")
    endpoint_id, secret = made(shop, receiver, eventTypes=["order.*"])
    orders = [shop.order()["id"] for _ in range(3)]
    for attempts in range(1, 8):
        eventually(lambda: deliveries(shop), lambda log, n=attempts: [d["attempts"] for d in log] == [n] * 3)
        failing = endpoint(shop, endpoint_id)
        assert (failing["enabled"], failing["failingSince"] is None) == (True, False)
        if attempts < 7:
            comes_due(shop)
    log = deliveries(shop)
    assert {(d["responseStatus"], d["responseExcerpt"]) for d in log} == {(500, "out  of order, mail a…@example.com")}
    assert {len({r.body for r in receiver.received if r.headers["webhook-id"] == d["eventId"]}) for d in log} == {1}
    receiver.answering = Answering()
    down = len(receiver.received)
    orders.append(shop.order()["id"])
    comes_due(shop)
    assert {delivery["status"] for delivery in settled(shop)} == {"SUCCEEDED"}
    arrived = receiver.received[down:]
    assert sorted(each.verified(secret)["sequence"] for each in arrived) == [1, 2, 3, 4]
    assert {each.message["data"]["order"]["id"] for each in arrived} == set(orders)
    assert endpoint(shop, endpoint_id)["failingSince"] is None


def test_a_message_has_ten_attempts_and_may_be_sent_again_by_hand(shop: Shop, receiver: Receiver) -> None:
    receiver.answering = Answering(status=400)
    made(shop, receiver)
    shop.order()
    for attempts in range(1, 10):
        eventually(lambda: deliveries(shop), lambda log, n=attempts: bool(log) and log[0]["attempts"] == n)
        comes_due(shop)
    (failed,) = settled(shop)
    assert (failed["status"], failed["attempts"], failed["nextAttemptAt"]) == ("FAILED", 10, None)
    receiver.answering = Answering()
    again = redeliver(shop, failed["id"])
    assert (again["userErrors"], again["delivery"]["id"]) == ([], failed["id"])
    (sent,) = eventually(lambda: deliveries(shop), lambda log: log[0]["status"] == "SUCCEEDED")
    assert sent["attempts"] == 11
    assert {each.headers["webhook-id"] for each in receiver.received} == {failed["eventId"]}
    assert redeliver(shop, failed["id"])["userErrors"] == [], "what was taken may be sent again, too"
    receiver.got(12)


def test_a_redirect_is_a_failure_and_nobody_follows_it(shop: Shop, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.answering = Answering(status=302, headers={"Location": elsewhere.url})
        made(shop, receiver)
        shop.order()
        failed = first_failure(shop)
        assert (failed["status"], failed["responseStatus"]) == ("PENDING", 302)
        assert elsewhere.received == []


def test_gone_disables_at_once_and_tells_the_other_endpoints(shop: Shop, receiver: Receiver) -> None:
    with receiving() as other:
        receiver.answering = Answering(status=410)
        endpoint_id, _ = made(shop, receiver, eventTypes=["order.*"])
        made(shop, other, eventTypes=["webhook_endpoint.*"])
        shop.order()
        notice = other.message(lambda message: message["type"] == "webhook_endpoint.disabled").message
        assert {name: notice["data"][name] for name in ("endpointId", "reason", "url", "order")} == {
            "endpointId": endpoint_id,
            "reason": "gone",
            "url": receiver.url,
            "order": None,
        }
        known = endpoint(shop, endpoint_id)
        assert (known["enabled"], known["disabledReason"]) == (False, "GONE")
        shop.order()
        other_order = shop.order()
        (waiting,) = deliveries(shop, endpointId=endpoint_id)
        assert told(redeliver(shop, waiting["id"])) == [("ENDPOINT_DISABLED", "")]
        receiver.answering = Answering()
        back = update(shop, endpoint_id, enabled=True)["endpoint"]
        assert (back["enabled"], back["disabledReason"], back["disabledAt"]) == (True, None, None)
        comes_due(shop)
        last = receiver.message(lambda message: message["data"]["order"]["id"] == other_order["id"])
        assert last.message["type"] == "order.created"
        assert len(settled(shop, endpointId=endpoint_id)) == 3, "what happened meanwhile comes, too"


@pytest.mark.parametrize("given_up", [False, True])
def test_an_endpoint_that_fails_for_five_days_is_disabled_and_gets_all_once_it_is_back(
    shop: Shop, receiver: Receiver, given_up: bool
) -> None:
    receiver.answering = Answering(status=503)
    endpoint_id, _ = made(shop, receiver)
    shop.order()
    first_failure(shop)
    failing_for(shop, endpoint_id, timedelta(days=5), clock.now())
    comes_due(shop)
    known = eventually(lambda: endpoint(shop, endpoint_id), lambda found: not found["enabled"])
    assert known["disabledReason"] == "FAILING"
    notice = eventually(lambda: events(shop, filter={"types": ["webhook_endpoint.disabled"]})["nodes"])[0]
    assert notice["orderId"] is None
    assert notice["data"]["failingSince"] == known["failingSince"]
    if given_up:
        ended = "UPDATE webhook_deliveries SET status = 'failed', due_at = NULL WHERE endpoint_id = $1"
        shop.town.call(reading.execute(ended, endpoint_id))
    receiver.answering = Answering()
    update(shop, endpoint_id, enabled=True)
    log = eventually(
        lambda: deliveries(shop, endpointId=endpoint_id),
        lambda log: [delivery["status"] for delivery in log] == ["SUCCEEDED"] * 2,
    )
    assert sorted(delivery["attempts"] for delivery in log) == [1, 3], "the order, and the endpoint's own end"


def test_who_asks_to_be_left_alone_is(shop: Shop, receiver: Receiver) -> None:
    receiver.answering = Answering(status=429, headers={"Retry-After": "600"})
    endpoint_id, _ = made(shop, receiver)
    before = clock.now()
    shop.order()
    limited = first_failure(shop)
    assert limited["responseStatus"] == 429
    assert limited["nextAttemptAt"] >= (before + timedelta(seconds=600)).isoformat()
    (row,) = shop.town.call(reading.fetch("SELECT busy_until FROM webhook_endpoints WHERE id = $1", endpoint_id))
    assert reading.decode_time(row["busy_until"]) >= before + timedelta(seconds=600)


def test_a_message_names_the_link_that_its_order_comes_of(shop: Shop, receiver: Receiver) -> None:
    made(shop, receiver, eventTypes=["order.created"])
    sold = link(shop)
    with httpx.Client(timeout=30) as payer:
        go(payer, sold)
    shop.order()
    told = {each.message["data"]["order"]["paymentLinkId"] for each in receiver.got(2)}
    assert told == {sold["id"], None}


def test_an_endpoint_that_hangs_keeps_no_other_waiting(town: Town, shop: Shop, receiver: Receiver) -> None:
    """Nor is it asked for more than a few at once."""
    neighbor = town.merchant()
    receiver.answering = Answering(held=True)
    made(shop, receiver)
    for _ in range(6):
        shop.order()
    eventually(lambda: receiver.at_once, lambda count: count >= 1)
    with receiving() as quick:
        made(neighbor, quick)
        neighbor.order()
        quick.got(1)
        assert receiver.most_at_once <= 4
    receiver.answering = Answering()
    receiver.go_on.set()
    assert {delivery["attempts"] for delivery in settled(shop)} == {1}


def test_a_merchant_whose_endpoints_all_hang_has_a_quarter_of_the_places(
    town: Town, shop: Shop, receiver: Receiver
) -> None:
    neighbor, places = town.merchant(), PLACES[False] // 4
    receiver.answering = Answering(held=True)
    for _ in range(places + 2):
        made(shop, receiver)
    shop.order()
    eventually(lambda: receiver.at_once, lambda count: count == places)
    with receiving() as quick:
        made(neighbor, quick)
        neighbor.order()
        quick.got(1)
    assert receiver.most_at_once == places
    receiver.answering = Answering()
    receiver.go_on.set()
    settled(shop)


def test_endpoints_that_answer_slowly_wait_among_their_like(town: Town, shop: Shop, receiver: Receiver) -> None:
    """They do well, so they are not sent less; but they hold none of the places of those that answer at once."""
    neighbor, places = town.merchant(), PLACES[True] // 4
    receiver.answering = Answering(held=True)
    for _ in range(places + 2):
        made(shop, receiver)
    shop.order()
    eventually(lambda: receiver.at_once, lambda count: count == places + 2)
    time.sleep(SLOW_SECONDS)  # it is what the test is about
    receiver.go_on.set()
    settled(shop)
    receiver.go_on.clear()
    shop.order()
    eventually(lambda: receiver.at_once, lambda count: count == places)
    with receiving() as quick:
        made(neighbor, quick)
        neighbor.order()
        quick.got(1)
    assert receiver.at_once == places
    receiver.answering = Answering()
    receiver.go_on.set()
    assert {delivery["attempts"] for delivery in settled(shop)} == {1}


def test_nobody_there_is_a_failure_with_its_reason(shop: Shop) -> None:
    create(shop, url=f"http://127.0.0.1:{free_port()}/nobody")
    shop.order()
    failed = first_failure(shop)
    assert (failed["status"], failed["responseStatus"], failed["responseExcerpt"]) == ("PENDING", None, None)
    assert failed["failure"].startswith("ConnectError")


BAD: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "no URL": ({"url": " "}, [("REQUIRED", "url")]),
    "another scheme": ({"url": "ftp://shop.example/x"}, [("INVALID", "url")]),
    "a script": ({"url": "javascript:alert(1)"}, [("INVALID", "url")]),
    "no host": ({"url": "https:///x"}, [("INVALID", "url")]),
    "a port that is none": ({"url": "https://shop.example:99999/"}, [("INVALID", "url")]),
    "a password": ({"url": "https://ada:secret@shop.example/"}, [("INVALID", "url")]),
    "a user": ({"url": "https://ada@shop.example/"}, [("INVALID", "url")]),
    "an empty user": ({"url": "https://@shop.example/"}, [("INVALID", "url")]),
    "a fragment": ({"url": "https://shop.example/#x"}, [("INVALID", "url")]),
    "a blank": ({"url": "https://shop.example/a b"}, [("INVALID", "url")]),
    "a backslash": ({"url": "https://shop.example\\@evil.example/"}, [("INVALID", "url")]),
    "a name that is not in Punycode": ({"url": "https://bücher.example/"}, [("INVALID", "url")]),
    "a bracket": ({"url": "https://[::1/"}, [("INVALID", "url")]),
    "an address of a version to come": ({"url": "https://[v1.x]/"}, [("INVALID", "url")]),
    "an address with a zone": ({"url": "https://[2606:4700::1%25eth0]/"}, [("INVALID", "url")]),
    "a name behind an address": ({"url": "https://[2606:4700::1].evil.example/"}, [("INVALID", "url")]),
    "a long URL": ({"url": "https://shop.example/" + "x" * 2000}, [("TOO_LONG", "url")]),
    "a card number in the URL": (
        {"url": "https://shop.example/4242424242424242"},
        [("CARD_NUMBER", "url")],
    ),
    "a long description": ({"description": "x" * 201}, [("TOO_LONG", "description")]),
    "a hidden description": ({"description": "a\u202eb"}, [("INVALID", "description")]),
    "no types": ({"eventTypes": []}, [("INVALID", "eventTypes")]),
    "a type that is none": ({"eventTypes": ["order.paid", "Order paid"]}, [("INVALID", "eventTypes.1")]),
    "everything by a star": ({"eventTypes": ["*"]}, [("INVALID", "eventTypes.0")]),
    "too many types": ({"eventTypes": ["order.paid"] * 51}, [("INVALID", "eventTypes")]),
    "a path that leads nowhere": (
        {"filter": [{"path": "order.id", "oneOf": ["x"]}]},
        [("INVALID", "filter.0.path")],
    ),
    "a path that is none": ({"filter": [{"path": "data..x", "oneOf": ["x"]}]}, [("INVALID", "filter.0.path")]),
    "no values": ({"filter": [{"path": "type", "oneOf": []}]}, [("INVALID", "filter.0.oneOf")]),
    "a long value": ({"filter": [{"path": "type", "oneOf": ["x" * 501]}]}, [("TOO_LONG", "filter.0.oneOf.0")]),
    "too many conditions": ({"filter": [{"path": "type", "oneOf": ["x"]}] * 21}, [("INVALID", "filter")]),
    "neither path nor value": ({"mapping": [{"field": "a"}]}, [("INVALID", "mapping.0")]),
    "path and value": ({"mapping": [{"field": "a", "path": "id", "value": "x"}]}, [("INVALID", "mapping.0")]),
    "a field that is none": ({"mapping": [{"field": "a b", "value": "x"}]}, [("INVALID", "mapping.0.field")]),
    "a mapped path that leads nowhere": (
        {"mapping": [{"field": "a", "path": "__class__.x"}]},
        [("INVALID", "mapping.0.path")],
    ),
    "a field twice": (
        {"mapping": [{"field": "a", "value": "x"}, {"field": "a", "value": "y"}]},
        [("INVALID", "mapping")],
    ),
    "a field within a value": (
        {"mapping": [{"field": "a.b", "value": "x"}, {"field": "a", "value": "y"}]},
        [("INVALID", "mapping")],
    ),
    "too many fields": (
        {"mapping": [{"field": f"f{n}", "value": "x"} for n in range(51)]},
        [("INVALID", "mapping")],
    ),
    "no key": ({"idempotencyKey": ""}, [("INVALID", "idempotencyKey")]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_makes_no_sense_is_refused_and_changes_nothing(shop: Shop, case: str) -> None:
    given, faults = BAD[case]
    with nothing_happens(shop):
        assert told(create(shop, **{"url": "https://shop.example/hooks", **given})) == faults


def test_a_change_is_checked_like_a_new_endpoint_and_keeps_what_is_left_out(shop: Shop, receiver: Receiver) -> None:
    endpoint_id, _ = made(shop, receiver, description="Old", eventTypes=["order.*"])
    before = endpoint(shop, endpoint_id)
    with nothing_happens(shop):
        assert told(update(shop, endpoint_id, url=None)) == [("REQUIRED", "url")]
        assert told(update(shop, endpoint_id, eventTypes=["x"])) == [("INVALID", "eventTypes.0")]
        assert told(rotate(shop, endpoint_id, overlapHours=169)) == [("INVALID", "overlapHours")]
        assert told(rotate(shop, endpoint_id, overlapHours=-1)) == [("INVALID", "overlapHours")]
    changed = update(shop, endpoint_id, eventTypes=None, description=None)["endpoint"]
    assert changed == {**before, "eventTypes": None, "description": None}
    disabled = update(shop, endpoint_id, enabled=False)["endpoint"]
    assert (disabled["enabled"], disabled["disabledReason"]) == (False, "MERCHANT")
    shop.order()
    eventually(lambda: events(shop)["totalCount"], lambda count: count == 1)
    assert deliveries(shop) == []
    update(shop, endpoint_id, enabled=True)
    receiver.got(1)


def test_a_merchant_has_twenty_endpoints_that_are_enabled(shop: Shop) -> None:
    made_ids = [create(shop, url="https://shop.example/hooks")["endpoint"]["id"] for _ in range(20)]
    assert told(create(shop, url="https://shop.example/hooks")) == [("TOO_MANY_ENDPOINTS", "")]
    update(shop, made_ids[0], enabled=False)
    assert told(create(shop, url="https://shop.example/hooks")) == []
    assert told(update(shop, made_ids[0], enabled=True)) == [("TOO_MANY_ENDPOINTS", "")]


def test_nobody_reaches_anothers_endpoints_and_deliveries(town: Town, shop: Shop, receiver: Receiver) -> None:
    stranger = town.merchant()
    endpoint_id, _ = made(shop, receiver)
    shop.order()
    (delivery,) = settled(shop)
    with nothing_happens(shop, stranger):
        assert told(update(stranger, endpoint_id, enabled=False)) == [("NOT_FOUND", "endpointId")]
        assert told(rotate(stranger, endpoint_id)) == [("NOT_FOUND", "endpointId")]
        assert told(redeliver(stranger, delivery["id"])) == [("NOT_FOUND", "deliveryId")]
        assert told(redeliver(stranger, endpoint_id)) == [("INVALID_ID", "deliveryId")]
    assert endpoint(stranger, endpoint_id) is None
    nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    ids = [endpoint_id, delivery["id"]]
    assert stranger.ask(nodes, ids=ids)["nodes"] == [None, None]
    assert [node["__typename"] for node in shop.ask(nodes, ids=ids)["nodes"]] == ["WebhookEndpoint", "WebhookDelivery"]
    assert deliveries(stranger) == deliveries(stranger, endpointId=endpoint_id) == []
    assert events(stranger)["totalCount"] == 0
