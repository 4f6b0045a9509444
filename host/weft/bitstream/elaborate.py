"""From a board's record to what its toolchain reads: netlist, scripts, constraints, commands."""

import json
from pathlib import Path
from typing import NamedTuple

from weft_hw.boards import Board

__all__ = ["TOP", "Elaborated", "elaborate"]

TOP = "top"
_NEXTPNR_OPTIONS = "--timing-allow-fail --report report.json"
# Multiplier blocks are instantiated: ECP5's pass would spend more of them on factors like 3, and
# iCE40's (-dsp, left out here) loses the settings of those that are there.
_SYNTHESIS = {"ecp5": "-nodsp", "ice40": "", "gowin": "-nodsp"}
_ROUTING = {"ecp5": "--router router1 --tmg-ripup", "ice40": "", "gowin": ""}
_AFTER_SYNTHESIS = "tee -q -o stat.json stat -json"
_FRAGMENTS = {
    "ecp5": (".lpf", "add_preferences"),
    "ice40": (".pcf", "add_constraints"),
    "gowin": (".cst", "add_constraints"),
}


class Elaborated(NamedTuple):
    """A design as its toolchain reads it.

    Parameters
    ----------
    device : str
        The part.
    clock_hz : int
    commands : list of list of str
        Synthesis, place and route, packing.
    empty : list of str
        Sites that stay without logic.
    """

    device: str
    clock_hz: int
    commands: list[list[str]]
    empty: list[str]


def elaborate(board: Board, work: Path) -> Elaborated:
    """Write the platform's files into the folder ``work``."""
    from weft_hw.boards.constraints import constraints_of
    from weft_hw.boards.top import BoardTop, clock_hz, floorplan_of, platform_of
    from weft_hw.link.memories import MEMORIES_IN_LUTS
    from weft_hw.parts.delay import KEEP_APART

    platform = platform_of(board)
    suffix, override = _FRAGMENTS[board.family]
    fragment = constraints_of(board.constraints, suffix)
    floorplan = floorplan_of(board)
    after_synthesis = [f'setattr -set BEL "{site}" c:{cell}' for cell, site in floorplan if cell]
    in_luts = [MEMORIES_IN_LUTS] if board.link != "uart" else []
    plan = platform.prepare(
        BoardTop(board),
        TOP,
        emit_src=False,
        script_after_read="\n".join([KEEP_APART, *in_luts]),
        synth_opts=" ".join(
            [
                _SYNTHESIS[board.family],
                *([f"-family {platform.family[:4].lower()}"] if board.family == "gowin" else []),
            ]
        ),
        script_after_synth="\n".join([*after_synthesis, _AFTER_SYNTHESIS]),
        nextpnr_opts=" ".join(
            [
                _NEXTPNR_OPTIONS,
                board.routing or _ROUTING[board.family],
                # Nextpnr derives the PLL's period itself, but on Gowin.
                *([f"--freq {clock_hz(board) / 1e6}"] if board.family == "gowin" else []),
            ]
        ),
        **({override: fragment} if fragment else {}),
    )
    for name, content in plan.files.items():
        data = content.encode() if isinstance(content, str) else content
        (work / name).write_bytes(data)
    commands = json.loads((work / f"build_{TOP}.json").read_text())["commands"]
    quiet = ("-q", "--quiet", "-l", f"{TOP}.rpt", "--log", f"{TOP}.tim")
    commands = [[word for word in command if word not in quiet] for command in commands]
    return Elaborated(
        platform.device,
        clock_hz(board),
        commands,
        [site for cell, site in floorplan if not cell],
    )
