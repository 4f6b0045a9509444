"""The program of a network that streams."""

from functools import partial

from msgspec.structs import replace
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR_BYTES
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.layers import Layer
from weft_hw.contract.memory_map import (
    COUNTER_BYTES,
    COUNTER_STRIDE,
    DRAM_BLOCK_BYTES,
    Region,
    memory_map,
)
from weft_hw.contract.move import Move

from weft.compiler.descriptions import array_steps, completed, describe_layers
from weft.compiler.ir import Buffer
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.lower import lower
from weft.compiler.lowering.sums import fuse_sums
from weft.compiler.planning.schedule import make_schedule
from weft.compiler.streaming.dram import Dram
from weft.compiler.streaming.items import Item
from weft.compiler.streaming.listing import Listing
from weft.compiler.streaming.order import in_order
from weft.compiler.streaming.planner import StreamedRun, plan_run, roomy
from weft.compiler.streaming.ring import AHEAD, DescriptorRing
from weft.compiler.streaming.sums import sum_pays
from weft.compiler.streaming.tables import with_tables
from weft.compiler.timing.pins import passing_words
from weft.compiler.timing.timeline import Timeline
from weft.graph import Graph
from weft.program import (
    RING_CHUNKS,
    DescriptorInfo,
    Image,
    Program,
    RunStep,
    StreamPlan,
    TensorPlace,
)

__all__ = ["compile_streamed"]

_LONG = 8192  # layers and moves from which on what fills the ring is hardly noticed
_SPREAD = 13  # sixteenths of a ring's padding that go in between: each takes a little more of it


def compile_streamed(
    model: Graph,
    graph: Graph,
    config: Config,
    *,
    shadows: bool = False,
    moved_by_host: bool = False,
) -> Program:
    """Compile ``graph``, which is ``model`` after the passes, for a board with DRAM.

    Raises
    ------
    CapacityError
        If the DRAM is too small, or the smallest piece of a layer does not fit the chip.
    """
    lowering, host = lower(graph, roomy(config))
    fuse_sums(lowering, partial(sum_pays, config))
    lowering.commands = with_tables(lowering.commands)
    schedule = make_schedule(lowering)
    steps = [step for step in schedule.steps if isinstance(step, RunStep)]
    for step in steps:
        run = slice(step.first, step.first + step.count)
        lowering.commands[run] = in_order(lowering.commands[run])
    dram, runs, begun = Dram(config), [], set[Buffer]()
    for step in steps:
        fixed = {lowering.places[name].buffer for name in (*step.loads, *step.reads)}
        fixed |= _shared(lowering, steps)
        commands = lowering.commands[step.first : step.first + step.count]
        begun |= {lowering.places[name].buffer for name in step.loads}
        runs.append(plan_run(config, commands, fixed, dram, begun=begun, shadows=shadows))
        begun |= {command.target[0] for command in commands if command.target is not None}
    listings, counters = _lists(config, dram, runs)
    lists = [listing.items for listing in listings]
    firsts = [sum(map(len, lists[:n])) for n in range(len(lists))]
    descriptors, images = _descriptors(config, dram, lists)
    if moved_by_host:
        taken = [_alone(config, first, items) for first, items in zip(firsts, lists, strict=True)]
    else:
        taken = [_beside(config, listing) for listing in listings]
    images = dram.images(graph.name) + images
    moved = {
        step.first: replace(step, first=first, count=len(items), counters=block)
        for step, first, items, block in zip(steps, firsts, lists, counters, strict=True)
    }
    names = {
        name: TensorPlace(dram.blocks[place.buffer], place.layout, Region.DRAM)
        for name, place in lowering.places.items()
        if place.buffer in dram.blocks
    }
    program = Program(
        graph=graph,
        config=config,
        fingerprint=fingerprint(config),
        images=tuple(images),
        steps=tuple(
            moved[step.first] if isinstance(step, RunStep) else step for step in schedule.steps
        ),
        places=names,
        descriptors=_describe(model, lowering, steps, lists, taken),
        layers=describe_layers(model, lowering, host, _numbers(lists)),
        usage=_usage(config, dram),
        stream=StreamPlan(note="layers stream from DRAM"),
        streamed=True,
    )
    program.know_descriptors(descriptors)
    return program


def _shared(lowering: Lowering, steps: list[RunStep]) -> set[Buffer]:
    """Return buffers that several runs use: nothing stays on the chip between them."""
    seen: dict[Buffer, int] = {}
    shared: set[Buffer] = set()
    for number, step in enumerate(steps):
        for command in lowering.commands[step.first : step.first + step.count]:
            for buffer in (*command.reads, *((command.target[0],) if command.target else ())):
                if seen.setdefault(buffer, number) != number:
                    shared.add(buffer)
    return shared


