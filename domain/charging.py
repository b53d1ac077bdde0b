"""What a gateway can charge at once, by any of its methods."""

from gateways.capabilities import Capabilities
from kit.money import formatted


def fault_of(amount_minor: int, currency: str, capabilities: Capabilities) -> str | None:
    """Why no page could take the amount, for people; None when one can, as far as is known."""
    least, most = capabilities.minimums.get(currency), capabilities.most(currency)
    step = capabilities.steps.get(currency, 1)
    if least is not None and amount_minor < least:
        return f"The least that can be charged is {formatted(least, currency)}."
    if most is not None and amount_minor > most:
        return f"The most that can be charged is {formatted(most, currency)}."
    return f"{currency} is charged in steps of {step} minor units." if amount_minor % step else None
