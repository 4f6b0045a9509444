"""Frames a second time: written from docs/protocol.md, byte by byte, without the driver's code."""

import zlib

__all__ = ["decode", "encode", "little"]


def little(*pairs):
    return b"".join(value.to_bytes(size, "little") for value, size in pairs)


def encode(content):
    """COBS with CRC and closing zero, byte by byte as the paper has it."""
    data = content + zlib.crc32(content).to_bytes(4, "little")
    out, block = bytearray(), bytearray()
    for byte in [*data, 0]:
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            out += bytes([len(block) + 1]) + block
            block.clear()
    return bytes(out) + b"\0"


def decode(raw):
    """Return the content of a frame, b"" for an empty one, None for a damaged one."""
    out, at = bytearray(), 0
    while at < len(raw):
        code = raw[at]
        if at + code > len(raw):
            return None
        out += raw[at + 1 : at + code]
        at += code
        if code != 255 and at < len(raw):
            out.append(0)
    content, crc = bytes(out[:-4]), bytes(out[-4:])
    whole = len(out) >= 6 and zlib.crc32(content) == int.from_bytes(crc, "little")
    return content if whole or not out else None
