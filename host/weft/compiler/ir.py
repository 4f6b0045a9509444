"""Results of lowering: buffers, and commands, which are descriptors without addresses."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import WINDOW, encode_window
from weft_hw.contract.fields import largest
from weft_hw.contract.layers import Elementwise, Layer, Mac

from weft.compiler.words import Parameters, Weights
from weft.program.layout import Layout

__all__ = [
    "FURTHEST",
    "Buffer",
    "Command",
    "Entry",
    "Misplaced",
    "Place",
    "Rows",
    "TooLarge",
    "Unsupported",
    "rows_read",
]

# Rows or columns that an entry of a window program can lie from the window's first.
FURTHEST = min(largest(WINDOW, "dy"), largest(WINDOW, "dx"))


class Unsupported(Exception):
    """The accelerator cannot run a node; the message is the reason that users read."""


class TooLarge(Unsupported):
    """The accelerator could run a node if its memories were larger."""


class Misplaced(Exception):
    """A tensor cannot be written where a concatenation wants it."""

    def __init__(self, tensor: str):
        super().__init__(tensor)
        self.tensor = tensor


@dataclass(eq=False)
class Buffer:
    """A piece of activation memory that one or several tensors share.

    ``words`` includes what is read past the end; ``data`` holds a constant's bytes; ``base`` (in
    words) is filled in by placement.
    """

    name: str
    words: int
    data: bytes | None = None
    base: int = -1


@dataclass(frozen=True)
class Place:
    """Where a tensor lies."""

    buffer: Buffer
    layout: Layout


@dataclass(frozen=True, eq=False)
class Entry:
    """One window-program entry, and which weight each of its array rows takes.

    Parameters
    ----------
    dy, dx, offset, columns, channels
        Fields of the contract's window-program entry.
    taps : ndarray, int64, shape (steps, array rows)
        Index into an output channel's flat weights; -1 where the weight is zero.
    """

    dy: int
    dx: int
    offset: int
    columns: int
    channels: bool
    taps: NDArray[np.int64]

    @cached_property
    def data(self) -> bytes:
        """The bytes of the window program's entry."""
        return encode_window(
            {
                "dy": self.dy,
                "dx": self.dx,
                "offset": self.offset,
                "columns": self.columns,
                "steps_minus_1": len(self.taps) - 1,
                "channels": int(self.channels),
            }
        )


def rows_read(config: Config, entry: Entry, dilation_y: int = 1) -> int:
    """Return how many rows, from a window's first on, are there when all of an entry's are."""
    return entry.dy + (1 if entry.channels else (config.tap_rows - 1) * dilation_y + 1)


@dataclass(frozen=True)
class Rows:
    """That output row ``r`` of a command is row ``r`` of the map, for all its rows.

    ``words`` are those of a row of the map, ``whole`` says whether all its columns are written.
    """

    words: int
    whole: bool


class Command(Struct, eq=False):
    """One descriptor before placement.

    Parameters
    ----------
    node : int
        Index of the graph's node that it is part of.
    descriptor : Mac, Elementwise or Table
        Without addresses, which are filled in by placement.
    source, other, target : (buffer, offset) or None
        Operands in words and the result in beats from the buffer's base.
    entries : list of Entry
        Window program.
    weights : Weights or None
    parameters : Parameters or None
    sum_parameters : Parameters or None
        Of the sum, where results are added to another map.
    macs : int
    outputs : tuple of str
        Tensors complete once this command has run.
    rows : Rows or None
        Of a MAC command; None where its rows are not those of the map.
    turn : int or None
        Index of the node in whose turn it runs, if that is another.
    table : Buffer or None
        What holds the table that it looks up, where that is no TABLE layer's business.
    """

    node: int
    descriptor: Layer
    source: tuple[Buffer, int]
    target: tuple[Buffer, int] | None = None
    other: tuple[Buffer, int] | None = None
    entries: list[Entry] = field(default_factory=list)
    weights: Weights | None = None
    parameters: Parameters | None = None
    sum_parameters: Parameters | None = None
    macs: int = 0
    outputs: tuple[str, ...] = ()
    rows: Rows | None = None
    turn: int | None = None
    table: Buffer | None = None

    @property
    def reads(self) -> list[Buffer]:
        """Buffers that it reads."""
        return [operand[0] for operand in (self.source, self.other) if operand is not None]

    @property
    def written(self) -> Buffer:
        """The buffer that results go to; TypeError where there are none, as of a TABLE layer."""
        if self.target is None:
            raise TypeError(f"{self.descriptor.kind.name} has no results")
        return self.target[0]

    @property
    def mac(self) -> Mac:
        """The descriptor of a MAC layer; TypeError where it is another kind."""
        if not isinstance(self.descriptor, Mac):
            raise TypeError(f"{self.descriptor.kind.name} is no MAC layer")
        return self.descriptor

    @property
    def elementwise(self) -> Elementwise:
        """The descriptor of an ELEMENTWISE layer; TypeError where it is another kind."""
        if not isinstance(self.descriptor, Elementwise):
            raise TypeError(f"{self.descriptor.kind.name} is no ELEMENTWISE layer")
        return self.descriptor
