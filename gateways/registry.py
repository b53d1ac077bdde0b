"""Which gateways this process has, by name."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateways.base import Gateway


@dataclass(frozen=True, slots=True)
class Tokenization:
    """What a browser or app needs to turn a card into a token at the PSP. `api_base` None is the PSP itself."""

    gateway: str
    publishable_key: str
    api_base: str | None


class Gateways:
    """The gateways in force. `default` takes new payments."""

    def __init__(self, gateways: Iterable[Gateway]) -> None:
        self._by_name = {gateway.name: gateway for gateway in gateways}
        self.default = next(iter(self._by_name.values()))

    def get(self, name: str) -> Gateway | None:
        """The gateway of that name, or None where this process has none."""
        return self._by_name.get(name)

    def __getitem__(self, name: str) -> Gateway:
        return self._by_name[name]
