"""``weft build``: a bitstream for a board."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.options import JsonOption, LinkOption
from weft.cli.output import percent, print_json, print_table
from weft.cli.terminal import say, say_error

__all__ = ["register"]


def _boards() -> list[str]:
    from weft_hw.boards import BOARDS

    return list(BOARDS)


BoardArgument = Annotated[
    str,
    typer.Argument(
        metavar="BOARD",
        autocompletion=_boards,
        help="As in hw/weft_hw/boards: ulx3s-85f, ulx3s-12f, ...",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(build)


def build(
    board: BoardArgument,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", min=1, metavar="N", help="Place and route N times; the fastest wins."
        ),
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="For bitstream, report and logs; build/BOARD by default.",
        ),
    ] = None,
    allow_timing_fail: Annotated[
        bool,
        typer.Option(
            "--allow-timing-fail", help="Make a bitstream even if no seed meets the clock."
        ),
    ] = False,
    link: LinkOption = None,
    serial: Annotated[
        str,
        typer.Option(
            "--serial",
            metavar="TEXT",
            help="Serial number that it shows on USB, and that its addresses on Ethernet are made "
            "of; BOARD by default.",
        ),
    ] = "",
    address: Annotated[
        str,
        typer.Option(
            "--address", metavar="IPV4", help="Its address with --link udp; link-local by default."
        ),
    ] = "",
    ray: Annotated[
        str,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Place and route on the machines of a Ray cluster: HOST:PORT, auto, or local.",
        ),
    ] = "",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Keep what seeds gave in DIR/seeds, and go on; --ray does so anyway."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a bitstream for BOARD: synthesise, place, route, pack."""
    from weft.bitstream.flow import build_bitstream

    result = build_bitstream(
        board,
        out=out or Path("build") / board,
        seeds=range(1, seeds + 1),
        allow_timing_fail=allow_timing_fail,
        link=link or "",
        serial=serial,
        address=address,
        ray=ray,
        resume=resume,
        progress=_show,
    )
    if as_json:
        print_json(result.as_dict())
        return
    print_table(
        f"{result.board}: {result.config} on {result.device}",
        ["resource", ">used", ">available", ">share"],
        [
            (name, f"{r.used:,}", f"{r.available:,}", percent(r.used / r.available))
            for name, r in result.resources.items()
        ],
    )
    print_table(
        "Clock",
        [">seed", ">MHz reached", ">MHz wanted", "met"],
        [
            (seed.seed, f"{reached:.1f}", f"{wanted:g}", "yes" if reached >= wanted else "no")
            for seed in result.seeds
            for wanted, reached in seed.clocks
        ],
    )
    say(result.bitstream)


def _show(stage: str) -> None:
    say_error(stage)
