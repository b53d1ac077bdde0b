"""The same purchase by GraphQL: what to type into GraphiQL, and a script for a terminal that runs as it is printed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip")


@dataclass(frozen=True, slots=True)
class Keys:
    secret: str
    publishable: str


@dataclass(frozen=True, slots=True)
class Recipe:
    order_create: str
    checkout_start: str
    order_updates: str
    headers: str
    script: str


def keys_for(request: Request) -> Keys | None:
    """The demo's keys, for somebody at this very machine; None for everybody else.

    The Host must be local, so that no foreign page can read them by rebinding its name, and nothing may hint at a
    proxy or tunnel that would show this page to the world.
    """
    demo, headers = request.app.state.demo, request.headers
    came_from = request.client.host if request.client else ""
    hosts = (_host(f"//{headers.get('host', '')}"), _host(demo["baseUrl"]), came_from)
    if any(name in headers for name in _FORWARDED) or not all(_is_local(host) for host in hosts):
        return None
    return Keys(demo["secretKey"], demo["publishableKey"])


def recipe(demo: Mapping[str, Any], keys: Keys | None, product_id: str, currency: str, intent: str) -> Recipe:
    """All in the demo's own words: its address, its key, one of its products."""
    key = keys.secret if keys else "sk_test_…"
    return Recipe(
        order_create=_ORDER_CREATE % (intent, currency, product_id),
        checkout_start=_CHECKOUT_START % intent,
        order_updates=_ORDER_UPDATES,
        headers=json.dumps({"Authorization": f"Bearer {key}"}, ensure_ascii=False),
        script=_script(demo["graphqlUrl"], key, product_id, currency, intent),
    )


_ORDER_CREATE = """mutation {
  orderCreate(input: {
    idempotencyKey: "%s"
    currency: "%s"
    items: [{
      productId: "%s"
      quantity: 1
    }]
  }) {
    order { id status total { formatted } }
    userErrors { code message }
  }
}"""

_CHECKOUT_START = """mutation {
  checkoutStart(input: {
    idempotencyKey: "%s"
    orderId: "ord_…"
  }) {
    checkoutUrl
    payment { id status }
    userErrors { code message }
  }
}"""

_ORDER_UPDATES = """subscription {
  orderUpdates(id: "ord_…") {
    version
    event { type occurredAt }
    order { status payments { status } }
  }
}"""

_SCRIPT = """\
API='%(api)s'
KEY='%(key)s'

# 1. An order. Run it again: the same key makes no second one.
ORDER=$(curl -sS "$API" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -d '%(create)s' \\
  | sed -n 's/.*"id": *"\\([^"]*\\)".*/\\1/p')
echo "Order $ORDER"

# 2. Its payment page. Open the checkoutUrl in your browser.
curl -sS "$API" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -d '%(start)s'
echo

# 3. Watch it turn PAID while you pay (Ctrl-C ends it).
curl -sSN "$API" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -H 'Accept: text/event-stream' \\
  -d '%(watch)s'
"""


def _script(api: str, key: str, product_id: str, currency: str, intent: str) -> str:
    order = "'\"$ORDER\"'"  # leaves the single quotes, so that the shell puts the order's id there
    create = {
        "query": "mutation ($input: OrderCreateInput!) { orderCreate(input: $input) { order { id } } }",
        "variables": {
            "input": {
                "idempotencyKey": intent,
                "currency": currency,
                "items": [{"productId": product_id, "quantity": 1}],
            }
        },
    }
    start = {
        "query": "mutation ($input: CheckoutStartInput!) { checkoutStart(input: $input)"
        " { checkoutUrl userErrors { message } } }",
        "variables": {"input": {"orderId": "ORDER", "idempotencyKey": intent}},
    }
    watch = {
        "query": "subscription ($id: ID!) { orderUpdates(id: $id) { version event { type } order { status } } }",
        "variables": {"id": "ORDER"},
    }
    return _SCRIPT % {
        "api": api,
        "key": key,
        "create": json.dumps(create),
        "start": json.dumps(start).replace('"ORDER"', f'"{order}"'),
        "watch": json.dumps(watch).replace('"ORDER"', f'"{order}"'),
    }


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
