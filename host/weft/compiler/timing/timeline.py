"""When each layer and each move of a list begins and ends, counted as the hardware counts."""

from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import TABLE_ENTRIES, TABLE_ENTRY_BYTES, Wait
from weft_hw.contract.layers import Elementwise, Mac
from weft_hw.contract.move import Move
from weft_hw.contract.timing import (
    FETCH_DESCRIPTOR,
    MOVE_COUNTED,
    MOVE_ROOM,
    NEXT_BACK,
    NEXT_FRONT,
    OPERANDS,
    OUTPUT_LATENCY,
    QUEUED_MOVES,
    STORE,
    TABLE_END,
)

from weft.compiler.ir import Command
from weft.compiler.timing.mac_cycles import MacTimes, mac_times
from weft.compiler.timing.move_cycles import MoveClock
from weft.compiler.timing.port_use import free_ports

__all__ = ["Timeline"]

_FILLED_BY_THEN = 4096
_geometry = attrgetter(
    "wait",
    "row_words",
    "row_gap",
    "fill_rows",
    "row_bits",
    "out_height",
    "out_width",
    "groups",
    "stride_y",
    "pad_top",
    "span",
    "keep",
    "depthwise",
    "last_beats",
    "own_weights",
    "dilation_y",
    "adds",
)
_KNOWN: dict[tuple, MacTimes] = {}
_MOST_KNOWN = 4096


class Timeline:
    """Follows a list, item by item; ``ends`` and ``moved`` are when layers and moves are done.

    The run is accepted in cycle 0, which is what ``ends`` begins with; so does ``moved``. ``begun``
    is when the memory began with each move, or could have.
    """

    def __init__(self, config: Config):
        self.config = config
        self.ends, self.moved, self.begun = [0], [0], list[int]()
        # Moves whose end is not known, as layers to come slow them down; when each was handed over.
        self._waiting: deque[tuple[Move, int]] = deque()
        self._free: int | None = None
        self._fetched, self._front_free = 1 + FETCH_DESCRIPTOR, 0
        self._written: Sequence[int] | None = None
        self._reads: Sequence[tuple[int, int]] = ()
        self._mover = MoveClock(config)

    @property
    def free(self) -> int:
        """When the mover has carried out all moves so far, as far as layers are known."""
        if self._free is None:
            done = self.moved[-1]
            for move, handed in self._waiting:
                done = self._carry_out(move, max(handed, done))
            self._free = done
        return self._free

    def layer(self, command: Command, moves: int = 0) -> int:
        """Add a layer, which waits for the first ``moves`` moves; return when it is done."""
        config, ends = self.config, self.ends
        if config.compact:  # layers do not overlap
            self._fetched, self._front_free = ends[-1] + 1 + FETCH_DESCRIPTOR, 0
        begin = max(self._fetched + 1, self._front_free)
        self._free = None
        if moves:
            self._finish(moves)
            begin = max(begin, self.moved[moves] + MOVE_COUNTED)
        join = begin + 1
        if len(ends) > 1:
            join = max(ends[-1] + NEXT_BACK, begin + 1)
        self._fetched = begin + FETCH_DESCRIPTOR
        descriptor = command.descriptor
        if isinstance(descriptor, Mac):
            times = self._mac(command, begin, join)
        elif isinstance(descriptor, Elementwise):
            times = MacTimes(join, join - 1, join + _elementwise(config, descriptor))
        else:
            times = MacTimes(join, join - 1, join + _table(config))
        self._written = times.rows_written if isinstance(descriptor, Mac) else None
        self._reads = times.reads
        self._front_free = times.last_start + 1 + NEXT_FRONT
        self._mover.busy(free_ports(config, command, join, times))
        ends.append(times.end)
        return times.end

    def _mac(self, command: Command, begin: int, join: int) -> MacTimes:
        """Return the times of a MAC layer; those of equal ones are known."""
        f, written = command.mac, self._written
        # A layer that begins early fills the line buffers, and does nothing else until then.
        ahead = min(join - begin, _FILLED_BY_THEN)
        if written is not None:
            by_rows = f.wait == Wait.ROW
            rows = written[: f.fill_rows] if by_rows else ()
            written = tuple(min(ahead, max(0, row - join + ahead)) for row in rows)
        shift = join - ahead
        reads = tuple((first - shift, n) for first, n in self._reads if first + n > shift)
        key = (
            self.config,
            ahead,
            written,
            reads,
            (command.source[0].base + command.source[1]) % self.config.fill_words,
            _geometry(f),
            tuple(
                (entry.columns, entry.channels, len(entry.taps), entry.dy * f.own_weights)
                for entry in command.entries
            ),
        )
        known = _KNOWN.get(key)
        if known is None:
            if len(_KNOWN) > _MOST_KNOWN:
                _KNOWN.clear()
            known = _KNOWN[key] = mac_times(
                self.config, command, begin=0, join=ahead, written=written, reads=reads
            )
        return MacTimes(
            known.first_result + shift,
            known.last_start + shift,
            known.end + shift,
            known.busy,
            [row + shift for row in known.rows_written],
            [(first + shift, n) for first, n in known.reads],
        )

    def move(self, move: Move) -> None:
        """Add a move."""
        handed, ahead = self._fetched, len(self.moved) + len(self._waiting) - QUEUED_MOVES
        if ahead > 0:  # the queue has room once the mover has taken move ``ahead`` from it
            self._finish(ahead - 1)
            begun = self.moved[ahead - 1]
            if self._waiting and len(self.moved) == ahead:
                begun = max(begun, self._waiting[0][1])
            # A cycle later than the gateware, which is of use to nobody: the mover is at work.
            handed = max(handed, begun + MOVE_ROOM + 1)
        self._fetched, self._free = handed + 1 + FETCH_DESCRIPTOR, None
        self._waiting.append((move, handed))

    def _finish(self, moves: int) -> None:
        """Find when the first ``moves`` moves are done: all layers that they meet are known now."""
        while len(self.moved) <= moves:
            move, handed = self._waiting.popleft()
            offered = max(handed, self.moved[-1])
            self.begun.append(max(offered, self.ends[move.layers]))
            self.moved.append(self._carry_out(move, offered))

    def finish(self) -> None:
        """Find when all moves are done: no layer comes any more."""
        self._finish(len(self.moved) + len(self._waiting) - 1)

    def _carry_out(self, move: Move, offered: int) -> int:
        return self._mover.carry_out(move, offered, self.ends[move.layers])


def _table(config: Config) -> int:
    """Return from the begin of a table's load to its end: an entry, or a word, per cycle."""
    words = max(1, TABLE_ENTRY_BYTES // config.columns)
    return TABLE_ENTRIES * words + TABLE_END


def _elementwise(config: Config, layer: Elementwise) -> int:
    """Return from the begin of an element-wise layer to its end."""
    operands = 1 if layer.unary else 2
    period = max(operands, config.beats)
    last = OPERANDS + OUTPUT_LATENCY + STORE + config.beats - 1
    return (layer.word_count - 1) * period + operands + last
