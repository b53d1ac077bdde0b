"""Where a payer goes after paying, on the merchant's own origins or on our return page."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from domain import merchants
from domain.refusals import Fault, Refusal


class UntrustedUrl(Refusal):
    """Payers are sent back to the merchant's own origins only."""

    def __init__(self, url: str, field: str) -> None:
        message = f"{url[:100]!r} is not on one of the merchant's origins (main.py merchant origins)."
        super().__init__(Fault("RETURN_URL_NOT_ALLOWED", message, (field,)))


@dataclass(frozen=True, slots=True)
class Places:
    """Where the payer goes after the hosted page; None stands for our own return page."""

    base_url: str
    success_url: str | None = None
    cancel_url: str | None = None


async def check_places(merchant_id: str, places: Places) -> None:
    for field, url in (("returnUrl", places.success_url), ("cancelUrl", places.cancel_url)):
        if url is not None:
            await check_return(merchant_id, places.base_url, url, field)


async def check_return(merchant_id: str, base_url: str, url: str, field: str) -> None:
    """Raises UntrustedUrl unless the URL is ours or on one of the merchant's origins."""
    origin = _origin(url)
    if origin != base_url and not await merchants.origin_is_trusted(origin, merchant_id):
        raise UntrustedUrl(url, field)


def _origin(url: str) -> str:
    """The origin of a URL, "" for what is none."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > 2000:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()
