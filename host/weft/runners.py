"""One inference on a device, whole or descriptor by descriptor, and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import COUNTER_BYTES, COUNTERS, Region

from weft import reference
from weft.analysis import layer_macs
from weft.devices import OpenDevice
from weft.execute import load_program, run_program
from weft.graph import Graph
from weft.profile import LayerProfile, LinkProfile
from weft.program import Program, RunStep

__all__ = ["BoardRunner", "GoldenRunner", "Run", "Runner"]

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Run:
    """One inference: the tensors that the host came to know, and the counters read afterwards.

    ``counters`` maps descriptor numbers to the contract's counters by name; ``cycles`` are those
    of all runs together, None where nothing counts; ``clock_hz`` is 0 where there is no clock.
    """

    values: Arrays
    cycles: int | None = None
    counters: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    link: LinkProfile = field(default_factory=LinkProfile)
    clock_hz: int = 0


class GoldenRunner:
    """Runs a graph on the golden model; nothing counts cycles."""

    program: Program | None = None

    def __init__(self, graph: Graph, config: Config):
        self.graph, self.config = graph, config

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Run:
        """Run one image."""
        return Run(reference.run(self.graph, feeds))

    def inspect(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return every tensor of one image."""
        return reference.run(self.graph, feeds)

    expected = inspect

    def layers(self, run: Run, differences: Mapping[str, int]) -> list[LayerProfile]:
        """Return a row per node."""
        return [
            LayerProfile(
                name=node.name, operator=node.operator, where="host",
                reason="device golden", output_shape=self.graph.tensors[node.outputs[0]].shape[1:],
                macs=layer_macs(self.graph, node), cycles=None, predicted_cycles=0,
                multipliers=self.config.multipliers)
            for node in self.graph.nodes
        ]  # fmt: skip

    def close(self) -> None:
        """Do nothing: there is no device."""


class BoardRunner:
    """Runs a program on an accelerator; loads it when made.

    Raises
    ------
    DeviceMismatch
        If the device was built for another configuration or contract.
    LinkError
        If it does not answer.
    """

    def __init__(self, program: Program, board: OpenDevice):
        self.program, self.board = program, board
        self.graph, self.config = program.graph, program.config
        load_program(program, board.memories, board.config)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Run:
        """Run one image."""
        traffic = self.board.traffic()
        cycles = self.board.cycles() if self.board.cycles else 0
        values = run_program(self.program, self.board.memories, feeds)
        link = self.board.traffic() - traffic
        counters = self._counters()
        if self.board.cycles:
            cycles = self.board.cycles() - cycles
        else:
            cycles = sum(counter["cycles"] for counter in counters.values())
        return Run(values, cycles, counters, link, self.board.clock_hz)

    def inspect(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return every tensor of one image, its descriptors run one by one."""
        seen: Arrays = {}
        values = run_program(
            self.program, self.board.memories, feeds, lambda _, tensors: seen.update(tensors))
        return {**values, **seen}

    def expected(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return every tensor of one image by the golden model."""
        return reference.run(self.graph, feeds)

    def layers(self, run: Run, differences: Mapping[str, int]) -> list[LayerProfile]:
        """Return a row per layer of the model; ``differences`` counts them by tensor."""
        rows = []
        for layer in self.program.layers:
            counted = [run.counters[n] for n in layer.descriptors if n in run.counters]
            known = bool(run.counters)
            compared = [differences[name] for name in layer.outputs if name in differences]
            output = self.graph.tensors.get(layer.outputs[0])

            def total(name: str, counted=counted, known=known) -> int | None:
                return sum(c[name] for c in counted) if known else None

            rows.append(LayerProfile(
                name=layer.name, operator=layer.operator, where=layer.where, reason=layer.reason,
                output_shape=output.shape[1:] if output else (), macs=layer.macs,
                cycles=total("cycles"),
                predicted_cycles=sum(
                    self.program.descriptors[n].predicted_cycles for n in layer.descriptors),
                multipliers=self.config.multipliers, busy=total("busy"),
                wait_input=total("wait_input"), wait_output=total("wait_output"),
                mismatches=sum(compared) if compared else None))  # fmt: skip
        return rows

    def close(self) -> None:
        """Let go of the device."""
        self.board.close()

    def _counters(self) -> dict[int, dict[str, int]]:
        """Return the counters of every descriptor that the last run executed."""
        size = len(COUNTERS)
        names = [counter.name for counter in COUNTERS]
        result = {}
        for step in self.program.steps:
            if isinstance(step, RunStep):
                data = self.board.memories.read(
                    Region.COUNTER, step.first * size, step.count * size)
                words = [int.from_bytes(data[i : i + COUNTER_BYTES], "little")
                         for i in range(0, len(data), COUNTER_BYTES)]  # fmt: skip
                for n in range(step.count):
                    values = words[n * size : (n + 1) * size]
                    result[step.first + n] = dict(zip(names, values, strict=True))
        return result


Runner = GoldenRunner | BoardRunner
