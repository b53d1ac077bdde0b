"""Payment links, as a merchant makes them by GraphQL and as payers open them in a browser."""

import re
from typing import Any
from uuid import uuid4

import httpx

from tests.town import ERRORS, MONEY, Shop, Town, eventually

ORDER_BRIEF = (
    f"id status total {MONEY} collected {MONEY} paidLate paymentLink {{ id }} reference metadata {{ key value }}"
)
LINK_FIELDS = f"""id status url qrSvgUrl qrPngUrl invoiceUrl purpose currency total {MONEY} reusable inParts email name
  reference dueAt expiresAt remindAt metadata {{ key value }} items {{ name quantity unitAmount {MONEY} }}
  choice {{ least {MONEY} most {MONEY} presets {MONEY} }} orders {{ nodes {{ {ORDER_BRIEF} }} }}"""
CREATE = f"""mutation ($input: PaymentLinkCreateInput!) {{
  paymentLinkCreate(input: $input) {{ paymentLink {{ {LINK_FIELDS} }} {ERRORS} }} }}"""
UPDATE = f"""mutation ($input: PaymentLinkUpdateInput!) {{
  paymentLinkUpdate(input: $input) {{ paymentLink {{ {LINK_FIELDS} }} {ERRORS} }} }}"""
DEACTIVATE = f"""mutation ($input: PaymentLinkDeactivateInput!) {{
  paymentLinkDeactivate(input: $input) {{ paymentLink {{ {LINK_FIELDS} }} {ERRORS} }} }}"""
LINK = f"query ($id: ID!) {{ paymentLink(id: $id) {{ {LINK_FIELDS} }} }}"


def euros(amount_minor: int) -> dict[str, Any]:
    return {"amountMinor": amount_minor, "currency": "EUR"}


def create(shop: Shop, **more: Any) -> Any:
    """The payload of paymentLinkCreate; of 42.00 EUR unless something else is said."""
    given = {"idempotencyKey": str(uuid4()), "purpose": "Piano lessons", "currency": "EUR", **more}
    if not {"amount", "items", "choice"} & more.keys():
        given["amount"] = euros(4200)
    return shop.ask(CREATE, input=given)["paymentLinkCreate"]


def link(shop: Shop, **more: Any) -> Any:
    made = create(shop, **more)
    assert made["userErrors"] == []
    return made["paymentLink"]


def known(shop: Shop, link: Any) -> Any:
    return shop.ask(LINK, id=link["id"])["paymentLink"]


def codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def go(payer: httpx.Client, link: Any, **fields: str) -> httpx.Response:
    """Opens the link, and presses the button."""
    page = payer.get(link["url"])
    assert page.status_code == 200, page.text
    found = re.search(r'name="visit" value="([0-9a-f]{32})"', page.text)
    assert found
    return payer.post(link["url"], data={"visit": found[1], **fields})


def token_at(address: str) -> str:
    """The PSP's token of a hosted page."""
    return address.rstrip("/").rpartition("/")[2].partition("#")[0]


def pay_at(town: Town, address: str) -> None:
    """Pays on the hosted page."""
    town.sandbox("POST", f"/sessions/{token_at(address)}/pay", card="4242424242424242")


def paid(shop: Shop, link: Any, count: int = 1) -> list[Any]:
    """The link's orders, as soon as so many of them are paid."""
    return eventually(
        lambda: known(shop, link)["orders"]["nodes"],
        lambda orders: sum(order["status"] == "PAID" for order in orders) == count,
    )


def letter(town: Town, recipient: str, count: int = 1) -> str:
    """The text of the newest of so many letters to somebody."""
    found = eventually(lambda: town.post_office.letters(recipient), lambda letters: len(letters) == count)
    return str(found[-1].message.get_body(("plain",)).get_content())  # type: ignore[union-attr]
