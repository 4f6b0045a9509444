"""A report as one HTML page that needs nothing else: no script, no style sheet, no picture file."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from weft import __version__
from weft.reports.report import MOST_MAPS, Report
from weft.text import printable

__all__ = ["render"]

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 } h2 { margin-top: 2.5rem }
.facts { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.5rem 0 }
.facts div { display: flex; flex-direction: column } .facts b { font-size: 1.5rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap }
th, td { padding: .2rem .7rem; text-align: left; border-bottom: 1px solid #8884 }
.n { text-align: right }
.bar { display: inline-block; width: 8rem; height: .7rem; background: #8883; margin-right: .5rem }
.bar i { display: block; height: 100%; background: #21918c }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1.5rem }
figure { margin: 0 } figure img { width: 100%; image-rendering: pixelated } small { opacity: .75 }
"""


def render(report: Report) -> str:
    """Return the page."""
    subject = report.subject
    title = f"{subject.name} on {subject.config.name}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{_escape(title)}</title>",
            f"<style>{_STYLE}</style></head>",
            "<body>",
            f"<h1>{_escape(title)}</h1>",
            f"<p>One inference of {_escape(report.label)} on device {_escape(report.device)}; "
            f"rounding as {_escape(subject.graph.rounding)}; weft {__version__}.</p>",
            *([f"<p><b>{_escape(subject.problem)}</b></p>"] if subject.problem else []),
            _facts(report),
            "<h2>Outputs</h2>",
            *map(_output, report.outputs),
            "<h2>Layers</h2>",
            _layers(report),
            *_host_layers(report.rows),
            *_memory(report),
            *_maps(report),
            "</body></html>",
            "",
        ]
    )


def _escape(text: str) -> str:
    """Return what a page may hold."""
    return html.escape(printable(text))


def _facts(report: Report) -> str:
    rows, profile = report.rows, report.profile
    predicted = sum(row["predicted_cycles"] or 0 for row in rows)
    facts = [
        ("MACs", f"{sum(row['macs'] for row in rows):,}"),
        ("parameters", f"{sum(row['parameters'] for row in rows):,}"),
        ("multipliers", f"{profile.multipliers:,}"),
    ]
    if predicted:
        facts.append(("cycles predicted", f"{predicted:,}"))
    if profile.cycles:
        facts += [
            ("cycles counted", f"{profile.cycles:,}"),
            ("utilisation", _percent(profile.utilization)),
            ("bytes to the board", f"{profile.link.bytes_to_board:,}"),
            ("bytes back", f"{profile.link.bytes_from_board:,}"),
        ]
    cells = "".join(f"<div><small>{name}</small><b>{value}</b></div>" for name, value in facts)
    return f'<div class="facts">{cells}</div>'


def _output(output: Any) -> str:
    text = f"<p>{_escape(output.name)}: {_escape(output.dtype)} {_shape(output.shape)}"
    if output.top:
        text += "; highest: " + ", ".join(f"<b>{i}</b> ({value:g})" for i, value in output.top)
    return text + "</p>"


def _layers(report: Report) -> str:
    counted = report.counted
    heads = [
        "layer",
        "operator",
        "where",
        ">input",
        ">output",
        ">parameters",
        ">MACs",
        ">predicted",
    ]
    if counted is not None:
        heads += [">counted", ">busy", ">waits for input", ">waits for output"]
    longest = max([row["predicted_cycles"] or 0 for row in report.rows], default=0)
    body = []
    for row in report.rows:
        cycles, use = row["predicted_cycles"], row["utilization"]
        cells = [
            row["name"],
            row["operator"],
            row["where"] or "",
            _shape(row["input_shape"]),
            _shape(row["output_shape"]),
            _count(row["parameters"]),
            _count(row["macs"]),
            _count(cycles),
        ]
        if counted is not None:
            layer = counted.get(row["output"])
            cells += [
                _count(getattr(layer, name, None))
                for name in ("cycles", "busy", "wait_input", "wait_output")
            ]
            use = layer.utilization if layer is not None else None
        body.append((cells, [cycles / longest if cycles else None, use if row["macs"] else None]))
    return _table([*heads, "share of the longest", "utilisation"], body)


def _table(heads: Sequence[str], body: Iterable[tuple[Sequence[str], Sequence[float | None]]]):
    right = [head.startswith(">") for head in heads]
    lines = [
        "".join(
            f"<th{' class=n' * r}>{_escape(h.removeprefix('>'))}</th>"
            for h, r in zip(heads, right, strict=True)
        )
    ]
    for cells, shares in body:
        texts = [
            f"<td{' class=n' * r}>{_escape(cell)}</td>"
            for cell, r in zip(cells, right, strict=False)
        ]
        lines.append("".join([*texts, *(f"<td>{_bar(share)}</td>" for share in shares)]))
    rows = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table>{rows}</table></div>'


def _host_layers(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"<p>{_escape(row['name'])} runs on the host: {_escape(row['reason'] or '')}</p>"
        for row in rows
        if row["where"] == "host"
    ]


def _memory(report: Report) -> list[str]:
    if report.memory is None:
        return []
    body = [
        ([name, _count(use["used"]), _count(use["available"])], [use["used"] / use["available"]])
        for name, use in report.memory.items()
    ]
    return ["<h2>Memory</h2>", _table(["memory", ">bytes used", ">available", "share"], body)]


def _maps(report: Report) -> list[str]:
    figures = []
    for row in report.rows:
        if (data := report.maps.get(row["output"])) is not None:
            caption = (
                f"{_escape(row['name'])}<br><small>{_escape(row['operator'])}, "
                f"{_shape(row['output_shape'])}</small>"
            )
            figures.append(
                f'<figure><img alt="{_escape(row["name"])}" loading="lazy" '
                f'src="data:image/png;base64,{data}">'
                f"<figcaption>{caption}</figcaption></figure>"
            )
    if not figures:
        return []
    many = len(report.maps) >= MOST_MAPS
    return [
        "<h2>Activation maps</h2>",
        "<p>A tile a channel; dark is the smallest value of the layer, bright the largest."
        + (f" These are the first {MOST_MAPS}; weft run --maps draws all." * many)
        + "</p>",
        '<div class="maps">',
        *figures,
        "</div>",
    ]


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    width = min(max(100 * share, 0), 100)
    return f'<span class="bar"><i style="width:{width:.1f}%"></i></span>{_percent(share)}'


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _count(value: int | None) -> str:
    return f"{value:,}" if value else ""


def _shape(shape: Iterable[int] | None) -> str:
    return "" if shape is None else "x".join(map(str, shape))
