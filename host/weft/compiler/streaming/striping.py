"""A chain in stripes, and the places on the chip of what it reads and writes."""

from weft.compiler.ir import Buffer
from weft.compiler.planning.place import Lifetime, place_buffers
from weft.compiler.streaming.band import Band
from weft.compiler.streaming.chain import Chain
from weft.compiler.streaming.in_place import share_places
from weft.compiler.streaming.pieces import slices
from weft.compiler.streaming.shared_place import SharedPlace
from weft.compiler.streaming.stripe_rows import make_bands, row_ends

__all__ = ["Striping"]


class Striping:
    """A chain in ``count`` stripes.

    Parameters
    ----------
    chain : Chain
    count : int
    sharing : int
        How many slices share the weight memory; see :func:`slices`.
    tight : bool
        Whether what comes from DRAM and goes there has a single place, which its reader or its
        store must free.

    Attributes
    ----------
    slices : dict
        For each command the ranges of its groups of channels; (0, 0) where it is whole.
    ends : dict
        For each command the output rows that are done after each stripe.
    bands : dict
        By buffer.
    words : int
        On the chip, once placed.

    Raises
    ------
    TooLarge
        If the weights of one group of channels do not fit the chip.
    """

    def __init__(self, chain: Chain, count: int, sharing: int, *, tight: bool = False):
        self.chain, self.count = chain, count
        # A single stripe needs no constants twice, so it takes them slice by slice.
        self.slices = {n: [(0, 0)] for n in chain.motions}
        if count == 1:
            self.slices = {
                n: slices(chain.config, chain.commands[n], 1, sharing) for n in chain.motions
            }
        self.ends = row_ends(chain, count)
        self.bands = make_bands(chain, self.ends, count, tight=tight)
        sliced = {n for n, ranges in self.slices.items() if len(ranges) > 1}
        share_places(chain, self.bands, count, sliced)
        self._shared: list[SharedPlace] = []
        for band in self.bands.values():
            band.room = band.words * band.slots
            band.origins = [low * band.unit for low in band.low]
            if band.root is None and band.producer is not None and band.slots == 1:
                others = [other for other in self.bands.values() if other.root is band]
                self._shared.append(SharedPlace(band, others))
        self.words = 0

    def place(self, arena: int = 0) -> int:
        """Give bands their places; return the words that they take.

        Where that is less than ``arena``, more are used to load and copy fewer rows again: first
        what takes the chain longer.
        """
        spare = max(0, arena - self._place()) if arena else 0
        if not self.chain.memory_bound:
            spare -= self._extend(spare)
        for band in self.bands.values():
            if band.producer is None:
                spare -= max(0, band.follow(self.chain.tile, spare))
        self._extend(spare)
        for shared in self._shared:
            shared.settle()
        self.words = self._place()
        return self.words

    def _extend(self, spare: int) -> int:
        """Give places room, so that rows are copied less often; return the words that it takes."""
        left = spare
        while left > 0:
            worth = [s for s in self._shared if s.saved() and 0 < s.more <= left]
            if not worth:
                break
            best = max(worth, key=lambda shared: shared.saved() / shared.more)
            left -= best.more
            best.extend()
        return spare - max(0, left)

    def _place(self) -> int:
        chain = self.chain
        lives: dict[Buffer, Lifetime] = {}
        for band in self.bands.values():
            root = _root(band)
            numbers = [*band.consumers, *chain.producers.get(band.buffer, [])]
            if self._lasts(band):
                numbers = chain.numbers
            life = Lifetime(Buffer(root.buffer.name, root.room), min(numbers), max(numbers))
            known = lives.setdefault(root.buffer, life)
            known.extend(life.first)
            known.extend(life.last)
        words = place_buffers(chain.config, (), list(lives.values()))
        for band in self.bands.values():
            band.base = lives[_root(band).buffer].buffer.base
        return words

    def _lasts(self, band: Band) -> bool:
        """Whether a place holds something from one stripe to the next.

        What is stored does, too: the store would keep the layers of the same stripe waiting.
        """
        if self.count == 1:
            return False
        if band.slots > 1 or band.producer is None or band.buffer in self.chain.stored:
            return True
        return any(band.kept(stripe) for stripe in range(1, self.count))


def _root(band: Band) -> Band:
    return band.root or band
