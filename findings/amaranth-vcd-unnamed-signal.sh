#!/usr/bin/env bash
# amaranth 0.5.10, pyvcd 0.4.2: the simulator writes VCD files through pyvcd's writer. One would expect
# pyvcd's reader to read them. Amaranth names a signal that has no name of its own `$signal`, which the
# writer writes as it is, and the reader takes for a keyword: it refuses the whole file. A design as
# small as a register of an anonymous signal shows it; the same design with a name is read.
# Output seen: named: read; anonymous: VCDParseError "Expected variable reference".
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check amaranth==0.5.10 pyvcd==0.4.2
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from vcd.reader import TokenKind, VCDParseError, tokenize


def read_back(*signals):
    """Simulate a chain of registers; return the names that pyvcd reads in its VCD file, or why not."""
    m = Module()
    for source, sink in zip(signals, signals[1:]):
        m.d.sync += sink.eq(source)

    async def bench(ctx):
        await ctx.tick().repeat(3)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    with simulator.write_vcd("waves.vcd"):
        simulator.run()
    try:
        with open("waves.vcd", "rb") as file:
            tokens = list(tokenize(file))
    except VCDParseError as error:
        return str(error)
    return [t.var.reference for t in tokens if t.kind is TokenKind.VAR]


first, last = Signal(4, name="first"), Signal(4, name="last")
named = read_back(first, last)
anonymous = read_back(first, *[Signal(4) for _ in range(1)], last)
print("named:", named)
print("anonymous:", anonymous)
assert "first" in named, "a named signal is not read"
assert "Expected variable reference" in anonymous, "the behaviour changed"
PY
