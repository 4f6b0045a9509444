"""Several commands, depth-first: a few rows through all of them, then the next few rows.

What lies between them stays on the chip. Rows that are needed again are copied, not computed
again. A result may take the place of rows that its command alone has read.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Rounding
from weft_hw.contract.layers import Elementwise, Mac, Table

from weft.compiler.ir import Buffer, Command
from weft.compiler.lowering.context import identity_parameters
from weft.compiler.planning.place import Lifetime, place_buffers
from weft.compiler.report import array_steps
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
    ``producer`` is the last of the commands that write it. Rows that come from DRAM lie one behind
    the other where there is room: for each stripe ``anchors`` then has the word of the buffer that
    lies first. ``fresh`` is what comes.
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
    room: int = 0
    anchors: list[int] = field(default_factory=list)
    fresh: list[Span] = field(default_factory=list)

    def span(self, first: int, last: int, tile: int) -> Span:
        """Return whole blocks that hold rows."""
        stop = -(-last * self.unit // tile) * tile
        return Span(self.buffer, first * self.unit // tile * tile, stop)

    def follow(self, tile: int, spare: int) -> int:
        """Find what comes from DRAM for each stripe, and where it goes.

        Return how many more words that takes, at most ``spare``.
        """
        spans = [self.span(a, b, tile) for a, b in zip(self.low, self.high, strict=True)]
        anchor = there = last = -1
        anchors: list[int] = []
        fresh: list[Span] = []
        for span in spans:
            if anchor < 0 or span.stop - anchor > self.words * self.slots + spare:
                if anchor >= 0 and last - anchor < span.words:
                    break  # the stripe before is still in use there
                anchor = there = span.start
            anchors.append(anchor)
            fresh.append(Span(self.buffer, max(there, span.start), max(there, span.stop)))
            there, last = max(there, span.stop), span.start
        else:
            used = max(span.stop - a for span, a in zip(spans, anchors, strict=True))
            if used >= self.words and len(spans) > 1:
                self.anchors, self.fresh, self.room = anchors, fresh, used
                return used - self.words * self.slots
        # Two places take turns, and rows that are needed again come again.
        self.anchors, self.fresh, self.room = [], spans, self.words * self.slots
        return 0


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
    more: int,
    sharing: int,
) -> "Iterator[Fused]":
    """Yield ways to cut commands ``numbers`` so that they fit ``arena`` words.

    One after the other, if all of their maps fit, in the fewest stripes, and in ``more`` of them;
    then in fewer ones still, where results take a place that their store must free for the next
    stripe.
    """
    moving = [n for n in numbers if not isinstance(commands[n].descriptor, Table)]
    found = {n: move for n in moving if (move := motions[n]) is not None}
    if not moving or len(found) < len(moving):
        return
    written = [writer for n in moving for writer in uses.beside(commands[n])]
    if min(written) < numbers.start or max(written) >= numbers.stop:
        return

    def group(*, tight: bool = False) -> Fused:
        return Fused(config, numbers, commands, found, residents, uses, rows, fixed, tight, sharing)

    made = group()
    if made.divide(1) <= arena and made.cut():
        yield made
    part = [commands[n] for n in numbers]
    weights = sum(len(c.weights) for c in part if c.weights is not None)
    parameters = 1 + sum(len(c.parameters) for c in part if c.parameters is not None)
    entries = sum(len(c.entries) for c in part)
    if (
        weights > config.weight_words
        or parameters > config.parameter_words
        or entries > config.window_count
    ):
        return
    fewest = 1 + min(found[n].height for n in made.sinks)
    for tight in (False, True):
        made = group(tight=tight)
        counts = [count for count in _COUNTS if 1 < count < fewest]
        if not counts or made.least() > arena:
            return
        first = bisect_left(counts, True, key=lambda count: made.divide(count) <= arena)
        for count in counts[first : first + 1 + (0 if tight else more)]:
            other = group(tight=tight)
            other.divide(count, arena)
            if other.cut():
                yield other
        if first < len(counts):
            fewest = counts[first]


def _prefetched(config: Config) -> int:
    """Return the bytes of constants that come while the group before still needs its own."""
    return config.weight_words * config.columns * config.rows // 2


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
        tight: bool,
        sharing: int,
    ):
        self._tight, self._sharing = tight, sharing
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

    def divide(self, count: int, arena: int = 0) -> int:
        """Cut into ``count`` stripes; return the words on the chip that they take.

        Where that is less than ``arena``, more are used to load fewer rows again.
        """
        self.count, self._scope = count, Scope()
        # A single stripe needs no constants twice, so it takes them slice by slice.
        self._slices = {n: [(0, 0)] for n in self.motions}
        if count == 1:
            self._slices = {
                n: slices(self.config, self.commands[n], 1, self._sharing) for n in self.motions
            }
        self._ends = self._row_ends(count)
        self._windows = self._make_windows()
        self._share()
        for window in self._windows.values():
            window.room = window.words * window.slots
        if count > 1 and not arena:  # the words are all that is asked for
            self.words = self._sum()
            return self.words
        spare = max(0, arena - self._place()) if arena else 0
        for window in self._windows.values():
            if window.producer is None:
                spare -= max(0, window.follow(self._tile, spare))
        return self._place()

    def _sum(self) -> int:
        """Return the words of all places side by side."""
        unit = self.config.fill_words
        rooms = [buffer.words for buffer in self.constants]
        rooms = [-(-words // self._tile) * self._tile for words in rooms]
        rooms += [window.room for window in self._windows.values() if window.root is None]
        return sum(-(-words // unit) * unit for words in rooms)

    def _place(self) -> int:
        """Give windows and constants their places; return the words that they take."""
        lives: dict[Buffer, Lifetime] = {}
        for buffer in self.constants:
            numbers = [n for n in self.tables if self.commands[n].source[0] is buffer]
            words = -(-buffer.words // self._tile) * self._tile
            lives[buffer] = self._lifetime(buffer.name, words, numbers)
        for window in self._windows.values():
            root = window.root or window
            numbers = [*window.consumers, *self._producers.get(window.buffer, [])]
            life = self._lifetime(root.buffer.name, root.room, numbers)
            known = lives.setdefault(root.buffer, life)
            known.extend(life.first)
            known.extend(life.last)
        self.words = place_buffers(self.config, (), list(lives.values()))
        self._constant_bases = {buffer: lives[buffer].buffer.base for buffer in self.constants}
        for window in self._windows.values():
            window.base = lives[(window.root or window).buffer].buffer.base
        return self.words

    def _lifetime(self, name: str, words: int, numbers: Sequence[int]) -> Lifetime:
        """Return when a place is needed: a single stripe passes each command once."""
        if self.count > 1:
            numbers = self.numbers
        return Lifetime(Buffer(name, words), min(numbers), max(numbers))

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
            if target is None or len(self._slices[n]) > 1:
                continue
            if target.slots > 1 and (not self._tight or target.producer is None):
                continue
            if len(self._producers[target.buffer]) > 1:
                continue
            for source in command.reads:
                window = self._windows.get(source)
                if window is None or not self._used_up(window, n):
                    continue
                stripes = range(1, self.count)
                if any(target.low[i] < target.high[i - 1] for i in stripes) or target.low[0] < 0:
                    continue
                if target.unit > self.motions[n].stride * window.unit:
                    continue
                root = window.root or window
                target.root, target.slots = root, 1
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

    def _used_up(self, window: _Window, number: int) -> bool:
        """Whether nobody needs rows of a window that command ``number`` has read."""
        if self.count == 1:
            return window.consumers[-1:] == [number]
        if window.producer is None or window.buffer in self.stored:
            return False
        return window.consumers == [number]

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
                    apart = stripe == 0 < self.count - 1 and self._hurried(n)
                    for groups in self._by_group(n) if apart else self._slices[n]:
                        piece = channel_slice(self.config, part, *groups) if groups[1] else part
                        self._add(stripe, n, piece, (first, last))
                        if apart:
                            self.pieces[-1].of, self.pieces[-1].first = part, groups[0]
        last = {piece.whole: piece for _, piece, _, copy in self._steps if copy is None}
        for piece in last.values():
            piece.finishes = True
        return True

    def _by_group(self, number: int) -> list[tuple[int, int]]:
        return [(n, n + 1) for n in range(self.commands[number].mac.groups)]

    def _hurried(self, number: int) -> bool:
        """Whether a command of a run's first stripe would wait for the last of its weights."""
        window = self._windows.get(self._target(number))
        if window is not None and window.root is not None:
            return False  # its first channels would take the place of what the others need
        before = [self.commands[n] for n in self.motions if n <= number]
        last = before[-1]
        if self.numbers.start or len(before) == 1 or not isinstance(last.descriptor, Mac):
            return False
        loaded = move_cycles(self.config, 0, 0, constant_bytes(self.config, before))
        done = sum(array_steps(self.config, c) for c in before[:-1]) // self.count
        return loaded > done + restart_cycles(self.config, last) * last.descriptor.groups

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

    def write(self, writer: Writer, base: int, shadowed: set[Buffer], *, mirrored: bool) -> None:
        """Write the group; its words begin at ``base``, and what comes first lies at that end.

        Or, ``mirrored``, at the other one.
        """
        tile = self._tile

        def place_of(first: int, words: int) -> int:
            return base + (self.words - first - words if mirrored else first)

        at = {
            buffer: place_of(first, -(-buffer.words // tile) * tile)
            for buffer, first in self._constant_bases.items()
        }
        bases = {w.buffer: place_of(w.base, (w.root or w).room) for w in self._windows.values()}
        loads = {
            buffer: (Span(buffer, 0, -(-buffer.words // tile) * tile), at[buffer])
            for buffer in self.constants
        }
        for buffer in self.residents:
            at[buffer] = buffer.base
        old, moved = at, -1
        for number, (stripe, piece, rows, copy) in enumerate(self._steps):
            if stripe != moved:
                old, moved = dict(at), stripe
                for window in self._windows.values():
                    lowest = bases[window.buffer]
                    place = lowest + stripe % window.slots * window.words
                    at[window.buffer] = place - window.low[stripe] * window.unit
                    if window.producer is None:
                        fresh = window.fresh[stripe]
                        slot = (stripe + mirrored) % window.slots
                        first = fresh.start - slot * window.words
                        if window.anchors:
                            first = window.anchors[stripe]
                        at[window.buffer] = lowest - first
                        if fresh.words:
                            loads[window.buffer] = fresh, lowest + fresh.start - first
            if copy is not None:
                writer.run(piece, [old[copy.buffer]], at[copy.buffer])
                continue
            target = None if rows is None else self._target(piece.whole)
            reads = [at[buffer] for buffer in piece.command.reads]
            for buffer in piece.command.reads:
                if buffer in loads:  # its place may be another's until now
                    writer.load(*loads.pop(buffer))
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
            layers += self._held_up(window, whole)
            if window.producer is None:
                edge += window.fresh[0].words
                moves += self.count
                moved += sum(span.words for span in window.fresh)
            elif window.buffer in self.stored:
                edge += window.words
                moves += self.count
                moved += window.buffer.words
        moved += sum(buffer.words for buffer in self.constants)
        part = [self.commands[n] for n in self.numbers]
        constants = constant_bytes(self.config, part)
        held = 0 if self.count == 1 else constants - _prefetched(self.config)
        edge = move_cycles(self.config, 0, edge, max(0, held))
        return layers, move_cycles(self.config, moves, moved, constants), edge

    def _held_up(self, window: _Window, whole: Sequence[int]) -> int:
        """Return the cycles in which a store keeps the next stripe from a result's place."""
        if self.count == 1 or window.root is None or window.consumers:
            return 0
        root = window.root
        first = min(self._producers[root.buffer])
        meanwhile = sum(whole[n] for n in self.numbers if n < first)
        store = move_cycles(self.config, self.count, window.buffer.words, 0)
        return max(0, store - meanwhile)
