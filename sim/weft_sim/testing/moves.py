"""The mover of the functional simulator: moves that run at any moment that their waits allow."""

from collections import deque
from typing import TYPE_CHECKING

from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region, memory_map

if TYPE_CHECKING:
    from weft_sim.testing.functional import FunctionalSimulator, Snapshot

__all__ = ["HardwareFault", "Moves"]


class HardwareFault(Exception):
    """A descriptor asks for what the hardware cannot do; the message names the rule."""


class Moves:
    """The moves of one run.

    A move that may begin runs at once or later, as ``simulator.late`` and its noise decide. A move
    that does not wait for the last layer, or the last two, may also run ahead of them: one computes
    while the next one begins. So a wait that a program lacks shows as a wrong value, for some seed.
    """

    def __init__(self, simulator: "FunctionalSimulator"):
        self._simulator = simulator
        self._queue: deque[dict[str, int]] = deque()
        self._listed = self._done = self._layers_listed = self._layers = 0
        # The last two layers since the last move, and what the memories held before each.
        self._recent: list[tuple[dict[str, int], Snapshot]] = []

    def add(self, move: dict[str, int]) -> None:
        """Take the next descriptor, which is a move."""
        if not self._simulator.config.dram_bytes:
            raise HardwareFault("there is no memory beside the chip")
        if move["layers"] > self._layers_listed:
            raise HardwareFault(f"a move waits for layer {move['layers']}, which comes after it")
        self._queue.append(move)
        self._listed += 1
        self._some()

    def before_layer(self, moves: int) -> None:
        """Carry out what the next layer waits for."""
        if moves > self._listed:
            raise HardwareFault(f"a layer waits for move {moves}, which comes after it")
        self._layers_listed += 1
        while self._done < moves:
            self._next()
        self._some()

    def after_layer(self, descriptor: dict[str, int], before: "Snapshot") -> None:
        """Count a layer that is done; ``before`` is what the memories held when it began."""
        self._layers += 1
        self._recent = [*self._recent, (descriptor, before)][-2:]
        self._some()

    def finish(self) -> None:
        """Carry out the rest."""
        while self._queue:
            self._next()

    def _some(self) -> None:
        simulator = self._simulator
        while self._queue and self._queue[0]["layers"] <= self._layers:
            if simulator.noise.random() < simulator.late:
                return
            self._next()

    def _next(self) -> None:
        recent, self._recent = self._recent, []
        free = min(len(recent), self._layers - self._queue[0]["layers"])
        ahead = int(self._simulator.noise.integers(free + 1)) if free > 0 else 0
        if ahead:
            self._simulator.restore(recent[-ahead][1])
        self._copy()
        for descriptor, _ in recent[len(recent) - ahead :]:
            self._simulator.layer(descriptor)

    def _copy(self) -> None:
        move, simulator = self._queue.popleft(), self._simulator
        if move["layers"] > self._layers:
            raise HardwareFault("a layer waits for a move that waits for that layer")
        region = Region(move["region"])
        size = memory_map(simulator.config)[region].unit_bytes
        blocks = -(-move["count"] * size // DRAM_BLOCK_BYTES)
        for row in range(move["rows"]):
            unit = move["unit"] + row * move["unit_step"]
            block = move["block"] + row * move["block_step"]
            if move["store"]:
                data = simulator.read(region, unit, move["count"])
                rest = blocks * DRAM_BLOCK_BYTES - len(data)
                simulator.write(Region.DRAM, block, data + simulator.noise.bytes(rest))
            else:
                data = simulator.read(Region.DRAM, block, blocks)
                simulator.write(region, unit, data[: move["count"] * size])
        self._done += 1
