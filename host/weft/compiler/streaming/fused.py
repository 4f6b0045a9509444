"""Several commands, depth-first: a few rows through all of them, then the next few rows.

What lies between them stays on the chip. Rows that are needed again are copied, not computed
again. A result may take the place of rows that its command alone has read.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Rounding
from weft_hw.contract.layers import Elementwise, Table

from weft.compiler.ir import Buffer, Command
from weft.compiler.lowering.context import identity_parameters
from weft.compiler.streaming.costs import constant_bytes, move_cycles, restart_cycles
from weft.compiler.streaming.pieces import Piece, Scope, Uses, slices, tile_words
from weft.compiler.streaming.rows import Motion
from weft.compiler.streaming.tiles import Span, channel_slice
from weft.compiler.streaming.writer import Writer

__all__ = ["Fused", "fuse"]

_COUNTS = (
    *range(1, 11),
    12,
    14,
    16,
    20,
    24,
    28,
    32,
    40,
    48,
    56,
    64,
    80,
    96,
    112,
    128,
)  # of stripes


@dataclass(eq=False)
class _Window:
    """Rows of one buffer on the chip: for each stripe from ``low`` up to but without ``high``.

    ``slots`` places of ``words`` take turns. ``root`` is the window whose place it takes.
    ``producer`` is the last of the commands that write it.
    """

    buffer: Buffer
    unit: int
    producer: int | None
    consumers: list[int]
    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    slots: int = 1
    words: int = 0
    base: int = 0
    root: "_Window | None" = None

    def span(self, first: int, last: int, tile: int) -> Span:
        """Return whole blocks that hold rows."""
        stop = -(-last * self.unit // tile) * tile
        return Span(self.buffer, first * self.unit // tile * tile, stop)


def fuse(
    config: Config,
    numbers: range,
    commands: Sequence[Command],
    residents: set[Buffer],
    uses: Uses,
    rows: Mapping[Buffer, int],
    motions: Sequence[Motion | None],
    fixed: set[Buffer],
    arena: int,
) -> "Fused | None":
    """Return commands ``numbers`` in the fewest stripes that fit ``arena`` words, if any do."""
    moving = [n for n in numbers if not isinstance(commands[n].descriptor, Table)]
    found = {n: move for n in moving if (move := motions[n]) is not None}
    if not moving or len(found) < len(moving):
        return None
    written = [writer for n in moving for writer in uses.beside(commands[n])]
    if min(written) < numbers.start or max(written) >= numbers.stop:
        return None
    group = Fused(config, numbers, commands, found, residents, uses, rows, fixed)
    if group.divide(1) <= arena:  # commands one after the other
        return group if group.cut() else None
    part = [commands[n] for n in numbers]
    weights = sum(len(c.weights) for c in part if c.weights is not None)
    parameters = 1 + sum(len(c.parameters) for c in part if c.parameters is not None)
    entries = sum(len(c.entries) for c in part)
    if (
        weights > config.weight_words
        or parameters > config.parameter_words
        or entries > config.window_count
    ):
        return None
    most = min(found[n].height for n in group.sinks)
    if group.least() > arena:
        return None
    counts = [count for count in _COUNTS if 1 < count <= most]
    first = bisect_left(counts, True, key=lambda count: group.divide(count) <= arena)
    if first == len(counts):
        return None
    group.divide(counts[first])
    return group if group.cut() else None


class Fused:
    """A group of commands in stripes; see :func:`fuse`."""

    def __init__(
        self,
        config: Config,
        numbers: range,
        commands: Sequence[Command],
        motions: Mapping[int, Motion],
        residents: set[Buffer],
        uses: Uses,
        rows: Mapping[Buffer, int],
        fixed: set[Buffer],
    ):
        self.config, self.numbers, self.commands = config, numbers, commands
        self.motions, self.residents, self.fixed = motions, residents, fixed
        self._tile = tile_words(config)
        self._producers: dict[Buffer, list[int]] = {}
        for n in numbers:
            if (target := commands[n].target) is not None:
                self._producers.setdefault(target[0], []).append(n)
        self._consumers: dict[Buffer, list[int]] = {}
        for n in motions:
            for buffer in dict.fromkeys(commands[n].reads):
                self._consumers.setdefault(buffer, []).append(n)
        self.sinks = [n for n in motions if not self._readers(n)]
        inside = set(numbers)
        self.stored = {
            b
            for b in self._producers
            if b in fixed or not inside.issuperset(uses.readers.get(b, []))
        } - residents
        self._rows = rows
        self.tables = [n for n in numbers if n not in motions]
        self.constants = list(dict.fromkeys(commands[n].source[0] for n in self.tables))
        self.words = 0
        self.pieces: list[Piece] = []

    def _readers(self, number: int) -> list[int]:
        """Return the commands behind it that read what it writes to."""
        return [c for c in self._consumers.get(self._target(number), []) if c > number]

    def least(self) -> int:
        """Return words that it takes at least: the rows of one window of each command."""
        needed: dict[Buffer, int] = {}
        for n, move in self.motions.items():
            for source in self.commands[n].reads:
                rows = min(move.span, move.last) * self._rows[source]
                needed[source] = max(needed.get(source, 0), rows)
        inner = set(needed) & set(self._producers) - self.residents
        return sum(
            rows
            for buffer, rows in needed.items()
            if buffer not in self.residents
            # It may take the place of what its command reads.
            and not (buffer in inner and inner & set(self._reads_of(buffer)))
        )

    def _reads_of(self, buffer: Buffer) -> list[Buffer]:
        return [read for n in self._producers[buffer] for read in self.commands[n].reads]

    def divide(self, count: int) -> int:
        """Cut into ``count`` stripes; return the words on the chip that they take."""
        self.count, self._scope = count, Scope()
        # A single stripe needs no constants twice, so it takes them slice by slice.
        self._slices = {n: [(0, 0)] for n in self.motions}
        if count == 1:
            self._slices = {n: slices(self.config, self.commands[n], 1) for n in self.motions}
        self._ends = self._row_ends(count)
        self._windows = self._make_windows()
        self._share()
        at = 0
        self._constant_bases = {}
        for buffer in self.constants:
            self._constant_bases[buffer] = at
            at += -(-buffer.words // self._tile) * self._tile
        unit = self.config.fill_words
        for window in self._windows.values():
            if window.root is None:
                window.base = at = -(-at // unit) * unit
                at += -(-window.words // unit) * unit * window.slots
        for window in self._windows.values():
            if window.root is not None:
                window.base = window.root.base
        self.words = at
        return at

    def _row_ends(self, count: int) -> dict[int, list[int]]:
        """Return, for each command, the output rows that are done after each stripe."""
        ends: dict[int, list[int]] = {n: [] for n in self.motions}
        for stripe in range(count):
            for n in reversed(list(self.motions)):
                move, target = self.motions[n], self._target(n)
                if n in self.sinks or stripe == count - 1:
                    end = -(-move.height * (stripe + 1) // count)
                else:
                    end = 0
                for c in self._readers(n):
                    if ends[c][stripe]:
                        end = max(end, self.motions[c].end(ends[c][stripe]))
                if stripe:
                    end = max(end, ends[n][-1])
                step = self._tile // gcd(self._tile, self._rows[target])
                ends[n].append(min(move.height, -(-end // step) * step))
        return ends

    def _target(self, number: int) -> Buffer:
        target = self.commands[number].target
        assert target is not None
        return target[0]

    def _make_windows(self) -> dict[Buffer, _Window]:
        windows: dict[Buffer, _Window] = {}
        for buffer in (*self._consumers, *self._producers):
            if buffer in self.residents or buffer in windows:
                continue
            producers, consumers = self._producers.get(buffer, []), self._consumers.get(buffer, [])
            producer = producers[-1] if producers else None
            window = _Window(buffer, self._rows[buffer], producer, consumers)
            for stripe in range(self.count):
                self._extend(window, stripe)
            window.words = max(
                window.span(low, high, self._tile).words
                for low, high in zip(window.low, window.high, strict=True)
            )
            comes = producer is None or not consumers
            window.slots = 2 if self.count > 1 and comes else 1
            windows[buffer] = window
        return windows

    def _extend(self, window: _Window, stripe: int) -> None:
        """Say which rows of a window a stripe needs on the chip."""
        before = window.high[-1] if stripe else 0
        lows, highs = [], [before]
        for c in window.consumers:
            ends, move = self._ends[c], self.motions[c]
            done = ends[stripe - 1] if stripe else 0
            if done < move.height:
                lows.append(move.begin(done))
                if ends[stripe]:
                    highs.append(move.end(ends[stripe]))
        if window.producer is None:
            low = max(0, min(lows, default=before))
            window.low.append(low)
            window.high.append(max(low, *highs))
            return
        ends = [self._ends[n] for n in self._producers[window.buffer]]
        if stripe:  # rows that not all have written yet
            lows += [done[stripe - 1] for done in ends]
        window.low.append(min([before, *lows]))
        window.high.append(max(done[stripe] for done in ends))

    def _share(self) -> None:
        """Let results take the place of what only their command reads."""
        for n in self.motions:
            command, target = self.commands[n], self._windows.get(self._target(n))
            if target is None or target.slots > 1 or len(self._slices[n]) > 1:
                continue
            if len(self._producers[target.buffer]) > 1:
                continue
            for source in command.reads:
                window = self._windows.get(source)
                if window is None or window.producer is None or window.consumers != [n]:
                    continue
                if source in self.stored:
                    continue
                stripes = range(1, self.count)
                if any(target.low[i] < target.high[i - 1] for i in stripes) or target.low[0] < 0:
                    continue
                if target.unit > self.motions[n].stride * window.unit:
                    continue
                root = window.root or window
                target.root = root
                root.words = max(root.words, target.words)
                break
        for window in self._windows.values():
            if window.root is None and window.producer is not None:
                shared = any(w.root is window for w in self._windows.values())
                if not shared and min(window.low) < 0:  # no row lies above the first
                    window.low = [max(0, low) for low in window.low]
                    window.words = max(
                        window.span(low, high, self._tile).words
                        for low, high in zip(window.low, window.high, strict=True)
                    )

    def cut(self) -> bool:
        """Make the pieces, in order; return whether there are such."""
        self.pieces, self._steps = [], []
        for stripe in range(self.count):
            for window in self._windows.values():
                self._cut_copy(window, stripe)
            for n in self.numbers:
                if n in self.tables:
                    if stripe == 0 or len(self.tables) > 1:
                        self._add(stripe, n, self.commands[n])
                    continue
                first = self._ends[n][stripe - 1] if stripe else 0
                last = self._ends[n][stripe]
                if first < last:
                    part = self.motions[n].part(self.config, first, last)
                    if part is None:
                        return False
                    for groups in self._slices[n]:
                        piece = channel_slice(self.config, part, *groups) if groups[1] else part
                        self._add(stripe, n, piece, (first, last))
        last = {piece.whole: piece for _, piece, _, copy in self._steps if copy is None}
        for piece in last.values():
            piece.finishes = True
        return True

    def _add(
        self,
        stripe: int,
        number: int,
        command: Command,
        rows: tuple[int, int] | None = None,
        copy: _Window | None = None,
    ) -> None:
        piece = Piece(number, command, Scope() if self.count == 1 else self._scope)
        self.pieces.append(piece)
        self._steps.append((stripe, piece, rows, copy))

    def _cut_copy(self, window: _Window, stripe: int) -> None:
        """Copy rows that are needed again to where the stripe wants them."""
        if not stripe or window.producer is None or window.slots > 1:
            return
        low, high = max(0, window.low[stripe]), window.high[stripe - 1]
        if low >= high or window.low[stripe] == window.low[stripe - 1]:
            return
        descriptor = Elementwise(
            word_count=(high - low) * window.unit,
            unary=True,
            rounding=Rounding.HALF_UP,
            low=-128,
            high=127,
        )
        node, lanes = self.commands[window.producer].node, self.config.lanes
        at = low * window.unit
        command = Command(
            node,
            descriptor,
            (window.buffer, at),
            (window.buffer, at * self.config.beats),
            parameters=identity_parameters(lanes, lanes),
        )
        self._add(stripe, window.producer, command, copy=window)

    def write(self, writer: Writer, base: int, shadowed: set[Buffer]) -> None:
        """Write the group; its words begin at ``base``."""
        tile = self._tile
        at = {b: base + place for b, place in self._constant_bases.items()}
        for buffer in self.constants:
            writer.load(Span(buffer, 0, -(-buffer.words // tile) * tile), at[buffer])
        for buffer in self.residents:
            at[buffer] = buffer.base
        old, moved = at, -1
        for number, (stripe, piece, rows, copy) in enumerate(self._steps):
            if stripe != moved:
                old, moved = dict(at), stripe
                for window in self._windows.values():
                    place = base + window.base + stripe % window.slots * window.words
                    at[window.buffer] = place - window.low[stripe] * window.unit
                    span = window.span(window.low[stripe], window.high[stripe], tile)
                    if window.producer is None and span.words:
                        at[window.buffer] = place - span.start
                        writer.load(span, place)
            if copy is not None:
                writer.run(piece, [old[copy.buffer]], at[copy.buffer])
                continue
            target = None if rows is None else self._target(piece.whole)
            reads = [at[buffer] for buffer in piece.command.reads]
            writer.run(piece, reads, 0 if target is None else at[target])
            following = self._steps[number + 1 : number + 2]
            if following and following[0][1].whole == piece.whole and following[0][2] == rows:
                continue  # another slice of the same rows
            if target is not None and piece.whole != self._producers[target][-1]:
                continue
            if target is not None and rows is not None and target not in self.residents:
                if target in self.stored or target in shadowed:
                    span = self._windows[target].span(rows[0], rows[1], tile)
                    writer.store(span, at[target] + span.start)
            elif target in shadowed and piece.finishes:
                writer.store(Span(target, 0, target.words), target.base)

    def cost(self, whole: Sequence[int]) -> tuple[int, int, int]:
        """Return about how many cycles layers and moves take, and what does not overlap.

        ``whole`` are the cycles of each command.
        """
        layers = sum(whole[n] for n in self.numbers)
        seen: set[int] = set()
        for _, piece, _, copy in self._steps:
            if copy is not None:
                layers += piece.command.elementwise.word_count * self.config.beats
            if copy is not None or piece.whole in seen:
                layers += restart_cycles(self.config, piece.command)
            seen.add(piece.whole)
        moves, moved, edge = 0, 0, 0
        for window in self._windows.values():
            if window.producer is None:
                edge += window.span(window.low[0], window.high[0], self._tile).words
                moves += self.count
                moved += sum(
                    window.span(low, high, self._tile).words
                    for low, high in zip(window.low, window.high, strict=True)
                )
            elif window.buffer in self.stored:
                edge += window.words
                moves += self.count
                moved += window.buffer.words
        moved += sum(buffer.words for buffer in self.constants)
        constants = constant_bytes(self.config, [self.commands[n] for n in self.numbers])
        edge = move_cycles(self.config, 0, edge, 0)
        return layers, move_cycles(self.config, moves, moved, constants), edge
