"""``weft serve-sim``: the virtual board for other processes."""

import signal
from typing import Annotated

import typer

from weft.cli import Ended
from weft.cli.options import ConfigOption
from weft.cli.output import progress
from weft.cli.terminal import say
from weft.errors import LinkError
from weft.text import reason

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command(name="serve-sim")(serve_sim)


def serve_sim(
    config: ConfigOption = None,
    port: Annotated[
        int,
        typer.Option(
            "--port", "-p", min=0, max=65535, help="On the loopback interface; 0 for any."
        ),
    ] = 0,
    as_pty: Annotated[
        bool, typer.Option("--pty", help="Serve a device file instead of a port.")
    ] = False,
) -> int:
    """Serve the simulated board until interrupted.

    Prints the name that --device takes.
    """
    from weft.configuration import get_config

    size = get_config(config)
    # In the background of a script SIGINT starts out ignored.
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
    try:
        from weft_sim.serve import serve_pty, serve_tcp
        from weft_sim.tools import ToolError
        from weft_sim.virtual_board import VirtualBoard
    except ImportError as error:
        raise LinkError(f"the simulator needs {error.name}: pip install 'weft-fpga[sim]'") from None
    try:
        with progress("building the simulated board") as step:
            board = VirtualBoard(size, progress=step)
        try:
            if as_pty:
                serve_pty(board, announce=_announce)
            else:
                serve_tcp(board, port, announce=_announce)
        except Ended:
            pass  # the usual way to end it
        finally:
            board.close()
    except (ToolError, OSError) as error:
        raise LinkError(reason(error)) from None
    return 0


def _announce(name: str) -> None:
    say(name, flush=True)
