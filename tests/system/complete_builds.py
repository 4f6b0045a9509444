"""The complete designs that CI builds, one for each family, from the source to the bitstream.

Run as a module it builds one of them: ``python -m complete_builds NAME FOLDER``.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from weft.bitstream.flow import build_bitstream
from weft_hw.boards import Board, get_board
from weft_hw.contract.config import CONFIGS, Config, get_config

__all__ = ["DESIGNS", "Design", "build"]


@dataclass(frozen=True)
class Design:
    """A board with its configuration, and how to simulate its netlist.

    Attributes
    ----------
    connections : dict
        Ports of the netlist, and what a simulation connects them to.
    cells : tuple of str
        Kinds of cells that the netlist must have, or the simulation would prove little.
    """

    board: Board
    config: Config
    connections: dict[str, str]
    cells: tuple[str, ...]


# The `tiny` engine on the ULX3S 12F, with its SDRAM. Half of its multipliers are DSP blocks, so
# that there are some of each kind. The iCEBreaker's engine on the Tang Nano 20K, as nextpnr takes
# long there. Four cycles a bit, the least there may be: a simulation mostly waits for bits.
_TINY = replace(get_config("tiny"), name="tiny-dsp", dsp_multipliers=6, dram_bytes=32 << 20)
_COMPACT = replace(get_config("icebreaker"), name="compact")
DESIGNS = {
    "ecp5": Design(
        board=replace(
            get_board("ulx3s-12f"), config=_TINY.name, clock_hz=50_000_000, baud=12_500_000
        ),
        config=_TINY,
        connections={
            "clk25_0__io": "clk",
            "button_fire_0__io": "low",
            "uart_0__rx__io": "rx",
            "uart_0__tx__io": "tx",
            "led_0__io": "idle",
            "led_1__io": "",
            "led_2__io": "error",
        },
        cells=(
            "MULT18X18D",
            "DP16KD",
            "EHXPLLL",
            "TRELLIS_FF",
            "TRELLIS_DPR16X4",
            "CCU2C",
            "ODDRX1F",
        ),
    ),
    "gowin": Design(
        board=replace(get_board("tang-nano-20k"), config=_COMPACT.name, baud=13_500_000),
        config=_COMPACT,
        connections={
            "clk27_0__io": "clk",
            "button_0__io": "low",
            "uart_0__rx__io": "rx",
            "uart_0__tx__io": "tx",
            "led_0__io": "idle_n",
            "led_1__io": "",
            "led_2__io": "error_n",
        },
        cells=("MULT9X9", "SDPB", "SDPX9B", "rPLL", "ALU", "RAM16SDP4", "TBUF"),
    ),
    "ice40": Design(
        board=get_board("icebreaker"),
        config=get_config("icebreaker"),
        connections={
            "clk12_0__io": "clk",
            "button_0__io": "high",
            "uart_0__rx__io": "rx",
            "uart_0__tx__io": "tx",
            "led_g_0__io": "idle_n",
            "led_r_0__io": "",
            "led_r_1__io": "error",
        },
        cells=("SB_MAC16", "SB_SPRAM256KA", "SB_RAM40_4K", "SB_PLL40_PAD", "SB_CARRY", "SB_IO"),
    ),
}

if not os.environ.get("WEFT_GOWIN"):
    del DESIGNS["gowin"]  # nextpnr takes three minutes of CPU time: not in CI


def build(name: str, folder: Path, hash_seed: int) -> dict:
    """Build a design into ``folder`` in a process of its own, and return the report."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONHASHSEED": str(hash_seed),
    }
    done = subprocess.run(
        [sys.executable, "-m", "complete_builds", name, folder],
        env=environment,
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return json.loads((folder / "report.json").read_text())


if __name__ == "__main__":
    CONFIGS.update({config.name: config for config in (_TINY, _COMPACT)})
    build_bitstream(
        DESIGNS[sys.argv[1]].board,
        out=Path(sys.argv[2]),
        progress=lambda stage: print(stage, flush=True),
    )
