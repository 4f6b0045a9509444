"""``weft config``: configurations, shown and checked."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from weft.cli.options import DEFAULT_CONFIG, JsonOption
from weft.cli.output import print_json, print_table
from weft.cli.terminal import say

if TYPE_CHECKING:
    from weft_hw.contract.config import Config

__all__ = ["register"]

config = typer.Typer(
    help="List configurations, show one as TOML, or check a file.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Choice = Annotated[str, typer.Argument(metavar="C", help="A name, or a .toml file.")]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.add_typer(config, name="config")


@config.callback(invoke_without_command=True)
def config_default(context: typer.Context) -> None:
    """List configurations, show one as TOML, or check a file."""
    if context.invoked_subcommand is None:
        list_configs()


@config.command(name="list")
def list_configs(as_json: JsonOption = False) -> None:
    """List the named configurations and their sizes."""
    from weft_hw.contract.config import CONFIGS

    rows = [_describe(size) for size in CONFIGS.values()]
    if as_json:
        print_json(rows)
        return
    print_table(
        "Configurations (an array has rows x columns x pixels)",
        ["name", "array", ">multipliers", ">activation bytes", ">weight bytes"],
        [
            (
                row["name"],
                f"{size.rows} x {size.columns} x {size.pixels}",
                row["multipliers"],
                f"{row['activation_bytes']:,}",
                f"{row['weight_bytes']:,}",
            )
            for row, size in zip(rows, CONFIGS.values(), strict=True)
        ],
    )


@config.command(name="show")
def show_config(choice: _Choice = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Print every field of C as TOML: a file to start from."""
    from dataclasses import asdict

    from weft.configuration import get_config, write_config

    size = get_config(choice)
    if as_json:
        print_json(asdict(size))
    else:
        for line in write_config(size).splitlines():
            say(line)


@config.command(name="check")
def check_config(choice: _Choice, as_json: JsonOption = False) -> None:
    """Check C against the rules and print what follows from its fields."""
    from weft.configuration import get_config

    row = _describe(get_config(choice))
    if as_json:
        print_json(row)
        return
    say(f"{row['name']}: an array of {row['array']}, {row['multipliers']} multipliers")
    say(
        f"activation memory {row['activation_bytes']:,} bytes, "
        f"weight memory {row['weight_bytes']:,} bytes"
    )
    say(f"fingerprint {row['fingerprint']}")


def _describe(size: "Config") -> dict[str, Any]:
    from weft_hw.contract.fingerprint import fingerprint
    from weft_hw.contract.memory_map import Region, memory_map

    memories = memory_map(size)
    pixels = f" x {size.pixels} pixels" if size.pixels > 1 else ""
    return {
        "name": size.name,
        "array": f"{size.rows} rows x {size.columns} columns{pixels}",
        "multipliers": size.multipliers,
        "activation_bytes": memories[Region.ACTIVATION].bytes,
        "weight_bytes": memories[Region.WEIGHT].bytes,
        "fingerprint": f"{fingerprint(size):016x}",
    }