def _lists(
    config: Config, dram: Dram, runs: list[StreamedRun]
) -> tuple[list[Listing], list[int | None]]:
    """Return the list of each run: one after the other in memory, or rings.

    Beside it the block of DRAM where a ring's counters are saved, None where there is no ring.
    """
    lists: list[Listing] = []
    blocks: list[int | None] = []
    scratch, chunk = config.activation_words - 1, config.descriptor_count // RING_CHUNKS
    # A list holds each layer and each move once, and what a ring adds.
    programs = [run.program(config) for run in runs]
    fits = sum(map(len, programs)) <= config.descriptor_count
    for run, program in zip(runs, programs, strict=True):
        ring, counters = None, None
        if not fits:
            # The ring's own moves are a part of each chunk, so this is more than enough.
            chunks = 4 * (len(program) // chunk + RING_CHUNKS)
            saved = chunk * COUNTER_STRIDE * COUNTER_BYTES
            counters = dram.take(DRAM_BLOCK_BYTES + chunks * saved) + 1
            ring = DescriptorRing(config, counters, scratch)
        blocks.append(counters)
        listing = run.listing(config, program, ring)
        if counters is not None and listing.padding and len(program) < _LONG:
            # What fills the ring at the end takes time; what fills it in between takes none.
            ring = DescriptorRing(config, counters, scratch)
            other = run.listing(config, program, ring, listing.padding * _SPREAD // 16)
            listing = min(listing, other, key=lambda made: made.cycles)
        lists.append(listing)
    return lists, blocks


def _descriptors(
    config: Config, dram: Dram, lists: list[list[Item]]
) -> tuple[list[Layer | Move], list[Image]]:
    """Return all descriptors, and their images: on the chip, or what a ring begins with and all."""
    chunk = config.descriptor_count // RING_CHUNKS
    items = [item for items in lists for item in items]
    if len(items) <= config.descriptor_count:
        descriptors = [item.descriptor for item in items]
        data = b"".join(descriptor.encode() for descriptor in descriptors)
        return descriptors, [Image(Region.DESCRIPTOR, 0, data)] if data else []
    base = dram.take(len(items) * DESCRIPTOR_BYTES)
    per_chunk = DESCRIPTOR_BYTES * chunk // DRAM_BLOCK_BYTES
    descriptors = list[Layer | Move]()
    first = 0
    for run in lists:
        for item in run:
            descriptor = item.descriptor
            if isinstance(descriptor, Move) and item.chunk is not None:
                wanted = (first // chunk + item.chunk) % (len(items) // chunk)
                descriptor = replace(descriptor, block=base + wanted * per_chunk)
            descriptors.append(descriptor)
        first += len(run)
    data = b"".join(descriptor.encode() for descriptor in descriptors)
    begin = data[: AHEAD * per_chunk * DRAM_BLOCK_BYTES]
    return descriptors, [Image(Region.DRAM, base, data), Image(Region.DESCRIPTOR, 0, begin)]


def _beside(config: Config, listing: Listing) -> list[tuple[int, int]]:
    """Return the cycles of each item, and the words that pass the pins in them."""
    listed = [item.descriptor for item in listing.items]
    words = passing_words(config, listed, listing.timeline)
    return list(zip(listing.item_cycles, words, strict=True))


def _alone(config: Config, first: int, items: list[Item]) -> list[tuple[int, int]]:
    """Return the same where the host carries out the moves between layers.

    It has the board run layers whose descriptors lie next to each other, and then those behind the
    move; a layer waits for none, and no move for room. No word passes the pins of a memory.
    """
    cycles = list[tuple[int, int]]()
    timeline = Timeline(config)
    for number, item in enumerate(items, first):
        if number % config.descriptor_count == 0 or not item.is_layer:
            timeline = Timeline(config)
        before = timeline.ends[-1]
        cycles.append((timeline.layer(item.command) - before if item.is_layer else 0, 0))
    return cycles


def _describe(
    model: Graph,
    lowering: Lowering,
    steps: list[RunStep],
    lists: list[list[Item]],
    taken: list[list[tuple[int, int]]],
) -> tuple[DescriptorInfo, ...]:
    """Return what each descriptor of the lists is."""
    config = lowering.config
    nodes, complete, infos = lowering.graph.nodes, completed(model, lowering), []
    for step, items, costs in zip(steps, lists, taken, strict=True):
        for item, (cycles, words) in zip(items, costs, strict=True):
            piece = item.piece
            if piece is None:
                operator = "WAIT" if item.is_layer else "MOVE"
                layer = "" if item.node is None else nodes[item.node].name
                infos.append(DescriptorInfo(layer, operator, None, 0, (), cycles, words=words))
                continue
            node, last = nodes[piece.command.node], piece.finishes
            infos.append(
                DescriptorInfo(
                    node.name,
                    node.operator,
                    piece.command.node,
                    piece.command.macs * last,
                    complete.get(step.first + piece.whole, ()) if last else (),
                    cycles,
                    array_steps(config, piece.command),
                    words,
                )
            )
    return tuple(infos)


def _numbers(lists: list[list[Item]]) -> dict[int, list[int]]:
    """Return the numbers of each node's descriptors; what only waits is part of the next one's."""
    numbers: dict[int, list[int]] = {}
    first = 0
    for items in lists:
        node, waiting = -1, list[int]()
        for number, item in enumerate(items, first):
            if not item.is_layer:
                continue
            waiting.append(number)
            if item.piece is not None:
                node = item.piece.command.node
                numbers.setdefault(node, []).extend(waiting)
                waiting = []
        if waiting and node >= 0:
            numbers[node] += waiting
        first += len(items)
    return numbers


def _usage(config: Config, dram: Dram) -> dict[str, tuple[int, int]]:
    """Return (used, available) bytes; the memories on the chip are used whole, over and over."""
    usage = {
        region.name: (memory.bytes, memory.bytes)
        for region, memory in memory_map(config).items()
        if region not in (Region.COUNTER, Region.DRAM)
    }
    return usage | {Region.DRAM.name: (dram.used * DRAM_BLOCK_BYTES, config.dram_bytes)}
