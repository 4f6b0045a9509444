"""Tables of what was measured, from docs/figures."""

import json
from pathlib import Path
from typing import Any

from weft_hw.boards import BOARDS, Board

__all__ = ["builds_table", "end_to_end_table", "latency_table", "markdown_table", "use_table"]

FIGURES = Path(__file__).parents[1] / "figures"
# Order and title of the models in a table.
MODELS = {
    "ic_resnet8_int8": "IC ResNet-8",
    "vww_mobilenet_int8": "VWW MobileNet",
    "kws_dscnn_int8": "KWS DS-CNN",
    "ad_autoencoder_int8": "AD autoencoder",
    "ic02_resnet_large_int8": "IC02 ResNet",
    "digits": "digits",
}
COUNTERS = ("busy", "wait_input", "wait_output", "wait_setup", "wait_memory")


def _figures(name: str) -> list[dict[str, Any]]:
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _share(used: int, available: int) -> str:
    return f"{used:,} of {available:,}"


def latency_table() -> str:
    """Return cycles and milliseconds of each configuration and model as Markdown.

    The clock is the slowest seed's of the board with the configuration's name, over any link.
    """
    counted = {(row["config"], row["model"]): row["cycles"] for row in _figures("bench")}
    slowest: dict[tuple[str, str], float] = {}
    for build in _figures("builds"):
        key, mhz = (build["board"], build["config"]), min(build["mhz"].values())
        slowest[key] = min(mhz, slowest.get(key, mhz))
    rows = []
    for (board, config), mhz in slowest.items():
        row = [f"`{board}`", f"{mhz:.1f}"]
        for model in MODELS:
            cycles = counted.get((config, model))
            row.append(f"{cycles:,}: {cycles / mhz / 1e3:.3f} ms" if cycles else "-")
        rows.append(row)
    return markdown_table(["board", "MHz", *MODELS.values()], rows)


def _link(board: Board, link: str) -> str:
    if link == "uart":
        return f"{board.baud / 1e6:g} Mbaud"
    return f"`{link}`, {board.bytes_per_second(link) / 1e6:.3g} MB/s"


def end_to_end_table() -> str:
    """Return milliseconds of one image with the link, and the link's share, as Markdown.

    The clock is that at which the board runs. Bytes are those that ``weft explain`` predicts, at
    the link's rate.
    """
    counted = {(row["config"], row["model"]): row["cycles"] for row in _figures("bench")}
    moved = {
        (row["config"], row["model"]): row["bytes_to_board"] + row["bytes_from_board"]
        for row in _figures("links")
    }
    rows = []
    for build in _figures("builds"):
        board, link = BOARDS[build["board"]], build["link"]
        row = [f"`{board.name}`", _link(board, link)]
        for model in MODELS:
            cycles, size = (of.get((board.config, model)) for of in (counted, moved))
            if cycles and size:
                wire = 1e3 * size / board.bytes_per_second(link)
                whole = 1e3 * cycles / board.clock_hz + wire
                row.append(f"{whole:.2f} ms, {100 * wire / whole:.0f} % link")
            else:
                row.append("-")
        rows.append(row)
    return markdown_table(["board", "link", *MODELS.values()], rows)


def use_table() -> str:
    """Return where the cycles of ``ulx3s-85f`` go, in percent, as Markdown."""
    rows = []
    for row in _figures("bench"):
        if row["config"] == "ulx3s-85f":
            counters = [f"{100 * row[name] / row['cycles']:.1f} %" for name in COUNTERS]
            rows.append([MODELS[row["model"]], f"{row['cycles']:,}", *counters])
    return markdown_table(["model", "cycles", *(f"`{name}`" for name in COUNTERS)], rows)


def _clocks(build: dict[str, Any]) -> str:
    """Return what each seed reached: of the design's clock, then of the others."""
    reached = {f"{build['target_mhz']:g}": list(build["mhz"].values())}
    for seed in build["others"].values():
        for wanted, mhz in seed.items():
            reached.setdefault(wanted, []).append(mhz)
    return "; ".join(
        f"{', '.join(f'{mhz:.1f}' for mhz in clock)} (wanted: {wanted})"
        for wanted, clock in reached.items()
    )


def builds_table() -> str:
    """Return resources and clocks of each board's last recorded build as Markdown."""
    rows = []
    for build in _figures("builds"):
        rows.append(
            [
                f"`{build['board']}`",
                f"`{build['link']}`",
                *(_share(*build["resources"][name]) for name in ("lut4", "ff", "dsp", "block_ram")),
                _clocks(build),
                f"`{build['commit']}`",
            ]
        )
    head = ["board", "link", "LUT4", "flip-flops", "multipliers", "block RAMs"]
    return markdown_table([*head, "MHz of each seed", "commit"], rows)
