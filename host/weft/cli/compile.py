"""``weft compile``: a program file that ``run`` and ``bench`` take in place of a model."""

from pathlib import Path
from typing import Annotated

import typer

from weft.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    ExactOption,
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
    app.command(name="compile")(compile_model)


def compile_model(
    model: ModelArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.weft")],
    config: ConfigOption = None,
    rounding: RoundingOption = None,
    shape: ShapeOption = None,
    exact: ExactOption = False,
):
    """Compile MODEL for one configuration into a program file."""
    from weft.models.loading import compile

    if output.suffix != ".weft":
        raise WeftError(f"{output}: a program's name ends in .weft")
    if not output.parent.is_dir():
        raise WeftError(f"{output.parent} is no directory")
    with progress("compiling"):
        program = compile(
            model,
            config=config or DEFAULT_CONFIG,
            rounding=rounding,
            shapes=parse_shapes(shape),
            exact=exact,
        )
    program.save(output)
    say(f"wrote {output}: {output.stat().st_size:,} bytes for {program.config.name}")
