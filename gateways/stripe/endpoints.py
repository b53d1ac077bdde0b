"""Registers our address for webhooks at the PSP, as an operator would in its dashboard."""

from typing import Any

import stripe

from gateways.stripe import billing_events, connect_evidence, events
from gateways.stripe.errors import translated


async def ensure(secret_key: str, api_base: str, url: str, known_secret: str | None, *, connect: bool = False) -> str:
    """The signing secret of the endpoint at `url`, which is made unless it exists and its secret is known. `connect`:
    it is for the events of vendors' accounts, which come to no other.

    A secret is told only when its endpoint is made: one whose secret was lost is replaced.
    """
    http = stripe.HTTPXClient(timeout=10)
    client = stripe.StripeClient(secret_key, base_addresses={"api": api_base}, max_network_retries=2, http_client=http)
    try:
        with translated():
            endpoints = await client.v1.webhook_endpoints.list_async({"limit": 100})
            ours = [endpoint for endpoint in endpoints.data if endpoint.url == url]
            if ours and known_secret:
                return known_secret
            for endpoint in ours:
                await client.v1.webhook_endpoints.delete_async(endpoint.id)
            own = {*events.LISTENED, *billing_events.LISTENED, *connect_evidence.TRANSFERS}
            listened = connect_evidence.LISTENED if connect else own
            params: Any = {"url": url, "enabled_events": sorted(listened), "api_version": stripe.api_version}
            if connect:
                params["connect"] = True
            made = await client.v1.webhook_endpoints.create_async(params)
        assert made.secret is not None
        return made.secret
    finally:
        await http.close_async()  # type: ignore[no-untyped-call]
