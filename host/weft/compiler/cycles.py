"""Closed-form prediction of the cycles that one descriptor takes."""

from collections.abc import Mapping, Sequence

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind

from weft.compiler.ir import Entry

__all__ = ["predict_cycles"]

_BEGIN = 3  # from the end of one descriptor to the start of the next
_TABLE = 260  # a table of 256 entries, one a cycle
_ELEMENTWISE = 16  # from the first operand's read to the last result's write, less the words
_ROW = 3  # between output rows, and between input rows on their way to the line buffers
_LATENCY = 24  # from a row in the line buffers to its last result in memory, besides the array


def predict_cycles(config: Config, fields: Mapping[str, int], entries: Sequence[Entry]) -> int:
    """Return the cycles of a descriptor that waits for the one before it.

    A MAC layer's output row takes, for each column and group, the steps of its windows or the
    columns of taps to fetch (for each pixel), whichever is more, and at least as long as its
    results take to leave. Input rows arrive meanwhile, so a block of rows takes the longer of
    both; the rows that the first window covers arrive before anything else happens.
    """
    if fields["kind"] == Kind.TABLE:
        return _BEGIN + _TABLE
    if fields["kind"] == Kind.ELEMENTWISE:
        period = config.beats if fields.get("unary") else max(2, config.beats)
        return _BEGIN + _ELEMENTWISE + fields["word_count"] * period
    pixels = config.pixels
    blocks = -(-fields["out_height"] // pixels)
    compute = sum(
        _window_cycles(config, fields, entries, config.beats) for _ in range(fields["groups"] - 1)
    ) + _window_cycles(config, fields, entries, fields["last_beats"])
    block = _ROW + compute
    row = fields["row_words"] + 1
    stride = fields["stride_y"] * pixels
    covered = fields["span"] - fields["pad_top"] + (pixels - 1) * fields["stride_y"]
    first = min(max(covered, 0), fields["fill_rows"])
    later = fields["fill_rows"] - first
    # Rows that arrive while a block is worked on, block after block.
    busy = 0
    for _ in range(blocks - 1):
        fresh = min(stride, later)
        later -= fresh
        busy += max(block, fresh * row)
    return _BEGIN + first * row + busy + block + _LATENCY + config.rows + config.columns


def _window_cycles(
    config: Config, fields: Mapping[str, int], entries: Sequence[Entry], beats: int
) -> int:
    """Return the cycles of all output columns of one group in one block of rows."""
    leave = beats * config.pixels
    fetch = [entry.columns * config.pixels for entry in entries]
    steps = [len(entry.taps) for entry in entries]
    moved = list(fetch)
    if fields["keep"]:
        moved = [(entry.columns - fields["keep"]) * config.pixels for entry in entries]
    # While a window runs, the columns of the next one are pushed behind it.
    before = [steps[-1], *steps[:-1]]
    each = max(sum(map(max, before, moved)), leave)
    return (fields["out_width"] - 1) * each + max(sum(map(max, before, fetch)), leave)
