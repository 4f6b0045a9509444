"""The ``weft`` command: its commands, and what becomes of an error."""

import sys
import traceback
from collections.abc import Sequence

import typer

from weft import __version__
from weft.cli import (
    Ended,
    bench,
    build,
    compile,
    config,
    demo,
    devices,
    doctor,
    explain,
    models,
    program,
    report,
    serve,
    serve_sim,
)
from weft.cli import run as run_command
from weft.cli.completion import is_asked, whole_files
from weft.cli.terminal import discard, say, say_error, write_out
from weft.errors import DeviceMismatch, LinkError, WeftError
from weft.text import reason

__all__ = ["EXIT_DEVICE", "EXIT_DIFFERENT", "EXIT_DONE", "EXIT_USAGE", "app", "run"]

# What installs a module that not every installation has.
_EXTRAS = {
    "amaranth": "[sim]",
    "weft_sim": "[sim]",
    "amaranth_boards": "[build]",
    "ray": "[serve]",
    "tritonclient": "[serve]",
}
EXIT_DONE, EXIT_DIFFERENT, EXIT_USAGE, EXIT_DEVICE = range(4)

app = typer.Typer(
    name="weft",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Int8 networks on a convolution accelerator for open FPGAs.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool):
    if wanted:
        say(f"weft {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(
        False, "--debug", help="Show the traceback of an error; also after a command."
    ),
):
    """Take the options that stand before a command; without a command, show what there is."""
    if context.invoked_subcommand is None:
        for line in context.get_help().split("\n"):
            say_error(line)
        raise typer.Exit(EXIT_USAGE)


for command in (
    explain,
    run_command,
    bench,
    report,
    compile,
    demo,
    serve,
    serve_sim,
    build,
    program,
    config,
    devices,
    doctor,
    models,
):
    command.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code, as :func:`weft.cli.main` describes."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    debug = "--debug" in words[:end]
    words = [word for word in words[:end] if word != "--debug"] + words[end:]
    try:
        with whole_files(words):
            code = app(words, prog_name="weft", standalone_mode=False)
        write_out("", flush=True)
        return code if isinstance(code, int) else EXIT_DONE
    except SystemExit as end:
        if is_asked():  # fish takes exit code 1 for "complete a file"
            write_out("", flush=True)
            return int(end.code or EXIT_DONE)
        discard(sys.stdout)  # Typer's own output had no reader
        return EXIT_DONE
    except typer.Abort as abort:
        if not isinstance(abort.__cause__, EOFError):
            raise KeyboardInterrupt from None
        error = abort.__cause__  # which Typer takes for the end of what a user types
    except Exception as caught:
        if (end := _ended(caught)) is not None:
            raise end from None
        error = caught
    if debug:
        for line in "".join(traceback.format_exception(error)).rstrip().split("\n"):
            say_error(line)
    say_error(f"weft: {_sentence(error)}")
    return EXIT_DEVICE if isinstance(error, LinkError | DeviceMismatch) else EXIT_USAGE


def _ended(error: BaseException | None) -> Ended | None:
    """Return the signal that a library made another error of, as Ray's compiled code does."""
    while error is not None and not isinstance(error, Ended):
        error = error.__cause__ or error.__context__
    return error


def _sentence(error: Exception) -> str:
    if hasattr(error, "format_message"):  # usage errors, whose class depends on Typer's release
        text = error.format_message()  # type: ignore[attr-defined]
    elif isinstance(error, WeftError):
        text = str(error)
    elif isinstance(error, ModuleNotFoundError):
        extra = _EXTRAS.get(error.name or "", "")
        text = f"Python module {error.name} is missing: pip install 'weft-fpga{extra}'"
    elif isinstance(error, OSError) and error.strerror:
        text = reason(error)
    elif isinstance(error, MemoryError):
        text = "out of memory"
    else:
        text = f"internal error, {type(error).__name__}: {error}; --debug shows where"
    return " ".join(text.split()).rstrip(".")
