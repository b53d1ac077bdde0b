"""a charity, services, a payment link, a wholesaler, a CRM -> each from the merchant's first call to the money, with
what goes wrong on the way; their recipes are in docs/recipes/"""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx

from kit import clock
from tests.linking import euros, go, known, letter, link, paid, token_at
from tests.receiver import Answering, Receiver
from tests.scanning import scanned
from tests.town import Shop, Town, eventually
from tests.unchanged import nothing_happens, told
from tests.webhooking import deliveries, events, made, redeliver

PRODUCT_CREATE = """mutation ($input: ProductCreateInput!) {
  productCreate(input: $input) { product { id } userErrors { code } } }"""
CONTACT = "mutation ($email: String!) { merchantContactSet(input: {email: $email}) { userErrors { code } } }"
AVAILABLE = """query ($amount: MinorUnits!) {
  availablePaymentMethods(country: "NL", currency: "EUR", amount: $amount) {
    available { method } excluded { method reason message } } }"""
USED = "query ($id: ID!) { order(id: $id) { status payments { status method { name } lastError { declineCode } } } }"


def product(shop: Shop, name: str, amount_minor: int, kind: str) -> str:
    """The id of something to sell."""
    given = {"idempotencyKey": name, "name": name, "kind": kind, "prices": [euros(amount_minor)]}
    made = shop.ask(PRODUCT_CREATE, input=given)["productCreate"]
    assert made["userErrors"] == []
    return str(made["product"]["id"])


def contacted(shop: Shop) -> str:
    """The merchant's own address, from now on."""
    email = f"{uuid4().hex}@merchant.example"
    assert shop.ask(CONTACT, email=email)["merchantContactSet"]["userErrors"] == []
    return email


def pay(shop: Shop, page: httpx.Response, **how: Any) -> Any:
    """Pays on the hosted page that the payer was sent to; what the PSP says."""
    assert page.status_code == 303
    return shop.pay({"token": token_at(page.headers["location"])}, **how)


