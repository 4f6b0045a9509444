"""Stand-ins for the programs that make a bitstream: they write what a build reads."""

import sys

from weft.bitstream import flow
from weft.bitstream.elaborate import Elaborated

__all__ = ["BOARD", "TARGET_MHZ", "stand_ins"]

BOARD, TARGET_MHZ = "ulx3s-12f", 50.0
COMMANDS = [
    ["yosys", "top.ys"],
    ["nextpnr-ecp5", "--json", "top.json", "--textcfg", "top.config", "--report", "report.json"],
    ["ecppack", "--input", "top.config", "--bit", "top.bit"],
]
# What each stand-in does; `seed` and `speeds` (MHz by seed) steer place and route.
PROGRAM = """#!{python}
import json, pathlib, sys
if "--version" in sys.argv:
    print("{name} 1.2"); sys.exit()
speeds, failing = {speeds!r}, {failing!r}
if failing:
    print("Info: so far so good"); print("ERROR: no room for the " + failing + "."); sys.exit(1)
if "{name}" == "yosys":
    stat = dict(design=dict(num_cells_by_type=dict(TRELLIS_FF=7, SB_DFFE=2)))
    pathlib.Path("stat.json").write_text(json.dumps(stat))
    pathlib.Path("netlist.v").write_text("module top; endmodule")
    pathlib.Path("top.json").write_text('{{"modules": {{}}}}')
elif "{name}" == "nextpnr-ecp5":
    speed = speeds[int(sys.argv[sys.argv.index("--seed") + 1]) - 1]
    used = lambda n: dict(used=n, available=100)
    pathlib.Path("report.json").write_text(json.dumps(dict(
        fmax={{
            "clk": dict(achieved=speed, constraint={constraint}), **{others!r}
        }},
        utilization=dict(TRELLIS_COMB=used(40), TRELLIS_FF=used(30), MULT18X18D=used(20),
                         DP16KD=used(10)))))
    pathlib.Path("top.config").write_text(f"{{speed}}")
else:
    pathlib.Path("top.bit").write_text("bits of " + pathlib.Path("top.config").read_text())
"""


def stand_ins(patch, folder):
    """Have a folder below ``folder`` alone on PATH; return a function that makes programs there."""
    place = folder / "bin"
    place.mkdir(parents=True, exist_ok=True)
    patch.setenv("PATH", str(place))
    patch.setattr(
        flow,
        "elaborate",
        lambda board, work: Elaborated(
            "LFE5U-12F",
            int(TARGET_MHZ * 1e6),
            [list(command) for command in COMMANDS],
            [],
        ),
    )

    def make(speeds=(60.0,), constraint=TARGET_MHZ, others=(), failing=None, missing=()):
        for name in ("yosys", "nextpnr-ecp5", "ecppack"):
            path = place / name
            if name in missing:
                continue
            path.write_text(
                PROGRAM.format(
                    python=sys.executable,
                    name=name,
                    speeds=list(speeds),
                    constraint=constraint,
                    others={name: {"achieved": 90.0, "constraint": mhz} for name, mhz in others},
                    failing=(failing or {}).get(name, ""),
                )
            )
            path.chmod(0o755)

    return make
