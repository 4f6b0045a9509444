"""What a list is made of: layers and moves."""

from msgspec import Struct
from msgspec.structs import replace
from weft_hw.contract.layers import Layer
from weft_hw.contract.move import Move

from weft.compiler.ir import Buffer, Command
from weft.compiler.streaming.pieces import Piece

__all__ = ["Item"]


class Item(Struct, frozen=True, eq=False):
    """A descriptor of the list: a move, or a layer with the piece that it is.

    ``chunk`` is the number of the chunk of descriptors that a move loads, ``node`` what a move of
    activations or constants serves.
    """

    descriptor: Layer | Move
    piece: Piece | None = None
    chunk: int | None = None
    node: int | None = None

    @property
    def is_layer(self) -> bool:
        """Whether it is a layer."""
        return not isinstance(self.descriptor, Move)

    @property
    def layer(self) -> Layer:
        """The descriptor of a layer; TypeError where it is a move."""
        if isinstance(self.descriptor, Move):
            raise TypeError("a move is no layer")
        return self.descriptor

    @property
    def command(self) -> Command:
        """A layer as a command whose operand lies where the descriptor says."""
        layer = self.layer
        source = Buffer("", 0, base=layer.in_base), 0
        if self.piece is None:
            return Command(-1, layer, source)
        return replace(self.piece.command, descriptor=layer, source=source)
