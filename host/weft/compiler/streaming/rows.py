"""How the commands of a group move over the rows of their feature maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weft_hw.contract.config import Config
from weft_hw.contract.layers import Elementwise, Mac

from weft.compiler.ir import Buffer, Command
from weft.compiler.streaming.tiles import row_stripe, word_range

__all__ = ["Motion", "motion", "row_words"]


@dataclass(frozen=True, eq=False)
class Motion:
    """Output row ``y`` reads input rows from ``y * stride - top`` on, ``span`` of them.

    Of input rows, those before ``last`` exist; counted from the buffer's first. Of a map that
    results are added to it reads row ``y``.
    """

    command: Command
    height: int
    stride: int
    top: int
    span: int
    last: int
    unit: int  # words of a row; 0 for a MAC command, which is cut by rows itself

    def fewest(self, buffer: Buffer) -> int:
        """Return how many rows of an input must be there at once."""
        return min(self.span, self.last) if buffer is self.command.source[0] else 1

    def overlaps(self, buffer: Buffer) -> bool:
        """Whether two output rows share rows of an input."""
        return buffer is self.command.source[0] and self.span > self.stride

    def pace(self, buffer: Buffer) -> int:
        """Return the rows of an input by which the next output row's begin further down."""
        return self.stride if buffer is self.command.source[0] else 1

    def begin(self, buffer: Buffer, done: int) -> int:
        """Return the first row of an input that is needed once ``done`` output rows are."""
        rows = [done * self.stride - self.top] if buffer is self.command.source[0] else []
        return min([*rows, done] if self._added(buffer) else rows)

    def end(self, buffer: Buffer, rows: int) -> int:
        """Return how many rows of an input the first ``rows`` output rows need."""
        needed = 0
        if buffer is self.command.source[0]:
            needed = min(self.last, (rows - 1) * self.stride - self.top + self.span)
        return max(needed, rows) if self._added(buffer) else needed

    def _added(self, buffer: Buffer) -> bool:
        return self.command.other is not None and buffer is self.command.other[0]

    def part(self, config: Config, first: int, last: int) -> Command | None:
        """Return what computes output rows ``first`` to ``last - 1``; None if there is no such."""
        if self.unit:
            return word_range(config, self.command, first * self.unit, last * self.unit)
        return row_stripe(config, self.command, first, last)


def row_words(config: Config, commands: Sequence[Command]) -> dict[Buffer, int]:
    """Return the words of a row of each buffer; 0 where commands disagree."""
    known: dict[Buffer, int] = {}

    def note(buffer: Buffer, words: int) -> None:
        if known.setdefault(buffer, words) != words:
            known[buffer] = 0

    for command in commands:
        f = command.descriptor
        if isinstance(f, Mac):
            note(command.source[0], f.row_words + f.row_gap)
            if command.target is not None:
                row = f.out_row
                words = row // config.beats if row % config.beats == 0 else 0
                note(command.target[0], words)
                if command.other is not None:
                    note(command.other[0], words)
    # Element-wise commands hand on what they know, in either direction.
    elementwise = [c for c in commands if isinstance(c.descriptor, Elementwise)]
    for command in (*elementwise, *reversed(elementwise)):
        buffers = [*command.reads, *((command.target[0],) if command.target else ())]
        for words in [known[b] for b in buffers if b in known]:
            for buffer in buffers:
                note(buffer, words)
    return known


def motion(config: Config, command: Command, rows: Mapping[Buffer, int]) -> Motion | None:
    """Return how a command moves; None if it cannot be cut into rows of its buffers."""
    f, target = command.descriptor, command.target
    if target is None or not 0 <= target[1] < rows.get(target[0], 0) * config.beats:
        return None
    if isinstance(f, Mac):
        (source, offset), unit = command.source, f.row_words + f.row_gap
        if command.rows is None or rows.get(source) != unit:
            return None
        if command.other is not None:
            other = command.other
            if other[1] or target[1] or rows.get(other[0]) != rows[target[0]]:
                return None
        skipped = offset // unit
        top = f.pad_top - skipped
        return Motion(command, f.out_height, f.stride_y, top, f.span, f.in_height + skipped, 0)
    unit, count = rows[target[0]], command.elementwise.word_count
    operands = [o for o in (command.source, command.other) if o is not None]
    if target[1] or count % unit or any(offset or rows.get(b) != unit for b, offset in operands):
        return None
    return Motion(command, count // unit, 1, 0, 1, count // unit, unit)
