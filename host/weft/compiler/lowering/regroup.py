"""1x1 convolutions: a map's pixels arranged in rows that fill the pixels of the array."""

from dataclasses import replace

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR
from weft_hw.contract.fields import largest

from weft.compiler.ir import Place, TooLarge
from weft.compiler.lowering.kernel import dense_entries
from weft.compiler.lowering.mac import check_line_room
from weft.compiler.lowering.window import Window

__all__ = ["regroup_pixels"]

_LONGEST = largest(DESCRIPTOR, "in_width")  # row or column
_LOST = 110  # cycles that it costs two layers to wait for all results rather than for rows


def regroup_pixels(
    config: Config, source: Place, target: Place, window: Window
) -> tuple[Place, Place, Window]:
    """Return both maps and the window in the arrangement that takes the fewest blocks of rows.

    The array computes ``pixels`` output rows at a time, so a 6x6 map leaves a quarter of it idle
    at 4 pixels. As a 1x1 convolution does not care which pixels are neighbours, the same bytes
    may be seen as 4x9. The layers before and after then wait for each other as a whole, which
    must be worth it.
    """
    read, write = source.layout, target.layout
    unchanged = source, target, window
    plain = (window.kernel, window.stride, window.top, window.left) == ((1, 1), (1, 1), 0, 0)
    if config.pixels == 1 or not plain or window.out_size != (read.height, read.width):
        return unchanged
    total = read.height * read.width
    steps = sum(
        len(e.taps) for e in dense_entries(config, read, (1, 1), (1, 1), times=(config.pixels, 1))
    )
    work = steps * -(-write.channels // config.columns)
    # The rows of the first block have to arrive before it begins.
    least = -(-read.height // config.pixels) * read.width * work
    least += min(read.height, config.pixels) * -(-read.row_words // config.fill_words)
    best = unchanged
    for height in range(1, total + 1):
        width = total // height
        if height * width != total or max(height, width) > _LONGEST:
            continue
        cycles = -(-height // config.pixels) * width * work
        a = read.reshaped(height, width, read.channels)
        b = write.reshaped(height, width, write.channels)
        if a is None or b is None:
            continue
        cycles += min(height, config.pixels) * -(-a.row_words // config.fill_words) + _LOST
        try:
            check_line_room(config, row_words=a.row_words, rows=min(height, config.pixels))
        except TooLarge:
            continue
        if cycles < least:
            least, best = (
                cycles,
                (
                    replace(source, layout=a),
                    replace(target, layout=b),
                    replace(window, out_size=(height, width)),
                ),
            )
    return best
