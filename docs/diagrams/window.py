"""Two windows enter an array of 2x2 taps and two columns."""

from amaranth.hdl import Module
from weft_hw.contract.config import Config
from weft_hw.engine.compute.array import SystolicArray
from weft_hw.engine.compute.window import WindowFormer
from weft_hw.tech.portable import Portable
from weft_sim.testing.record import record

from diagrams.waves import bits, draw, numbers

__all__ = ["window"]

CONFIG = Config(
    name="diagram", tap_rows=2, tap_columns=2, columns=2, lanes=1, tile=1, weight_words=1
)
COLUMNS = [(1, 2), (3, 4), (5, 6)]  # of taps, in the order of their arrival
WEIGHTS = [1, 10]  # of each column of the array, the same in every row
CYCLES = 17


def window() -> str:
    """Return an SVG: columns of taps, the activation of each row, the sums of both columns."""
    m = Module()
    m.submodules.window = former = WindowFormer(CONFIG)
    m.submodules.array = array = SystolicArray(CONFIG, Portable())
    m.d.comb += array.own.eq(former.own)

    async def bench(ctx):
        ctx.set(array.load.enable, 1)
        for column, weight in enumerate(WEIGHTS):
            ctx.set(array.load.address, column)
            ctx.set(array.load.weights, int.from_bytes(bytes([weight] * CONFIG.rows), "little"))
            await ctx.tick()
        ctx.set(array.load.enable, 0)
        await ctx.tick().repeat(3)
        for cycle in range(CYCLES):
            push, start = cycle < len(COLUMNS), cycle in (2, 3)
            ctx.set(former.push, push)
            if push:
                ctx.set(former.words, list(COLUMNS[cycle]))
            ctx.set(former.start, start * (2**CONFIG.columns - 1))
            ctx.set(array.step.valid, start)
            await ctx.tick()

    rows = [f"array.own[0][{row}][0]" for row in range(CONFIG.rows)]
    sums = [f"array.sums[0][{column}]" for column in range(CONFIG.columns)]
    marks = ["window.push", "window.start", "array.o_step.valid"]
    values = {
        name: found[len(WEIGHTS) + 3 :]
        for name, found in record(m, bench, [*rows, *sums, *marks]).items()
    }
    push, start, o_step = (values[mark] for mark in marks)
    starts = [cycle for cycle, value in enumerate(start) if value]

    def active(row):
        """Return the cycles in which a row has an activation of either window."""
        return {cycle + 1 + CONFIG.lag(row) for cycle in starts}

    lanes = [
        bits("push", push),
        numbers(
            "taps",
            [f"{COLUMNS[c][0]} {COLUMNS[c][1]}" if p else None for c, p in enumerate(push)],
        ),
        bits("start", start),
        {},
        *(
            numbers(
                f"row {row}",
                [str(v) if c in active(row) else None for c, v in enumerate(values[name])],
            )
            for row, name in enumerate(rows)
        ),
        {},
        bits("o_step", o_step),
        *(
            numbers(
                f"sum {column}",
                [str(v) if ok else None for v, ok in zip(values[name], o_step, strict=True)],
            )
            for column, name in enumerate(sums)
        ),
    ]
    return draw(lanes, CYCLES)
