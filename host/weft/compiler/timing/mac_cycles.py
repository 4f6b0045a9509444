"""Cycles of one MAC layer: when rows arrive, columns of taps are fetched and windows start.

Each part of the engine is one recurrence in time, taken from its file in ``hw/weft_hw``; what
they wait for each other is what the layer takes. Nothing is fitted: a cycle that is not
explained here is a mistake, and the tests hold the sum to the simulation, cycle by cycle.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from weft_hw.contract.config import Config
from weft_hw.contract.timing import (
    COLLECT,
    COMPACT_DRAIN,
    LANE_CYCLES,
    OUTPUT_LATENCY,
    OWN_ENTRY,
    OWN_ROWS,
    ROW_WRITTEN,
    SECOND_PASS,
    SECOND_READ,
    STORE,
    TAP_PLACE,
    TAP_QUEUE,
    array_latency,
    fetch_latency,
)

from weft.compiler.ir import Command, rows_read
from weft.compiler.timing.rows import Rows

__all__ = ["MacTimes", "mac_times"]


@dataclass
class MacTimes:
    """When things happen in a layer, in cycles from the start of the run."""

    first_result: int = 0  # when results begin to leave
    last_start: int = 0  # of its last window
    end: int = 0  # of the layer: its last result is written
    busy: int = 0  # steps
    rows_written: list[int] = field(default_factory=list)  # for each output row
    # Reads of what results are added to: the cycle before the first, and how many in a row.
    reads: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class _State:
    """State between two groups of windows, in cycles from the first possible fetch."""

    pops: tuple[int, ...]  # when the last columns left the queue
    hold: int  # when the feeder may take another column
    free: int  # when the array may start another window
    exit: int  # when the last results have left


def mac_times(
    config: Config,
    command: Command,
    *,
    begin: int,
    join: int,
    written: Sequence[int] | None,
    reads: Sequence[tuple[int, int]] = (),
) -> MacTimes:
    """Follow a layer through the engine.

    Parameters
    ----------
    config : Config
    command : Command
    begin, join : int
        Cycles in which its front half and its back half begin.
    written : sequence of int, or None
        When each output row of the layer before is written; None if that was no MAC layer.
    reads : sequence of (int, int)
        That layer's ``MacTimes.reads``.
    """
    layer = command.mac
    times = MacTimes(reads=[*reads])
    rows = Rows(config, command, begin, join, written, times.reads)
    walk = _Walk(config, command, join)
    fetching = fetch_latency(config)
    now = begin + fetching.first + OWN_ENTRY * layer.own_weights
    drain = COLLECT + array_latency(config) + OUTPUT_LATENCY
    height, stride = layer.out_height, layer.stride_y
    for y in range(0, height, config.pixels):
        top = y * stride - layer.pad_top
        covered = top + layer.span + (config.pixels - 1) * stride
        waits = (0,) * len(command.entries)
        if layer.own_weights:
            needed = [top + rows_read(config, e, layer.dilation_y) for e in command.entries]
            waits = tuple(
                max(0, rows.filled(count) + 1 + OWN_ROWS * (count < layer.fill_rows) - now)
                for count in needed
            )
        else:
            now = max(now, rows.filled(covered) + 1)
        pixels = min(config.pixels, height - y)
        last_fetch = walk.block(now, pixels, waits)
        beats = layer.last_beats * pixels
        done = walk.last_step + drain + beats
        if layer.adds:
            times.reads += [(step + drain + SECOND_READ, count) for step, count in walk.outputs]
            done += SECOND_PASS + OUTPUT_LATENCY
        left = range(pixels - 1, -1, -1) if layer.own_weights else (0,) * pixels
        times.rows_written += [done + ROW_WRITTEN - layer.last_beats * after for after in left]
        times.end = done + STORE
        if config.compact:
            times.end = (
                walk.last_step + array_latency(config) + COMPACT_DRAIN + 1 + beats * LANE_CYCLES
            )
        # The read itself follows the decision by a cycle.
        rows.use(max(0, top + config.pixels * stride), last_fetch + fetching.low_row - 1)
        now = last_fetch + fetching.row
    times.first_result = walk.first_start + drain
    times.last_start, times.busy = walk.last_start, walk.busy
    del times.reads[: len(reads)]
    return times


class _Walk:
    """Fetches, windows and results, group of channels by group of channels."""

    def __init__(self, config: Config, command: Command, join: int):
        layer, self._config = command.mac, config
        self._latency = fetch_latency(config)
        self._join, self._groups = join, layer.groups
        self._width, self._keep = layer.out_width, layer.keep
        self._last_beats = layer.last_beats
        self._passes = 1 + layer.adds  # of results through the lanes
        self._second_row = int(config.paired and layer.depthwise)  # of a pair, taken later
        distinct = config.pixels > 1 and layer.stride_y % 2 == 1
        shared = layer.own_weights
        self._pause = OWN_ENTRY * shared  # between the fetches of two entries
        # Of each entry: columns of taps, whether they are fetched for all pixels at once, steps.
        self._entries = [
            (entry.columns, shared or (entry.channels and distinct), len(entry.taps))
            for entry in command.entries
        ]
        self._state = _State((-TAP_PLACE,) * TAP_QUEUE, 0, 0, 0)
        self._known: dict = {}
        self._moved = 0  # what the state's times count from
        self.first_start = self.last_start = self.last_step = self.busy = 0
        self.outputs: list[tuple[int, int]] = []  # last steps and beats of a block's outputs

    def block(self, now: int, pixels: int, waits: tuple[int, ...]) -> int:
        """Walk a block of output rows, whose first fetch may be ``now``; return the last fetch.

        ``waits`` are those of the entries of a single window, in cycles from ``now``.
        """
        fetch = now - 1
        self.outputs = []
        for group in range(self._groups):
            beats = self._last_beats if group == self._groups - 1 else self._config.beats
            beats *= LANE_CYCLES if self._config.compact else 1
            fetch = self._group(fetch + 1, pixels, beats * pixels, waits)
        return fetch

    def _group(self, now: int, pixels: int, leave: int, waits: tuple[int, ...]) -> int:
        state, shift = self._state, now - self._moved
        state = _State(
            tuple(max(-TAP_PLACE, pop - shift) for pop in state.pops),
            max(0, state.hold - shift),
            max(0, state.free - shift),
            max(0, state.exit - shift),
        )
        key = (state, max(0, self._join + 1 - now), pixels, leave, waits)
        if key not in self._known:
            self._known[key] = self._follow(*key)
        self._state, fetch, starts, steps = self._known[key]
        self._moved = now
        if not self.busy:
            self.first_start = now + starts[0]
        self.last_start, self.last_step = now + starts[-1], now + starts[-1] + steps - 1
        if self._passes > 1:
            self.outputs += [(now + start + steps - 1, leave) for start in starts]
        self.busy += self._width * sum(entry[2] for entry in self._entries)
        return now + fetch

    def _follow(
        self, state: _State, join: int, pixels: int, leave: int, waits: tuple[int, ...]
    ) -> tuple[_State, int, list[int], int]:
        """Return the state after a group, its last fetch, and its last windows' starts and steps.

        Times count from the first fetch that the group could make.
        """
        pops, hold, free, leaving = list(state.pops), state.hold, state.free, state.exit
        latency = self._latency
        fetch, pop, start, starts, steps = -1, pops[-1], 0, [], 0
        final = len(self._entries) - 1
        for x in range(self._width):
            kept = self._keep if x else 0
            for number, (columns, every, steps) in enumerate(self._entries):
                fetch = max(fetch + self._pause * (number > 0), waits[number] - 1)
                for _ in range((columns - kept) * (1 if every else pixels)):
                    if self._config.compact:
                        fetch = pop = max(fetch + 1 + latency.column, hold)
                    else:
                        fetch = max(fetch + 1, pops[-TAP_QUEUE] + TAP_PLACE)
                        pop = max(fetch + latency.column, pop + 1, hold)
                        pops.append(pop)
                fetch += latency.entry
                start = max(pop + 1, free, join)
                if number == final:
                    start = max(start, leaving - steps)
                    leaving = start + steps + leave * self._passes
                    starts.append(start)
                hold, free = start + self._second_row, start + steps
        return _State(tuple(pops[-TAP_QUEUE:]), hold, free, leaving), fetch, starts, steps
