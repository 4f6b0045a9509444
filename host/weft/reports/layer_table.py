"""A row per layer of a model and a line per memory: what `explain` and `report` show."""

from collections.abc import Mapping
from typing import Any

from weft.graph import Graph
from weft.graph.analysis import LayerFacts, analyse
from weft.program import Program
from weft.program.program import LayerInfo
from weft.reports.traffic import Traffic, traffic

__all__ = ["layer_rows", "memory_use"]


def layer_rows(
    graph: Graph, program: Program | None, multipliers: int, link_cycles: float | None = None
) -> list[dict[str, Any]]:
    """Return the facts of each node and, by ``program``, where it runs and what it takes.

    Keys are the fields of :class:`~weft.graph.analysis.LayerFacts`, ``output`` (name of the
    tensor), ``island`` (whether it lies in a float island), ``where``, ``reason``,
    ``predicted_cycles``, ``utilization`` and ``pins``; the last five are None without a program.
    ``pins`` is the share of what the pins of the memory beside the chip give that is used while the
    layer is at work, for whichever layer: words / cycles, None where nothing passes. Where the
    program streams, ``traffic`` is the layer's :class:`~weft.reports.traffic.Traffic` as a
    dictionary, None for what runs elsewhere or moves nothing; ``link_cycles`` as there.
    """
    layers = {layer.outputs[0]: layer for layer in program.layers} if program is not None else {}
    moved = traffic(program, link_cycles) if program is not None and program.streamed else {}
    return [
        _row(fact, program, layers, node.outputs[0], multipliers)
        | {
            "island": graph.in_island(node),
            "traffic": _traffic(program, layers.get(node.outputs[0]), moved),
        }
        for node, fact in zip(graph.nodes, analyse(graph), strict=True)
    ]


def memory_use(program: Program | None) -> dict[str, dict[str, int]] | None:
    """Return bytes ``used`` and ``available`` of each memory; None without a program."""
    if program is None:
        return None
    return {
        name.lower(): {"used": used, "available": available}
        for name, (used, available) in program.usage.items()
    }


def _traffic(
    program: Program | None, layer: LayerInfo | None, moved: Mapping[str, Traffic]
) -> dict[str, Any] | None:
    if program is None or layer is None or not layer.descriptors:
        return None
    found = moved.get(program.descriptors[layer.descriptors[0]].layer)
    return None if found is None else vars(found) | {"bound": found.bound}


def _row(
    fact: LayerFacts,
    program: Program | None,
    layers: Mapping[str, LayerInfo],
    output: str,
    multipliers: int,
) -> dict[str, Any]:
    row = vars(fact) | {"output": output}
    layer = layers.get(output)
    row["where"] = layer.where if layer else None
    row["reason"] = layer.reason if layer else None
    cycles = words = None
    if program is not None and layer is not None:
        infos = [program.descriptors[n] for n in layer.descriptors]
        cycles = sum(info.predicted_cycles for info in infos)
        words = sum(info.words for info in infos)
    row["predicted_cycles"] = cycles
    row["utilization"] = fact.macs / (multipliers * cycles) if cycles else None
    row["pins"] = words / cycles if cycles and words else None
    return row
