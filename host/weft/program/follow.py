"""Follows the runs of a program without computing: what each descriptor reads and writes, and when.

A board takes any bytes for descriptors, and some would stop it forever. What is refused here is
what the contract rules out (:mod:`weft_hw.contract.descriptor`, :mod:`weft_hw.contract.move`),
what leaves a memory, what reads before somebody wrote, and what nothing orders.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import (
    DESCRIPTOR_BYTES,
    Kind,
    Wait,
    check_descriptor,
    decode_descriptor,
    encode_descriptor,
)
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS, DRAM_BLOCK_BYTES, Region, memory_map
from weft_hw.contract.move import decode_move, encode_move

from weft.errors import ModelError
from weft.program.extents import Extents, extents
from weft.program.hazards import Hazards
from weft.program.program import Program, RunStep, StreamSet, TensorPlace

__all__ = ["follow"]

_Fields = Mapping[str, int]
_ORDERED = (Region.DESCRIPTOR, Region.COUNTER)  # by rules of their own
# Units that runs touch, over and over: more than any network of 65,535 descriptors on a board.
_MOST_UNITS = 1 << 32


def follow(program: Program) -> tuple[_Fields, ...]:
    """Return the fields of every descriptor, in the order in which they run.

    Raises
    ------
    ModelError
        Where a descriptor breaks a rule; the message says which one, and which rule.
    """
    follower = _Follower(program)
    for step in program.steps:
        if isinstance(step, RunStep):
            follower.run(step)
    return tuple(follower.fields)


@dataclass
class _Run:
    """What has been listed of a run."""

    hazards: Hazards
    writer: NDArray[np.int32]  # last layer that wrote each word of activations
    touched: NDArray[np.bool_]  # words, before and behind the cut
    layers: int = 0
    moves: int = 0
    waited: int = 0  # moves that are done before the layer listed last begins
    before: _Fields | None = None  # that layer's fields
    behind: int = 0  # 1 where a run that is cut has gone on


class _Follower:
    """Memories of the board, as far as is known what they hold."""

    def __init__(self, program: Program):
        self.program, self.config = program, program.config
        self.memories = memory_map(program.config)
        self.fields: list[_Fields] = []
        self._written = {r: np.zeros(m.units, bool) for r, m in self.memories.items()}
        self._windows = np.zeros(self.config.window_count, np.uint32)
        self._slots: list[bytes] = [b""] * self.config.descriptor_count
        self._loaded = [0] * self.config.descriptor_count  # by which move of the run
        self._table, self._units = False, 0
        beside = [image for image in program.images if image.region is Region.DRAM]
        self._beside = sorted(beside, key=lambda image: image.unit)
        for image in program.images:
            count = len(image.data) // self.memories[image.region].unit_bytes
            self._written[image.region][image.unit : image.unit + count] = True
            if image.region is Region.WINDOW:
                self._load_windows(image.unit, image.data)
            elif image.region is Region.DESCRIPTOR:
                self._load_descriptors(image.unit, image.data, 0)
        home = Region.DRAM if program.streamed else Region.ACTIVATION
        self._home, self._constant = home, self._written[home].copy()
        for name in program.resident:
            self._write_place(program.places[name])

    def run(self, step: RunStep) -> None:
        """Follow a run, for each set of buffers that images take in turn."""
        sets, cut = self.program.stream.sets, self.program.stream.cut
        touched, buffers = [], []
        for images in sets or (StreamSet(step.first, {}),):
            places = {}
            for name in (*step.loads, *step.reads):
                place = self.program.places[name]
                places[name] = replace(place, base=images.bases.get(name, place.base))
            for name in step.loads:
                self._write_place(places[name])
            fields, words = self._follow(images.first, step.count, cut)
            if not touched:
                self.fields += fields
            for name in step.reads:
                self._read_place(name, places[name])
            touched.append(words)
            buffers.append(places)
        # What the host writes or reads of another image while this one runs.
        if cut:
            pairs = [
                (buffers[0], step.loads, touched[0][1]),
                (buffers[0], step.reads, touched[0][0]),
            ]
        else:
            pairs = [(b, b, words.any(0)) for b, words in zip(buffers[::-1], touched, strict=True)]
        for places, names, words in pairs if sets else ():
            for name in names:
                span = slice(places[name].base, places[name].base + places[name].units)
                _require(not words[span].any(), f"images that overlap meet in tensor {name!r}")

    def _follow(self, first: int, count: int, cut: int) -> tuple[list[_Fields], NDArray[np.bool_]]:
        """Return fields, and which words descriptors touch: those before ``cut``, the others."""
        words = self.config.activation_words
        run = _Run(Hazards(self.config), np.zeros(words, np.int32), np.zeros((2, words), bool))
        fields: list[_Fields] = []
        for number in range(first, first + count):
            run.behind = int(number - first >= cut)
            try:
                fields.append(self._next(run, number % self.config.descriptor_count))
            except (ModelError, ValueError) as error:
                raise ModelError(f"descriptor {number}: {error}") from None
        self._loaded = [0] * len(self._loaded)
        return fields, run.touched

    def _next(self, run: _Run, slot: int) -> _Fields:
        data, loaded = self._slots[slot], self._loaded[slot]
        _require(bool(data), "nothing puts it into memory")
        # It is fetched after the layer before it has begun.
        _require(loaded <= run.waited, "it may be fetched before the move that loads it is done")
        if data[0] & 3 == Kind.MOVE:
            move = decode_move(data)
            _require(encode_move(move) == data, "bits without a meaning are set")
            self._move(run, move)
            return move
        values = decode_descriptor(data)
        _require(encode_descriptor(values) == data, "bits without a meaning are set")
        check_descriptor(self.config, values)
        self._layer(run, values)
        return values

    def _layer(self, run: _Run, d: _Fields) -> None:
        _require(d["moves"] <= run.moves, f"it waits for move {d['moves']}, which comes after it")
        touched = extents(self.config, d, self._windows, self._written[Region.WINDOW])
        number = run.layers + 1
        for region, start, stop in touched.reads:
            _inside(region, start, stop, self.memories[region].units)
            self._spend(stop - start)
            known = self._written[region][start:stop]
            # Of activations, words behind the last one of a tensor may be read in vain.
            complete = known[0] if region is Region.ACTIVATION else known.all()
            _require(bool(complete), f"it reads {region.name} {start}, which nothing wrote")
        for start, stop in touched.writes:
            _inside(Region.ACTIVATION, start, stop, self.config.activation_words)
            self._spend(stop - start)
            if self._home is Region.ACTIVATION:
                _require(
                    not self._constant[start:stop].any(), f"it overwrites a constant at {start}"
                )
        _require(self._table or not touched.needs_table, "no table was loaded before it")
        self._check_order(run, d, touched, number)
        for region, start, stop in touched.reads:
            run.hazards.note_layer(number, region, start, stop - start, writes=False)
            if region is Region.ACTIVATION:
                run.touched[run.behind, start:stop] = True
        for start, stop in touched.writes:
            run.touched[run.behind, start:stop] = True
            run.hazards.note_layer(number, Region.ACTIVATION, start, stop - start, writes=True)
            run.writer[start:stop] = number
            self._written[Region.ACTIVATION][start:stop] = True
        self._table |= d["kind"] == Kind.TABLE
        run.layers, run.waited, run.before = number, max(run.waited, d["moves"]), d

    def _check_order(self, run: _Run, d: _Fields, touched: Extents, number: int) -> None:
        """Raise unless what the layer touches is waited for."""
        spans = [(*span, False) for span in touched.reads]
        spans += [(Region.ACTIVATION, *span, True) for span in touched.writes]
        for region, start, stop, writes in spans:
            needed = run.hazards.moves_before_layer(region, start, stop - start, writes=writes)
            _require(needed <= d["moves"], f"it must wait for move {needed}")
        before = run.before
        if d["wait"] == Wait.ROW:
            _require(
                before is not None
                and d["kind"] == before["kind"] == Kind.MAC
                and before["out_height"] >= d["fill_rows"],
                "it waits for rows that the layer before does not write",
            )
        recent = number - 1
        if before is not None and before["kind"] == Kind.TABLE:
            recent = number - 2
        for region, start, stop in touched.reads:
            if region is Region.ACTIVATION and recent > 0:
                overlaps = (run.writer[start:stop] >= recent).any()
                _require(
                    not overlaps or d["wait"] != Wait.NOTHING,
                    "it reads what the layer before writes, and does not wait for it",
                )

    def _move(self, run: _Run, move: _Fields) -> None:
        _require(Region.DRAM in self.memories, f"{self.config.name} has no memory beside the chip")
        _require(
            move["region"] in self.memories and move["region"] != Region.DRAM,
            f"there is no memory {move['region']} on the chip",
        )
        region, store = Region(move["region"]), bool(move["store"])
        memory, count, rows = self.memories[region], move["count"], move["rows"]
        _require(memory.readable if store else memory.writable, f"{region.name} has no such move")
        _require(count >= 1 and rows >= 1, "a move must have units")
        blocks = -(-count * memory.unit_bytes // DRAM_BLOCK_BYTES)
        size, spread = self._spread(move, "unit", count), self._spread(move, "block", blocks)
        _inside(region, move["unit"], move["unit"] + size, memory.units)
        _inside(
            Region.DRAM, move["block"], move["block"] + spread, self.memories[Region.DRAM].units
        )
        into = move["block_step"] if store else move["unit_step"]
        self._spend(size + rows * blocks)
        _require(rows == 1 or into >= (blocks if store else count), "rows of a move overlap")
        _require(
            move["layers"] <= run.layers,
            f"it waits for layer {move['layers']}, which comes after it",
        )
        run.moves += 1
        if region not in _ORDERED:
            needed = run.hazards.layers_before_move(region, move["unit"], size, store=store)
            _require(needed <= move["layers"], f"it must wait for layer {needed}")
            run.hazards.note_move(run.moves, region, move["unit"], size, store=store)
        for row in range(rows):
            unit = move["unit"] + row * move["unit_step"]
            block = move["block"] + row * move["block_step"]
            if store:
                self._store(block, blocks)
            else:
                self._load(region, unit, count, block, run.moves)

    @staticmethod
    def _spread(move: _Fields, name: str, size: int) -> int:
        """Return from the first to behind the last of all rows."""
        return (move["rows"] - 1) * move[f"{name}_step"] + size

    def _store(self, block: int, blocks: int) -> None:
        beside = slice(block, block + blocks)
        overwrites = self._home is Region.DRAM and self._constant[beside].any()
        _require(not overwrites, f"it overwrites a constant at block {block}")
        self._written[Region.DRAM][beside] = True

    def _load(self, region: Region, unit: int, count: int, block: int, move: int) -> None:
        size = count * self.memories[region].unit_bytes
        known = self._written[Region.DRAM][block : block + -(-size // DRAM_BLOCK_BYTES)]
        # What a layer fills only in part comes whole, with blocks that nothing wrote yet.
        complete = bool(known.all()) or region is Region.ACTIVATION
        _require(complete, f"it reads block {block}, which nothing wrote")
        self._written[region][unit : unit + count] = True
        if region is Region.WINDOW:
            self._load_windows(unit, self._constant_bytes(block, size))
        elif region is Region.DESCRIPTOR:
            self._load_descriptors(unit, self._constant_bytes(block, size), move)

    def _constant_bytes(self, block: int, size: int) -> bytes:
        """Return bytes of DRAM that an image holds and nothing overwrites."""
        at = bisect_right(self._beside, block, key=lambda image: image.unit) - 1
        if at >= 0:
            image = self._beside[at]
            start = (block - image.unit) * DRAM_BLOCK_BYTES
            if start + size <= len(image.data):
                return image.data[start : start + size]
        raise ModelError(f"block {block} holds no window program and no descriptors")

    def _load_windows(self, unit: int, data: bytes) -> None:
        words = np.frombuffer(data, "<u4")
        self._windows[unit : unit + len(words)] = words

    def _load_descriptors(self, unit: int, data: bytes, move: int) -> None:
        _require(
            unit % DESCRIPTOR_WORDS == 0 and len(data) % DESCRIPTOR_BYTES == 0,
            f"descriptors at unit {unit} are not whole",
        )
        for at in range(0, len(data), DESCRIPTOR_BYTES):
            slot = unit // DESCRIPTOR_WORDS + at // DESCRIPTOR_BYTES
            self._slots[slot], self._loaded[slot] = data[at : at + DESCRIPTOR_BYTES], move

    def _spend(self, units: int) -> None:
        self._units += units
        _require(self._units <= _MOST_UNITS, "its runs touch more than any network needs to")

    def _write_place(self, place: TensorPlace) -> None:
        self._spend(place.units)
        span = slice(place.base, place.base + place.units)
        _require(not self._constant[span].any(), f"a tensor overwrites a constant at {place.base}")
        self._written[self._home][span] = True

    def _read_place(self, name: str, place: TensorPlace) -> None:
        self._spend(place.layout.height * place.layout.width * place.layout.channels)
        written = self._written[self._home][place.base : place.base + place.units]
        for units in place.layout.units(self.memories[self._home].unit_bytes):
            _require(
                bool(written[units].all()), f"a step reads tensor {name!r}, which nothing wrote"
            )


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ModelError(rule)


def _inside(region: Region, start: int, stop: int, units: int) -> None:
    _require(
        0 <= start < stop <= units,
        f"it touches {region.name} {start} to {stop - 1}, which has {units} units",
    )
