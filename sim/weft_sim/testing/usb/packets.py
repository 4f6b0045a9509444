"""Packets of USB: identifiers, tokens and data with their checks (USB 2.0, chapter 8)."""

__all__ = [
    "ACK",
    "DATA0",
    "DATA1",
    "IN",
    "NAK",
    "OUT",
    "PING",
    "SETUP",
    "SOF",
    "STALL",
    "crc5",
    "crc16",
    "data",
    "pid",
    "token",
]

OUT, IN, SOF, SETUP, PING = 0x1, 0x9, 0x5, 0xD, 0x4
DATA0, DATA1 = 0x3, 0xB
ACK, NAK, STALL = 0x2, 0xA, 0xE


def _reflected(value: int, bits: int, polynomial: int, count: int) -> int:
    """Return the remainder of ``count`` bits, least significant first, inverted (8.3.5)."""
    crc = (1 << bits) - 1
    for place in range(count):
        crc = crc >> 1 ^ (polynomial if (crc ^ value >> place) & 1 else 0)
    return crc ^ (1 << bits) - 1


def crc5(value: int) -> int:
    """Return the check of a token's 11 bits: x^5 + x^2 + 1."""
    return _reflected(value, 5, 0x14, 11)


def crc16(content: bytes) -> bytes:
    """Return the check of a data packet: x^16 + x^15 + x^2 + 1."""
    value = _reflected(int.from_bytes(content, "little"), 16, 0xA001, 8 * len(content))
    return value.to_bytes(2, "little")


def pid(kind: int) -> bytes:
    """Return a packet's identifier, or a handshake."""
    return bytes([kind | (kind ^ 0xF) << 4])


def token(kind: int, address: int, endpoint: int) -> bytes:
    """Return a token packet; ``address`` and ``endpoint`` of a frame's start are its number."""
    value = address | endpoint << 7
    return pid(kind) + (value | crc5(value) << 11).to_bytes(2, "little")


def data(kind: int, content: bytes) -> bytes:
    """Return a data packet."""
    return pid(kind) + content + crc16(content)
