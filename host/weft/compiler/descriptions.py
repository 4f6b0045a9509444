"""Descriptions of layers and descriptors, for users and debuggers."""

from collections.abc import Mapping, Sequence

from weft_hw.contract.config import Config
from weft_hw.contract.layers import Mac

from weft.compiler.ir import Command
from weft.compiler.lowering.context import Lowering
from weft.compiler.planning.schedule import Schedule
from weft.compiler.timing.cycles import predict_cycles
from weft.graph import Graph
from weft.graph.analysis import layer_macs
from weft.program import DescriptorInfo, LayerInfo, RunStep

__all__ = ["array_steps", "completed", "describe_descriptors", "describe_layers"]


def describe_descriptors(
    model: Graph, lowering: Lowering, schedule: Schedule
) -> tuple[DescriptorInfo, ...]:
    """Return what each command became, and which of the model's tensors it completes."""
    graph, complete = lowering.graph, completed(model, lowering)
    cycles: list[int] = []
    for step in schedule.steps:
        if isinstance(step, RunStep):
            run = lowering.commands[step.first : step.first + step.count]
            cycles += predict_cycles(lowering.config, run)
    return tuple(
        DescriptorInfo(
            graph.nodes[command.node].name,
            graph.nodes[command.node].operator,
            command.node,
            command.macs,
            complete.get(number, ()),
            cycles[number],
            array_steps(lowering.config, command),
        )
        for number, command in enumerate(lowering.commands)
    )


def array_steps(config: Config, command: Command) -> int:
    """Return the cycles in which the array multiplies for a command."""
    f = command.descriptor
    if not isinstance(f, Mac):
        return 0
    windows = -(-f.out_height // config.pixels) * f.out_width * f.groups
    return windows * sum(len(entry.taps) for entry in command.entries)


def completed(model: Graph, lowering: Lowering) -> dict[int, tuple[str, ...]]:
    """Return the model's tensors that each command, by its number, completes."""
    graph = lowering.graph
    complete: dict[int, tuple[str, ...]] = {}
    finished = {name: n for n, c in enumerate(lowering.commands) for name in c.outputs}
    # Results that are added to another map are stored nowhere.
    added = {c.node for c in lowering.commands if c.sum_parameters is not None}
    for index, node in enumerate(graph.nodes):  # what reshapes and concatenations alias
        if index in lowering.host or index in added:
            continue
        for name in node.outputs:
            if name not in finished:
                sources = [finished[s] for s in node.inputs if s in finished]
                if sources:
                    finished[name] = max(sources)
    for name, number in finished.items():
        if name not in model.tensors:
            continue
        complete[number] = (*complete.get(number, ()), name)
    return complete


def describe_layers(
    model: Graph,
    lowering: Lowering,
    host: dict[int, str],
    descriptors: Mapping[int, Sequence[int]] | None = None,
) -> tuple[LayerInfo, ...]:
    """Return a row for each layer of the model as imported.

    ``descriptors`` gives the numbers of each node's; without it commands are numbered as they are.
    """
    if descriptors is None:
        own: dict[int, list[int]] = {}
        for number, command in enumerate(lowering.commands):
            own.setdefault(command.node, []).append(number)
        descriptors = own
    index_of = {node.outputs[0]: i for i, node in enumerate(lowering.graph.nodes)}
    rows = []
    for node in model.nodes:
        index = index_of.get(node.outputs[0])
        numbers = tuple(descriptors.get(-1 if index is None else index, ()))
        if index is None:
            where, reason = "fused", "the next layer does it"
        elif index in host:
            where, reason = "host", host[index]
        elif not numbers:
            where, reason = "free", "its values stay where they are"
        else:
            where, reason = "accelerator", ""
        rows.append(
            LayerInfo(
                node.name,
                node.operator,
                where,
                reason,
                layer_macs(model, node),
                numbers,
                node.outputs,
            )
        )
    return tuple(rows)
