"""``weft explain``: what each layer is, costs, and where it runs; nothing is run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from weft.cli.options import (
    ConfigOption,
    ExactOption,
    FallbackOption,
    JsonOption,
    LinkOption,
    ModelArgument,
    RoundingOption,
    ShapeOption,
    WeightsOption,
    WideOption,
    parse_shapes,
)
from weft.cli.output import (
    layer_label,
    milliseconds,
    operator_label,
    percent,
    print_json,
    print_table,
    rounded,
    shape_text,
    time_note,
)
from weft.cli.terminal import say

if TYPE_CHECKING:
    from weft.graph import Graph
    from weft.program import Program

__all__ = ["register"]

# What a narrow terminal can do without, the least first.
_MOVED = (">constants in", ">activations in", ">out", "bound by")
_SPARE = (
    *(name.lstrip(">") for name in _MOVED),
    *("if dense", "field", "window", "input", "where", "parameters", "output", "MACs"),
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(explain)


def explain(
    model: ModelArgument,
    config: ConfigOption = None,
    rounding: RoundingOption = None,
    shape: ShapeOption = None,
    link: LinkOption = None,
    fallback: FallbackOption = False,
    exact: ExactOption = False,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
    wide: WideOption = False,
    passes: Annotated[
        bool,
        typer.Option(
            "--passes",
            help="Also the graph after import and after each pass of the compiler.",
        ),
    ] = False,
):
    """Show a row per layer of MODEL: volumes, parameters, receptive field, MACs, cycles."""
    from weft_hw.boards import clock_of

    from weft.compiler import compile_graph
    from weft.configuration import get_config
    from weft.errors import CapacityError
    from weft.graph import Graph
    from weft.models.loading import find_model, load, require_exact
    from weft.reports.layer_table import layer_rows, memory_use
    from weft.reports.traffic import total, traffic
    from weft.runtime.host_memory import require_model, weights_over_link, with_host_memory
    from weft.runtime.profile import LinkProfile
    from weft.runtime.wire import predicted_link

    outside, problem, over_link = None, None, weights_over_link(weights)
    if fallback and find_model(model).suffix != ".weft":
        from weft.runtime.fallback import load_in_parts

        loaded, outside = load_in_parts(find_model(model), rounding, parse_shapes(shape))
    else:
        loaded = load(model, config, rounding, parse_shapes(shape))
    if exact:
        require_exact(loaded)
    if isinstance(loaded, Graph):
        graph, size = loaded, get_config(config)
        size = with_host_memory(size) if over_link else size
        try:
            program = compile_graph(graph, size, moved_by_host=over_link)
        except CapacityError as error:  # still worth a table, and the sentence that says why
            program, problem = None, str(error)
    else:
        require_model(loaded, over_link=over_link)
        graph, size, program = loaded.graph, loaded.config, loaded
    clock_hz = clock_of(size.name)
    memory = memory_use(program)
    moved = (
        LinkProfile() if program is None else predicted_link(program, link or "", by_host=over_link)
    )
    rate = moved.bytes_per_second if over_link else 0
    rows = layer_rows(graph, program, size.multipliers, clock_hz / rate if rate else None)
    predicted = sum(row["predicted_cycles"] or 0 for row in rows)
    macs = sum(row["macs"] for row in rows)
    elsewhere = (
        []
        if outside is None
        else [
            {
                "name": x.name,
                "operator": x.operator,
                "output_shape": list(x.output_shape),
                "runtime": outside.runtime,
            }
            for x in (*outside.head_layers, *outside.tail_layers)
        ]
    )
    stages = _stages(loaded) if passes else None
    if as_json:
        print_json(
            {
                "model": find_model(model).stem,
                "config": size.name,
                "rounding": graph.runtime,
                "macs": macs,
                "parameters": sum(row["parameters"] for row in rows),
                "predicted_cycles": predicted or None,
                "predicted_link": {
                    "bytes_to_board": moved.bytes_to_board,
                    "bytes_from_board": moved.bytes_from_board,
                    "seconds": moved.wire_seconds,
                },
                "multipliers": size.multipliers,
                "memory": memory,
                "problem": problem,
                "layers": rows,
                "fallback": elsewhere,
                **({} if stages is None else {"passes": stages}),
            }
        )
        return
    streams = program is not None and program.streamed
    left_out = print_table(
        f"{find_model(model).stem} on {size.name}, rounding as {graph.runtime}",
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
    say(f"{macs:,} MACs, {sum(row['parameters'] for row in rows):,} parameters")
    if predicted:
        say(f"{predicted:,} cycles predicted{time_note(predicted, clock_hz, moved)}")
    if program is not None and program.streamed:
        beside = total(traffic(program).values())
        where = "over the link" if over_link else "memory beside the chip"
        say(
            f"{where}, for an image: {beside.constants:,} bytes of constants and "
            f"{beside.loaded:,} of activations come, {beside.stored:,} go"
        )
    if "window" not in left_out:
        say("window: kernel /stride *dilation +padding (top,bottom,left,right)")
    for row in rows:
        if row["where"] == "host":
            say(f"{layer_label(row['name'])} runs on the host: {row['reason']}")
        elif row["island"]:
            say(f"{layer_label(row['name'])} is a float island: ONNX Runtime leaves it in float32")
    for row in elsewhere:
        say(f"{layer_label(row['name'])} ({row['operator']}) runs in {row['runtime']}: fallback")
    for name, use in (memory or {}).items():
        say(
            f"{name} memory: {use['used']:,} of {use['available']:,} bytes "
            f"({percent(use['used'] / use['available'])})"
        )
    if problem:
        say(problem)
    for stage in stages or []:
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


def _stages(loaded: "Graph | Program") -> list[dict[str, Any]]:
    """Return the graph after import and after each pass; a program no longer has them.

    Raises
    ------
    ModelError
        If ``loaded`` is a program.
    """
    from weft.compiler.passes.trace import graph_as_dict, trace_passes
    from weft.errors import ModelError
    from weft.graph import Graph

    if not isinstance(loaded, Graph):
        raise ModelError("--passes needs the model file; a program is what the passes ended in")
    return [{"pass": name, **graph_as_dict(graph)} for name, graph in trace_passes(loaded)]


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
    return [*sizes, moved["bound"]]


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
