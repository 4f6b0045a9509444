"""Inferences on an accelerator, whole or descriptor by descriptor."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from weft.golden import run as reference
from weft.program import Program, RunStep
from weft.runtime.device import OpenDevice
from weft.runtime.execute import After, Inspect, run_counters, run_program
from weft.runtime.profile import LayerProfile, LinkProfile
from weft.runtime.resident import Resident
from weft.runtime.run import Arrays, Run
from weft.runtime.stream import ImageStream

__all__ = ["BoardRunner"]


class BoardRunner:
    """Runs a program on an accelerator; loads it when made, unless the board holds it already.

    Several may share a device and take turns by the image; each finds its own program there.
    ``whole``: feeds are one image, not a batch of them.

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
        self.whole = program.graph.declared is not None
        self._resident = Resident(program, board)
        self._states = self._initial()
        with board.taken():
            self._resident.ensure()

    def _initial(self) -> Arrays:
        """Return the first values of the states that the host keeps."""
        return {
            name: value
            for name, value in reference.initial_states(self.graph).items()
            if name not in self.program.resident
        }

    def reset_state(self) -> None:
        """Let the next call be the first one."""
        with self.board.taken():
            self._states = self._initial()
            self._resident.reset()

    def states(self) -> Arrays:
        """Return the states before the next call, on the host and on the board."""
        if not self.program.resident:
            return self._states
        with self.board.taken():
            self._resident.ensure()
            return self._states | self._resident.read()

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Run:
        """Run one image."""
        with self.board.taken():
            self._resident.ensure()
            traffic = self.board.traffic()
            cycles = self.board.cycles() if self.board.cycles else 0
            counters: dict[int, dict[str, int]] = {}
            reading = LinkProfile()

            def read(step: RunStep) -> None:
                nonlocal reading
                before = self.board.traffic()
                counters.update(run_counters(self.program, self.board.memories, step))
                reading += self.board.traffic() - before

            values = self._run(feeds, after=read)
            link = self.board.traffic() - traffic - reading
            if self.board.cycles:
                cycles = self.board.cycles() - cycles
            else:
                cycles = sum(counter["cycles"] for counter in counters.values())
            return Run(values, cycles, counters, link, self.board.clock_hz)

    def _run(
        self,
        feeds: Mapping[str, NDArray[Any]],
        inspect: Inspect | None = None,
        after: After | None = None,
    ) -> Arrays:
        """Run one image, and keep the host's states for the next one."""
        try:
            values = run_program(
                self.program,
                self.board.memories,
                {**self.graph.enter(feeds), **self._states},
                inspect,
                after,
            )
        except BaseException:
            self._resident.lose()
            raise
        following = reference.next_states(self.graph, values, tuple(self._states))
        self._states = following
        return values | reference.outputs(self.graph, values)

    def inspect(self, feeds: Mapping[str, NDArray[Any]], states: Arrays) -> Arrays:
        """Return every tensor of one image that finds ``states``, its descriptors one by one."""
        seen: Arrays = {}
        with self.board.taken():
            self._resident.ensure()
            self._resident.write(states)
            self._states = {name: states[name] for name in self._states}
            values = self._run(feeds, lambda _, tensors: seen.update(tensors))
        seen = {**values, **seen}
        return seen | reference.outputs(self.graph, seen)

    def expected(self, feeds: Mapping[str, NDArray[Any]], states: Arrays) -> Arrays:
        """Return every tensor of one image that finds ``states`` by the golden model."""
        return reference.run(self.graph, feeds, states)

    def layers(self, run: Run, differences: Mapping[str, int]) -> list[LayerProfile]:
        """Return a row per layer of the model; ``differences`` counts them by tensor."""
        rows = []
        for layer in self.program.layers:
            counted = [run.counters[n] for n in layer.descriptors if n in run.counters]
            known = bool(run.counters)
            # What is added to another map is stored nowhere: the sum is compared.
            completed = (
                name for n in layer.descriptors for name in self.program.descriptors[n].outputs
            )
            names = [name for name in layer.outputs if name in differences] or completed
            compared = [differences[name] for name in names if name in differences]
            output = self.graph.tensors.get(layer.outputs[0])

            def total(name: str, counted=counted, known=known) -> int | None:
                return sum(c.get(name, 0) for c in counted) if known else None

            rows.append(
                LayerProfile(
                    name=layer.name,
                    operator=layer.operator,
                    where=layer.where,
                    reason=layer.reason,
                    output_shape=output.shape[1:] if output else (),
                    macs=layer.macs,
                    cycles=total("cycles"),
                    predicted_cycles=sum(
                        self.program.descriptors[n].predicted_cycles for n in layer.descriptors
                    ),
                    multipliers=self.config.multipliers,
                    busy=total("busy"),
                    wait_input=total("wait_input"),
                    wait_output=total("wait_output"),
                    wait_setup=total("wait_setup"),
                    wait_memory=total("wait_memory"),
                    mismatches=sum(compared) if compared else None,
                )
            )
        return rows

    def check(self) -> None:
        """Raise :class:`LinkError` where this process may not use the device."""
        self.board.check()

    def close(self) -> None:
        """Let go of the device."""
        self.board.close()

    def image_stream(self) -> ImageStream | None:
        """Return what lets images overlap; None if the program or the device does not."""
        queue = self.board.queue
        if self.whole or not self.program.stream.sets or queue is None:
            return None
        return ImageStream(self.program, self.board, queue, self._resident)
