"""ECPIX-5 85F: amaranth-boards' platform, and a light for each colour."""

from typing import ClassVar

from amaranth.build import Attrs
from amaranth_boards.ecpix5 import ECPIX585Platform
from amaranth_boards.resources import LEDResources

__all__ = ["Ecpix585fPlatform"]


class Ecpix585fPlatform(ECPIX585Platform):
    """Lights: green of LED 0, blue of LED 1, red of LED 2."""

    resources: ClassVar = [
        *ECPIX585Platform.resources,
        *LEDResources(pins="R21 T24 K21", invert=True, attrs=Attrs(IO_TYPE="LVCMOS33")),
    ]
