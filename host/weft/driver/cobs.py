"""Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999), without the closing zero."""

__all__ = ["decode", "encode"]

_LONGEST = 254  # bytes in a block that no zero ends


def encode(data: bytes) -> bytes:
    """Return ``data`` encoded so that it holds no zero byte."""
    encoded = bytearray()
    for block in data.split(b"\0"):
        while len(block) >= _LONGEST:
            encoded.append(_LONGEST + 1)
            encoded += block[:_LONGEST]
            block = block[_LONGEST:]
        encoded.append(len(block) + 1)
        encoded += block
    return bytes(encoded)


def decode(encoded: bytes) -> bytes | None:
    """Return what :func:`encode` encoded, or None if a block is short."""
    decoded, at = bytearray(), 0
    while at < len(encoded):
        code = encoded[at]
        end = at + code
        if code == 0 or end > len(encoded):
            return None
        decoded += encoded[at + 1 : end]
        if code <= _LONGEST and end < len(encoded):
            decoded.append(0)
        at = end
    return bytes(decoded)
