"""``weft models``: public models, listed and fetched with a checksum."""

from typing import Annotated, Any

import typer

from weft.cli.options import JsonOption, WideOption
from weft.cli.output import print_json, print_table, progress
from weft.cli.terminal import say

__all__ = ["register"]

models = typer.Typer(
    help="List public models, or fetch one with a checksum.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.add_typer(models, name="models")


@models.callback(invoke_without_command=True)
def models_default(context: typer.Context) -> None:
    """List public models, or fetch one with a checksum."""
    if context.invoked_subcommand is None:
        list_models()


@models.command(name="list")
def list_models(wide: WideOption = False, as_json: JsonOption = False) -> None:
    """List the known public models and where they are on this machine."""
    from weft.models.public_models import PUBLIC_MODELS, SOURCE, locate

    rows: list[dict[str, Any]] = []
    for model in PUBLIC_MODELS.values():
        path = locate(model)
        rows.append(
            {
                "name": model.name,
                "task": model.task,
                "bytes": model.size,
                "licence": model.licence,
                "sha256": model.sha256,
                "url": SOURCE + model.path,
                "path": str(path) if path else None,
            }
        )
    if as_json:
        print_json(rows)
        return
    print_table(
        "Public models",
        ["name", "here", "task", ">bytes", "licence", "file"],
        [
            (
                r["name"],
                "yes" if r["path"] else "no",
                r["task"],
                f"{r['bytes']:,}",
                r["licence"],
                r["path"] or "",
            )
            for r in rows
        ],
        spare=() if wide else ("file", "licence", "bytes"),
    )
    if missing := [r["name"] for r in rows if not r["path"]]:
        say(f"weft models get {' '.join(missing)}")


def _names() -> list[str]:
    from weft.models.public_models import PUBLIC_MODELS

    return list(PUBLIC_MODELS)


@models.command(name="get")
def get_models(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME ...", autocompletion=_names, help="As listed.")
    ],
) -> None:
    """Fetch models unless they are here, and print their files; commands then know their names."""
    from weft.models.public_models import fetch

    with progress("fetching", len(names)) as step:
        for name in names:
            say(fetch(name))
            step()
