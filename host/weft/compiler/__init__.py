"""From a graph to a program: fold, lower, schedule, place, emit."""

from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import fingerprint

from weft.compiler.descriptions import describe_descriptors, describe_layers
from weft.compiler.lowering.lower import lower
from weft.compiler.lowering.sums import fuse_sums
from weft.compiler.passes import PASSES
from weft.compiler.planning.emit import emit_images
from weft.compiler.planning.overlap import place_images
from weft.compiler.planning.schedule import make_schedule
from weft.compiler.streaming.program import compile_streamed
from weft.errors import CapacityError
from weft.graph import Graph
from weft.program import Program, RunStep, TensorPlace

__all__ = ["compile_graph"]


def compile_graph(
    graph: Graph,
    config: Config,
    *,
    shadows: bool = False,
    streamed: bool = False,
    moved_by_host: bool = False,
) -> Program:
    """Compile ``graph`` for one accelerator.

    What fits the memories on the chip stays there. What does not streams from the memory beside
    it, where the board has one.

    Parameters
    ----------
    shadows : bool
        Where the program streams, copy every tensor to DRAM, so that it can be compared.
    streamed : bool
        Stream even what would fit the chip.
    moved_by_host : bool
        The memory beside the chip is the host's, which carries out the moves between layers.

    Raises
    ------
    CapacityError
        If memories are too small; the message gives needed and available bytes of each.
    """
    model = graph
    for graph_pass in PASSES:
        graph = graph_pass(graph)
    may_stream = config.dram_bytes > 0 and not graph.states  # which stay on the chip
    try:
        if not (streamed and may_stream):
            # Nobody reads what the memories would need where the network can stream instead.
            return _compile_resident(model, graph, config, hurried=may_stream)
    except CapacityError:
        if not may_stream:
            raise
    return compile_streamed(model, graph, config, shadows=shadows, moved_by_host=moved_by_host)


def _compile_resident(model: Graph, graph: Graph, config: Config, *, hurried: bool) -> Program:
    lowering, host = lower(graph, config, hurried=hurried)
    fuse_sums(lowering)
    schedule = make_schedule(lowering)
    constants = list(lowering.constants.values())
    used, overlap = place_images(lowering, schedule, constants)
    images, usage = emit_images(
        config, lowering.commands, constants, graph.name, overlap.twins, used
    )
    run = next((step for step in schedule.steps if isinstance(step, RunStep)), None)
    return Program(
        graph=graph,
        config=config,
        fingerprint=fingerprint(config),
        images=images,
        steps=tuple(schedule.steps),
        places={
            name: TensorPlace(place.buffer.base, place.layout)
            for name, place in lowering.places.items()
            if place.buffer.base >= 0
        },
        descriptors=describe_descriptors(model, lowering, schedule),
        layers=describe_layers(model, lowering, host),
        usage=usage,
        stream=overlap.plan(lowering, run),
        resident=tuple(sorted(lowering.resident)),
    )
