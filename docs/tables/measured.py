"""Tables of what was measured, from docs/figures."""

import json
from pathlib import Path
from typing import Any

from weft_hw.boards import BOARDS

__all__ = ["builds_table", "end_to_end_table", "latency_table", "markdown_table", "use_table"]

FIGURES = Path(__file__).parents[1] / "figures"
# Order and title of the models in a table.
MODELS = {
    "ic_resnet8_int8": "IC ResNet-8",
    "vww_mobilenet_int8": "VWW MobileNet",
    "kws_dscnn_int8": "KWS DS-CNN",
    "ad_autoencoder_int8": "AD autoencoder",
    "digits": "digits",
}
COUNTERS = ("busy", "wait_input", "wait_output", "wait_setup")


def _figures(name: str) -> list[dict[str, Any]]:
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _slowest_mhz(build: dict[str, Any]) -> float:
    return min(build["mhz"].values())


def _share(used: int, available: int) -> str:
    return f"{used:,} of {available:,}"


def latency_table() -> str:
    """Return cycles and milliseconds of each configuration and model as Markdown.

    The clock is the slowest seed's of the board with the configuration's name.
    """
    counted = {(row["config"], row["model"]): row["cycles"] for row in _figures("bench")}
    rows = []
    for build in _figures("builds"):
        mhz = _slowest_mhz(build)
        row = [f"`{build['board']}`", f"{mhz:.1f}"]
        for model in MODELS:
            cycles = counted.get((build["config"], model))
            row.append(f"{cycles:,}: {cycles / mhz / 1e3:.3f} ms" if cycles else "-")
        rows.append(row)
    return markdown_table(["board", "MHz", *MODELS.values()], rows)


def end_to_end_table() -> str:
    """Return milliseconds of one image with the link, and the link's share, as Markdown.

    Bytes are those that ``weft explain`` predicts, at the rate of the board's serial port.
    """
    counted = {(row["config"], row["model"]): row["cycles"] for row in _figures("bench")}
    moved = {
        (row["config"], row["model"]): row["bytes_to_board"] + row["bytes_from_board"]
        for row in _figures("links")
    }
    rows = []
    for build in _figures("builds"):
        board = BOARDS[build["board"]]
        row = [f"`{board.name}`", f"{board.baud / 1e6:g} Mbaud"]
        for model in MODELS:
            cycles, size = (of.get((board.config, model)) for of in (counted, moved))
            if cycles and size:
                link = 1e3 * size * 10 / board.baud
                whole = cycles / _slowest_mhz(build) / 1e3 + link
                row.append(f"{whole:.2f} ms, {100 * link / whole:.0f} % link")
            else:
                row.append("-")
        rows.append(row)
    return markdown_table(["board", "serial port", *MODELS.values()], rows)


def use_table() -> str:
    """Return where the cycles of ``ulx3s-85f`` go, in percent, as Markdown."""
    rows = []
    for row in _figures("bench"):
        if row["config"] == "ulx3s-85f":
            counters = [f"{100 * row[name] / row['cycles']:.1f} %" for name in COUNTERS]
            rows.append([MODELS[row["model"]], f"{row['cycles']:,}", *counters])
    return markdown_table(["model", "cycles", *(f"`{name}`" for name in COUNTERS)], rows)


def builds_table() -> str:
    """Return resources and clocks of each board's last recorded build as Markdown."""
    rows = []
    for build in _figures("builds"):
        clocks = ", ".join(f"{mhz:.1f}" for mhz in build["mhz"].values())
        rows.append(
            [
                f"`{build['board']}`",
                *(_share(*build["resources"][name]) for name in ("lut4", "ff", "dsp", "block_ram")),
                f"{clocks} (wanted: {build['target_mhz']:g})",
                f"`{build['commit']}`",
            ]
        )
    head = ["board", "LUT4", "flip-flops", "multipliers", "block RAMs", "MHz of each seed"]
    return markdown_table([*head, "commit"], rows)
