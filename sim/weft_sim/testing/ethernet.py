"""Frames of Ethernet, ARP, IPv4, ICMP and UDP, written from the standards, and files of them."""

import struct
import zlib
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "BROADCAST",
    "Datagram",
    "arp",
    "checksum",
    "echo",
    "ethernet",
    "ip",
    "open_datagram",
    "seal",
    "udp",
    "write_pcap",
]

BROADCAST = b"\xff" * 6
_IP_TYPE, _ARP_TYPE = 0x0800, 0x0806


def checksum(data: bytes) -> int:
    """Return the checksum of IP (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def seal(frame: bytes) -> bytes:
    """Return a frame with its padding and its check sequence (IEEE 802.3, 3.2.9)."""
    frame = frame.ljust(60, b"\0")
    return frame + zlib.crc32(frame).to_bytes(4, "little")


def ethernet(to: bytes, source: bytes, kind: int, content: bytes) -> bytes:
    """Return a frame from its first address to its content."""
    return to + source + kind.to_bytes(2, "big") + content


def arp(mac: bytes, address: IPv4Address, wanted: IPv4Address, *, to: bytes = BROADCAST) -> bytes:
    """Return a frame that asks who has ``wanted`` (RFC 826)."""
    content = struct.pack("!HHBBH", 1, _IP_TYPE, 6, 4, 1)
    content += mac + address.packed + bytes(6) + wanted.packed
    return ethernet(to, mac, _ARP_TYPE, content)


def ip(
    source: IPv4Address,
    to: IPv4Address,
    protocol: int,
    content: bytes,
    *,
    length: int | None = None,
    flags: int = 0x4000,
    options: bytes = b"",
    add: int = 0,
) -> bytes:
    """Return a packet (RFC 791); ``length`` in place of the right one, ``add`` to the checksum."""
    size = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH",
        0x40 | size // 4,
        0,
        size + len(content) if length is None else length,
        0x1234,
        flags,
        64,
        protocol,
        0,
    )
    head += source.packed + to.packed + options
    sum_ = (checksum(head) + add) & 0xFFFF
    return head[:10] + sum_.to_bytes(2, "big") + head[12:] + content


def udp(
    source: IPv4Address,
    to: IPv4Address,
    ports: tuple[int, int],
    content: bytes,
    *,
    length: int | None = None,
) -> bytes:
    """Return the content of an IP packet: ports (source, destination), ``length``, a checksum."""
    size = 8 + len(content) if length is None else length
    head = struct.pack("!HHH", *ports, size)
    pseudo = source.packed + to.packed + struct.pack("!BBH", 0, 17, 8 + len(content))
    sum_ = checksum(pseudo + head + b"\0\0" + content) or 0xFFFF
    return head + sum_.to_bytes(2, "big") + content


def echo(kind: int, identifier: int, sequence: int, content: bytes) -> bytes:
    """Return the content of an IP packet: an echo (8) or its reply (0), of ICMP (RFC 792)."""
    rest = struct.pack("!HH", identifier, sequence) + content
    sum_ = checksum(bytes([kind, 0, 0, 0]) + rest)
    return bytes([kind, 0]) + sum_.to_bytes(2, "big") + rest


class Datagram(NamedTuple):
    """What a frame with a UDP datagram holds."""

    macs: tuple[bytes, bytes]  # destination, source
    addresses: tuple[IPv4Address, IPv4Address]  # source, destination
    ports: tuple[int, int]
    content: bytes


def open_datagram(frame: bytes) -> Datagram:
    """Return the datagram in a frame that has a check sequence.

    Raises
    ------
    ValueError
        If anything about it is wrong.
    """
    if len(frame) < 64 or zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:], "little"):
        raise ValueError("the frame is short, or its check sequence wrong")
    packet = frame[14:-4]
    if frame[12:14] != b"\x08\0" or packet[0] != 0x45 or packet[9] != 17:
        raise ValueError("the frame holds no UDP")
    if checksum(packet[:20]):
        raise ValueError("the header's checksum is wrong")
    length = int.from_bytes(packet[2:4], "big")
    if length > len(packet) or any(packet[length:]):
        raise ValueError("the packet is longer than its frame, or the padding is not zero")
    segment = packet[20:length]
    *ports, size, sum_ = struct.unpack("!4H", segment[:8])
    if size != len(segment) or sum_:
        raise ValueError("the datagram's length is wrong, or it has a checksum")
    return Datagram(
        (frame[:6], frame[6:12]),
        (IPv4Address(packet[12:16]), IPv4Address(packet[16:20])),
        (ports[0], ports[1]),
        segment[8:],
    )


def write_pcap(path: Path, frames: Iterable[tuple[float, bytes]]) -> None:
    """Write frames with their seconds, and without their check sequences, as tcpdump would."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for seconds, frame in frames:
            whole = int(seconds)
            size = len(frame) - 4
            file.write(struct.pack("<IIII", whole, int((seconds - whole) * 1e9), size, size))
            file.write(frame[:-4])
