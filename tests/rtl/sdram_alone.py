"""Place and route the SDRAM controller alone on the ULX3S 85F: ``python tests/rtl/sdram_alone.py``.

Prints cells and, for each of three seeds, the clock that nextpnr estimates.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Elaboratable, Module, Signal
from amaranth.lib import io, wiring
from amaranth_boards.ulx3s import ULX3S_85F_Platform
from weft.bitstream.tools import find_tool
from weft_hw.boards import get_board
from weft_hw.boards.sdram import sdram_of
from weft_hw.boards.sdram_pads import SdramPads
from weft_hw.memory.sdram.controller import SdramController
from weft_hw.tech.ecp5.pll import Ecp5Pll, ecp5_pll_settings

BOARD = get_board("ulx3s-85f")
SEEDS = (1, 2, 3)


class Alone(Elaboratable):
    """The controller on its pins, asked for random bursts; a light shows a sum of what it reads."""

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain(reset_less=True)
        settings = ecp5_pll_settings(BOARD.oscillator_hz, BOARD.clock_hz)
        m.submodules.pll = pll = Ecp5Pll(platform.request("clk25", 0, dir="-"), settings)
        m.d.comb += ClockSignal().eq(pll.clock)
        chip = sdram_of(BOARD)
        m.submodules.sdram = sdram = SdramController(chip, settings.output_hz)
        m.submodules.pads = pads = SdramPads(platform.request("sdram", 0, dir="-"), chip)
        wiring.connect(m, sdram.pins, pads.pins)

        noise = Signal(48, init=1)
        m.d.sync += noise.eq(Cat(noise[1:], noise[0] ^ noise[17] ^ noise[30]))
        for index, stream in enumerate((sdram.port.command, sdram.port.write)):
            payload, valid = Signal.like(stream.p), Signal()
            m.d.comb += [stream.p.eq(payload), stream.valid.eq(valid)]
            with m.If(~valid | stream.ready):
                m.d.sync += [valid.eq(noise[index]), payload.eq(noise[2 + index :])]
        read, total = sdram.port.read, Signal(16)
        ready, light = Signal(), Signal()
        m.d.sync += [ready.eq(noise[7]), light.eq(total.xor())]
        m.d.comb += read.ready.eq(ready)
        with m.If(read.valid & ready):
            m.d.sync += total.eq(total ^ read.p)
        m.submodules.light = pad = io.Buffer(
            io.Direction.Output, platform.request("led", 0, dir="-")
        )
        m.d.comb += pad.o.eq(light)
        return m


def main():
    """Build in a folder that is thrown away."""
    plan = ULX3S_85F_Platform().prepare(
        Alone(),
        "top",
        emit_src=False,
        synth_opts="-nodsp",
        nextpnr_opts="--timing-allow-fail --report report.json",
    )
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        for name, content in plan.files.items():
            (work / name).write_bytes(content.encode() if isinstance(content, str) else content)
        synthesise, place, _ = json.loads((work / "build_top.json").read_text())["commands"]
        for command in [synthesise, *([*place, "--seed", str(seed)] for seed in SEEDS)]:
            program = find_tool(command[0])
            subprocess.run([program.path, *command[1:]], cwd=work, check=True)
            if command is synthesise:
                continue
            report = json.loads((work / "report.json").read_text())
            [clock] = [c for name, c in report["fmax"].items() if "clk" in name]
            cells = {
                name: report["utilization"][name]["used"]
                for name in ("TRELLIS_COMB", "TRELLIS_FF", "DP16KD", "IOLOGIC")
            }
            print(f"{program.version}, seed {command[-1]}: {clock['achieved']:.1f} MHz, {cells}")


if __name__ == "__main__":
    main()
