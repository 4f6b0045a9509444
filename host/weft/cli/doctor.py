"""``weft doctor``: what this machine has and lacks, and whether a device is well."""

from dataclasses import asdict
from typing import Annotated

import typer

from weft.cli.options import ConfigOption, JsonOption, WideOption
from weft.cli.output import print_json, print_table
from weft.cli.terminal import say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(doctor)


def doctor(
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            "-d",
            metavar="D",
            help="Test this device instead: its link, and the memory beside its chip, which loses "
            "what it holds.",
        ),
    ] = None,
    config: ConfigOption = None,
    wide: WideOption = False,
    as_json: JsonOption = False,
):
    """List what this machine has and lacks, or test a device."""
    if device is not None:
        _test(device, config, as_json)
        return
    from weft.bitstream.doctor import examine

    findings = examine()
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    print_table(
        "This machine",
        ["name", "found", "needed for"],
        [(f.name, f.found or "missing", f.needed_for) for f in findings],
        spare=() if wide else ("needed for",),
    )
    for finding in findings:
        if not finding.found:
            say(f"{finding.name} is missing for {finding.needed_for}: {finding.repair}")


def _test(device: str, config: str | None, as_json: bool) -> None:
    """Open a device, and try the memory beside the chip where it has one."""
    from weft.configuration import get_config
    from weft.driver.board import BoardDriver
    from weft.driver.memory_test import check_memory
    from weft.driver.transports import open_transport

    built_for = get_config(config)
    with BoardDriver(open_transport(device, built_for), built_for) as board:
        if built_for.dram_bytes:
            check_memory(board)
        if as_json:
            print_json(
                {
                    "device": device,
                    "config": built_for.name,
                    "clock_hz": board.clock_hz,
                    "memory_bytes": built_for.dram_bytes,
                }
            )
            return
    memory = (
        f"{built_for.dram_bytes:,} bytes of memory beside the chip pass their self-test"
        if built_for.dram_bytes
        else "there is no memory beside the chip"
    )
    say(f"{device} answers as {built_for.name}; {memory}")
