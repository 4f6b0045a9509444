"""The smallest complete design for a real part: the ``tiny`` engine on the ULX3S 12F.

Half of its multipliers are DSP blocks, so that there are some of each kind. Run as a module it
builds the bitstream: ``python -m small_board FOLDER``.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from weft.bitstream.flow import build_bitstream
from weft_hw.boards import get_board
from weft_hw.contract.config import CONFIGS, get_config

__all__ = ["BOARD", "CONFIG", "CONNECTIONS", "build"]

CONFIG = replace(get_config("tiny"), name="tiny-dsp", dsp_multipliers=6)
# Four cycles a bit, the least there may be: what a simulation does most is to wait for bits.
BOARD = replace(
    get_board("ulx3s-12f"), config=CONFIG.name, clock_hz=50_000_000, baud=12_500_000)
# Ports of the netlist, and what a simulation connects them to.
CONNECTIONS = {
    "clk25_0__io": "clk", "button_fire_0__io": "1'b0", "uart_0__rx__io": "rx",
    "uart_0__tx__io": "tx", "led_0__io": "idle", "led_1__io": "", "led_2__io": "error",
}  # fmt: skip


def build(folder: Path, hash_seed: int) -> dict:
    """Build into ``folder`` in a process of its own, and return the report."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(
        [sys.executable, "-m", "small_board", folder], env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return json.loads((folder / "report.json").read_text())


if __name__ == "__main__":
    CONFIGS[CONFIG.name] = CONFIG
    build_bitstream(BOARD, out=Path(sys.argv[1]), progress=lambda stage: print(stage, flush=True))
