"""The list of one run: layers and moves in the order in which the sequencer takes them.

While a layer runs, the results of the one before leave and the operands of the next one come.
Weights come as early as there is room.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Wait
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region, memory_map

from weft.compiler.ir import Buffer
from weft.compiler.streaming.constants import Constant
from weft.compiler.streaming.items import Item
from weft.compiler.streaming.pieces import Piece, Stripe
from weft.compiler.streaming.ring import DescriptorRing
from weft.compiler.streaming.room import Room, Rooms
from weft.compiler.streaming.tiles import Span, reads, work, writes
from weft.program.hazards import Hazards

__all__ = ["Listing"]


_BYTES_PER_CYCLE = 2  # of an SDRAM of 16 bits


@dataclass(eq=False)
class _Loaded:
    """Where the words of a stripe lie on the chip."""

    loads: list[tuple[Span, Room]]
    store: tuple[Span, Room] | None


class Listing:
    """Makes the list.

    Parameters
    ----------
    config : Config
    pieces : sequence of Piece
        In the order in which they run.
    blocks : mapping
        First block in DRAM of each buffer that lies there.
    constants : mapping
        Of each piece (by identity) what it needs in WEIGHT, PARAMETER and WINDOW memory. The same
        constant of several pieces is loaded once if it can be.
    arenas : sequence of (first word, words)
        For each piece, the activation memory that stripes may use while it runs.
    units : mapping
        Of each region the units that make one address of a descriptor (a weight word, say).
    sizes : mapping
        Of each region, how many addresses there are.
    ring : DescriptorRing or None
        How descriptors come; None if all are there from the start.
    shadowed : set of Buffer
        Those on the chip that are copied to DRAM, too, once they are complete.
    """

    def __init__(
        self,
        config: Config,
        pieces: Sequence[Piece],
        blocks: Mapping[Buffer, int],
        constants: Mapping[Piece, Sequence[Constant]],
        arenas: Sequence[tuple[int, int]],
        units: Mapping[Region, int],
        sizes: Mapping[Region, int],
        ring: DescriptorRing | None,
        shadowed: set[Buffer],
    ):
        self.config, self.pieces, self.arenas = config, pieces, arenas
        self.items: list[Item] = []
        self._ring, self._shadowed = ring, shadowed
        self._last_writer = {p.command.target[0]: p for p in pieces if p.command.target}
        self._blocks, self._constants, self._units = blocks, constants, units
        self._hazards = Hazards(config)
        self._activations = Rooms(*arenas[0])
        self._rings = {region: Rooms(0, size) for region, size in sizes.items()}
        self._stripes: dict[Stripe, _Loaded] = {}
        self._rooms: dict[Constant, Room] = {}
        self._last_use = _last_uses(pieces, constants)
        self._last_piece = {p.stripe: n for n, p in enumerate(pieces)}
        self._stored: set[Stripe] = set()
        self._layers = self._moves = self._bytes = 0
        self._unit_bytes = {r: m.unit_bytes for r, m in memory_map(config).items()}
        self._written: list[tuple[int, int]] = []  # words of each layer; (0, 0) for a table
        self._run()

    def _run(self) -> None:
        ahead = 0  # pieces whose constants have come, or are on their way
        for number, piece in enumerate(self.pieces):
            if number == 0:
                self._prepare(0, listed=-1)
            elif self._overwrites(piece, self.pieces[number - 1].stripe):
                self._store(self.pieces[number - 1].stripe)
            self._layer(piece)
            before = self._bytes
            self._shadow(piece)
            if number and self.pieces[number - 1].stripe is not piece.stripe:
                self._store(self.pieces[number - 1].stripe)
            if number + 1 < len(self.pieces):
                self._prepare(number + 1, listed=number)
                ahead = max(ahead, number + 2)
                # No more than comes while the piece runs: moves are carried out in order, so
                # what is wanted next would have to wait behind it.
                until = before + _BYTES_PER_CYCLE * work(self.config, piece.command)
                while (
                    ahead < len(self.pieces)
                    and self._bytes < until
                    and self._load_constants(ahead, listed=number)
                ):
                    ahead += 1
        self._store(self.pieces[-1].stripe)
        while self._ring is not None and len(self.items) % self._ring.descriptors:
            item = self._ring.before(len(self.items), self._layers, self._moves, False)
            self._add(item or self._ring.idle_move())

    def _prepare(self, number: int, listed: int) -> None:
        """List the moves that piece ``number`` needs, once those before ``listed`` are listed."""
        stripe = self.pieces[number].stripe
        if stripe not in self._stripes:
            self._activations.restrict(*self.arenas[number])
            before = self.pieces[listed].stripe if listed >= 0 else None
            if before is not None and self._meets(stripe, before):
                self._store(before)
            if not self._load_stripe(stripe, listed):
                if before is not None:
                    self._store(before)
                if not self._load_stripe(stripe, listed, force=True):
                    raise RuntimeError("a stripe does not fit its arena")
        if not self._load_constants(number, listed):
            raise RuntimeError("a slice of weights does not fit its ring")

    def _meets(self, stripe: Stripe, before: Stripe) -> bool:
        """Whether ``stripe`` loads what ``before`` has not stored yet."""
        stored = before.store
        if stored is None or before in self._stored:
            return False
        wanted = [*stripe.loads, *([stripe.store] if stripe.keeps and stripe.store else [])]
        return any(
            span.buffer is stored.buffer and span.start < stored.stop and stored.start < span.stop
            for span in wanted
        )

    def _overwrites(self, piece: Piece, before: Stripe) -> bool:
        """Whether ``piece`` writes to the chip where ``before`` has not been stored from yet."""
        target, pending = piece.command.target, self._stripes[before].store
        if target is None or pending is None or before in self._stored:
            return False
        span = writes(self.config, piece.command)
        if span is None or piece.stripe.store is not None:  # in a room of its own
            return False
        first, room = target[0].base + span.start, pending[1]
        return first < room.base + room.size and room.base < first + span.words

    def _load_stripe(self, stripe: Stripe, listed: int, *, force: bool = False) -> bool:
        last = self._last_piece[stripe]
        rooms: list[Room] = []
        if force:
            self._activations.rewind()
        # A stripe whose store is not listed yet keeps its room for one piece more.
        free = listed if force else listed - 1
        spans = [*stripe.loads, *([stripe.store] if stripe.store else [])]
        for span in spans:
            room = self._activations.take(span.words, last, free)
            if room is None:
                for taken in rooms:
                    taken.last = -1
                return False
            rooms.append(room)
        loads = list(zip(stripe.loads, rooms, strict=False))
        store = (stripe.store, rooms[-1]) if stripe.store else None
        self._stripes[stripe] = _Loaded(loads, store)
        for span, room in [*loads, *([store] if store and stripe.keeps else [])]:
            self._move_words(span, room, store=False)
        return True

    def _store(self, stripe: Stripe) -> None:
        if stripe in self._stored:
            return
        self._stored.add(stripe)
        loaded = self._stripes[stripe]
        if loaded.store is not None:
            self._move_words(*loaded.store, store=True)

    def _shadow(self, piece: Piece) -> None:
        buffer = piece.command.target and piece.command.target[0]
        if buffer in self._shadowed and self._last_writer[buffer] is piece:
            self.move(
                Region.ACTIVATION, buffer.base, buffer.words, self._blocks[buffer], store=True
            )

    def _move_words(self, span: Span, room: Room, *, store: bool) -> None:
        block = self._blocks[span.buffer]
        block += span.start * self.config.columns // DRAM_BLOCK_BYTES
        self.move(Region.ACTIVATION, room.base, span.words, block, store=store)

    def _load_constants(self, number: int, listed: int) -> bool:
        """List the loads of constants; False if there is no room for one of them yet."""
        for constant in self._constants[self.pieces[number]]:
            if constant in self._rooms and self._rooms[constant].last >= number:
                continue
            unit = self._units[constant.region]
            room = self._rings[constant.region].take(
                constant.units // unit, self._last_use[number, constant], listed
            )
            if room is None:
                return False
            self._rooms[constant] = room
            self.move(constant.region, room.base * unit, constant.units, constant.block)
        return True

    def move(
        self, region: Region, unit: int, count: int, block: int, *, store: bool = False
    ) -> None:
        """List a move of ``count`` units."""
        self._bytes += count * self._unit_bytes[region]
        layers = self._hazards.layers_before_move(region, unit, count, store=store)
        self._append_move(
            {
                "store": int(store),
                "region": int(region),
                "unit": unit,
                "count": count,
                "rows": 1,
                "block": block,
                "layers": layers,
            }
        )
        self._hazards.note_move(self._moves, region, unit, count, store=store)

    def _append_move(self, fields: dict[str, int]) -> None:
        self._before_item(is_layer=False)
        self._add(Item(fields, is_layer=False))

    def _before_item(self, *, is_layer: bool) -> None:
        """List what the ring of descriptors needs at this place of the list."""
        while self._ring is not None:
            item = self._ring.before(len(self.items), self._layers, self._moves, is_layer)
            if item is None:
                return
            self._add(item)

    def _add(self, item: Item) -> None:
        self._layers += item.is_layer
        self._moves += not item.is_layer
        self.items.append(item)

    def _layer(self, piece: Piece) -> None:
        command, loaded = piece.command, self._stripes[piece.stripe]
        fields = command.fields | {"window_count": len(command.entries)}
        self._before_item(is_layer=True)
        touched: list[tuple[Region, int, int, bool]] = []

        def address(operand: tuple[Buffer, int]) -> int:
            buffer, offset = operand
            for span, room in loaded.loads:
                if span.buffer is buffer and span.start <= offset < span.stop:
                    return room.base + offset - span.start
            return buffer.base + offset

        operands = [("in_base", command.source), ("other_base", command.other)]
        spans = reads(self.config, command)
        read = []
        for (name, operand), span in zip(
            [o for o in operands if o[1] is not None], spans, strict=True
        ):
            base = address(operand)  # type: ignore[arg-type]
            fields[name] = base
            read.append((base, base + span.words))
            touched.append((Region.ACTIVATION, base, span.words, False))
        wrote = (0, 0)
        span = writes(self.config, command)
        if span is not None and command.target is not None:
            buffer, beat = command.target
            base = buffer.base
            if loaded.store is not None:
                base = loaded.store[1].base - loaded.store[0].start
            fields["out_base"] = base * self.config.beats + beat
            wrote = base + span.start, base + span.stop
            touched.append((Region.ACTIVATION, wrote[0], span.words, True))
        for constant in self._constants[piece]:
            room, unit = self._rooms[constant], self._units[constant.region]
            name = {
                Region.WEIGHT: "weight_base",
                Region.PARAMETER: "parameter_base",
                Region.WINDOW: "window_base",
            }[constant.region]
            fields[name] = room.base
            touched.append((constant.region, room.base * unit, constant.units, False))
        fields["moves"] = max(
            (
                self._hazards.moves_before_layer(region, first, count, writes=write)
                for region, first, count, write in touched
            ),
            default=0,
        )
        if self._ring is not None:
            fields["moves"] = max(fields["moves"], self._ring.needed(len(self.items)))
        for region, first, count, write in touched:
            self._hazards.note_layer(self._layers + 1, region, first, count, writes=write)
        fields["wait"] = int(self._wait(read))
        self._written.append(wrote)
        self._add(Item(fields, is_layer=True, piece=piece))

    def _wait(self, read: list[tuple[int, int]]) -> Wait:
        """Return what reads wait for: the layer before, or the one before that behind a table."""
        behind_table = self._written[-1:] == [(0, 0)]
        recent = self._written[-2 if behind_table else -1 :]
        if any(a < stop and start < b for start, stop in recent for a, b in read):
            return Wait.LAYER
        return Wait.NOTHING


def _last_uses(
    pieces: Sequence[Piece], constants: Mapping[Piece, Sequence[Constant]]
) -> dict[tuple[int, Constant], int]:
    """Return, for each piece and constant, the last piece of those in a row that use it."""
    last: dict[tuple[int, Constant], int] = {}
    for number in reversed(range(len(pieces))):
        for constant in constants[pieces[number]]:
            last[number, constant] = last.get((number + 1, constant), number)
    return last
