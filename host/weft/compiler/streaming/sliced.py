"""One command slice by slice of its output channels, whose results go to DRAM with gaps.

Its weights come once, where stripes of rows would need all of them for every stripe.
"""

from collections.abc import Sequence

from msgspec.structs import replace
from weft_hw.contract.config import Config
from weft_hw.contract.fields import largest
from weft_hw.contract.layers import Mac
from weft_hw.contract.move import MOVE

from weft.compiler.ir import Buffer, Command
from weft.compiler.streaming.costs import constant_bytes, move_cycles, restart_cycles
from weft.compiler.streaming.pieces import Piece, Uses, slices, tile_words
from weft.compiler.streaming.tiles import Span, channel_slice, reads
from weft.compiler.streaming.writer import Writer

__all__ = ["Sliced"]


class Sliced:
    """Slices of a command: all rows of some channels, packed on the chip.

    Make one with :meth:`of`.
    """

    def __init__(
        self, config: Config, number: int, command: Command, loads: list[Span], sharing: int
    ):
        self.config, self.numbers, self._command = config, range(number, number + 1), command
        self._loads, self._slices = loads, slices(config, command, 1, sharing)
        f = command.mac
        self._pixels = f.out_height * f.out_width
        self._slot = self._pixels * max(last - first for first, last in self._slices)
        self.words = sum(span.words for span in loads) + 2 * self._slot
        self.pieces = [Piece(number, self._packed(*part)) for part in self._slices]
        self.pieces[-1].finishes = True

    @classmethod
    def of(
        cls,
        config: Config,
        number: int,
        command: Command,
        residents: set[Buffer],
        uses: Uses,
        arena: int,
        sharing: int,
    ) -> "Sliced | None":
        """Return the slices of a command that can be cut in this way and fit, None else."""
        f, target, beats = command.descriptor, command.target, config.beats
        if target is None or not isinstance(f, Mac) or tile_words(config) != 1:
            return None
        if target[0] in residents or uses.writers[target[0]] != [number] or target[1]:
            return None
        if command.rows is None or f.out_pixel % beats or f.adds:
            return None
        if f.out_row != f.out_width * f.out_pixel:
            return None
        if f.out_height * f.out_width > largest(MOVE, "rows") or f.groups == 1:
            return None
        loads = [span for span in reads(config, command) if span.buffer not in residents]
        if sum(span.words for span in loads) >= arena:
            return None
        made = cls(config, number, command, loads, sharing)
        return made if made.words <= arena else None

    def _packed(self, first: int, last: int) -> Command:
        piece = channel_slice(self.config, self._command, first, last)
        pixel = (last - first) * self.config.beats
        f = replace(piece.mac, out_pixel=pixel, out_row=pixel * piece.mac.out_width)
        target = piece.target and (piece.target[0], 0)
        return replace(piece, descriptor=f, target=target)

    def write(self, writer: Writer, base: int, shadowed: set[Buffer], *, mirrored: bool) -> None:
        """Write the command's pieces; their words on the chip begin at ``base``.

        The input lies there, or, ``mirrored``, at the other end.
        """
        target, loads, at = self._command.written, list(self._loads), []
        results = 2 * self._slot
        place = base + results if mirrored else base
        for buffer in self._command.reads:
            if loads and loads[0].buffer is buffer:
                span = loads.pop(0)
                writer.load(span, place)
                at.append(place - span.start)
                place += span.words
            else:
                at.append(buffer.base)
        place = base if mirrored else place
        pixel = self._command.mac.out_pixel // self.config.beats
        for number, (piece, part) in enumerate(zip(self.pieces, self._slices, strict=True)):
            to = place + number % 2 * self._slot
            writer.run(piece, at, to)
            writer.scatter(target, part[0], part[1] - part[0], pixel, self._pixels, to)

    def cost(self, whole: Sequence[int]) -> tuple[int, int, int]:
        """Return about how many cycles layers and moves take, and what does not overlap."""
        restarts = sum(restart_cycles(self.config, piece.command) for piece in self.pieces[1:])
        words = sum(span.words for span in self._loads)
        edge = move_cycles(self.config, 1, words + self._slot, 0)
        words += self._pixels * self._command.mac.groups
        constants = constant_bytes(self.config, [self._command])
        moves = move_cycles(self.config, len(self._slices) + 1, words, constants)
        return whole[self.numbers[0]] + restarts, moves, edge
