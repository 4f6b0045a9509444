"""Steps of the plan, what each loads and reads, and what each descriptor has to wait for."""

from dataclasses import dataclass, field

from msgspec.structs import replace
from weft_hw.contract.descriptor import Wait
from weft_hw.contract.layers import Mac, Table

from weft.compiler.ir import Buffer, Command, Rows
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.order import order_nodes
from weft.compiler.planning.place import Lifetime
from weft.program import HostStep, RunStep

__all__ = ["Schedule", "make_schedule"]


@dataclass(eq=False)
class Schedule:
    """Steps in order, and how long each buffer is needed (in commands)."""

    steps: list[HostStep | RunStep] = field(default_factory=list)
    lifetimes: dict[Buffer, Lifetime] = field(default_factory=dict)

    def use(self, buffer: Buffer, step: int) -> None:
        """Note that ``buffer`` is needed at ``step``."""
        self.lifetimes.setdefault(buffer, Lifetime(buffer, step)).extend(step)


@dataclass(eq=False)
class _Segment:
    nodes: list[int]
    on_host: bool
    first: int = 0
    commands: list[Command] = field(default_factory=list)


def make_schedule(lowering: Lowering) -> Schedule:
    """Cut the order of nodes into steps.

    A tensor is loaded before the first run that reads its buffer, and read after the run that
    completes it. A reshape of a tensor that the host has is done by the host as well.
    """
    graph, host, places = lowering.graph, lowering.host, lowering.places
    schedule, segments = Schedule(), _segments(lowering)
    resident = lowering.resident
    on_host = set(graph.sources) | {n for n, t in graph.tensors.items() if t.data is not None}
    on_host -= resident
    wanted = {
        name for index in host for name in graph.nodes[index].inputs if name is not None
    } | set(graph.outputs)
    wanted |= {state.next for state in graph.states if state.name not in resident}
    loaded: set[str] = set()
    for segment in segments:
        if segment.on_host:
            schedule.steps.append(HostStep(tuple(segment.nodes)))
            on_host.update(name for i in segment.nodes for name in graph.nodes[i].outputs)
            continue
        copies = []
        for i in segment.nodes:  # reshapes whose source is at hand
            node = graph.nodes[i]
            if node.operator == "RESHAPE" and node.inputs[0] in on_host:
                on_host.update(node.outputs)
                if set(node.outputs) & _wanted_through(lowering, wanted):
                    copies.append(i)
        if copies:
            schedule.steps.append(HostStep(tuple(copies)))
        if not segment.commands:
            continue
        read = {buffer for command in segment.commands for buffer in command.reads}
        loads = tuple(
            name
            for name, place in places.items()
            if _is_source(lowering, name) and name not in loaded | resident and place.buffer in read
        )
        loaded.update(loads)
        made = {name for i in segment.nodes for name in graph.nodes[i].outputs}
        reads = tuple(sorted(name for name in made & wanted if name not in on_host))
        on_host.update(reads)
        first, last = segment.first, segment.first + len(segment.commands) - 1
        for name in loads:
            schedule.use(places[name].buffer, first)
        for name in reads:
            schedule.use(places[name].buffer, last)
        for number, command in enumerate(segment.commands, first):
            for buffer in command.reads:
                schedule.use(buffer, number)
            if command.target is not None:
                schedule.use(command.target[0], number)
        _set_waits(segment.commands)
        schedule.steps.append(RunStep(first, len(segment.commands), loads, reads))
    for name in resident:  # keeps its place from call to call
        schedule.use(places[name].buffer, 0)
        schedule.use(places[name].buffer, len(lowering.commands) - 1)
    return schedule


def _wanted_through(lowering: Lowering, wanted: set[str]) -> set[str]:
    """Return ``wanted`` and the tensors from which reshapes make them."""
    result = set(wanted)
    for index in reversed(range(len(lowering.graph.nodes))):
        node = lowering.graph.nodes[index]
        if node.operator == "RESHAPE" and result & set(node.outputs):
            result.add(str(node.inputs[0]))
    return result


def _is_source(lowering: Lowering, name: str) -> bool:
    """Whether the host makes the tensor ``name``."""
    producer = lowering.graph.producer(name)
    if producer is None:
        return True
    return any(lowering.graph.nodes[index] is producer for index in lowering.host)


def _segments(lowering: Lowering) -> list[_Segment]:
    by_node: dict[int, list[Command]] = {}
    for command in lowering.commands:
        turn = command.node if command.turn is None else command.turn
        by_node.setdefault(turn, []).append(command)
    segments: list[_Segment] = []
    for index in order_nodes(lowering.graph, lowering.host):
        on_host = index in lowering.host
        if not segments or segments[-1].on_host != on_host:
            segments.append(_Segment([], on_host))
        segments[-1].nodes.append(index)
        segments[-1].commands += by_node.get(index, [])
    first = 0
    for segment in segments:
        segment.first = first
        first += len(segment.commands)
    return segments


def _set_waits(commands: list[Command]) -> None:
    """Say what each descriptor's first read waits for; the first one of a run for nothing.

    What the descriptor before last wrote is complete when the one before begins, unless that
    one only loads a table.
    """
    writers: dict[Buffer, list[int]] = {}
    for number, command in enumerate(commands):
        wait = Wait.NOTHING
        # A map that results are added to is not read before the layer before is done.
        early = isinstance(command.descriptor, Mac)
        for buffer in [command.source[0]] if early else command.reads:
            written = writers.get(buffer, [])
            if not written:
                continue
            behind = number - written[-1]
            if behind == 1:
                rows = len(written) == 1 and _same_rows(commands[number - 1], command)
                wait = max(wait, Wait.ROW if rows else Wait.LAYER, key=int)
            elif behind == 2 and isinstance(commands[number - 1].descriptor, Table):
                wait = Wait.LAYER
        command.descriptor = replace(command.descriptor, wait=wait)
        if command.target is not None:
            writers.setdefault(command.target[0], []).append(number)


def _same_rows(before: Command, after: Command) -> bool:
    """Whether input row r of ``after`` is output row r of ``before``."""
    a, b = before.descriptor, after.descriptor
    return (
        isinstance(a, Mac)
        and isinstance(b, Mac)
        and after.source[1] == b.row_gap == 0
        and a.out_height == b.in_height
        and before.rows == Rows(b.row_words, True)
    )
