"""OrangeCrab r0.2 85F: amaranth-boards' platform, its header's UART, a light for each colour."""

from typing import ClassVar

from amaranth.build import Attrs
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_85FPlatform
from amaranth_boards.resources import LEDResources, UARTResource

__all__ = ["OrangeCrab85fPlatform"]


class OrangeCrab85fPlatform(OrangeCrabR0_2_85FPlatform):
    """Pins 0 and 1 of the header are the serial port, as on boards of that form (Feather)."""

    resources: ClassVar = [
        *OrangeCrabR0_2_85FPlatform.resources,
        UARTResource(
            0, rx="0", tx="1", conn=("io", 0), attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")
        ),
        # Green, blue and red of the one light.
        *LEDResources(pins="M3 J3 K4", invert=True, attrs=Attrs(IO_TYPE="LVCMOS33")),
    ]

    # Those of the ECP5 alone: no dfu-suffix, which openFPGALoader does not ask for.
    @property
    def required_tools(self):
        """Programs that a build starts."""
        return super().required_tools[:-1]

    @property
    def command_templates(self):
        """Commands of a build."""
        return super().command_templates[:-1]
