"""The second layer of the digits network takes over from the first."""

import weft
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region, memory_map
from weft_hw.engine.engine import Engine
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench as benches
from weft_sim.testing.record import record

from diagrams.waves import bits, draw

__all__ = ["handover"]

CONFIG = Config(name="diagram", columns=8, lanes=8, tile=4, weight_words=512, activation_words=512)
RUN = 200  # cycles, until both layers are under way
BEFORE, CYCLES = 4, 60  # cycles shown before the second layer's front half begins, and in all
PARTS = {
    "front_begin": "sequencer.front_begin",
    "fill reads": "fill.read_enable",
    "walker issues": "walker.valid",
    "array steps": "feeder.step.valid",
    "writer writes": "writer.enable",
    "done": "sequencer.done",
    "back_begin": "sequencer.back_begin",
}


def handover() -> str:
    """Return an SVG: which half of which layer begins, and which parts are at work."""
    program = weft.compile("digits", config=CONFIG)
    engine = Engine(CONFIG, Portable())
    units = [
        {
            "region": image.region,
            "address": image.unit + at // size,
            "data": int.from_bytes(image.data[at:][:size], "little"),
        }
        for image in program.images
        if image.region in (Region.DESCRIPTOR, Region.WINDOW)  # values do not decide when
        for size in [memory_map(CONFIG)[image.region].unit_bytes]
        for at in range(0, len(image.data), size)
    ]

    async def bench(ctx):
        await benches.send(ctx, engine.write, units)
        await benches.send(ctx, engine.start, [{"first": 0, "count": 2}])
        await ctx.tick().repeat(RUN)

    values = record(engine, bench, PARTS.values())
    begins = [cycle for cycle, value in enumerate(values["sequencer.front_begin"]) if value]
    first = begins[1] - BEFORE
    lanes = [bits(name, values[path][first : first + CYCLES]) for name, path in PARTS.items()]
    return draw(lanes, CYCLES, narrow=True)
