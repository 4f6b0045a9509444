"""``weft program``: loads a bitstream into a board."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.build import BoardArgument
from weft.cli.terminal import say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(program)


def program(
    board: BoardArgument,
    bitstream: Annotated[
        Path | None,
        typer.Option("--bitstream", metavar="FILE", help="By default what weft build made."),
    ] = None,
    flash: Annotated[
        bool, typer.Option("--flash", help="Into the flash memory, to survive power-off.")
    ] = False,
) -> None:
    """Load a bitstream into BOARD with openFPGALoader."""
    from weft.bitstream.loader import load_bitstream

    loaded = load_bitstream(board, bitstream, flash=flash)
    say(f"{board} runs {loaded}")
