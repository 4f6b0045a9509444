"""The ``weft`` command: its commands, and what becomes of an error."""

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from weft import __version__
from weft.cli import (
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
    run,
    serve_sim,
)
from weft.errors import DeviceMismatch, LinkError, WeftError

__all__ = ["EXIT_DEVICE", "EXIT_DIFFERENT", "EXIT_DONE", "EXIT_USAGE", "app", "main"]

# What installs a module that not every installation has.
_EXTRAS = {"amaranth": "[sim]", "weft_sim": "[sim]", "amaranth_boards": "[build]"}
EXIT_DONE, EXIT_DIFFERENT, EXIT_USAGE, EXIT_DEVICE = range(4)

app = typer.Typer(
    name="weft",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Int8 networks on a convolution accelerator for open FPGAs.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool):
    if wanted:
        print(f"weft {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(
        False, "--debug", help="Show the traceback of an error; also after a command."
    ),
):
    """Take the options that stand before a command."""


for command in (
    explain,
    run,
    bench,
    report,
    compile,
    demo,
    serve_sim,
    build,
    program,
    config,
    devices,
    doctor,
    models,
):
    command.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done; 1: outputs differ; 2: bad usage or input; 3: device or link. An error is one
    sentence on stderr; ``--debug`` anywhere before ``--`` adds the traceback.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    end = words.index("--") if "--" in words else len(words)
    debug = "--debug" in words[:end]
    words = [word for word in words[:end] if word != "--debug"] + words[end:]
    try:
        code = app(words, prog_name="weft", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else EXIT_DONE
    except (BrokenPipeError, SystemExit):
        # The reader of our output has gone, as in `weft explain MODEL | head`; what is left to
        # flush at exit goes nowhere. Typer turns the error into SystemExit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except (KeyboardInterrupt, typer.Abort):
        print("weft: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"weft: {_sentence(error)}", file=sys.stderr)
        return EXIT_DEVICE if isinstance(error, LinkError | DeviceMismatch) else EXIT_USAGE


def _sentence(error: Exception) -> str:
    if hasattr(error, "format_message"):  # usage errors, whose class depends on Typer's release
        text = error.format_message()  # type: ignore[attr-defined]
    elif isinstance(error, WeftError):
        text = str(error)
    elif isinstance(error, ModuleNotFoundError):
        extra = _EXTRAS.get(error.name or "", "")
        text = f"Python module {error.name} is missing: pip install 'weft-fpga{extra}'"
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = "out of memory"
    else:
        text = f"internal error, {type(error).__name__}: {error}; --debug shows where"
    return " ".join(text.split()).rstrip(".")
