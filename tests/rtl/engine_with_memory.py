"""An engine and a memory beside it that takes its time."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from weft_hw.contract.config import Config
from weft_hw.engine.engine import Engine
from weft_hw.tech.portable import Portable
from weft_sim.testing.behavioural_memory import BehaviouralMemory

__all__ = ["EngineWithMemory"]


class EngineWithMemory(wiring.Component):
    """The ports of :class:`Engine`, but for that of the memory, which is inside."""

    def __init__(self, config: Config, **moods: int):
        self._engine = Engine(config, Portable())
        self._memory = BehaviouralMemory(self._engine.memory.signature, **moods)
        super().__init__(
            {
                name: member
                for name, member in self._engine.signature.members.items()
                if name != "memory"
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.engine, m.submodules.memory = engine, memory = self._engine, self._memory
        wiring.connect(m, engine.memory, memory.port)
        for name, member in self.signature.members.items():
            mine, its = getattr(self, name), getattr(engine, name)
            if not member.is_port:
                wiring.connect(m, wiring.flipped(mine), its)
            elif member.flow is wiring.In:
                m.d.comb += its.eq(mine)
            else:
                m.d.comb += mine.eq(its)
        return m
