"""Icepi Zero: amaranth-boards' platform, and SPI at the header, where a Raspberry Pi has it."""

from typing import ClassVar

from amaranth.build import Attrs
from amaranth_boards.icepi_zero import IcepiZero1_3Platform
from amaranth_boards.resources import SPIResource

__all__ = ["IcepiZeroPlatform"]


class IcepiZeroPlatform(IcepiZero1_3Platform):
    """GPIO 8 to 11 of the header are SPI, with the FPGA as the device."""

    resources: ClassVar = [
        *IcepiZero1_3Platform.resources,
        SPIResource(
            0,
            cs_n="8",
            clk="11",
            copi="10",
            cipo="9",
            conn=("gpio", 0),
            role="peripheral",
            attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP"),
        ),
    ]
