"""The frame's CRC-32, as Amaranth's library computes it."""

from typing import Any

from amaranth.lib.crc import Processor
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC

__all__ = ["crc32"]


def crc32() -> Any:
    """Return a processor of zlib's CRC-32: one byte per cycle, the result a cycle later."""
    return Processor(CRC32_ISO_HDLC(data_width=8))
