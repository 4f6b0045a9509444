"""Holds a program from a file to what its graph, its configuration and its own parts allow.

Every number has a type and bounds by then (:mod:`weft.program.record`). This module compares them
with each other. What descriptors do is followed in :mod:`weft.program.follow`.
"""

from collections.abc import Iterable
from itertools import pairwise
from math import prod

import numpy as np
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import (
    COUNTER_BYTES,
    COUNTER_STRIDE,
    DRAM_BLOCK_BYTES,
    Region,
    memory_map,
)

from weft.graph import OPERATORS
from weft.program.follow import follow
from weft.program.program import RING_CHUNKS, HostStep, Program, RunStep
from weft.program.require import require

__all__ = ["check_program"]

_VALUES = 1 << 24  # of a tensor, where no memory is larger
_TENSORS = 4  # of that size, all together


def check_program(program: Program) -> None:
    """Raise :class:`ModelError` where parts of ``program`` contradict each other.

    Its graph must have passed :func:`weft.importers.rules.check.check_rules`.
    """
    require(
        fingerprint(program.config) == program.fingerprint,
        f"it was compiled for contract {program.fingerprint:016x}, this Weft has "
        f"{fingerprint(program.config):016x} for {program.config.name}; compile the model again",
    )
    check = _Check(program)
    check.sizes()
    check.images()
    check.places()
    check.steps()
    check.overlap()
    check.descriptions()
    follow(program)


def _once(names: Iterable[object], what: str) -> None:
    seen = list(names)
    require(len(set(seen)) == len(seen), f"{what} twice")


