"""Runs a program's steps: host nodes in golden arithmetic, the rest on a device's memories."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import (
    COUNTER_BYTES,
    COUNTER_STRIDE,
    COUNTERS,
    DRAM_BLOCK_BYTES,
    Region,
)

from weft.errors import DeviceMismatch
from weft.golden import run as reference
from weft.graph import Graph
from weft.program import RING_CHUNKS, HostStep, Program, RunStep

__all__ = [
    "After",
    "Inspect",
    "Memories",
    "check_device",
    "load_program",
    "read_counters",
    "read_tensor",
    "run_counters",
    "run_host",
    "run_program",
    "write_tensor",
]

Values = dict[str, NDArray[Any]]
Inspect = Callable[[int, Values], None]
After = Callable[[RunStep], None]


class Memories(Protocol):
    """The memories of an accelerator, and the command to run descriptors."""

    def write(self, region: Region, unit: int, data: bytes) -> None:
        """Write whole units."""
        ...

    def read(self, region: Region, unit: int, count: int) -> bytes:
        """Return ``count`` units."""
        ...

    def run(self, first: int, count: int) -> None:
        """Run descriptors and return when they are done."""
        ...


def check_device(program: Program, config: Config) -> None:
    """Raise :class:`DeviceMismatch` unless ``program`` was compiled for a device of ``config``."""
    if program.config.dram_bytes and replace(program.config, dram_bytes=0) == config:
        raise DeviceMismatch(
            f"the program streams from memory beside the chip, which this {config.name} has not"
        )
    if fingerprint(config) != program.fingerprint:
        raise DeviceMismatch(
            f"the program was compiled for {program.config.name} "
            f"({program.fingerprint:016x}), the device is {config.name} "
            f"({fingerprint(config):016x})"
        )


def load_program(program: Program, device: Memories, config: Config) -> None:
    """Write a program's images into a device of ``config``.

    Raises
    ------
    DeviceMismatch
        If the program was compiled for another configuration or contract.
    """
    check_device(program, config)
    for image in program.images:
        device.write(image.region, image.unit, image.data)


def write_tensor(program: Program, device: Memories, name: str, value: NDArray[np.int8]) -> None:
    """Write one image of a tensor to its place."""
    place = program.places[name]
    device.write(place.region, place.base, place.pack(value))


def read_tensor(program: Program, device: Memories, name: str) -> NDArray[np.int8]:
    """Return one image of a tensor from its place, with a batch of 1."""
    place = program.places[name]
    data = device.read(place.region, place.base, place.units)
    return place.unpack(data, program.graph.tensors[name].shape)


def run_program(
    program: Program,
    device: Memories,
    inputs: Mapping[str, NDArray[Any]],
    inspect: Inspect | None = None,
    after: After | None = None,
) -> Values:
    """Run one image and return all tensors that the host came to know.

    Parameters
    ----------
    inputs : mapping
        One image (batch of 1) of each of the graph's inputs, and the states that the host keeps.
    inspect : callable, optional
        Called after each descriptor with its number and the tensors that it completed;
        descriptors then run one by one.
    after : callable, optional
        Called when a run has ended, before the next one overwrites its counters.
    """
    values: Values = dict(inputs)
    for step in program.steps:
        if isinstance(step, HostStep):
            run_host(program.graph, step, values)
        else:
            _run_device(program, device, step, values, inspect)
            if after is not None:
                after(step)
    return values


def read_counters(
    device: Memories, first: int, number: int, count: int
) -> dict[int, dict[str, int]]:
    """Return the counters of ``count`` descriptors from ``first`` on, as those of ``number`` on."""
    data = device.read(Region.COUNTER, first * COUNTER_STRIDE, count * COUNTER_STRIDE)
    return _counters_in(data, number)


def run_counters(program: Program, device: Memories, step: RunStep) -> dict[int, dict[str, int]]:
    """Return the counters of each layer's descriptor of the run that ended last."""
    slots = program.config.descriptor_count
    if step.counters is None:
        counters = read_counters(device, step.first % slots, step.first, step.count)
    else:
        chunk = slots // RING_CHUNKS
        saved = step.count - 2 * chunk
        blocks = saved * COUNTER_STRIDE * COUNTER_BYTES // DRAM_BLOCK_BYTES
        data = device.read(Region.DRAM, step.counters, blocks)
        counters = _counters_in(data, step.first)
        for first in range(saved, step.count, chunk):
            counters |= read_counters(
                device, (step.first + first) % slots, step.first + first, chunk
            )
    return {
        number: counts
        for number, counts in counters.items()
        if program.descriptors[number].operator != "MOVE"
    }


def _counters_in(data: bytes, number: int) -> dict[int, dict[str, int]]:
    size, names = COUNTER_STRIDE, [counter.name for counter in COUNTERS]
    words = [
        int.from_bytes(data[i : i + COUNTER_BYTES], "little")
        for i in range(0, len(data), COUNTER_BYTES)
    ]
    return {
        number + n: dict(zip(names, words[n * size : n * size + len(names)], strict=True))
        for n in range(len(words) // size)
    }


def run_host(graph: Graph, step: HostStep, values: Values) -> None:
    """Run nodes in golden arithmetic; their results join ``values``."""
    for index in step.nodes:
        node = graph.nodes[index]
        results = reference.run_node(graph, node, values)
        values.update(zip(node.outputs, results, strict=True))


def _run_device(
    program: Program, device: Memories, step: RunStep, values: Values, inspect: Inspect | None
) -> None:
    for name in step.loads:
        write_tensor(program, device, name, values[name])
    slot = step.first % program.config.descriptor_count
    if inspect is None:
        device.run(slot, step.count)
    elif program.streamed:  # its descriptors wait for each other, so they run together
        device.run(slot, step.count)
        for number in range(step.first, step.first + step.count):
            names = [n for n in program.descriptors[number].outputs if n in program.places]
            inspect(number, {name: read_tensor(program, device, name) for name in names})
    else:
        for number in range(step.first, step.first + step.count):
            device.run(number, 1)
            names = program.descriptors[number].outputs
            inspect(number, {name: read_tensor(program, device, name) for name in names})
    for name in step.reads:
        values[name] = read_tensor(program, device, name)
