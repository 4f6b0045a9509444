"""From a simulation to a diagram: signals cycle by cycle, then WaveDrom's lanes."""

import json
import re
import signal
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import wavedrom
from amaranth.hdl import Elaboratable
from amaranth.sim import Simulator

__all__ = ["bits", "draw", "numbers", "record"]

_PERIOD = 1000  # femtoseconds, the unit of the simulator's files
_WIDTH = re.compile(r"\[\d+:0\]$")  # behind the name of a signal of more than one bit
Values = Sequence[int]  # of one signal, cycle by cycle


def record(dut: Elaboratable, bench: Callable, names: Iterable[str]) -> dict[str, Values]:
    """Simulate ``dut`` until ``bench`` ends; return the values of signals just before each edge.

    Parameters
    ----------
    dut : Elaboratable
    bench : async callable of Amaranth's simulator
    names : iterable of str
        Paths from ``dut`` down, such as ``array.own[0][1][0]``.

    Raises
    ------
    KeyError
        If there is no such signal.
    """
    simulator = Simulator(dut)
    simulator.add_clock(_PERIOD * 1e-15)
    simulator.add_testbench(bench)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "waves.vcd"
        with simulator.write_vcd(str(path)):
            simulator.run()
        return _sample(path, set(names))


def _sample(path: Path, names: set[str]) -> dict[str, Values]:
    # vcdvcd gives SIGPIPE its default action, which ends a process at any closed socket.
    action = signal.getsignal(signal.SIGPIPE)
    from vcdvcd import VCDVCD

    signal.signal(signal.SIGPIPE, action)
    # Two scopes stand around the design: the simulator's own, and its top.
    waves = VCDVCD(str(path))
    at = {}
    for reference in waves.signals:
        name = reference.split(".", 2)[-1].replace("\\", "")
        at[name] = reference
        at.setdefault(_WIDTH.sub("", name), reference)
    if missing := names - at.keys():
        raise KeyError(f"the design has no signals {', '.join(sorted(missing))}")
    # The first rising edge comes half a period after the start.
    edges = range(_PERIOD // 2, waves.endtime + 1, _PERIOD)
    return {name: [int(waves[at[name]][edge - 1], 2) for edge in edges] for name in names}


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