class _Check:
    """The rules, by what they are about."""

    def __init__(self, program: Program):
        self.program, self.graph = program, program.graph
        self.memories = memory_map(program.config)
        self.runs = [step for step in program.steps if isinstance(step, RunStep)]
        self.constants = {n for n, t in self.graph.tensors.items() if t.data is not None}

    def sizes(self) -> None:
        """Check that no tensor is larger than the board's memories, or what any host has."""
        most = max(_VALUES, *(memory.bytes for memory in self.memories.values()))
        sizes = [prod(t.shape) for t in self.graph.tensors.values() if t.data is None]
        require(
            max(sizes, default=0) <= most and sum(sizes) <= _TENSORS * most,
            f"its tensors have more than {most} values",
        )
        used = {name for node in self.graph.nodes for name in (*node.inputs, *node.outputs)}
        used |= {*self.graph.sources, *self.graph.results, *self.program.places}
        used |= {name for layer in self.program.layers for name in layer.outputs}
        for name in self.graph.tensors:
            require(name in used, f"nothing uses tensor {name!r}")

    def images(self) -> None:
        """Check that images are whole units within their memories, beside each other."""
        for region, memory in self.memories.items():
            spans = sorted(
                (image.unit, image.unit + len(image.data) // memory.unit_bytes, len(image.data))
                for image in self.program.images
                if image.region is region
            )
            for start, stop, size in spans:
                require(memory.writable, f"{region.name} cannot be written")
                require(
                    0 < size == (stop - start) * memory.unit_bytes and stop <= memory.units,
                    f"an image of {size} bytes does not fit {region.name} from unit {start} on",
                )
            for (_, stop, _), (start, _, _) in pairwise(spans):
                require(stop <= start, f"two images lie at unit {start} of {region.name}")
        for image in self.program.images:
            require(
                image.region in self.memories,
                f"{self.program.config.name} has no memory {image.region.name}",
            )

    def places(self) -> None:
        """Check that tensors lie within the memory that the steps write and read."""
        region = Region.DRAM if self.program.streamed else Region.ACTIVATION
        require(region in self.memories, f"{self.program.config.name} has no {region.name}")
        for name, place in self.program.places.items():
            require(name in self.graph.tensors, f"there is no tensor {name!r} to be placed")
            tensor = self.graph.tensors[name]
            require(
                tensor.dtype == np.int8 and place.region is region and bool(tensor.shape),
                f"tensor {name!r} cannot lie in {place.region.name}",
            )
            place.layout.check(self.program.config, prod(tensor.shape[1:]))
            require(
                place.base + place.units <= self.memories[region].units,
                f"tensor {name!r} lies beyond the end of {region.name}",
            )

    def steps(self) -> None:
        """Check that steps find what they need, and leave what the network gives."""
        program, graph = self.program, self.graph
        states = {state.name: state for state in graph.states}
        _once(program.resident, "a state is resident")
        for name in program.resident:
            require(
                name in states and name in program.places and not program.streamed,
                f"state {name!r} cannot be resident",
            )
        known = {*graph.sources} - {*program.resident}
        done: list[int] = []
        first = 0
        for step in program.steps:
            if isinstance(step, HostStep):
                for index in step.nodes:
                    require(index < len(graph.nodes), f"there is no node {index}")
                    node = graph.nodes[index]
                    for name in node.inputs:
                        require(
                            name is None or name in known or name in self.constants,
                            f"a step on the host needs {name!r}, which is not there yet",
                        )
                    known |= {*node.outputs}
                    done.append(index)
                continue
            require(step.first == first, f"a run begins at {step.first}, not {first}")
            first += step.count
            for name in step.loads:
                require(name in known, f"a run loads {name!r}, which is not there yet")
            for name in (*step.loads, *step.reads):
                require(name in program.places, f"tensor {name!r} of a run has no place")
            _once(step.loads, "a run loads a tensor")
            _once(step.reads, "a run reads a tensor")
            known |= {*step.reads}
            self._counters(step)
        _once(done, "the host runs a node")
        require(
            first == len(program.descriptors),
            f"runs have {first} of {len(program.descriptors)} descriptors",
        )
        wanted = [*graph.outputs]
        wanted += [state.next for state in graph.states if state.name not in program.resident]
        for name in wanted:
            require(name in known or name in self.constants, f"no step computes {name!r}")

    def _counters(self, step: RunStep) -> None:
        """Check that counters have room: in their memory, or in DRAM where a run is longer."""
        slots, config = self.program.config.descriptor_count, self.program.config
        require(step.count < 1 << 16, f"a run of {step.count} descriptors is too long")
        ring = len(self.program.descriptors) > slots
        if not ring or not self.program.streamed:
            require(
                not ring and step.counters is None,
                f"{len(self.program.descriptors)} descriptors do not fit {config.name}",
            )
            return
        blocks = step.count * COUNTER_STRIDE * COUNTER_BYTES // DRAM_BLOCK_BYTES
        require(
            step.counters is not None
            and slots % RING_CHUNKS == 0
            and step.count % slots == 0
            and step.counters + blocks <= self.memories[Region.DRAM].units,
            "the counters of a run have no place",
        )

    def overlap(self) -> None:
        """Check that images overlap only in the two ways that the compiler knows."""
        program, stream = self.program, self.program.stream
        if not stream.sets:
            require(stream.cut == 0, "a run is cut although images do not overlap")
            return
        one = len(self.runs) == 1 and not program.streamed and not self.graph.states
        require(one, "images of this program cannot overlap")
        [run] = self.runs
        names = {*run.loads, *run.reads}
        for number, images in enumerate(stream.sets):
            require(
                images.first == run.first + number * run.count
                and set(images.bases) == (names if number else set()),
                "the buffers of overlapping images are not those of its run",
            )
            for name, base in images.bases.items():
                require(
                    base + program.places[name].units <= self.memories[Region.ACTIVATION].units,
                    f"the second buffer of {name!r} lies beyond the end of its memory",
                )
        require(
            (len(stream.sets), 0 < stream.cut < run.count, stream.cut == 0)
            in ((1, True, False), (2, False, True)),
            f"{len(stream.sets)} sets of buffers do not go with a run cut at {stream.cut}",
        )

    def descriptions(self) -> None:
        """Check that what profiles and debuggers are told refers to what there is."""
        program, nodes = self.program, self.graph.nodes
        names = {node.name for node in nodes}
        for info in program.descriptors:
            if info.node is None:
                same = info.operator in ("MOVE", "WAIT") and info.layer == ""
                same |= info.operator == "MOVE" and info.layer in names
            else:
                require(info.node < len(nodes), f"there is no node {info.node}")
                node = nodes[info.node]
                same = (info.operator, info.layer) == (node.operator, node.name)
            require(same, f"a descriptor is called {info.operator!r} of another node")
            for name in () if program.streamed else info.outputs:
                require(name in program.places, f"tensor {name!r} of a descriptor has no place")
        numbers = [n for layer in program.layers for n in layer.descriptors]
        _once(numbers, "layers have a descriptor")
        require(max(numbers, default=-1) < len(program.descriptors), "a layer has no descriptor")
        for layer in program.layers:
            require(layer.operator in OPERATORS, f"there is no operator {layer.operator!r}")
        for name, (used, available) in program.usage.items():
            regions = [r for r in self.memories if r.name == name]
            require(
                bool(regions) and used <= available == self.memories[regions[0]].bytes,
                f"{used} of {available} bytes of {name!r} cannot be in use",
            )
