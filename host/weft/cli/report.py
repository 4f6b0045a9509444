"""``weft report``: one self-contained page about a model."""

from pathlib import Path
from typing import Annotated

import typer
from weft_hw.files import write_file

from weft.cli.options import (
    ConfigOption,
    DeviceOption,
    LabelsOption,
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
            help="A .npy array or a picture; of several the first counts. Without it `digits` "
            "gets a real image, and other models random values (seed 0).",
        ),
    ] = None,
    labels: LabelsOption = None,
    device: DeviceOption = "golden",
    config: ConfigOption = None,
    rounding: RoundingOption = None,
    shape: ShapeOption = None,
):
    """Write a page about MODEL: layers, cycles, memory, maps."""
    from weft.cli.feeds import gather_feeds
    from weft.cli.labels import labelled_outputs, read_labels
    from weft.graph.signature import TensorInfo
    from weft.models.known import class_names, example_feed
    from weft.models.loading import find_model
    from weft.reports.report import subject
    from weft.reports.report_page import render

    if output.suffix not in (".html", ".htm"):
        raise WeftError(f"{output}: a report's name ends in .html")
    if not output.parent.is_dir():
        raise WeftError(f"{output.parent} is no directory")
    with progress("compiling") as step:
        about = subject(model, config, rounding, parse_shapes(shape))
        path = find_model(model)
        classes = read_labels(labels) if labels is not None else class_names(path)
        if labels is not None:
            outputs = [TensorInfo.of(about.graph, name) for name in about.graph.outputs]
            labelled_outputs(outputs, list(classes), labels)
        example = None if inputs else example_feed(path)
        label, feed = example or gather_feeds(about.graph, inputs or [])[0]
        step(f"running on {device}")
        page = render(about.report(device, feed, label, classes))
    content = page.encode("utf-8", "backslashreplace")  # names may hold what is no text
    write_file(output, content)
    say(f"wrote {output}: {len(content):,} bytes")
