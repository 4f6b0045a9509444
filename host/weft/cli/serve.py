"""``weft serve``: boards behind the Open Inference Protocol."""

import os
import signal
import sys
import time
from contextlib import ExitStack, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weft.cli import Ended
from weft.cli.options import ConfigOption, ModelsArgument, RoundingOption
from weft.cli.output import progress
from weft.cli.terminal import say, say_error
from weft.errors import LinkError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.program import Program

__all__ = ["register"]

_WATCH_SECONDS = 1.0


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(serve)


def serve(
    models: ModelsArgument,
    boards: Annotated[
        str,
        typer.Option(
            "--boards",
            "-b",
            metavar="D[,D ...]",
            help="Devices: sim, tcp:HOST:PORT or serial:PATH?baud=N; sim as often as wanted.",
        ),
    ],
    config: ConfigOption = None,
    rounding: RoundingOption = None,
    host: Annotated[
        str,
        typer.Option("--host", metavar="H", help="The interface; nothing asks who a client is."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="For HTTP; 0 for any.")
    ] = 8080,
    grpc_port: Annotated[
        int, typer.Option("--grpc-port", min=0, max=65535, help="For gRPC; 0 for any.")
    ] = 8081,
    batch: Annotated[
        int,
        typer.Option(
            "--batch", min=1, max=1024, help="Requests for a model that a board takes in a row."
        ),
    ] = 32,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="S", min=0.001, help="Seconds that a request may take."),
    ] = 60.0,
) -> int:
    """Serve models on boards over HTTP and gRPC until interrupted.

    Clients of the Open Inference Protocol, version 2, work unchanged.
    """
    from weft.runtime.devices import open_device
    from weft.serving.fleet import free_port, running_fleet

    # In the background of a script SIGINT starts out ignored.
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
    devices = _devices(boards)
    http, grpc = free_port(host, port), free_port(host, grpc_port)
    if http == grpc:
        raise LinkError(f"HTTP and gRPC need a port each, not {http} twice")
    output = sys.stdout
    with ExitStack() as stack:
        # Ray prints there what becomes of its processes.
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        with progress("compiling") as step:
            programs = _programs(models, config, rounding)
            size = next(iter(programs.values())).config
            for device in dict.fromkeys(devices):
                step(f"opening {device}")
                try:
                    open_device(device, size, step).close()
                except LinkError as error:
                    raise LinkError(f"board {device}: {error}") from None
            fleet = running_fleet(
                devices,
                programs,
                host=host,
                port=http,
                grpc_port=grpc,
                batch=batch,
                seconds=timeout,
                stage=step,
            )
            running = stack.enter_context(fleet)
        name = f"[{host}]" if ":" in host else host
        with redirect_stdout(output):
            say(f"http://{name}:{http} grpc://{name}:{grpc}", flush=True)
        with suppress(Ended):  # the usual way to end it
            _watch(running, len(devices))
    return 0


def _watch(running: "Callable[[], int]", boards: int) -> None:
    """Say on stderr when the number of boards changes that can take requests."""
    before = boards
    while True:
        time.sleep(_WATCH_SECONDS)
        if (now := running()) != before:
            say_error(f"weft: {now} of {boards} boards can take requests")
            before = now


def _devices(boards: str) -> list[str]:
    from weft.driver.transports import require_board

    devices = [name.strip() for name in boards.split(",")]
    for device in devices:
        require_board(device)
        if device != "sim" and devices.count(device) > 1:
            raise LinkError(f"board {device} is named twice")
    return devices


def _programs(models: list[Path], config: str | None, rounding: str | None) -> "dict[str, Program]":
    from weft.compiler import compile_graph
    from weft.configuration import get_config
    from weft.models.loading import load
    from weft.program import Program

    programs: dict[str, Program] = {}
    for model in models:
        loaded = load(model, config, rounding)
        if not isinstance(loaded, Program):
            loaded = compile_graph(loaded, get_config(config))
        name = model.stem
        if name in programs:
            raise ModelError(f"two models are called {name}")
        if loaded.graph.states:
            raise ModelError(
                f"{name} keeps a state from one call to the next; a fleet has no order of calls"
            )
        programs[name] = loaded
    configs = {program.config.name: name for name, program in programs.items()}
    if len(configs) > 1:
        text = ", ".join(f"{name} for {config}" for config, name in configs.items())
        raise ModelError(f"boards have one configuration, and models are compiled {text}")
    return programs
