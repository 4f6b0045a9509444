"""From signals, cycle by cycle, to a diagram: WaveDrom's lanes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import wavedrom
from weft_sim.testing.record import Values

__all__ = ["bits", "draw", "numbers"]


def bits(name: str, values: Values) -> dict[str, Any]:
    """Return the lane of a condition: 1 where a value is not 0."""
    return {"name": name, "wave": _wave(["01"[v != 0] for v in values])}


def numbers(name: str, labels: list[str | None]) -> dict[str, Any]:
    """Return the lane of a value: a box for each cycle's label, hatched where it is None."""
    shown = [label for label in labels if label is not None]
    return {
        "name": name,
        "wave": _wave(["x" if label is None else "=" for label in labels], boxes=True),
        "data": shown,
    }


def _wave(symbols: list[str], *, boxes: bool = False) -> str:
    """Return the symbols with a dot where the one before goes on."""
    return "".join(
        "." if at and symbol == symbols[at - 1] and not (boxes and symbol == "=") else symbol
        for at, symbol in enumerate(symbols)
    )


def draw(lanes: Sequence[Mapping[str, Any]], cycles: int, *, narrow: bool = False) -> str:
    """Return an SVG of the lanes under a clock; its cycles have numbers unless it is narrow."""
    clock = {"name": "clock", "wave": "p" + "." * (cycles - 1)}
    figure = {
        "signal": [clock, *lanes],
        "head": {} if narrow else {"tick": 0},
        "config": {"skin": "narrow" if narrow else "default"},
    }
    drawing = wavedrom.render(json.dumps(figure))
    if drawing is None:
        raise ValueError("WaveDrom draws nothing for these lanes")
    return drawing.tostring()
