"""Prediction of the cycles that each descriptor takes, counted as the hardware counts them."""

from collections.abc import Mapping, Sequence

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind, Wait

from weft.compiler.ir import Command
from weft.compiler.kernel import fetch_times

__all__ = ["predict_cycles"]

# Measured on the simulated ulx3s-85f; what depends on the array's size is a formula below.
_START = 21  # from the start of a run to that of its first layer: a descriptor is read
_TABLE = 263  # a table of 256 entries, one a cycle
_ELEMENTWISE = 27  # from the end of the layer before to the last write, less the words
_JOIN = 2  # from the end of the layer before to the first step
_ROW = 2  # from one output row's last column of taps to the next one's first
_FRONT = 13  # from a row in the line buffers to the first step that uses it
_DRAIN = 21  # from the last step to the last write, besides the way through the array
_EARLY = 25  # by how much the front half runs ahead of the end of the layer before, likewise


def predict_cycles(config: Config, commands: Sequence[Command]) -> list[int]:
    """Return the cycles of each command of a run.

    As the hardware's counters have it, a layer lasts from the end of the layer before to the
    last of its own results.
    """
    result = []
    for number, command in enumerate(commands):
        fields = command.fields
        before = commands[number - 1].fields if number else None
        cycles = _START if before is None else 0
        if fields["kind"] == Kind.TABLE:
            cycles += _TABLE
        elif fields["kind"] == Kind.ELEMENTWISE:
            period = config.beats if fields.get("unary") else max(2, config.beats)
            cycles += _ELEMENTWISE + fields["word_count"] * period
        else:
            cycles += _mac(config, command, before)
        result.append(cycles)
    return result


def _mac(config: Config, command: Command, before: Mapping[str, int] | None) -> int:
    """Return the cycles of a MAC layer.

    A block of output rows takes, for each group and column, the longest of: the steps of a
    window, the columns of taps pushed behind it, and its results' beats. The walker, which
    fetches all columns of taps one by one, may take longer; and a block cannot begin before the
    input rows that it covers have arrived, a word a cycle.
    """
    fields = command.fields
    array = config.rows + config.columns
    span, stride = fields["span"], fields["stride_y"]
    now, pixels = _JOIN, 1
    for y in range(0, fields["out_height"], config.pixels):
        covered = (y + config.pixels - 1) * stride - fields["pad_top"] + span
        rows = min(max(covered, 0), fields["fill_rows"])
        pixels = min(config.pixels, fields["out_height"] - y)
        window = command.entries[0].columns * _times(config, fields, pixels)[
            command.entries[0].channels]
        now = max(now, _arrival(config, fields, before, rows) + _FRONT + window)
        now += _block(config, command, pixels)
    return now + _DRAIN + array + fields["last_beats"] * pixels


def _times(config: Config, fields: Mapping[str, int], pixels: int) -> tuple[int, int]:
    return fetch_times(config, fields["stride_y"], pixels)


def _arrival(
    config: Config, fields: Mapping[str, int], before: Mapping[str, int] | None, rows: int
) -> int:
    """Return when ``rows`` input rows are in the line buffers, from the end of the layer before.

    Reading begins while the results of the layer before still leave, unless it has to wait for
    them: rows that its last block of rows writes come with its very last results.
    """
    row = fields["row_words"] + 1
    if before is None or before["kind"] != Kind.MAC or fields["wait"] == Wait.LAYER:
        return _JOIN + rows * row
    arrival = rows * row - _EARLY - config.rows - config.columns
    if fields["wait"] == Wait.ROW:
        blocks = -(-before["out_height"] // config.pixels)
        late = rows - (blocks - 1) * config.pixels
        arrival = max(arrival, _JOIN + late * row if late > 0 else arrival)
    return arrival


def _block(config: Config, command: Command, pixels: int) -> int:
    """Return the cycles of a block of ``pixels`` output rows."""
    groups, last_beats = command.fields["groups"], command.fields["last_beats"]
    windows, columns = _group(config, command, config.beats, pixels)
    last_windows, last_columns = _group(config, command, last_beats, pixels)
    return max((groups - 1) * windows + last_windows,
               (groups - 1) * columns + last_columns + _ROW)


def _group(config: Config, command: Command, beats: int, pixels: int) -> tuple[int, int]:
    """Return cycles of the windows, and of the walker, for one group of a block of rows."""
    fields, entries = command.fields, command.entries
    leave = beats * pixels
    steps = [len(entry.taps) for entry in entries]
    before = [steps[-1], *steps[:-1]]
    times = [_times(config, fields, pixels)[entry.channels] for entry in entries]
    whole = [entry.columns * t for entry, t in zip(entries, times, strict=True)]
    moved = [(entry.columns - fields["keep"]) * t
             for entry, t in zip(entries, times, strict=True)]
    rest = fields["out_width"] - 1
    windows = max(sum(map(max, before, whole)), leave) + rest * max(
        sum(map(max, before, moved)), leave)
    return windows, sum(whole) + rest * sum(moved)
