"""A report as one HTML page that needs nothing else: no script, no style sheet, no picture file."""

import base64
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from weft_hw.boards import clock_of

from weft import __version__
from weft.graph.analysis import input_size
from weft.reports.cycles import COUNTED, PREDICTED, layer_times, moved_bytes
from weft.reports.filters import MOST_KERNELS
from weft.reports.maps import png
from weft.reports.over_time import HEIGHT, WIDTH, course
from weft.reports.report import MOST_MAPS, Report
from weft.runtime.wire import predicted_link
from weft.text import printable

__all__ = ["render"]


def render(report: Report) -> str:
    """Return the page."""
    times = layer_times(report)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            version=__version__,
            facts=_facts(report),
            times=times,
            total=sum(time.cycles for time in times),
            clock=_clock(report),
            traffic=moved_bytes(report, MOST_MAPS),
            courses=course(report.subject.program),
            course_box=f"0 0 {WIDTH} {HEIGHT}",
            kinds=PREDICTED if report.counted is None else COUNTED,
            field_limit=input_size(report.subject.graph),
            most_maps=MOST_MAPS,
            most_kernels=MOST_KERNELS,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("weft.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "breakable": _breakable,
        "count": lambda value: f"{value:,}",
        "data": _data,
        "percent": lambda share: f"{100 * share:.1f} %",
        "shape": lambda sizes: "x".join(map(str, sizes)) or "1",
        "times_as_many": _times_as_many,
        "window": _window,
    }
    return environment


def _shown(value: Any) -> Any:
    """Return what a page may hold of ``value``; files are full of names by strangers."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(name: str) -> Markup:
    """Return a name that a narrow column breaks between its parts."""
    text = str(escape(printable(name)))
    for mark in "/_":
        text = text.replace(mark, f"{mark}<wbr>")
    return Markup(text)


def _data(picture: Any) -> Markup:
    """Return a picture as the address that an ``img`` takes."""
    return Markup("data:image/png;base64,") + base64.b64encode(png(picture)).decode()


def _clock(report: Report) -> int:
    return report.profile.clock_hz or clock_of(report.subject.config.name)


def _facts(report: Report) -> list[tuple[str, str]]:
    """Return names and values for the head of the page."""
    rows, profile, clock = report.rows, report.profile, _clock(report)
    predicted = sum(row["predicted_cycles"] or 0 for row in rows)
    facts = []
    if cycles := profile.cycles or predicted:
        if clock:
            compute = 1000 * cycles / clock
            facts.append((f"ms to compute, at {clock / 1e6:g} MHz", f"{compute:,.3f}"))
            facts += _end_to_end(report, compute)
        if profile.cycles:
            facts.append(("cycles counted", f"{profile.cycles:,}"))
        facts.append(("cycles predicted", f"{predicted:,}"))
    macs = sum(row["macs"] for row in rows)
    if cycles:
        use = macs / (profile.multipliers * cycles)
        facts.append((f"utilisation of {profile.multipliers:,} multipliers", f"{100 * use:.1f} %"))
    facts.append(("MACs", f"{macs:,}"))
    facts.append(("parameters", f"{sum(row['parameters'] for row in rows):,}"))
    if profile.cycles:
        facts += [
            ("bytes to the board", f"{profile.link.bytes_to_board:,}"),
            ("bytes back", f"{profile.link.bytes_from_board:,}"),
        ]
    return facts


def _end_to_end(report: Report, compute: float) -> list[tuple[str, str]]:
    """Return milliseconds with the link: measured on a board, else at its link's rate."""
    profile, link = report.profile, report.profile.link
    if profile.clock_hz:
        return [("ms end to end, measured", f"{1000 * profile.seconds:,.3f}")]
    program = report.subject.program
    if not link.bytes_per_second and program is not None:  # no link was used
        link = predicted_link(program)
    if not link.wire_seconds:
        return []
    moved = link.bytes_to_board + link.bytes_from_board
    name = f"ms end to end, with {moved:,} bytes at {link.rate}"
    return [(name, f"{compute + 1000 * link.wire_seconds:,.3f}")]


def _times_as_many(dense: int, parameters: int) -> str:
    """Return how many times ``parameters`` a fully connected layer has."""
    return f"{dense / parameters:,.{0 if dense >= 10 * parameters else 1}f}"


def _window(row: Mapping[str, Any]) -> str:
    """Return kernel, stride, dilation and padding in words, without what is usual."""
    parts = [f"{_sizes(row['kernel'])} kernel"]
    for name in ("stride", "dilation"):
        if row[name] and max(row[name]) > 1:
            parts.append(f"{name} {_sizes(row[name])}")
    if row["padding"] and any(row["padding"]):
        parts.append(
            "padding " + ", ".join(map(str, row["padding"])) + " (top, bottom, left, right)"
        )
    return "; ".join(parts)


def _sizes(pair: Iterable[int]) -> str:
    return "x".join(map(str, pair))
