"""Signals of a simulation, cycle by cycle, also of parts within parts."""

import re
import signal
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from amaranth.hdl import Elaboratable
from amaranth.sim import Simulator

__all__ = ["Values", "record"]

_PERIOD = 1000  # femtoseconds, the unit of the simulator's files
_WIDTH = re.compile(r"\[\d+:0\]$")  # behind the name of a signal of more than one bit
Values = Sequence[int]  # of one signal, cycle by cycle


def record(
    dut: Elaboratable,
    bench: Callable,
    names: Iterable[str],
    background: Iterable[Callable] = (),
) -> dict[str, Values]:
    """Simulate ``dut`` until ``bench`` ends; return the values of signals just before each edge.

    Parameters
    ----------
    dut : Elaboratable
    bench : async callable of Amaranth's simulator
    names : iterable of str
        Paths from ``dut`` down, such as ``array.own[0][1][0]``.
    background : iterable of async callable, optional
        What goes on meanwhile.

    Raises
    ------
    KeyError
        If there is no such signal.
    """
    simulator = Simulator(dut)
    simulator.add_clock(_PERIOD * 1e-15)
    simulator.add_testbench(bench)
    for process in background:
        simulator.add_testbench(process, background=True)
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
