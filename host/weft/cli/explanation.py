"""What ``weft explain`` prints: a table of layers, notes, memories, graphs between passes."""

from typing import TYPE_CHECKING, Any

from weft.cli.output import (
    layer_label,
    milliseconds,
    operator_label,
    percent,
    print_table,
    rounded,
    shape_text,
    time_note,
)
from weft.cli.terminal import say

if TYPE_CHECKING:
    from weft.program import Program
    from weft.runtime.profile import LinkProfile

__all__ = ["print_explanation"]

# What a narrow terminal can do without, the least first.
_MOVED = (">constants in", ">activations in", ">out", "bound by", ">of the pins")
_SPARE = (
    *(name.lstrip(">") for name in _MOVED),
    *("if dense", "field", "window", "input", "where", "parameters", "output", "MACs"),
)


def print_explanation(
    explained: dict[str, Any],
    program: "Program | None",
    *,
    clock_hz: int,
    link: "LinkProfile",
    over_link: bool,
    wide: bool,
) -> None:
    """Print what ``explain --json`` holds, and what ``program`` moves if it streams.

    ``over_link``: what does not fit comes over the link. ``wide``: all columns.
    """
    from weft.reports.traffic import total, traffic

    rows, streams = explained["layers"], program is not None and program.streamed
    left_out = print_table(
        f"{explained['model']} on {explained['config']}, rounding as {explained['rounding']}",
        [
            "layer",
            "operator",
            "window",
            ">input",
            ">output",
            ">parameters",
            ">if dense",
            ">field",
            ">MACs",
            "where",
            ">cycles",
            ">ms",
            ">use",
            *(_MOVED if streams else ()),
        ],
        [_cells(row, clock_hz) + (_moved(row) if streams else []) for row in rows],
        spare=() if wide else _SPARE,
    )
    say(f"{explained['macs']:,} MACs, {explained['parameters']:,} parameters")
    if predicted := explained["predicted_cycles"]:
        say(f"{predicted:,} cycles predicted{time_note(predicted, clock_hz, link)}")
    if program is not None and streams:
        beside = total(traffic(program).values())
        where = "over the link" if over_link else "memory beside the chip"
        say(
            f"{where}, for an image: {beside.constants:,} bytes of constants and "
            f"{beside.loaded:,} of activations come, {beside.stored:,} go"
        )
    if "window" not in left_out:
        say("window: kernel /stride *dilation +padding (top,bottom,left,right)")
    _print_notes(explained)
    _print_passes(explained, wide=wide)


def _print_notes(explained: dict[str, Any]) -> None:
    if explained["one_image"]:
        say("the first dimension counts no images: the model is one image of its declared shapes")
    for row in explained["layers"]:
        if row["where"] == "host":
            say(f"{layer_label(row['name'])} runs on the host: {row['reason']}")
        elif row["island"]:
            say(f"{layer_label(row['name'])} is a float island: ONNX Runtime leaves it in float32")
    for row in explained["fallback"]:
        say(f"{layer_label(row['name'])} ({row['operator']}) runs in {row['runtime']}: fallback")
    for name, use in (explained["memory"] or {}).items():
        say(
            f"{name} memory: {use['used']:,} of {use['available']:,} bytes "
            f"({percent(use['used'] / use['available'])})"
        )
    if explained["problem"]:
        say(explained["problem"])


def _print_passes(explained: dict[str, Any], *, wide: bool) -> None:
    for stage in explained.get("passes", []):
        print_table(
            f"after {stage['pass']}: {len(stage['nodes'])} nodes, {len(stage['tensors'])} tensors",
            ["node", "operator", "inputs", "outputs"],
            [
                [
                    layer_label(node["name"]),
                    operator_label(node["operator"]),
                    *(
                        " ".join(layer_label(name) if name else "-" for name in node[side])
                        for side in ("inputs", "outputs")
                    ),
                ]
                for node in stage["nodes"]
            ],
            spare=() if wide else ("inputs", "outputs"),
        )


def _cells(row: dict[str, Any], clock_hz: int) -> list[object]:
    cycles, dense = row["predicted_cycles"], row["dense_parameters"]
    return [
        layer_label(row["name"]),
        operator_label(row["operator"]),
        _window(row),
        shape_text(row["input_shape"]),
        shape_text(row["output_shape"]),
        f"{row['parameters']:,}" if row["parameters"] else "",
        "" if dense is None else rounded(dense),
        shape_text(row["receptive_field"]),
        f"{row['macs']:,}" if row["macs"] else "",
        row["where"],
        f"{cycles:,}" if cycles else "",
        milliseconds(cycles, clock_hz),
        percent(row["utilization"]) if row["macs"] else "",
    ]


def _moved(row: dict[str, Any]) -> list[object]:
    """Return what a layer moves between the chip and the memory beside it; - where it stays."""
    moved = row["traffic"]
    if moved is None:
        return [""] * len(_MOVED)
    sizes = [
        f"{moved[name]:,}" if moved[name] else "-" for name in ("constants", "loaded", "stored")
    ]
    return [*sizes, moved["bound"], percent(row["pins"]) if row["pins"] else ""]


def _window(row: dict[str, Any]) -> str:
    """Return kernel, stride unless it is 1, padding (top,bottom,left,right) unless it is 0."""
    if row["kernel"] is None:
        return ""
    text = shape_text(row["kernel"])
    stride, padding = row["stride"] or (1, 1), row["padding"] or (0, 0, 0, 0)
    dilation = row["dilation"] or (1, 1)
    if max(stride) > 1:
        text += f" /{stride[0]}" if stride[0] == stride[1] else f" /{shape_text(stride)}"
    if max(dilation) > 1:
        text += f" *{shape_text(dilation)}"
    if any(padding):
        same = len(set(padding)) == 1
        text += f" +{padding[0]}" if same else " +" + ",".join(map(str, padding))
    return text
