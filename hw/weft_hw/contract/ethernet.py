"""How a board shows itself on Ethernet: addresses and datagrams that host and gateware agree on."""

import zlib
from ipaddress import IPv4Address

__all__ = [
    "DATAGRAM_BYTES",
    "ETHERNET_BYTES_PER_SECOND",
    "FAST_ETHERNET_BYTES_PER_SECOND",
    "NUMBER_BYTES",
    "PORT",
    "ip_of",
    "mac_of",
]

PORT = 0x5765  # of UDP, 22373: "We"
DATAGRAM_BYTES = 1472  # what one UDP datagram carries in an Ethernet frame of 1,500 bytes
NUMBER_BYTES = 4  # before the frames of each datagram: docs/protocol.md
# What goes through at gigabit: docs/links.md says how it was measured.
ETHERNET_BYTES_PER_SECOND = 110e6
FAST_ETHERNET_BYTES_PER_SECOND = 11.1e6


def mac_of(serial: str) -> int:
    """Return the MAC address of the board with a serial number, locally administered."""
    return 0x02 << 40 | 0x57 << 32 | zlib.crc32(serial.encode())


def ip_of(serial: str) -> IPv4Address:
    """Return its address unless another is asked for: link-local (RFC 3927), 169.254.1 to 254."""
    code = zlib.crc32(serial.encode())
    return IPv4Address(0xA9FE0000 | (1 + (code >> 8) % 254) << 8 | code & 0xFF)
