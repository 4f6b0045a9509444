"""Windows whose rows exceed the line buffers: some columns after the other, of a wider map."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from msgspec import structs
from weft_hw.contract.config import Config

from weft.compiler.ir import Place, TooLarge
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.mac import check_line_room, mac_command
from weft.compiler.lowering.window import Sums, Window
from weft.program.layout import Layout

__all__ = ["emit_window"]


def emit_window(
    lowering: Lowering,
    index: int,
    source: Place,
    target: Place,
    window: Window,
    sums: Sums,
    *,
    macs: int = 0,
    outputs: tuple[str, ...] = (),
    use_table: bool = False,
) -> None:
    """Emit what moves ``window`` over ``source``: a command, or one for each part of its columns.

    Raises
    ------
    TooLarge
        If the line buffers cannot hold the rows of one window.
    Misplaced
        If the output's place in its pixels cannot be written beat by beat.
    """
    name = lowering.graph.nodes[index].outputs[0]
    spare = lowering.spare.get(name, 0)
    if spare and target.buffer is lowering.places[name].buffer:
        target = replace(target, layout=replace(target.layout, channels=spare))
        sums = sums.padded(spare, lowering.zero_point(lowering.graph.tensors[name]))
    parts = _parts(lowering.config, source.layout, window)
    for number, (part, layout, offset) in enumerate(parts):
        gap = source.layout.row_words - layout.row_words
        command = mac_command(
            lowering,
            index,
            Place(source.buffer, layout),
            target,
            part,
            sums,
            offset=offset,
            gap=gap,
        )
        if use_table:
            command.descriptor = structs.replace(command.descriptor, use_table=True)
        command.macs = macs * (number + 1) // len(parts) - macs * number // len(parts)
        if number == len(parts) - 1:
            command.outputs = outputs
        lowering.emit(command)


def _parts(config: Config, read: Layout, window: Window) -> Sequence[tuple[Window, Layout, int]]:
    """Return the fewest parts whose rows fit, each with its layout and first word.

    One more row than a window needs fits as well, if that takes at most twice the parts: it
    comes while the window is used.
    """
    whole = [(window, read, 0)]
    if config.compact or _fits(config, whole, 0):
        return whole  # a compact configuration reads whole rows alone
    width, found = window.out_size[1], None
    for count in range(2, width + 1) if window.stride[1] else ():
        if found is not None and count > 2 * len(found):
            break
        parts = list(_cut(config, read, window, count))
        if found is None and _fits(config, parts, 0):
            found = parts
        if _fits(config, parts, window.stride[0]):
            return parts
    return found or whole


def _fits(config: Config, parts: Sequence[tuple[Window, Layout, int]], more: int) -> bool:
    """Whether the line buffers hold the rows of each part's windows, and ``more``."""
    for window, layout, _ in parts:
        height, stride = window.out_size[0], window.stride[0]
        skipped = max(0, -window.top)
        used = (height - 1) * stride - max(0, window.top) + window.span
        fill = max(1, min(layout.height - skipped, used))
        rows = window.span + (config.pixels - 1) * (stride if height > 1 else 1) + more
        try:
            check_line_room(config, row_words=layout.row_words, rows=min(fill, rows))
        except TooLarge:
            return False
    return True


def _cut(
    config: Config, read: Layout, window: Window, count: int
) -> Iterator[tuple[Window, Layout, int]]:
    """Yield ``count`` parts of a window's output columns."""
    (height, width), (y, x) = window.out_size, window.target
    stride, span = window.stride[1], (window.kernel[1] - 1) * window.dilation[1] + 1
    pixels = 1 << read.packing  # of a word, if it has several
    for number in range(count):
        first, last = width * number // count, width * (number + 1) // count
        low = min(max(0, first * stride - window.left), read.width - 1) // pixels * pixels
        high = min(read.width, max(low + 1, (last - 1) * stride - window.left + span))
        begin = low * read.pixel_bytes // config.columns
        words = -(-high * read.pixel_bytes // config.columns) - begin
        part = replace(
            window,
            out_size=(height, last - first),
            left=window.left - first * stride + low,
            target=(y, x + first),
        )
        yield part, replace(read, width=high - low, row_words=words), begin
