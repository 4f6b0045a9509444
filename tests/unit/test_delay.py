"""delay: the cycles, and what synthesis makes of registers with the same content."""

import json

import pytest
from amaranth.hdl import Module, Signal
from weft_hw.parts.delay import KEEP_APART, delay
from weft_sim.testing import bench
from weft_sim.testing.rtlil import to_rtlil
from weft_sim.tools import run_tool, yosys


@pytest.mark.parametrize("cycles", [1, 4])
def test_a_value_comes_that_many_cycles_later(cycles):
    m, rng = Module(), bench.generator()
    value = Signal(8)
    late = delay(m, value, cycles)
    assert delay(m, value, 0) is value
    values = rng.integers(0, 256, 40).tolist()

    async def drive(ctx):
        for cycle, new in enumerate(values):
            ctx.set(value, new)
            if cycle >= cycles:
                assert ctx.get(late) == values[cycle - cycles]
            await ctx.tick()

    bench.run(m, drive, deadline=60)


@pytest.mark.parametrize(("apart", "registers"), [(False, 3), (True, 6)])
def test_registers_apart_are_not_merged(apart, registers, tmp_path):
    """Two copies of a chain of three, in modules of their own, as tiles are."""
    top, value, loads = Module(), Signal(), Signal(2)
    for index in range(2):
        m = Module()
        m.d.comb += loads[index].eq(delay(m, value, 3, name="copy", apart=apart))
        top.submodules[f"part_{index}"] = m
    (tmp_path / "top.il").write_text(to_rtlil(top, ports=[value, loads]))
    run_tool(
        [
            *yosys(),
            "-q",
            "-p",
            f"read_rtlil top.il; {KEEP_APART}; synth_ecp5 -top top; tee -q -o stat.json stat -json",
        ],
        cwd=tmp_path,
    )
    cells = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    assert cells["TRELLIS_FF"] == registers
