"""Sipeed's Tang Nano 9K: amaranth-boards' pins with nextpnr's present flow."""

from amaranth_boards.tang_nano_9k import TangNano9kPlatform as Pins

from weft_hw.boards.platforms.gowin import HimbaechelGowinPlatform

__all__ = ["TangNano9kPlatform"]


class TangNano9kPlatform(HimbaechelGowinPlatform):
    """The board's own platform asks for ``nextpnr-gowin``, which is retired."""

    part = Pins.part
    family = Pins.family
    default_clk = Pins.default_clk
    resources = Pins.resources
    connectors = Pins.connectors
