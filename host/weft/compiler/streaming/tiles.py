"""A command in pieces: stripes of rows, slices of output channels, ranges of words.

A piece is a command of its own, with fields that a formula derives from the whole command's.
Which input a piece needs follows from them.
"""

from dataclasses import dataclass

from msgspec.structs import replace
from weft_hw.contract.config import Config
from weft_hw.contract.layers import Elementwise, Mac

from weft.compiler.ir import Buffer, Command
from weft.compiler.lowering.zero_steps import without_zero_steps
from weft.program.extents import input_words

__all__ = [
    "Span",
    "channel_slice",
    "fills_words",
    "group_words",
    "packed",
    "reads",
    "row_stripe",
    "word_range",
    "writes",
]


@dataclass(frozen=True)
class Span:
    """Words of a buffer: from ``start`` on, up to but without ``stop``.

    ``rows`` times as many, each ``pitch`` words behind the one before; packed on the chip.
    """

    buffer: Buffer
    start: int
    stop: int
    rows: int = 1
    pitch: int = 0

    @property
    def words(self) -> int:
        """How many."""
        return (self.stop - self.start) * self.rows


def _moved(operand: tuple[Buffer, int] | None, by: int) -> tuple[Buffer, int] | None:
    return operand and (operand[0], operand[1] + by)


def row_stripe(config: Config, command: Command, first: int, last: int) -> Command | None:
    """Return what computes output rows ``first`` to ``last - 1`` of a MAC command.

    None where a window of theirs lies in the padding alone, which no descriptor can say.
    """
    f = command.mac
    if (first, last) == (0, f.out_height) or command.target is None:
        return command
    top = first * f.stride_y - f.pad_top
    bottom = (last - 1) * f.stride_y - f.pad_top + f.span
    begin, end = max(0, top), min(f.in_height, bottom)
    if begin >= end:
        return None
    descriptor = replace(
        f,
        fill_rows=end - begin,
        in_height=end - begin,
        pad_top=begin - top,
        out_height=last - first,
    )
    (source, offset), (target, beat) = command.source, command.target
    return replace(
        command,
        descriptor=descriptor,
        source=(source, offset + begin * (f.row_words + f.row_gap)),
        target=(target, beat + first * f.out_row),
        other=_moved(command.other, first * f.out_row // config.beats),
        rows=None,
    )


def group_words(command: Command) -> int:
    """Return the weight words of one group of output channels."""
    return 0 if command.weights is None else len(command.weights) // command.mac.groups


def channel_slice(
    config: Config, command: Command, first: int, last: int, *, every_step: bool = False
) -> Command:
    """Return what computes groups ``first`` to ``last - 1`` of a MAC command's channels.

    With ``every_step`` its weights are a part of the command's, as they lie there.
    """
    f, words, beats = command.mac, group_words(command), config.beats
    groups, every = f.groups, (1 << config.lanes) - 1
    if (first, last) == (0, groups) or command.target is None:
        return command
    descriptor = replace(
        f,
        groups=last - first,
        origin=f.origin + first * f.group_step,
        last_beats=f.last_beats if last == groups else beats,
        first_mask=f.first_mask if first == 0 else every,
        last_mask=f.last_mask if last == groups else every,
    )
    weights, parameters = command.weights, command.parameters
    slice_of = replace(
        command,
        descriptor=descriptor,
        target=(command.target[0], command.target[1] + first * beats),
        other=_moved(command.other, first),
        weights=None if weights is None else weights[first * words : last * words],
        parameters=None if parameters is None else parameters[first * beats : last * beats],
        rows=None,
    )
    return slice_of if every_step else without_zero_steps(slice_of)


def word_range(config: Config, command: Command, first: int, last: int) -> Command:
    """Return what computes words ``first`` to ``last - 1`` of an ELEMENTWISE command."""
    source, offset = command.source
    return replace(
        command,
        descriptor=replace(command.elementwise, word_count=last - first),
        source=(source, offset + first),
        other=_moved(command.other, first),
        target=_moved(command.target, first * config.beats),
        rows=None,
    )


def packed(
    config: Config, command: Command, resident: set[Buffer]
) -> tuple[Command, Span | None, Span | None]:
    """Return a MAC command on some columns of its maps, packed on the chip, and which those are.

    A span is None where the command has whole rows, or the map is ``resident``.
    """
    f, (source, offset), beats = command.mac, command.source, config.beats
    changed, loaded, stored = f, None, None
    if f.row_gap and source not in resident:
        pitch = f.row_words + f.row_gap
        loaded = Span(source, offset, offset + f.row_words, f.fill_rows, pitch)
        changed = replace(changed, row_gap=0)
    target = command.target
    row = f.out_width * f.out_pixel
    if target is not None and row < f.out_row and target[0] not in resident:
        beat, pixel, pitch = target[1], f.out_pixel, f.out_row
        if beat % beats == pixel % beats == pitch % beats == 0:
            first = beat // beats
            stored = Span(target[0], first, first + row // beats, f.out_height, pitch // beats)
            changed = replace(changed, out_row=row)
    return replace(command, descriptor=changed), loaded, stored


def fills_words(config: Config, command: Command) -> bool:
    """Whether a MAC command writes all bytes of the words among which it writes a row."""
    f = command.mac
    beats = (f.groups - 1) * config.beats + f.last_beats
    every = (1 << config.lanes) - 1
    return f.out_pixel == beats and f.first_mask == f.last_mask == every


def reads(config: Config, command: Command) -> list[Span]:
    """Return the words of activation memory that a command reads."""
    f = command.descriptor
    (source, offset), other = command.source, command.other
    count = input_words(f) if isinstance(f, Mac) else command.elementwise.word_count
    spans = [Span(source, offset, offset + count)]
    if other is not None:
        if isinstance(f, Mac):  # what results are added to lies as they do
            count = -(-_beats_written(config, f) // config.beats)
        spans.append(Span(other[0], other[1], other[1] + count))
    return spans


def _beats_written(config: Config, f: Mac) -> int:
    """Return the beats from the first to the last that a MAC layer writes, gaps included."""
    pixel = (f.groups - 1) * config.beats + f.last_beats
    return (f.out_height - 1) * f.out_row + (f.out_width - 1) * f.out_pixel + pixel


def writes(config: Config, command: Command) -> Span | None:
    """Return the words among which a command writes; None for a table."""
    if command.target is None:
        return None
    f, (buffer, beat), beats = command.descriptor, command.target, config.beats
    if isinstance(f, Elementwise):
        count = f.word_count * beats
    else:
        count = _beats_written(config, command.mac)
    return Span(buffer, beat // beats, -(-(beat + count) // beats))
