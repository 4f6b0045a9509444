"""``weft report``: one self-contained page about a model."""

from pathlib import Path
from typing import Annotated

import typer
from weft_hw.files import write_file

from weft.cli.options import (
    ConfigOption,
    DeviceOption,
    ModelArgument,
    RoundingOption,
    ShapeOption,
    parse_shapes,
)
from weft.cli.output import progress
from weft.cli.terminal import say
from weft.errors import WeftError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(report)


def report(
    model: ModelArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.html")],
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            help="A .npy array or a picture; of several the first counts. Without it the input is "
            "random (seed 0).",
        ),
    ] = None,
    device: DeviceOption = "golden",
    config: ConfigOption = None,
    rounding: RoundingOption = None,
    shape: ShapeOption = None,
):
    """Write a page about MODEL: layers, cycles, utilisation, memory, activation maps."""
    from weft.cli.feeds import gather_feeds
    from weft.reports.report import subject
    from weft.reports.report_page import render

    if output.suffix not in (".html", ".htm"):
        raise WeftError(f"{output}: a report's name ends in .html")
    if not output.parent.is_dir():
        raise WeftError(f"{output.parent} is no directory")
    with progress("compiling") as step:
        about = subject(model, config, rounding, parse_shapes(shape))
        label, feed = gather_feeds(about.graph, inputs or [])[0]
        step(f"running on {device}")
        page = render(about.report(device, feed, label))
    content = page.encode("utf-8", "backslashreplace")  # names may hold what is no text
    write_file(output, content)
    say(f"wrote {output}: {len(content):,} bytes")
