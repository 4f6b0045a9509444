"""The memory that one layer's descriptor touches, and whether the engine can work on it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import TABLE_BYTES, TABLE_ENTRIES, WINDOW
from weft_hw.contract.fields import offsets, widths
from weft_hw.contract.layers import Elementwise, Layer, Mac, Table
from weft_hw.contract.memory_map import Region

from weft.errors import ModelError

__all__ = ["Extents", "extents", "input_words", "needs_table", "rows_in_order"]

_EXTENTS = (
    *("fill_rows", "row_words", "in_height", "in_width"),
    *("out_height", "out_width", "groups", "window_count"),
)
_TABLE = Region.TABLE, 0, TABLE_ENTRIES


@dataclass(frozen=True)
class Extents:
    """Units from a first one up to, but without, a last one.

    Parameters
    ----------
    reads : list of (region, first, last)
    writes : list of (region, first, last)
        Of activation memory not all of those between must be written.
    late_reads : list of (region, first, last)
        What is read when the layer before is done.
    """

    reads: list[tuple[Region, int, int]]
    writes: list[tuple[Region, int, int]]
    late_reads: list[tuple[Region, int, int]] = field(default_factory=list)


def input_words(layer: Mac) -> int:
    """Return the words from the first to the last that a MAC layer reads, gaps included."""
    return (layer.fill_rows - 1) * (layer.row_words + layer.row_gap) + layer.row_words


def needs_table(layer: Layer) -> bool:
    """Whether a layer looks values up in the table."""
    if isinstance(layer, Elementwise):
        return layer.use_table or not (layer.unary or layer.multiply)
    return isinstance(layer, Mac) and (layer.use_table or layer.adds)


def rows_in_order(config: Config, before: Layer, layer: Layer) -> bool:
    """Whether no row of the input of ``layer`` has words of a later row of what ``before`` writes.

    Then the layer may wait for rows (``Wait.ROW``), provided that its rows lie as far apart.
    """
    if not (isinstance(before, Mac) and isinstance(layer, Mac)):
        return False
    pitch = layer.row_words + layer.row_gap
    first = before.out_base + before.out_row  # the second row's
    same = before.out_row == pitch * config.beats or before.out_height == 1
    return same and first >= (layer.in_base + layer.row_words) * config.beats


def extents(
    config: Config, d: Layer, windows: NDArray[np.uint32], known: NDArray[np.bool_]
) -> Extents:
    """Return what the layer ``d`` touches.

    Parameters
    ----------
    windows : ndarray, uint32
        What window memory holds.
    known : ndarray, bool
        Whether anything was written there.

    Raises
    ------
    ModelError
        If the engine cannot carry it out.
    """
    if isinstance(d, Table):
        words = TABLE_BYTES // config.columns
        return Extents([(Region.ACTIVATION, d.in_base, d.in_base + words)], [_TABLE])
    if isinstance(d, Elementwise):
        found = _elementwise(config, d)
    else:
        found = _mac(config, d, windows, known)
    if not needs_table(d):
        return found
    _require(not config.compact, f"{config.name} has no table")
    return Extents([*found.reads, _TABLE], found.writes, found.late_reads)


def _elementwise(config: Config, d: Elementwise) -> Extents:
    count, lanes = d.word_count, config.lanes
    _require(count >= 1, "it has no words")
    written = _words(config, d.out_base, count * config.beats)
    if d.unary and count == 1 and written[1:] == (d.in_base, d.in_base + 1):
        return Extents([], [written])  # it only waits: what its word holds is of no use
    names = ("in_base",) if d.unary else ("in_base", "other_base")
    reads = [(Region.ACTIVATION, getattr(d, name), getattr(d, name) + count) for name in names]
    entry = d.parameter_base * lanes
    reads.append((Region.PARAMETER, entry, entry + lanes))
    return Extents(reads, [written])


def _mac(config: Config, d: Mac, windows: NDArray[np.uint32], known: NDArray[np.bool_]) -> Extents:
    for name in _EXTENTS:
        _require(getattr(d, name) >= 1, f"{name} must be at least 1")
    _require(1 <= d.last_beats <= config.beats, f"last_beats must be 1 to {config.beats}")
    _require(config.columns >> d.packing >= 1, f"packing cannot be {d.packing}")
    pitch = 1 << d.row_bits
    rows = min(d.span + (config.pixels - 1) * d.stride_y, d.fill_rows)
    _require(
        d.row_words <= pitch <= config.line_words
        and rows <= config.line_banks * (config.line_words // pitch),
        f"{rows} rows of {d.row_words} words do not fit the line buffers",
    )
    window = d.window_base, d.window_base + d.window_count
    _require(
        window[1] <= len(windows) and bool(known[slice(*window)].all()),
        f"there is no window program of {d.window_count} entries at {window[0]}",
    )
    steps = _steps(config, d, windows[slice(*window)])
    beats = (d.groups - 1) * config.beats + d.last_beats
    groups, entries = d.groups, beats
    if d.own_weights:
        _own_weights(config, d)
        groups = -(-d.out_height // config.pixels) * config.pixels
        entries = d.out_height * config.beats
    weights = d.weight_base * config.columns, groups * steps * config.columns
    parameters = d.parameter_base * config.lanes, entries * config.lanes
    reads = [
        (Region.ACTIVATION, d.in_base, d.in_base + input_words(d)),
        (Region.WINDOW, *window),
        (Region.WEIGHT, weights[0], sum(weights)),
        (Region.PARAMETER, parameters[0], sum(parameters)),
    ]
    size = (d.out_height - 1) * d.out_row + (d.out_width - 1) * d.out_pixel + beats
    late = []
    if d.adds:
        _require(not d.use_table, "a layer that adds cannot pass its results through the table")
        other = _words(config, d.other_base * config.beats, size)
        entry = d.sum_parameter * config.lanes
        late = [other, (Region.PARAMETER, entry, entry + config.lanes)]
    return Extents(reads, [_words(config, d.out_base, size)], late)


def _own_weights(config: Config, d: Mac) -> None:
    _require(config.own_weights, f"pixels of {config.name} have no weights of their own")
    single = d.groups == d.out_width == 1 and d.stride_y == 0
    _require(
        single and d.last_beats == config.beats and not d.depthwise,
        "rows with weights of their own are whole words of one window over the same input",
    )
    _require(
        d.weight_base % config.pixels == 0,
        f"weights of {config.pixels} pixels cannot begin at word {d.weight_base}",
    )


def _steps(config: Config, d: Mac, program: NDArray[np.uint32]) -> int:
    """Return the cycles of one window, after a look at each entry of its program."""
    starts, sizes = offsets(WINDOW), widths(WINDOW)
    entry = {name: program >> starts[name] & (1 << sizes[name]) - 1 for name in sizes}
    columns, channels = entry["columns"], entry["channels"] == 1
    steps = entry["steps_minus_1"].astype(np.int64) + 1
    _require(
        bool(
            np.all((columns >= 1) & (columns <= config.tap_columns) & ~(channels & (columns > 1)))
        ),
        "an entry of its window program has no such columns of taps",
    )
    taken = np.where(channels, steps * config.channel_rows, steps)
    if d.depthwise:
        fits = not channels.any() and steps.max() <= 1 + config.paired
    else:
        fits = taken.max() <= config.columns
    _require(bool(fits), "an entry of its window program takes more channels than a word has")
    _require(
        not d.keep
        or (
            len(program) == 1
            and d.dilation_x == 1
            and columns[0] == d.keep + d.stride_x
            and d.unit_stride == d.stride_x * d.unit_step
        ),
        f"its window cannot keep {d.keep} columns",
    )
    return int(steps.sum())


def _words(config: Config, beat: int, count: int) -> tuple[Region, int, int]:
    return Region.ACTIVATION, beat // config.beats, -(-(beat + count) // config.beats)


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ModelError(rule)
