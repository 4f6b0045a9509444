"""What a list is made of: layers and moves."""

from dataclasses import dataclass, replace

from weft_hw.contract.descriptor import encode_descriptor
from weft_hw.contract.move import encode_move

from weft.compiler.ir import Buffer, Command
from weft.compiler.streaming.pieces import Piece

__all__ = ["Item"]


@dataclass(frozen=True, eq=False)
class Item:
    """A descriptor of the list: a move's fields, or a layer's, with the piece that it is.

    ``chunk`` is the number of the chunk of descriptors that a move loads, ``node`` what a move of
    activations or constants serves.
    """

    fields: dict[str, int]
    is_layer: bool
    piece: Piece | None = None
    chunk: int | None = None
    node: int | None = None

    @property
    def command(self) -> Command:
        """A layer as a command whose operand lies where the descriptor says."""
        source = Buffer("", 0, base=self.fields["in_base"]), 0
        if self.piece is None:
            return Command(-1, self.fields, source)
        return replace(self.piece.command, fields=self.fields, source=source)

    def encode(self) -> bytes:
        """Return the descriptor's bytes."""
        return encode_descriptor(self.fields) if self.is_layer else encode_move(self.fields)
