"""Where a report's cycles and bytes go: parts of each layer, and when it has the array."""

from dataclasses import dataclass
from typing import Any

from weft.reports.report import Report

__all__ = ["COUNTED", "PREDICTED", "LayerTime", "Part", "layer_times", "moved_bytes"]

# Kinds of parts and what they are called.
COUNTED = {
    "busy": "busy",
    "wait_input": "waits for input",
    "wait_output": "waits for output",
    "wait_setup": "waits for setup",
    "wait_memory": "waits for memory",
}
PREDICTED = {"busy": "multiplying", "rest": "the rest"}


@dataclass(frozen=True)
class Part:
    """Some of a layer's cycles or bytes: what for, how many, and which percentage of all."""

    kind: str
    name: str
    count: int
    percent: float


@dataclass(frozen=True)
class LayerTime:
    """When a layer has the array: from cycle ``start`` on, for ``cycles``, made of ``parts``."""

    name: str
    start: int
    cycles: int
    parts: list[Part]


def layer_times(report: Report) -> list[LayerTime]:
    """Return the layers that take cycles, in their order.

    A layer's cycles begin where the one before ends, as the hardware counts them. Without a device
    that counts they are the cycle model's; then ``busy`` is what the multiplications alone need.
    """
    times: list[LayerTime] = []
    start = 0
    for row in report.rows:
        cycles, kinds = _cycles(report, row)
        if not cycles:
            continue
        names = PREDICTED if report.counted is None else COUNTED
        parts = [
            Part(kind, names[kind], count, 100 * count / cycles)
            for kind, count in kinds.items()
            if count
        ]
        times.append(LayerTime(row["name"], start, cycles, parts))
        start += cycles
    return times


def moved_bytes(report: Report, most: int) -> dict[str, Any] | None:
    """Return the bytes that layers move to and from the memory beside the chip, or None.

    Of ``most`` layers, those that move the most, in their order.
    """
    names = {"constants": "weights and parameters", "loaded": "loaded", "stored": "stored"}
    kinds = dict(zip(names, ("wait_setup", "busy", "wait_input"), strict=True))  # their colours
    rows = []
    for row in report.rows:
        sizes = {name: (row["traffic"] or {}).get(name, 0) for name in names}
        if whole := sum(sizes.values()):
            parts = [
                Part(kinds[name], names[name], size, 100 * size / whole)
                for name, size in sizes.items()
                if size
            ]
            rows.append({"name": row["name"], "bytes": whole, "parts": parts})
    if not rows:
        return None
    least = sorted((row["bytes"] for row in rows), reverse=True)[:most][-1]
    shown = [row for row in rows if row["bytes"] >= least][:most]
    return {
        "kinds": {kinds[name]: names[name] for name in names},
        "rows": shown,
        "count": len(rows),
    }


def _cycles(report: Report, row: dict[str, Any]) -> tuple[int, dict[str, int]]:
    if report.counted is None:
        cycles = row["predicted_cycles"] or 0
        busy = min(cycles, -(-row["macs"] // report.subject.config.multipliers))
        return cycles, {"busy": busy, "rest": cycles - busy}
    layer = report.counted.get(row["output"])
    if layer is None:
        return 0, {}
    return layer.cycles or 0, {kind: getattr(layer, kind) or 0 for kind in COUNTED}
