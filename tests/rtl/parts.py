"""Processing element, array and window former in one design, so that one build serves all."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from weft_hw.contract.config import Config
from weft_hw.engine.compute.array import SystolicArray
from weft_hw.engine.compute.pe import ProcessingElement
from weft_hw.engine.compute.window import WindowFormer
from weft_hw.tech.portable import Portable

__all__ = ["Parts"]


class Parts(wiring.Component):
    """The components side by side, unconnected; ports are named ``pe__...``, ``array__...``, ..."""

    def __init__(self, config: Config):
        self.parts = {
            "pe": ProcessingElement(config, Portable()),
            "array": SystolicArray(config, Portable()),
            "window": WindowFormer(config),
        }
        super().__init__({name: Out(part.signature) for name, part in self.parts.items()})

    def elaborate(self, platform):
        m = Module()
        for name, part in self.parts.items():
            m.submodules[name] = part
            wiring.connect(m, wiring.flipped(getattr(self, name)), part)
        return m
