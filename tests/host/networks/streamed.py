"""Boards whose memories are so small that random networks stream and spill, at random speeds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from weft.compiler import compile_graph
from weft.compiler.streaming import planner
from weft.driver.transports.sim import SimTransport
from weft.errors import CapacityError
from weft.graph import Graph
from weft.program import Program
from weft.program.follow import follow
from weft.runtime.device import OpenDevice
from weft.runtime.devices import open_over
from weft_hw.contract.config import CONFIGS, Config
from weft_sim.testing.functional import FunctionalSimulator

from networks.accelerator import SMALL, Boards, DeviceOutcome
from networks.configurations import FEW
from networks.plan import SIDES

__all__ = ["TENTH", "SimulatorBoards", "StreamingBoards"]

# A tenth of the block RAM of `ulx3s-85f`; line buffers and window programs cannot stream.
TENTH = replace(
    CONFIGS["ulx3s-85f"],
    name="tenth",
    activation_words=410,
    weight_words=205,
    parameter_words=51,
    descriptor_count=32,
    dram_bytes=1 << 20,
)
_FEW_PIXELS = replace(
    SMALL,
    name="few-two-pixels",
    own_weights=False,
    activation_words=1024,
    weight_words=512,
    parameter_words=48,
    descriptor_count=32,
    window_count=512,
    dram_bytes=1 << 20,
)
_SHARES = (16, 8, 4, 2, 1)  # of activation memory: the smallest with which a network compiles
_LOOKS = (0, 60, 300)  # at lists, while the compiler searches: of 8,000 the plans are better
_STALLS = 6  # of 16 cycles in which a word on its way to or from DRAM waits
_LATE = (0.0, 0.3, 0.7, 0.95)  # chances that a move which may begin waits instead


class StreamingBoards(Boards):
    """Networks stream even where they would fit; their tensors are copied to DRAM for odd seeds."""

    shares = (1,)  # of activation memory that are tried

    def __init__(self, *configs: str | Config):
        super().__init__(*(configs or (TENTH, _FEW_PIXELS, FEW)))

    def compile(self, graph: Graph, seed: int) -> Program | None:
        """Return the program for the smallest memory of the first configuration that has room."""
        turn = seed % len(self.configs)
        planner.LOOKS = _LOOKS[seed % len(_LOOKS)]
        for config in self.configs[turn:] + self.configs[:turn]:
            for share in self.shares:
                small = replace(config, activation_words=config.activation_words // share)
                try:
                    program = compile_graph(graph, small, shadows=seed % 2 == 1, streamed=True)
                except CapacityError:
                    continue
                follow(program)  # raises where a wait is missing
                if program.streamed and program.descriptors:
                    return program
                break
        return None

    def board(self, config: Config) -> OpenDevice:
        """Return the simulated gateware, whose memory stalls at random."""
        if config.name not in self.open:
            transport = SimTransport(config, past_link=True, memory_stalls=_STALLS)
            self.open[config.name] = open_over(transport, config, name="sim")
        return self.open[config.name]


class SimulatorBoards(StreamingBoards):
    """On the functional simulator: each move waits as long as chance and the program allow."""

    shares = _SHARES

    def __init__(self, *configs: str | Config):
        super().__init__(*configs)
        self._rng = np.random.default_rng(7)

    def board(self, config: Config) -> OpenDevice:
        """Return a fresh simulator of its own speed."""
        late, seed = float(self._rng.choice(_LATE)), int(self._rng.integers(1 << 31))
        return OpenDevice("simulator", config, FunctionalSimulator(config, seed, late=late))

    def compare(self, form: str, seed: int, sides: Sequence[int] = SIDES) -> DeviceOutcome:
        """Run one network; a simulator counts no cycles."""
        return replace(super().compare(form, seed, sides), cycles=0)
