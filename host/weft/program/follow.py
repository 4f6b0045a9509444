"""Follows the runs of a program without computing: what each descriptor reads and writes, and when.

A board takes any bytes for descriptors, and some would stop it forever. What is refused here is
what the contract rules out (:mod:`weft_hw.contract.descriptor`, :mod:`weft_hw.contract.move`),
what leaves a memory, what reads before somebody wrote, and what nothing orders.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Kind, Wait
from weft_hw.contract.layers import Layer, Table, check_layer, decode_layer
from weft_hw.contract.memory_map import COUNTER_STRIDE, DRAM_BLOCK_BYTES, Region
from weft_hw.contract.move import Move

from weft.errors import ModelError
from weft.program.contents import Contents
from weft.program.extents import Extents, extents, rows_in_order
from weft.program.hazards import Hazards
from weft.program.program import Program, RunStep, StreamSet
from weft.program.require import require

__all__ = ["follow"]

_ORDERED = (Region.DESCRIPTOR, Region.COUNTER)  # by rules of their own


def follow(program: Program) -> tuple[Layer | Move, ...]:
    """Return every descriptor, in the order in which they run.

    Raises
    ------
    ModelError
        Where a descriptor breaks a rule; the message says which one, and which rule.
    """
    follower = _Follower(program)
    for step in program.steps:
        if isinstance(step, RunStep):
            follower.run(step)
    return tuple(follower.listed)


@dataclass
class _Run:
    """The part of a run that has been followed so far."""

    hazards: Hazards
    writer: NDArray[np.int32]  # last layer that wrote each word of activations
    touched: NDArray[np.bool_]  # words, before and behind the cut
    counters: int | None  # block of DRAM from which on they are saved
    layers: int = 0
    moves: int = 0
    waited: int = 0  # moves that are done before the layer listed last begins
    before: Layer | None = None  # that layer
    behind: int = 0  # 1 where a run that is cut has gone on


class _Follower:
    """Goes from run to run, and from descriptor to descriptor."""

    def __init__(self, program: Program):
        self.program, self.config = program, program.config
        self.listed: list[Layer | Move] = []
        self._contents = Contents(program)

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
                self._contents.write_place(places[name])
            listed, words = self._follow(images.first, step, cut)
            if not touched:
                self.listed += listed
            for name in step.reads:
                self._contents.read_place(name, places[name])
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
                require(not words[span].any(), f"images that overlap meet in tensor {name!r}")

    def _follow(
        self, first: int, step: RunStep, cut: int
    ) -> tuple[list[Layer | Move], NDArray[np.bool_]]:
        """Return descriptors, and the words they touch: those before ``cut``, the others."""
        words = self.config.activation_words
        run = _Run(
            Hazards(self.config),
            np.zeros(words, np.int32),
            np.zeros((2, words), bool),
            step.counters,
        )
        listed: list[Layer | Move] = []
        for number in range(first, first + step.count):
            run.behind = int(number - first >= cut)
            try:
                listed.append(self._next(run, number % self.config.descriptor_count))
            except (ModelError, ValueError) as error:
                raise ModelError(f"descriptor {number}: {error}") from None
        self._contents.end_run()
        return listed, run.touched

    def _next(self, run: _Run, slot: int) -> Layer | Move:
        data, loaded = self._contents.descriptor(slot)
        require(bool(data), "nothing puts it into memory")
        # It is fetched after the layer before it has begun.
        require(loaded <= run.waited, "it may be fetched before the move that loads it is done")
        if data[0] & 3 == Kind.MOVE:
            move = Move.decode(data)
            self._move(run, move)
            return move
        layer = decode_layer(data)
        check_layer(self.config, layer)
        self._layer(run, layer)
        self._count(run, slot)
        return layer

    def _layer(self, run: _Run, d: Layer) -> None:
        require(d.moves <= run.moves, f"it waits for move {d.moves}, which comes after it")
        contents, number = self._contents, run.layers + 1
        known = contents.written(Region.WINDOW)
        touched = extents(self.config, d, contents.windows, known)
        reads = touched.reads + touched.late_reads
        for span in reads:
            contents.read_by_layer(*span)
        contents.check_results(touched.writes)
        self._check_order(run, d, touched, number)
        for region, start, stop in reads:
            run.hazards.note_layer(number, region, start, stop - start, writes=False)
            if region is Region.ACTIVATION:
                run.touched[run.behind, start:stop] = True
        for region, start, stop in touched.writes:
            run.hazards.note_layer(number, region, start, stop - start, writes=True)
            contents.write_by_layer(region, start, stop)
            if region is Region.ACTIVATION:
                run.touched[run.behind, start:stop] = True
                run.writer[start:stop] = number
        run.layers, run.waited, run.before = number, max(run.waited, d.moves), d

    def _count(self, run: _Run, slot: int) -> None:
        """Note that the layer listed last puts its counters where those of another one were."""
        counters = Region.COUNTER, slot * COUNTER_STRIDE, COUNTER_STRIDE
        saved = run.hazards.moves_before_layer(*counters, writes=True)
        require(saved <= run.waited, f"its counters must wait for move {saved}")
        run.hazards.note_layer(run.layers, *counters, writes=True)

    def _check_order(self, run: _Run, d: Layer, touched: Extents, number: int) -> None:
        """Raise unless what the layer touches is waited for."""
        spans = [(*span, False) for span in touched.reads + touched.late_reads]
        spans += [(*span, True) for span in touched.writes]
        for region, start, stop, writes in spans:
            needed = run.hazards.moves_before_layer(region, start, stop - start, writes=writes)
            require(needed <= d.moves, f"it must wait for move {needed}")
        before = run.before
        if d.wait == Wait.ROW:
            require(
                before is not None and rows_in_order(self.config, before, d),
                "it waits for rows that the layer before does not write in that order",
            )
        recent = number - 1
        if isinstance(before, Table):
            recent = number - 2
        for region, start, stop in touched.reads:
            if region is Region.ACTIVATION and recent > 0:
                overlaps = (run.writer[start:stop] >= recent).any()
                require(
                    not overlaps or d.wait != Wait.NOTHING,
                    "it reads what the layer before writes, and does not wait for it",
                )

    def _move(self, run: _Run, move: Move) -> None:
        memories = self._contents.memories
        require(Region.DRAM in memories, f"{self.config.name} has no memory beside the chip")
        region, store = move.region, move.store
        require(
            region in memories and region is not Region.DRAM,
            f"there is no memory {int(region)} on the chip",
        )
        memory, count, rows = memories[region], move.count, move.rows
        require(memory.readable if store else memory.writable, f"{region.name} has no such move")
        require(count >= 1 and rows >= 1, "a move must have units")
        blocks = -(-count * memory.unit_bytes // DRAM_BLOCK_BYTES)
        size, spread = _spread(move, move.unit_step, count), _spread(move, move.block_step, blocks)
        self._contents.check_move(region, move.unit, size, move.block, spread)
        into = move.block_step if store else move.unit_step
        self._contents.spend(size + rows * blocks)
        require(rows == 1 or into >= (blocks if store else count), "rows of a move overlap")
        require(
            move.layers <= run.layers,
            f"it waits for layer {move.layers}, which comes after it",
        )
        run.moves += 1
        if region not in _ORDERED:
            needed = run.hazards.layers_before_move(region, move.unit, size, store=store)
            require(needed <= move.layers, f"it must wait for layer {needed}")
            run.hazards.note_move(run.moves, region, move.unit, size, store=store)
        elif store and run.counters is not None and move.block >= run.counters:
            # They are in memory soon after their layer is done; one more is long enough.
            last = run.hazards.layers_before_move(region, move.unit, size, store=True)
            require(last < move.layers, f"it saves counters and must wait for layer {last + 1}")
            run.hazards.note_move(run.moves, region, move.unit, size, store=True)
        for row in range(rows):
            unit = move.unit + row * move.unit_step
            block = move.block + row * move.block_step
            if store:
                self._contents.store(block, blocks)
            else:
                self._contents.load(region, unit, count, block, run.moves)


def _spread(move: Move, step: int, size: int) -> int:
    """Return from the first to behind the last of all rows."""
    return (move.rows - 1) * step + size
