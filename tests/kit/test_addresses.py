"""which addresses are the world's -> those that everybody may reach, in whatever way they are written"""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.addresses import is_public

PUBLIC = ("1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:8.8.8.8")
OURS = {
    "nothing": "0.0.0.0",
    "this network": "0.1.2.3",
    "loopback": "127.0.0.1",
    "all of loopback": "127.8.8.8",
    "private 10": "10.0.0.1",
    "private 172": "172.16.0.1",
    "private 192": "192.168.1.1",
    "carrier-grade NAT": "100.64.0.1",
    "a cloud's metadata": "169.254.169.254",
    "a network's own services": "192.0.0.170",
    "documentation": "203.0.113.5",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "global multicast": "239.1.1.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "6to4's relay": "192.88.99.1",
    "nothing, IPv6": "::",
    "loopback, IPv6": "::1",
    "compatible": "::7f00:1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped private": "::ffff:a00:1",
    "translated": "::ffff:0:a00:1",
    "NAT64 of loopback": "64:ff9b::7f00:1",
    "NAT64 of metadata": "64:ff9b::a9fe:a9fe",
    "a NAT64 of one's own": "64:ff9b:1::101:101",
    "6to4 of private": "2002:a00:1::1",
    "6to4": "2002:101:101::1",
    "Teredo": "2001:0:101:101::1",
    "link-local": "fe80::1",
    "link-local with its link": "fe80::1%eth0",
    "site-local": "fec0::1",
    "unique local": "fc00::1",
    "a cloud's metadata, IPv6": "fd00:ec2::254",
    "multicast, IPv6": "ff02::1",
    "documentation, IPv6": "2001:db8::1",
    "discard": "100::1",
    "a name": "localhost",
    "an odd way to write loopback": "0177.0.0.1",
    "empty": "",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_the_worlds(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", OURS.values(), ids=OURS)
def test_somebodys_own(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_what_carries_an_ipv4_address_is_as_public_as_that(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        carrier = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + number)
        assert is_public(str(carrier)) == is_public(str(address))
