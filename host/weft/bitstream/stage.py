"""A stage of a build: one program that runs to its end, with what it prints in a log."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from weft_hw.processes import run_command

from weft.bitstream.tools import Tool
from weft.errors import BuildError

__all__ = ["run_stage"]

_STAGE_SECONDS = 3 * 3600


def run_stage(tool: Tool, command: Sequence[str], work: Path, log: Path) -> None:
    """Run ``command``, which begins with the program's name, in ``work``.

    Raises
    ------
    BuildError
        If it does not start, fails, or takes longer than three hours.
    """
    start = time.monotonic()
    log.unlink(missing_ok=True)
    with log.open("x") as file:  # no link that lies there is followed
        try:
            done = run_command(
                [tool.path, *command[1:]], cwd=work, output=file, timeout=_STAGE_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise BuildError(
                f"{tool.name} took longer than {_STAGE_SECONDS} s; see {log}"
            ) from None
        except OSError as error:
            raise BuildError(f"{tool.path} does not start: {error.strerror}") from None
        seconds = time.monotonic() - start
        file.write(f"\n# exit code {done.returncode} after {seconds:.0f} s\n")
    if done.returncode:
        raise BuildError(f"{tool.name} failed: {_last_message(log)}; see {log}")


def _last_message(log: Path) -> str:
    """Return the last error in a log, or else its last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("# exit code")]
    errors = [line for line in lines if "error" in line.lower()]
    message = (errors or lines or ["it printed nothing"])[-1]
    return message.removeprefix("ERROR:").strip().rstrip(".")