def shown(payer: httpx.Client, address: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", payer.get(address).text).split())


def test_a_charity(shop: Shop, payer: httpx.Client) -> None:
    """a link for donations -> a gift that is too small is asked for again -> a declined card, another one -> thanks"""
    treasurer = contacted(shop)
    choice = {"least": 500, "most": 100_000, "presets": [1000, 2500, 5000]}
    well = link(shop, purpose="For the well", choice=choice, reusable=True)
    with nothing_happens(shop):
        small = go(payer, well, amount="4.99")
        assert (small.status_code, "Please give an amount from" in small.text) == (422, True)

    asked = go(payer, well, amount="12,50")
    declined = pay(shop, asked, card="4000000000000002")
    assert declined["error"]["code"] == "card_declined"
    eventually(lambda: "That did not go through" in shown(payer, declined["session"]["cancel_url"]))
    thanks = pay(shop, asked)["success_url"]
    eventually(lambda: "Thank you, it is paid" in shown(payer, thanks))
    with httpx.Client(timeout=30) as another:
        pay(shop, go(another, well, preset="50.00", amount=""))

    gifts = paid(shop, well, 2)
    assert sorted(gift["collected"]["amountMinor"] for gift in gifts) == [1250, 5000]
    assert known(shop, well)["status"] == "ACTIVE"
    letter(shop.town, treasurer, 2)
    subjects = {str(each.message["Subject"]) for each in shop.town.post_office.letters(treasurer)}
    assert subjects == {"Paid: €12.50", "Paid: €50.00"}


def test_services(shop: Shop) -> None:
    """a service of the catalog -> the methods, and why not the rest -> one is chosen, and fails -> it pays after all"""
    tasting = product(shop, "Tea tasting", 4500, "SERVICE")
    order = shop.order(items=[{"productId": tasting, "quantity": 2}], currency="EUR")
    assert order["total"] == euros(9000)
    storefront = {"key": shop.publishable_key}
    methods = shop.ask(AVAILABLE, amount=9000, **storefront)["availablePaymentMethods"]
    assert {"CARD", "IDEAL", "SEPA_DEBIT"} <= {each["method"] for each in methods["available"]}
    why = {each["method"]: (each["reason"], each["message"]) for each in methods["excluded"]}
    assert why["UPI"] == ("COUNTRY", "UPI is for payers in IN only.")
    assert why["PIX"] == ("COUNTRY", "Pix is for payers in BR only.")

    secret = {"clientSecret": order["clientSecret"]}
    with nothing_happens(shop):
        assert told(shop.checkout(order["id"], method="UPI", **secret, **storefront)) == [
            ("METHOD_NOT_AVAILABLE", "method")
        ]
    started = shop.checkout(order["id"], method="IDEAL", **secret, **storefront)
    token = {"token": token_at(started["checkoutUrl"])}
    assert shop.pay(token, method="ideal", outcome="failure")["error"] is not None
    failed = eventually(lambda: shop.ask(USED, id=order["id"])["order"], lambda o: o["payments"][0]["lastError"])
    assert (failed["status"], failed["payments"][0]["status"]) == ("OPEN", "OPEN")
    shop.pay(token, method="ideal")
    done = eventually(lambda: shop.ask(USED, id=order["id"])["order"], lambda found: found["status"] == "PAID")
    (payment,) = done["payments"]
    assert (payment["status"], payment["method"]) == ("CAPTURED", {"name": "IDEAL"})


def test_a_payment_link(town: Town, shop: Shop, payer: httpx.Client) -> None:
    """amount, currency, purpose, name, e-mail -> a mail -> a click -> a declined card, another one -> a receipt"""
    ada, owner = f"{uuid4().hex}@payer.example", contacted(shop)
    lessons = link(shop, purpose="Piano lessons in May", customer={"email": ada, "name": "Ada"}, send=True)
    mail = letter(town, ada)
    assert all(word in mail for word in ("Hello Ada", "Piano lessons in May", "€42.00"))
    (address,) = set(re.findall(r"http://\S+/l/\w+", mail))

    asked = go(payer, {"url": address})
    assert pay(shop, asked, card="4000000000009995")["error"]["decline_code"] == "insufficient_funds"
    assert known(shop, lessons)["status"] == "ACTIVE"
    assert go(payer, {"url": address}).headers["location"] == asked.headers["location"], "the same page is open still"
    pay(shop, asked)
    paid(shop, lessons)
    assert "Piano lessons in May" in letter(town, ada, 2)
    assert "€42.00" in letter(town, owner)
    assert (payer.get(address).status_code, known(shop, lessons)["status"]) == (410, "USED_UP")

    happened = [
        *("order.created", "payment.created", "payment.open", "payment.declined"),
        *("payment.captured", "order.paid", "payment.fee_known"),
    ]
    history = eventually(lambda: events(shop, first=100)["nodes"], lambda found: len(found) == len(happened))
    assert [(event["sequence"], event["type"]) for event in history] == list(enumerate(happened, 1))


def test_a_wholesaler(town: Town, shop: Shop, payer: httpx.Client) -> None:
    """an invoice of items -> its code is scanned by two -> both pay, one goes back -> the rest is paid -> it says so"""
    crate = product(shop, "Crate of tea", 9000, "GOODS")
    freight = {"name": "Freight", "quantity": 1, "unitAmount": euros(2000)}
    invoice = link(
        shop,
        purpose="Invoice 7",
        items=[{"productId": crate, "quantity": 40}, freight],
        customer={"email": "buyer@wholesale.example", "name": "Wholesale & Sons"},
        reference="W-7",
        dueAt=(clock.now() + timedelta(days=30)).isoformat(),
        inParts=True,
    )
    sheet = shown(payer, invoice["invoiceUrl"])
    for words in ("Invoice 7", "Wholesale &amp; Sons", "W-7", "Crate of tea 40 €90.00 €3,600.00", "Total €3,620.00"):
        assert words in sheet
    address = scanned(payer.get(invoice["qrPngUrl"]).content)
    assert address == invoice["url"]

    with httpx.Client(timeout=30) as colleague:
        all_of_it = go(payer, {"url": address}, amount="")
        a_part = go(colleague, {"url": address}, amount="1,000")
        assert a_part.headers["location"] != all_of_it.headers["location"]
    pay(shop, a_part)
    pay(shop, all_of_it, force=True)  # on a page that was closed meanwhile: the money comes all the same
    (order,) = eventually(
        lambda: known(shop, invoice)["orders"]["nodes"], lambda orders: orders[0]["collected"] == euros(100_000)
    )
    superseded, kept = eventually(
        lambda: shop.find_order(order["id"])["payments"],
        lambda payments: payments[0]["refunded"] == euros(362_000),
    )
    assert [(refund["status"], refund["reason"]) for refund in superseded["refunds"]] == [("SUCCEEDED", "DUPLICATE")]
    assert (kept["captured"], kept["refunds"]) == (euros(100_000), [])

    pay(shop, go(payer, {"url": address}, amount=""))
    (order,) = paid(shop, invoice)
    assert (order["collected"], order["paidLate"]) == (euros(362_000), False)
    assert "Paid. Thank you." in shown(payer, invoice["invoiceUrl"])
    assert payer.get(address).status_code == 410


def test_a_crm(shop: Shop, receiver: Receiver) -> None:
    """memberships are paid -> the CRM is down, and hears of it when it is back -> the member, in the CRM's own words"""
    endpoint_id, secret = made(
        shop,
        receiver,
        description="CRM: members",
        eventTypes=["order.paid"],
        filter=[{"path": "data.order.metadata.kind", "oneOf": ["membership"]}],
        mapping=[
            {"field": "contact.email", "path": "data.order.customer.email"},
            {"field": "contact.name", "path": "data.order.customer.name"},
            {"field": "package", "path": "data.order.items.0.name"},
            {"field": "amountMinor", "path": "data.order.totalMinor"},
            {"field": "list", "value": "members"},
            {"field": "phone", "path": "data.order.metadata.phone"},
        ],
    )
    receiver.answering = Answering(status=500, body=b"being mended")
    for name, kind in (("Concert", "ticket"), ("Membership", "membership")):
        item = {"productId": product(shop, name, 4900, "SERVICE"), "quantity": 1}
        customer = {"email": "ada@example.com", "name": "Ada Lovelace"}
        order = shop.order(items=[item], customer=customer, metadata=[{"key": "kind", "value": kind}])
        shop.pay(shop.checkout(order["id"])["payment"])
        eventually(lambda id=order["id"]: shop.find_order(id), lambda found: found["status"] == "PAID")
    (waiting,) = eventually(lambda: deliveries(shop, endpointId=endpoint_id), lambda log: log and log[0]["attempts"])
    assert (waiting["status"], waiting["responseStatus"], waiting["responseExcerpt"]) == (
        "PENDING",
        500,
        "being mended",
    )

    receiver.answering = Answering()
    redeliver(shop, waiting["id"])
    (arrived,) = eventually(
        lambda: deliveries(shop, endpointId=endpoint_id), lambda log: log[0]["status"] == "SUCCEEDED"
    )
    assert {each.headers["webhook-id"] for each in receiver.received} == {arrived["eventId"]}
    assert {each.body for each in receiver.received} == {receiver.received[-1].body}
    member = receiver.received[-1].verified(secret)
    assert member == {
        "contact": {"email": "ada@example.com", "name": "Ada Lovelace"},
        "package": "Membership",
        "amountMinor": 4900,
        "list": "members",
        "phone": None,
    }
    assert (arrived["eventType"], arrived["payload"]) == ("order.paid", member)


def test_a_photo_shoot_is_assigned(shop: Shop, receiver: Receiver) -> None:
    """the first half of story 8: a package is paid -> whoever assigns photographers has the order"""
    shoot = product(shop, "Family shoot", 18_000, "PACKAGE")
    _, secret = made(
        shop,
        receiver,
        eventTypes=["order.paid"],
        filter=[{"path": "data.order.items.0.productId", "oneOf": [shoot]}],
        mapping=[
            {"field": "job", "path": "data.order.id"},
            {"field": "where", "path": "data.order.metadata.where"},
            {"field": "for", "path": "data.order.customer.name"},
        ],
    )
    customer = {"email": "ada@example.com", "name": "Ada Lovelace"}
    at_the_lake = [{"key": "where", "value": "At the lake"}]
    order = shop.order(items=[{"productId": shoot, "quantity": 1}], customer=customer, metadata=at_the_lake)
    shop.pay(shop.checkout(order["id"])["payment"])
    (assigned,) = receiver.got(1)
    assert assigned.verified(secret) == {"job": order["id"], "where": "At the lake", "for": "Ada Lovelace"}
