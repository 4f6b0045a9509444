"""The list of one run: layers and moves in the order in which the sequencer takes them.

Layers keep the order of the program. Moves go as early as what they depend on allows, and the
mover takes the one first whose layer comes first. When that is, the cycle model says.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

from msgspec.structs import replace
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Wait
from weft_hw.contract.layers import Mac
from weft_hw.contract.memory_map import memory_map
from weft_hw.contract.move import Move

from weft.compiler.streaming.dependencies import Dependencies
from weft.compiler.streaming.items import Item
from weft.compiler.streaming.ring import DescriptorRing
from weft.compiler.streaming.serial import Layer, Transfer
from weft.compiler.timing.port_use import MEMORY_WORD_BYTES
from weft.compiler.timing.timeline import Timeline
from weft.program.extents import rows_in_order

__all__ = ["Listing"]

_IDLE_TIME = 2000  # cycles within which the mover carries out a chunk of moves that do nothing


class Listing:
    """Makes the list; ``items`` is it, and ``cycles`` what it takes by the cycle model.

    ``item_cycles`` are those of each layer as its counters have them, and 0 for moves.

    Parameters
    ----------
    config : Config
    program : sequence of Layer or Transfer
        In plain order.
    dependencies : Dependencies
        Fresh ones.
    ring : DescriptorRing or None
        How descriptors come; None if all are there from the start.
    idle : int
        Moves that change nothing, of which a ring needs some at the end, to be carried out
        meanwhile, when nothing else is to be moved.

    Attributes
    ----------
    padding : int
        Items at the end that only fill the ring.
    worked : int
        Cycles without those.
    """

    def __init__(
        self,
        config: Config,
        program: Sequence[Layer | Transfer],
        dependencies: Dependencies,
        ring: DescriptorRing | None,
        idle: int = 0,
    ):
        self.padding, self._idle = 0, idle
        self.items: list[Item] = []
        self.item_cycles: list[int] = []
        self.config, self.timeline = config, Timeline(config)
        self._unit_bytes = {region: m.unit_bytes for region, m in memory_map(config).items()}
        self._ring = ring
        self._layers = self._moves = 0  # listed, those of the ring included
        self._numbers = [0]  # of the program's layers, as they were listed
        self._listed: dict[Transfer, int] = {}
        self._before: Layer | None = None  # the last one that was listed
        self._last: Item | None = None  # likewise, or the ring's own
        self._analyse(program, dependencies)
        self._run()

    @property
    def cycles(self) -> int:
        """When the last layer and the last move are done."""
        return max(self.timeline.ends[-1], self.timeline.free)

    def _analyse(self, program: Sequence[Layer | Transfer], dependencies: Dependencies) -> None:
        """Find what depends on what, and which layer needs each move first."""
        self._program: list[tuple[Layer, set[Transfer]]] = []
        self._transfers: list[Transfer] = []
        for step in program:
            if isinstance(step, Layer):
                self._program.append((step, dependencies.layer(step)))
            else:
                dependencies.transfer(step)
                self._transfers.append(step)
        never = len(self._program)
        self._need = dict.fromkeys(self._transfers, never)
        for number, (_, moves) in reversed(list(enumerate(self._program))):
            for move in moves:
                self._need[move] = number
        self._place = {move: number for number, move in enumerate(self._transfers)}
        self._blocks: dict[Transfer, list[Transfer]] = {}
        for move in reversed(self._transfers):
            for before in move.after:
                self._need[before] = min(self._need[before], self._need[move])
                self._blocks.setdefault(before, []).append(move)
        # Moves that wait for a layer to be listed, and those that could be listed at once.
        self._missing = {move: len(move.after) for move in self._transfers}
        self._behind: dict[int, list[Transfer]] = {}
        self._ready: list[tuple[int, int, Transfer]] = []
        for move in self._transfers:
            if not self._missing[move]:
                self._offer(move)

    def _offer(self, move: Transfer) -> None:
        """Note a move all of whose predecessors are listed."""
        if move.layers >= len(self._numbers):
            self._behind.setdefault(move.layers, []).append(move)
        else:
            heappush(self._ready, (self._need[move], self._place[move], move))

    def _run(self) -> None:
        for layer, moves in self._program:
            self._list_all(moves)
            self._list_layer(layer, moves)
            for move in self._behind.pop(len(self._numbers) - 1, []):
                self._offer(move)
            self._fill()
            self._while_idle()
        self._list_all(set(self._transfers))
        length, self.worked = len(self.items), self.cycles
        while self._ring is not None and len(self.items) % self._ring.descriptors:
            item = self._ring.before(len(self.items), self._layers, self._moves, is_layer=False)
            self._add(item or self._ring.idle_move())
        self.padding = len(self.items) - length

    def _while_idle(self) -> None:
        """List moves that change nothing, if the mover has time for all that a chunk takes."""
        ring, end = self._ring, self.timeline.ends[-1]
        while self._idle and ring is not None and ring.has_room(len(self.items)):
            if self.timeline.free + _IDLE_TIME > end:
                return
            self._idle -= 1
            self._before_item()
            self._add(ring.idle_move())

    def _list_all(self, moves: set[Transfer]) -> None:
        """List moves, and what must come before them."""
        wanted, found = list(moves), set[Transfer]()
        while wanted:
            move = wanted.pop()
            if move not in self._listed and move not in found:
                found.add(move)
                wanted += move.after
        for move in sorted(found, key=self._place.__getitem__):
            self._list_move(move)

    def _fill(self) -> None:
        """List what the mover has time for until the layer that was listed last ends."""
        end = self.timeline.ends[-1]
        while self.timeline.free < end:
            waiting: list[tuple[int, int, Transfer]] = []
            best: tuple[int, Transfer] | None = None
            urgent = end << 1  # when the first of the moves can begin that are needed earlier
            while self._ready:
                entry = heappop(self._ready)
                move = entry[2]
                if move in self._listed:
                    continue
                waiting.append(entry)
                begin = self.timeline.ends[self._numbers[move.layers]]
                late = max(begin, self.timeline.free) + self._cycles(move) > urgent
                if not late and (best is None or begin < best[0]):
                    best = begin, move
                if begin <= self.timeline.free and not late:
                    break
                urgent = min(urgent, begin)
            for entry in waiting:
                heappush(self._ready, entry)
            if best is None or best[0] >= end:
                return
            self._list_move(best[1])

    def _cycles(self, move: Transfer) -> int:
        """Return the cycles of a move at the pins' rate."""
        m = move.descriptor
        return m.count * m.rows * self._unit_bytes[m.region] // MEMORY_WORD_BYTES

    def _list_move(self, move: Transfer) -> None:
        self._before_item(urgent=self._need[move] < len(self._numbers))
        descriptor = replace(move.descriptor, layers=self._numbers[move.layers])
        self._add(Item(descriptor, node=move.node))
        self._listed[move] = self._moves
        for behind in self._blocks.get(move, ()):
            self._missing[behind] -= 1
            if not self._missing[behind]:
                self._offer(behind)

    def _list_layer(self, layer: Layer, moves: set[Transfer]) -> None:
        self._before_item(is_layer=True, urgent=True)
        needed = max((self._listed[move] for move in moves), default=0)
        if self._ring is not None:
            needed = max(needed, self._ring.needed(len(self.items)))
        descriptor = replace(layer.descriptor, moves=needed, wait=self._wait(layer))
        self._before = layer
        self._add(Item(descriptor, piece=layer.piece))
        self._numbers.append(self._layers)

    def _before_item(self, *, is_layer: bool = False, urgent: bool = False) -> None:
        """List what the ring of descriptors needs at this place of the list."""
        while self._ring is not None:
            item = self._ring.before(
                len(self.items), self._layers, self._moves, is_layer=is_layer, urgent=urgent
            )
            if item is None:
                return
            self._add(item)

    def _add(self, item: Item) -> None:
        before = self.timeline.ends[-1]
        if isinstance(item.descriptor, Move):
            self._moves += 1
            self.timeline.move(item.descriptor)
        else:
            self._layers, self._last = self._layers + 1, item
            self.timeline.layer(item.command, item.descriptor.moves)
        self.item_cycles.append(self.timeline.ends[-1] - before)
        self.items.append(item)

    def _wait(self, layer: Layer) -> Wait:
        """Return what reads wait for: the layer before, if that."""
        before = self._before
        if before is None:
            return Wait.NOTHING
        start, stop = before.written
        # A map that results are added to is not read before the layer before is done.
        late = isinstance(layer.descriptor, Mac)
        if any(a < stop and start < b for a, b in layer.read[: 1 if late else None]):
            next_to = self._last is not None and self._last.piece is before.piece
            if next_to and rows_in_order(self.config, before.descriptor, layer.descriptor):
                return Wait.ROW
            return Wait.LAYER
        return Wait.NOTHING
