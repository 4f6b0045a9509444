"""The move descriptor: what copies between the memory beside the chip and those on it.

A program is one list of descriptors: layers (``MAC``, ``ELEMENTWISE``, ``TABLE``) and moves
(``MOVE``). The sequencer takes them in order. A layer runs; a move goes to the mover's queue, and
the sequencer goes on at once. The mover carries out its queue in order, beside the layers.

What one move does::

    for r in range(rows):
        chip = unit + r * unit_step            # in units of ``region``
        beside = block + r * block_step        # in blocks of DRAM_BLOCK_BYTES
        copy ``count`` units between ``region`` from ``chip`` on and DRAM from ``beside`` on,
        to DRAM if ``store``, else from DRAM

In DRAM the units of one row lie one after the other, without gaps between them. A row begins on a
block; the bytes of its last block behind the last unit are unspecified (written when ``store``).
``rows * count`` may be as large as the fields allow.

Order. Layers and moves of one run are counted apart, each from 0.

- A move begins when ``layers`` layers of its run are done: all their results are written.
- A layer begins when ``moves`` moves of its run are done (a field of its descriptor).
- A wait names only what comes *before* the descriptor in the list, so nothing waits forever.
- A descriptor that a move loads is fetched after the layer before it has begun. So that layer
  waits for the move. The first descriptors of a run are in memory when it starts.
- Descriptor ``n`` of a run lies in slot ``(first + n) % descriptor_count``. So do its counters.
- A run ends when all its layers and moves are done.

Nothing else orders them: where a move and a layer (or the host) touch the same units without a
wait between them, the result is unspecified.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import asdict

from weft_hw.contract.descriptor import DESCRIPTOR_BYTES, Kind
from weft_hw.contract.fields import Field, Fields, pack, unpack
from weft_hw.contract.memory_map import Region

__all__ = ["MOVE", "Move", "decode_move", "encode_move"]

MOVE = Fields(
    Field("kind", 2, "Kind.MOVE"),
    Field("store", 1, "to DRAM; else from DRAM"),
    Field("region", 3, "Region on the chip; COUNTER only with store, others as the host may"),
    Field("unit", 20, "first unit on the chip"),
    Field("count", 16, "units in a row, at least 1"),
    Field("rows", 12, "rows, at least 1"),
    Field("unit_step", 16, "units from one row to the next on the chip"),
    Field("block", 24, "first block in DRAM"),
    Field("block_step", 16, "blocks from one row to the next in DRAM"),
    Field("layers", 16, "layers of this run that are done before the move begins"),
)


def encode_move(values: Mapping[str, int]) -> bytes:
    """Return the ``DESCRIPTOR_BYTES`` little-endian bytes of a move."""
    return pack(MOVE, {**values, "kind": Kind.MOVE}).to_bytes(DESCRIPTOR_BYTES, "little")


def decode_move(data: bytes) -> dict[str, int]:
    """Return the fields of :func:`encode_move`."""
    width = sum(field.width for field in MOVE)
    return unpack(MOVE, int.from_bytes(data, "little") & (1 << width) - 1)


class Move(Struct, frozen=True, kw_only=True):
    """A move; what a field means stands in :data:`MOVE`."""

    kind: ClassVar[Kind] = Kind.MOVE
    store: bool = False
    region: Region
    unit: int = 0
    count: int
    rows: int = 1
    unit_step: int = 0
    block: int = 0
    block_step: int = 0
    layers: int = 0

    def encode(self) -> bytes:
        """Return the ``DESCRIPTOR_BYTES`` bytes; ValueError if a value does not fit its field."""
        return encode_move(asdict(self))

    @classmethod
    def decode(cls, data: bytes) -> "Move":
        """Return the move whose ``encode`` gives ``data``.

        Raises
        ------
        ValueError
            If there is none: bits without a meaning are set.
        """
        fields = decode_move(data)
        if encode_move(fields) != data:
            raise ValueError("bits without a meaning are set")
        del fields["kind"]
        store, region = bool(fields.pop("store")), Region(fields.pop("region"))
        return cls(store=store, region=region, **fields)
