"""Sipeed's Tang Nano 20K; pins as LiteX-Boards and Project Apicula have them."""

from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth_boards.resources import ButtonResources, LEDResources, UARTResource

from weft_hw.boards.platforms.gowin import HimbaechelGowinPlatform

__all__ = ["TangNano20kPlatform"]

_IO = Attrs(IO_TYPE="LVCMOS33")


class TangNano20kPlatform(HimbaechelGowinPlatform):
    """What Weft uses of the board: crystal, buttons, lights, the UART of its BL616."""

    part = "GW2AR-LV18QN88C8/I7"
    family = "GW2AR-18C"
    default_clk = "clk27"
    resources = (
        Resource("clk27", 0, Pins("4", dir="i"), Clock(27e6), _IO),
        *ButtonResources(pins="88 87", attrs=_IO),
        *LEDResources(pins="15 16 17 18 19 20", invert=True, attrs=_IO),
        UARTResource(0, rx="70", tx="69", attrs=Attrs(IO_TYPE="LVCMOS33", PULL_MODE="UP")),
    )
    connectors = ()
