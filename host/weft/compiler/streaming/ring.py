"""A list that is longer than the descriptor memory: a ring that the list itself refills.

The memory holds four chunks. Chunk ``c`` is loaded by a move at the start of chunk ``c - 2``, when
the chunk that it replaces has been fetched. Each layer waits for the chunk behind its own, and each
chunk has a layer. So nothing is fetched before it is there. The last two chunks of a run load the
first two of the next one.
"""

from weft_hw.contract.config import Config
from weft_hw.contract.layers import Elementwise
from weft_hw.contract.memory_map import COUNTER_STRIDE, DESCRIPTOR_WORDS, Region
from weft_hw.contract.move import Move

from weft.compiler.streaming.items import Item
from weft.program import RING_CHUNKS

__all__ = ["AHEAD", "DescriptorRing"]

AHEAD = 2  # chunks from a load to what it loads


class DescriptorRing:
    """Says what to insert into a list so that its descriptors come in time.

    Parameters
    ----------
    config : Config
    counters : int
        Block of DRAM from which on counters of finished layers are saved, a chunk after the other;
        the block before it is for moves that only fill the list.
    scratch : int
        Word of activation memory that nothing uses, for layers that only wait.
    """

    def __init__(self, config: Config, counters: int, scratch: int):
        self.descriptors = config.descriptor_count
        self.chunk = config.descriptor_count // RING_CHUNKS
        self._counters, self._idle = counters, counters - 1
        self._scratch, self._beats = scratch, config.beats
        self._loads: dict[int, int] = {}  # chunk to the number of the move that loads it
        self._layers_of: dict[int, int] = {}  # layers listed before the end of a chunk
        self._saved: set[int] = set()  # chunks
        self._chunk, self._has_layer = -1, False  # the one that is listed

    def counter_units(self) -> int:
        """Return the units of counter memory that a chunk's layers take."""
        return self.chunk * COUNTER_STRIDE

    def needed(self, length: int) -> int:
        """Return how many moves a layer at place ``length`` of the list waits for."""
        return self._loads.get(length // self.chunk + 1, 0)

    def before(
        self, length: int, layers: int, moves: int, *, is_layer: bool, urgent: bool = False
    ) -> Item | None:
        """Return what comes before the next item of a list of ``length`` items, if anything.

        ``urgent`` says that the next layer waits for the item. To be asked again once what is
        returned is listed.
        """
        number, place = divmod(length, self.chunk)
        if number != self._chunk:
            self._layers_of[number - 1] = layers
            self._chunk, self._has_layer = number, False
        # Behind what the next layer waits for, while there is room.
        last = place >= self.chunk - 3
        if (last or not urgent) and number + AHEAD not in self._loads:
            self._loads[number + AHEAD] = moves + 1
            return self._load(number + AHEAD)
        # And behind the chunk's first layer, as the sequencer reaches that when the layer before
        # has begun: earlier, the mover could wait for long until there is something to save.
        ready = number >= 2 and (last or (self._has_layer and (is_layer or not urgent)))
        if ready and number - 2 not in self._saved:
            self._saved.add(number - 2)
            return self._save(number - 2)
        if is_layer:
            self._has_layer = True
        elif place == self.chunk - 1 and not self._has_layer:
            self._has_layer = True
            return self._waiting_layer(length)
        return None

    def has_room(self, length: int) -> bool:
        """Return whether the chunk takes another move and need not have a layer for it."""
        number, place = divmod(length, self.chunk)
        return number == self._chunk and self._has_layer and place < self.chunk - 2

    def idle_move(self) -> Item:
        """Return a move that changes nothing of use: it reads a counter."""
        return Item(Move(store=True, region=Region.COUNTER, count=1, block=self._idle))

    def _load(self, chunk: int) -> Item:
        first = chunk % RING_CHUNKS * self.chunk * DESCRIPTOR_WORDS
        count = self.chunk * DESCRIPTOR_WORDS
        return Item(Move(region=Region.DESCRIPTOR, unit=first, count=count), chunk=chunk)

    def _save(self, chunk: int) -> Item:
        # A layer's counters are in memory soon after it is done; one more layer is long enough.
        layers = min(self._layers_of[chunk] + 1, self._layers_of[chunk + 1])
        units = self.counter_units()
        return Item(
            Move(
                store=True,
                region=Region.COUNTER,
                unit=chunk % RING_CHUNKS * units,
                count=units,
                block=self._counters + chunk * units // 4,
                layers=layers,
            )
        )

    def _waiting_layer(self, length: int) -> Item:
        return Item(
            Elementwise(
                word_count=1,
                unary=True,
                low=-128,
                high=127,
                in_base=self._scratch,
                out_base=self._scratch * self._beats,
                moves=self.needed(length),
            )
        )
