"""Every command and option has its place in the documentation."""

import re
from pathlib import Path

import typer
from weft.cli import app as cli
from weft.cli import main  # which registers the commands

PAGES = list((Path(__file__).parents[2] / "docs").rglob("*.md"))


def commands(command, path=()):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


def test_every_option_is_described():
    assert main
    text = "".join(page.read_text() for page in PAGES if "history" not in page.parts)
    found = dict(commands(typer.main.get_command(cli.app)))
    assert ("run",) in found and ("models", "get") in found
    for path, command in found.items():
        assert not path or f"`weft {path[0]}" in text, path
        for option in (name for parameter in command.params for name in parameter.opts):
            if option.startswith("--"):
                assert re.search(rf"{option}(?![\w-])", text), (path, option)
