"""A program in plain order: what a piece needs comes before it, what it leaves goes after it.

The order in which moves really go is found later: it keeps whatever this order implies.
"""

from msgspec import Struct, field
from weft_hw.contract.layers import Layer as LayerDescriptor
from weft_hw.contract.memory_map import Region
from weft_hw.contract.move import Move

from weft.compiler.streaming.pieces import Piece

__all__ = ["Layer", "Touch", "Transfer"]


class Touch(Struct, frozen=True):
    """Addresses of a memory on the chip that a layer reads or writes."""

    region: Region
    first: int
    count: int
    writes: bool = False


class Layer(Struct, eq=False):
    """A piece at its addresses."""

    piece: Piece
    descriptor: LayerDescriptor
    touches: list[Touch]

    @property
    def read(self) -> list[tuple[int, int]]:
        """Words of activation memory that it reads: first, and one behind the last."""
        return [(t.first, t.first + t.count) for t in self._activations(False)]

    @property
    def written(self) -> tuple[int, int]:
        """Words of activation memory that it writes."""
        [touch] = self._activations(True)
        return touch.first, touch.first + touch.count

    def _activations(self, writes: bool) -> list[Touch]:
        return [t for t in self.touches if t.region is Region.ACTIVATION and t.writes == writes]


class Transfer(Struct, eq=False):
    """A move, but for the layers that it waits for.

    ``touch`` gives the same place on the chip in addresses; ``blocks`` are those whose contents
    change in a run, 0 where they are constant.
    """

    descriptor: Move
    touch: Touch
    blocks: int
    after: set["Transfer"] = field(default_factory=set)  # moves that come before it
    layers: int = 0  # layers of this program that are done before it begins
    node: int = -1  # that it serves: the one that reads what it loads, or wrote what it stores

    @property
    def store(self) -> bool:
        """Whether it copies to DRAM."""
        return self.descriptor.store
