"""A compiled network: memory images, a plan of steps, and where every tensor lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.layers import Layer
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region
from weft_hw.contract.move import Move

from weft.graph import Graph
from weft.program.bounds import Count, Name, Size, Work
from weft.program.layout import Layout

__all__ = [
    "RING_CHUNKS",
    "DescriptorInfo",
    "HostStep",
    "Image",
    "LayerInfo",
    "Program",
    "RunStep",
    "StreamPlan",
    "StreamSet",
    "TensorPlace",
]

# The descriptor memory holds so many chunks of a list that is longer than it.
RING_CHUNKS = 4


@dataclass(frozen=True)
class Image:
    """Bytes to be written once into a memory, from ``unit`` on."""

    region: Region
    unit: int
    data: bytes


@dataclass(frozen=True)
class TensorPlace:
    """Where a tensor lies: from unit ``base`` of ``region`` on, in ``layout``.

    The region is activation memory, whose units are words, or DRAM, whose units are blocks.
    """

    base: Count
    layout: Layout
    region: Region = Region.ACTIVATION

    @property
    def units(self) -> int:
        """Units to write or read."""
        if self.region is Region.ACTIVATION:
            return self.layout.words
        return -(-self.layout.words * self.layout.columns // DRAM_BLOCK_BYTES)

    def pack(self, values: NDArray[np.int8]) -> bytes:
        """Return the units that hold one image of an int8 tensor, of any shape of its size."""
        data = self.layout.pack(values)
        if self.region is Region.ACTIVATION:
            return data
        return data.ljust(self.units * DRAM_BLOCK_BYTES, b"\0")

    def unpack(self, data: bytes, shape: tuple[int, ...]) -> NDArray[np.int8]:
        """Return int8 (1, *shape[1:]) from the words."""
        data = data[: self.layout.words * self.layout.columns]
        return self.layout.unpack(data).reshape(1, *shape[1:])


@dataclass(frozen=True)
class DescriptorInfo:
    """Description of one descriptor, for profiles and for debugging.

    ``node`` is the graph's node that it is part of, None where it only moves or waits. ``outputs``
    are the tensors that are complete, and can be read at their places, when it has run and the
    next one has not. ``steps`` are cycles in which the array multiplies. A move has the name of
    the layer that it serves, none if it serves the list itself. It is in
    :attr:`Program.decoded`. ``words`` are those that pass the pins of the memory beside the chip in
    the ``predicted_cycles``, for whichever layer.
    """

    layer: Name
    operator: Name
    node: Count | None
    macs: Work
    outputs: tuple[Name, ...]
    predicted_cycles: Work = 0
    steps: Work = 0
    words: Work = 0


class HostStep(Struct, frozen=True, tag=True):
    """Nodes of the program's graph (by index) that the host runs in golden arithmetic."""

    nodes: tuple[Count, ...]


class RunStep(Struct, frozen=True, tag=True):
    """Write tensors, run ``count`` descriptors from ``first`` on, read tensors.

    ``counters`` is the block of DRAM from which on the run itself saves counters, those of a
    chunk of the descriptor memory after the other, but for the last two. None if it does not.
    """

    first: Count
    count: Size
    loads: tuple[Name, ...]
    reads: tuple[Name, ...]
    counters: Count | None = None


@dataclass(frozen=True)
class StreamSet:
    """Descriptors from ``first`` on, whose tensors lie at ``bases`` where it is not their place."""

    first: Count
    bases: Mapping[Name, Count]


@dataclass(frozen=True)
class StreamPlan:
    """How the transfers of one image may overlap with the run of another.

    Parameters
    ----------
    sets : tuple of StreamSet
        Images take these in turn. With two sets, nothing that the host writes or reads for one is
        touched by a run of the other. Empty where images cannot overlap.
    cut : int
        Unless 0, a run is two, the first of ``cut`` descriptors: what the host writes is touched
        by the first alone, what it reads by the second alone.
    note : str
        Which of these it is, or why there is none.
    """

    sets: tuple[StreamSet, ...] = ()
    cut: Count = 0
    note: Name = ""


@dataclass(frozen=True)
class LayerInfo:
    """One layer of the model as imported.

    ``where`` is ``"accelerator"``, ``"host"``, ``"free"`` (nothing has to be done) or
    ``"fused"`` (part of another layer); ``reason`` says why unless it is the accelerator.
    """

    name: Name
    operator: Name
    where: Literal["accelerator", "host", "free", "fused"]
    reason: Name
    macs: Work
    descriptors: tuple[Count, ...]
    outputs: Annotated[tuple[Name, ...], Meta(min_length=1)]


@dataclass(frozen=True, eq=False)
class Program:
    """Everything that a session needs to run a network on an accelerator.

    Parameters
    ----------
    graph : Graph
        After the compiler's passes: its nodes are what ``steps`` refer to.
    config : Config
    fingerprint : int
        Of the contract and ``config``; a board must have the same.
    images : tuple of Image
        Written once, before the first inference.
    steps : tuple of HostStep or RunStep
        In order, for each image of a batch.
    places : mapping
        Tensors that lie in activation memory at some time.
    descriptors : tuple of DescriptorInfo
        By descriptor number.
    layers : tuple of LayerInfo
        Of the model as imported, in its order.
    usage : mapping
        Region name to (bytes used, bytes available).
    stream : StreamPlan
        How images may overlap.
    streamed : bool
        Whether moves bring what the layers need from DRAM, so that descriptors depend on each
        other. Descriptor number ``n`` then lies in slot ``n % descriptor_count`` when it runs.
    resident : tuple of str
        States of the graph that stay at their places from one call to the next; the host keeps
        the others.
    """

    graph: Graph
    config: Config
    fingerprint: int
    images: tuple[Image, ...]
    steps: tuple[HostStep | RunStep, ...]
    places: Mapping[str, TensorPlace]
    descriptors: tuple[DescriptorInfo, ...]
    layers: tuple[LayerInfo, ...]
    usage: Mapping[str, tuple[int, int]]
    stream: StreamPlan = field(default_factory=StreamPlan)
    streamed: bool = False
    resident: tuple[str, ...] = ()

    @cached_property
    def decoded(self) -> tuple[Layer | Move, ...]:
        """Each descriptor, by its number, as the images hold them.

        Raises
        ------
        ModelError
            If a descriptor asks for what the hardware cannot do.
        """
        from weft.program.follow import follow

        return follow(self)

    def know_descriptors(self, descriptors: Sequence[Layer | Move]) -> None:
        """Take over what ``decoded`` is from who wrote the images, so that nobody reads them."""
        vars(self)["decoded"] = tuple(descriptors)

    def save(self, path: str | Path) -> None:
        """Write a ``.weft`` file."""
        from weft.program.file import save

        save(self, path)

    @staticmethod
    def load(path: str | Path) -> "Program":
        """Read a ``.weft`` file.

        Raises
        ------
        ModelError
            If the file cannot be read or is damaged.
        """
        from weft.program.file import load

        return load(path)
