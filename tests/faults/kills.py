"""Commands killed at random moments; what was there before stays whole, and the next run is right.

``python -m kills --count 100`` (PYTHONPATH: tests/faults, tests/host, hw, sim, host) is the long
run; the tests have a short one. The tools of ``build`` are stand-ins, so that kills meet all of it.
"""

if __name__ == "__main__":
    from interrupts import end_with_one_line

    end_with_one_line()

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from stand_in_tools import BOARD
from weft.program import Program

__all__ = ["COMMANDS", "kill_at_random"]

# Each with what it writes; all take a second or two.
COMMANDS = {
    "compile": (["compile", "digits", "-c", "tiny", "-o", "x.weft"], "x.weft"),
    "run": (["run", "digits", "-o", "x.npy", "--maps", "maps"], "x.npy"),
    "report": (["report", "digits", "-o", "x.html"], "x.html"),
    "build": (["build", BOARD, "--out", "out"], f"out/{BOARD}.bit"),
}
_WITH_STAND_INS = """
import sys, pathlib, pytest
from stand_in_tools import stand_ins
stand_ins(pytest.MonkeyPatch(), pathlib.Path("tools").absolute())()
from weft.cli import main
sys.exit(main())
"""


def _start(command: list[str], folder: Path) -> subprocess.Popen:
    program = ["-c", _WITH_STAND_INS] if command[0] == "build" else ["-m", "weft"]
    return subprocess.Popen(
        [sys.executable, *program, *command],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in sys.path if p)},  # noqa: PTH100
    )


def _is_whole(path: Path, expected: bytes) -> bool:
    """Whether what a command writes is all of it."""
    if path.suffix == ".weft":
        Program.load(path)
    if path.suffix == ".npy":
        np.load(path)
    return path.read_bytes() == expected


def kill_at_random(name: str, count: int, folder: Path, seed: int) -> int:
    """Kill command ``name`` ``count`` times; return how many of the runs had ended before.

    Raises
    ------
    AssertionError
        If a file is neither the old one nor the new one, or something stays in use.
    """
    command, output = COMMANDS[name]
    path, rng = folder / output, random.Random(f"{name} {seed}")
    start = time.monotonic()
    assert _start(command, folder).wait(600) == 0
    seconds, expected = time.monotonic() - start, path.read_bytes()
    ended = 0
    for number in range(count):
        before = b"old" if number % 2 else None  # there is an old file, or none
        path.unlink(missing_ok=True)
        if before:
            path.write_bytes(before)
        process = _start(command, folder)
        try:
            process.wait(rng.uniform(0, seconds))
            ended += 1
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        content = path.read_bytes() if path.exists() else None
        assert content == before or _is_whole(path, expected), f"{name}, kill {number}: {output}"
    for lone in folder.rglob("*.png"):
        assert lone.read_bytes().endswith(b"IEND\xaeB`\x82"), lone
    assert _start(command, folder).wait(600) == 0
    assert _is_whole(path, expected)
    if name == "build":  # the scratch of those that were killed is cleared
        left = {found.name for found in path.parent.iterdir() if found.is_dir()}
        assert left == {"log"}, left
    return ended


def main() -> None:
    """Run as many kills as were asked for, shared among the commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for at, name in enumerate(COMMANDS):
        count = (chosen.count + at) // len(COMMANDS)
        with tempfile.TemporaryDirectory() as folder:
            ended = kill_at_random(name, count, Path(folder), chosen.seed)
        print(f"{name}: {count} kills, {ended} came after the end; all files whole", flush=True)


if __name__ == "__main__":
    main()
