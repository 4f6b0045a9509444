"""``weft doctor``: what this machine has and lacks."""

from dataclasses import asdict

import typer

from weft.cli.options import JsonOption
from weft.cli.output import print_json, print_table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(doctor)


def doctor(as_json: JsonOption = False):
    """List what this machine has and lacks, and what installs the rest."""
    from weft.bitstream.machine_check import examine

    findings = examine()
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    print_table(
        "This machine",
        ["name", "needed for", "found", "to install"],
        [
            (f.name, f.needed_for, f.found or "missing", "" if f.found else f.repair)
            for f in findings
        ],
    )
