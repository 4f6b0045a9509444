"""Output of commands: tables, progress, JSON. Colour and movement only on a terminal."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from weft.cli.columns import fit_columns
from weft.cli.terminal import say, write_out
from weft.text import printable

if TYPE_CHECKING:
    from weft.runtime.profile import LinkProfile, Profile

__all__ = [
    "clock_behind",
    "layer_label",
    "milliseconds",
    "operator_label",
    "percent",
    "print_json",
    "print_table",
    "progress",
    "rounded",
    "shape_text",
    "time_note",
]

_LABEL = 28
_WIDTH = 80  # of a table in a pipe
_EDGE = 2  # what a table on a terminal has at its sides


def print_json(value: Any) -> None:
    """Print ``value`` as indented JSON."""
    import msgspec

    # Python's own indentation takes a second for 3,000 layers.
    try:
        text = msgspec.json.format(json.dumps(value), indent=2)
    except msgspec.DecodeError:  # a file's name that is no text is half a surrogate pair
        text = json.dumps(value, indent=2)
    write_out(text + "\n")


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    spare: Sequence[str] = (),
) -> list[str]:
    """Print a table; columns whose name starts with ``>`` are aligned to the right.

    ``spare`` names columns in the order in which they are left out where the table is wider than
    the terminal, or than 80 characters in a pipe. Those that are are returned.
    """
    names = [column.removeprefix(">") for column in columns]
    right = [column.startswith(">") for column in columns]
    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    left_out = []
    if spare:
        room = get_terminal_size().columns - _EDGE if sys.stdout.isatty() else _WIDTH
        kept, cells = fit_columns(names, cells, spare, room)
        left_out = [name for at, name in enumerate(names) if at not in kept and name in spare]
        names, right = [names[at] for at in kept], [right[at] for at in kept]
    _print(title, names, right, cells)
    if left_out:
        say(f"--wide adds {', '.join(left_out)}")
    return left_out


def _print(title: str, names: list[str], right: list[bool], cells: list[list[str]]) -> None:
    if sys.stdout.isatty():
        _print_rich(title, names, right, cells)
        return
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    say(title)
    for row in (names, *cells):
        padded = (
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        )
        say("  ".join(padded).rstrip())


def _print_rich(title: str, names: list[str], right: list[bool], cells: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(printable(title)),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name, is_right in zip(names, right, strict=True):
        table.add_column(name, justify="right" if is_right else "left", no_wrap=True)
    for row in cells:
        table.add_row(*map(Text, row))
    # A row too long for the terminal is wrapped by it, rather than cut.
    needed = sum(max(map(len, column)) + 2 for column in zip(names, *cells, strict=True))
    Console(width=max(Console().width, needed)).print(table)


@contextmanager
def progress(text: str, total: int | None = None) -> Iterator[Any]:
    """Show a progress bar on stderr while the block runs, if stderr is a terminal.

    Yields a function: call it after each of ``total`` steps, or once for a text as its argument.
    """
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = [TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()]
    if total is not None:
        columns.insert(2, MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(printable(text), total=total)

        def step(new_text: str | None = None) -> None:
            if new_text is None:
                bar.advance(task)
            else:
                bar.update(task, description=printable(new_text))

        yield step


def layer_label(name: str) -> str:
    """Return the last two parts of a layer's path, shortened at their front if need be."""
    label = "/".join(name.strip("/").split("/")[-2:])
    return label if len(label) <= _LABEL else "…" + label[1 - _LABEL :]


def operator_label(operator: str) -> str:
    """Return an operator's name without what every name has."""
    return operator.removesuffix("_2D")


def rounded(value: int) -> str:
    """Return a count to three digits: 950, 64.0 k, 268 M, 1.07 G."""
    if value < 1000:
        return str(value)
    size, units = value / 1000, "kMGTPE"
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f} {units[0]}"


def shape_text(shape: Iterable[int] | None) -> str:
    """Return sizes joined by x, as in 32x32x16."""
    return "" if shape is None else "x".join(map(str, shape))


def milliseconds(cycles: int | None, clock_hz: int) -> str:
    """Return what ``cycles`` take, in ms to a microsecond; nothing without cycles or a clock."""
    return f"{1000 * cycles / clock_hz:,.3f}" if cycles and clock_hz else ""


def clock_behind(profile: "Profile") -> int:
    """Return the clock that the board told of, in Hz; in simulation that of a board like it."""
    from weft_hw.boards import clock_of

    return profile.clock_hz or clock_of(profile.config)


def time_note(cycles: int | None, clock_hz: int, link: "LinkProfile | None" = None) -> str:
    """Return what ``cycles`` take, alone and with the link, for the end of a sentence."""
    text = milliseconds(cycles, clock_hz)
    if not text or not cycles:
        return ""
    seconds = link.wire_seconds if link else None
    if link is None or not seconds:
        return f" ({text} ms at {clock_hz / 1e6:g} MHz, without the link)"
    whole = 1000 * (cycles / clock_hz + seconds)
    return f" ({text} ms at {clock_hz / 1e6:g} MHz; {whole:,.3f} ms with a link of {link.rate})"


def percent(value: float | None) -> str:
    """Return a share as a percentage, or nothing where there is none."""
    return "" if value is None else f"{100 * value:.1f} %"
