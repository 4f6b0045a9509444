"""Ports between the link and the engine: runs, and units of its memories."""

from amaranth.lib import data

from weft_hw.contract.config import Config
from weft_hw.contract.fields import widths
from weft_hw.contract.memory_map import Region, max_unit_bytes
from weft_hw.contract.packet import REQUEST_FIELDS, Request

__all__ = ["ADDRESS_BITS", "RUN", "link_address_bits", "read_layout", "write_layout"]

ADDRESS_BITS = 20  # enough for the units of every memory on the chip

_RUN_WIDTHS = widths(REQUEST_FIELDS[Request.RUN])
RUN = data.StructLayout({name: _RUN_WIDTHS[name] for name in ("first", "count")})


def link_address_bits(config: Config) -> int:
    """Return the bits of the addresses that come by the link."""
    return 24 if config.dram_bytes else ADDRESS_BITS


def write_layout(config: Config, address_bits: int = ADDRESS_BITS) -> data.StructLayout:
    """One unit for one memory; ``data`` holds it from its least significant byte up."""
    return data.StructLayout(
        {
            "region": range(len(Region)),
            "address": address_bits,
            "data": 8 * max_unit_bytes(config),
        }
    )


def read_layout(address_bits: int = ADDRESS_BITS) -> data.StructLayout:
    """Which unit of which memory is asked for."""
    return data.StructLayout({"region": range(len(Region)), "address": address_bits})
