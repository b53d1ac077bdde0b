"""Which addresses of the network belong to the world, and which to somebody's own house."""

import ipaddress

_WORLD_V6 = ipaddress.ip_network("2000::/3")
_CARRIERS_OF_V4 = (ipaddress.ip_network("::ffff:0:0/96"), ipaddress.ip_network("64:ff9b::/96"))
"""IPv6 addresses whose last 32 bits are the IPv4 address that is really meant: mapped ones, and those of NAT64."""
_TUNNELS = (
    ipaddress.ip_network("2002::/16"),
    ipaddress.ip_network("2001::/32"),
    ipaddress.ip_network("192.88.99.0/24"),
)
"""6to4 and Teredo: they end at an IPv4 address of anybody's choice."""


def is_address(text: str) -> bool:
    """Whether it is an IP address, rather than a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_public(text: str) -> bool:
    """Whether the address can be reached by everybody: not private, local, shared, reserved, multicast or nothing."""
    if not is_address(text):
        return False
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _CARRIERS_OF_V4):
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address not in _WORLD_V6:
            return False
    if any(address.version == network.version and address in network for network in _TUNNELS):
        return False
    return address.is_global and not address.is_multicast
