"""Writes a program in plain order: pieces at their addresses, and moves that serve them."""

from collections.abc import Callable, Mapping, Sequence
from math import gcd
from typing import ClassVar

from msgspec.structs import replace
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region, memory_map
from weft_hw.contract.move import Move

from weft.compiler.ir import Buffer
from weft.compiler.streaming.constants import Constant
from weft.compiler.streaming.pieces import Piece, Scope
from weft.compiler.streaming.serial import Layer, Touch, Transfer
from weft.compiler.streaming.tiles import Span, group_words, reads, writes

__all__ = ["Writer", "region_sizes"]

# Longer loads of constants are cut: something more urgent may come up meanwhile.
_CONSTANT_BYTES = 16384


def region_sizes(config: Config) -> dict[Region, int]:
    """Return how many addresses the memories on the chip have that constants go to."""
    return {
        Region.WEIGHT: config.weight_words,
        Region.PARAMETER: config.parameter_words,
        Region.WINDOW: config.window_count,
    }


class Writer:
    """Makes ``program`` of what it is told, in that order.

    Parameters
    ----------
    config : Config
    pieces : sequence of Piece
        Those that will be written, in order.
    constants : mapping
        What each of them needs besides activations.
    place : callable
        Gives the first block in DRAM of a buffer, which lies there from then on.
    """

    _BASES: ClassVar = {
        Region.WEIGHT: "weight_base",
        Region.PARAMETER: "parameter_base",
        Region.WINDOW: "window_base",
    }

    def __init__(
        self,
        config: Config,
        pieces: Sequence[Piece],
        constants: Mapping[Piece, Sequence[Constant]],
        place: Callable[[Buffer], int],
    ):
        self.config = config
        self.program: list[Layer | Transfer] = []
        self._constants, self._place = constants, place
        self._units = {Region.WEIGHT: config.columns, Region.PARAMETER: config.lanes}
        self._unit_bytes = {r: m.unit_bytes for r, m in memory_map(config).items()}
        self._sizes = region_sizes(config)
        self._next = dict.fromkeys(self._sizes, 0)  # where each ring goes on
        self._node, self._loads = -1, list[Transfer]()  # of the last piece; for the next one
        self._scope: Scope | None = None
        self._places: dict[Constant, int] = {}
        self._table: Constant | None = None  # there is room for one
        self._loaded: set[Constant] = set()
        # Pieces of one scope share their constants and keep them.
        self._shared: dict[Scope, dict[Constant, None]] = {}
        for piece in pieces:
            shared = self._shared.setdefault(piece.scope, {})
            shared.update(dict.fromkeys(constants[piece]))

    def load(self, span: Span, base: int) -> None:
        """Load words of a buffer to activation memory from ``base`` on."""
        self._words(span, base, store=False)

    def store(self, span: Span, base: int) -> None:
        """Store words of a buffer from activation memory from ``base`` on."""
        self._words(span, base, store=True)

    def scatter(
        self, buffer: Buffer, first: int, words: int, pixel: int, pixels: int, base: int
    ) -> None:
        """Store ``words`` words of each pixel, packed from ``base`` on.

        In DRAM they begin with word ``first`` of a pixel, which has ``pixel`` words of a block.
        """
        self._rows(base, words, pixels, self._place(buffer) + first, pixel, store=True)

    def _words(self, span: Span, base: int, *, store: bool) -> None:
        block = self._place(span.buffer)
        block += span.start * self.config.columns // DRAM_BLOCK_BYTES
        if span.rows > 1:
            words = span.stop - span.start
            self._rows(base, words, span.rows, block, span.pitch, store=store)
            return
        changes = span.buffer.data is None
        self._move(Region.ACTIVATION, base, span.words, 1, block, store=store, changes=changes)

    def _rows(
        self, base: int, words: int, rows: int, block: int, pitch: int, *, store: bool
    ) -> None:
        """Move rows of words, packed from ``base`` on, that lie ``pitch`` blocks apart in DRAM."""
        move = Move(
            store=store,
            region=Region.ACTIVATION,
            unit=base,
            count=words,
            rows=rows,
            unit_step=words,
            block=block,
            block_step=pitch,
        )
        touch = Touch(Region.ACTIVATION, base, words * rows, not store)
        self._append(Transfer(move, touch, (rows - 1) * pitch + words))

    def _move(
        self,
        region: Region,
        base: int,
        count: int,
        unit: int,
        block: int,
        *,
        store: bool = False,
        changes: bool = False,
    ) -> None:
        units = count * unit
        move = Move(store=store, region=region, unit=base * unit, count=units, block=block)
        blocks = -(-units * self._unit_bytes[region] // DRAM_BLOCK_BYTES) if changes else 0
        self._append(Transfer(move, Touch(region, base, count, not store), blocks))

    def _append(self, move: Transfer) -> None:
        self.program.append(move)
        if move.store:
            move.node = self._node
        else:
            self._loads.append(move)

    def run(self, piece: Piece, at: Sequence[int], to: int) -> None:
        """Run a piece.

        Parameters
        ----------
        piece : Piece
        at : sequence of int
            For each of its operands the address of word 0 of that buffer.
        to : int
            Address of word 0 of the buffer that it writes.
        """
        command = piece.command
        bases: dict[str, int] = {}
        if command.entries:
            bases["window_count"] = len(command.entries)
        touches: list[Touch] = []
        operands = [("in_base", command.source), ("other_base", command.other)]
        spans = reads(self.config, command)
        given = [(name, operand[1]) for name, operand in operands if operand is not None]
        for (name, offset), span, base in zip(given, spans, at, strict=True):
            bases[name] = base + offset
            touches.append(Touch(Region.ACTIVATION, base + span.start, span.words))
        span = writes(self.config, command)
        if span is not None and command.target is not None:
            bases["out_base"] = to * self.config.beats + command.target[1]
            touches.append(Touch(Region.ACTIVATION, to + span.start, span.words, True))
        if piece.scope is not self._scope:
            self._enter(piece.scope)
        for constant in self._constants[piece]:
            if constant.region is Region.TABLE:
                if constant != self._table:
                    self._table = constant
                    self._load_constant(constant, 0, constant.units, 1)
                touches.append(Touch(Region.TABLE, 0, 1))
                continue
            base, unit = self._places[constant], self._units.get(constant.region, 1)
            first, count = self._part(piece, constant.region, constant.units // unit)
            if constant not in self._loaded:
                self._loaded.add(constant)
                self._load_constant(constant, base, unit, count)
            bases[self._BASES[constant.region]] = base + first
            touches.append(Touch(constant.region, base + first, count))
            if constant.region is Region.PARAMETER and command.sum_parameters is not None:
                last = constant.units // unit - 1
                bases["sum_parameter"] = base + last
                touches.append(Touch(constant.region, base + last, 1))
        self.program.append(Layer(piece, replace(command.descriptor, **bases), touches))
        self._node = command.node
        for move in self._loads:
            move.node = self._node
        self._loads.clear()

    def _part(self, piece: Piece, region: Region, count: int) -> tuple[int, int]:
        """Return which of ``count`` addresses of a constant a piece needs."""
        command = piece.command
        if piece.of is None or region is Region.WINDOW:
            return 0, count
        if region is Region.PARAMETER:
            entries = 0 if command.parameters is None else len(command.parameters)
            return piece.first * self.config.beats, entries
        return piece.first * group_words(command), count * command.mac.groups // piece.of.mac.groups

    def _enter(self, scope: Scope) -> None:
        """Give a scope's constants their places, each region behind those of the scope before.

        Where the scope before had all of a region's, they stay.
        """
        before, self._scope, self._places = self._places, scope, {}
        for region, size in self._sizes.items():
            wanted = {
                constant: constant.units // self._units.get(region, 1)
                for constant in self._shared[scope]
                if constant.region is region
            }
            if all(constant in before for constant in wanted):
                self._places |= {constant: before[constant] for constant in wanted}
                continue
            self._loaded.difference_update(wanted)
            places = _round_a_ring(wanted, self._next[region], size)
            if places is None:
                places = _round_a_ring(wanted, 0, size)
            if places is None:
                raise RuntimeError("constants of pieces that belong together do not fit")
            self._places |= places
            for constant, base in places.items():
                self._next[region] = base + wanted[constant]

    def _load_constant(self, constant: Constant, base: int, unit: int, part: int) -> None:
        """Load a constant, of which ``part`` addresses are used first."""
        # Parts begin on a block of DRAM and on an address of the memory on the chip.
        region, count = constant.region, constant.units // unit
        size = self._unit_bytes[region] * unit
        step = DRAM_BLOCK_BYTES // gcd(DRAM_BLOCK_BYTES, size)
        most = max(step, _CONSTANT_BYTES // size // step * step)
        if part < count:
            moves = -(-part // most)
            most = -(-part // moves // step) * step
        for first in range(0, count, most):
            block = constant.block + first * size // DRAM_BLOCK_BYTES
            self._move(region, base + first, min(most, count - first), unit, block)


def _round_a_ring(
    wanted: Mapping[Constant, int], start: int, size: int
) -> dict[Constant, int] | None:
    """Return addresses from ``start`` on and then from 0 to there; None if that is too little."""
    places: dict[Constant, int] = {}
    at, end = start, size
    for constant, count in wanted.items():
        if at + count > end and end == size:
            at, end = 0, start
        if at + count > end:
            return None
        places[constant] = at
        at += count
    return places
