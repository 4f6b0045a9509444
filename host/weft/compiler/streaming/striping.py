"""A chain in stripes, and the places on the chip of what it reads and writes."""

from collections.abc import Sequence

from weft.compiler.ir import Buffer
from weft.compiler.planning.place import Lifetime, place_buffers
from weft.compiler.streaming.chain import Chain
from weft.compiler.streaming.in_place import share_places
from weft.compiler.streaming.pieces import slices
from weft.compiler.streaming.stripe_rows import make_windows, row_ends
from weft.compiler.streaming.window import Window

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
        Whether results that go to DRAM take a place that their store must free.

    Attributes
    ----------
    slices : dict
        For each command the ranges of its groups of channels; (0, 0) where it is whole.
    ends : dict
        For each command the output rows that are done after each stripe.
    windows : dict
        By buffer.
    words : int
        On the chip, and ``constant_bases`` the first word of each constant, once placed.

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
        self.windows = make_windows(chain, self.ends, count)
        sliced = {n for n, ranges in self.slices.items() if len(ranges) > 1}
        share_places(chain, self.windows, count, sliced, tight=tight)
        for window in self.windows.values():
            window.room = window.words * window.slots
        self.words = 0
        self.constant_bases: dict[Buffer, int] = {}

    def side_by_side(self) -> int:
        """Return the words of all places side by side."""
        unit = self.chain.config.fill_words
        rooms = [self.chain.padded(buffer) for buffer in self.chain.constants]
        rooms += [window.room for window in self.windows.values() if window.root is None]
        return sum(-(-words // unit) * unit for words in rooms)

    def place(self, arena: int = 0) -> int:
        """Give windows and constants their places; return the words that they take.

        Where that is less than ``arena``, more are used to load fewer rows again.
        """
        spare = max(0, arena - self._place()) if arena else 0
        for window in self.windows.values():
            if window.producer is None:
                spare -= max(0, window.follow(self.chain.tile, spare))
        self.words = self._place()
        return self.words

    def _place(self) -> int:
        chain = self.chain
        lives: dict[Buffer, Lifetime] = {}
        for buffer in chain.constants:
            numbers = [n for n in chain.tables if chain.commands[n].source[0] is buffer]
            lives[buffer] = self._lifetime(buffer.name, chain.padded(buffer), numbers)
        for window in self.windows.values():
            root = _root(window)
            numbers = [*window.consumers, *chain.producers.get(window.buffer, [])]
            life = self._lifetime(root.buffer.name, root.room, numbers)
            known = lives.setdefault(root.buffer, life)
            known.extend(life.first)
            known.extend(life.last)
        words = place_buffers(chain.config, (), list(lives.values()))
        self.constant_bases = {buffer: lives[buffer].buffer.base for buffer in chain.constants}
        for window in self.windows.values():
            window.base = lives[_root(window).buffer].buffer.base
        return words

    def _lifetime(self, name: str, words: int, numbers: Sequence[int]) -> Lifetime:
        """Return when a place is needed: a single stripe passes each command once."""
        if self.count > 1:
            numbers = self.chain.numbers
        return Lifetime(Buffer(name, words), min(numbers), max(numbers))


def _root(window: Window) -> Window:
    return window.root or window
