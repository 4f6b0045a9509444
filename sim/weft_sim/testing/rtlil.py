"""RTLIL of every board and configuration, without source lines: what a change does to the gateware.

``python -m weft_sim.testing.rtlil DIR`` writes a file for each board and configuration. Source
lines are left out, so that ``diff -r`` of two folders shows changes of the logic only.
"""

import importlib
import sys
from pathlib import Path

from weft_hw.boards import BOARDS
from weft_hw.boards.top import BoardTop, platform_of
from weft_hw.contract.config import CONFIGS, Config
from weft_hw.core import Core
from weft_hw.tech.portable import Portable

__all__ = ["board_rtlil", "config_rtlil", "to_rtlil"]

_rtlil = importlib.import_module("amaranth.back.rtlil")  # the stubs lack it


def to_rtlil(component, ports=None) -> str:
    """Return a component as RTLIL without source lines; ``ports`` by default are its own."""
    return _rtlil.convert(component, name="top", ports=ports, emit_src=False)


def board_rtlil(name: str) -> str:
    """Return the RTLIL of a board's complete design, with its family's cells."""
    board = BOARDS[name]
    plan = platform_of(board).prepare(BoardTop(board), "top", emit_src=False)
    content = plan.files["top.il"]
    return content.decode() if isinstance(content, bytes) else content


def config_rtlil(config: Config) -> str:
    """Return the RTLIL of engine and link in one configuration, with portable components."""
    return to_rtlil(Core(config, Portable(), clock_hz=16_000_000))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in BOARDS:
        (folder / f"board-{name}.il").write_text(board_rtlil(name))
    for config in CONFIGS.values():
        (folder / f"config-{config.name}.il").write_text(config_rtlil(config))
