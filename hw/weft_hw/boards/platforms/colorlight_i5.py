"""Colorlight i5 (version 7.0) on Muse Lab's extension board; pins as LiteX-Boards has them."""

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource, Subsignal
from amaranth.vendor import LatticeECP5Platform
from amaranth_boards.resources import LEDResources, UARTResource

__all__ = ["ColorlightI5Platform"]


class ColorlightI5Platform(LatticeECP5Platform):
    """What Weft uses: crystal, button, light, Ethernet, the UART of the extension board's debugger.

    Of two Ethernet transceivers (B50612D) it is the one that LiteX-Boards calls 0.
    """

    device = "LFE5U-25F"
    package = "BG381"
    speed = "6"
    default_clk = "clk25"
    resources = (
        Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), Attrs(IO_TYPE="LVCMOS33")),
        *LEDResources(pins="U16", invert=True, attrs=Attrs(IO_TYPE="LVCMOS33")),
        Resource("button", 0, PinsN("K18", dir="i"), Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
        UARTResource(0, rx="H18", tx="J17", attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
        Resource(
            "eth_rgmii",
            0,
            Subsignal("rst", PinsN("P4", dir="o")),
            Subsignal("mdio", Pins("P5", dir="io")),
            Subsignal("mdc", Pins("N5", dir="o")),
            Subsignal("tx_clk", Pins("G1", dir="o")),
            Subsignal("tx_ctrl", Pins("K1", dir="o")),
            Subsignal("tx_data", Pins("G2 H1 J1 J3", dir="o")),
            Subsignal("rx_clk", Pins("H2", dir="i")),
            Subsignal("rx_ctrl", Pins("P2", dir="i")),
            Subsignal("rx_data", Pins("K2 L1 N1 P1", dir="i")),
            Attrs(IO_TYPE="LVCMOS33"),
        ),
    )
    connectors = ()
