"""``weft explain``: what each layer is, costs, and where it runs; nothing is run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from weft.cli.explanation import print_explanation
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
from weft.cli.output import print_json

if TYPE_CHECKING:
    from weft.graph import Graph
    from weft.program import Program

__all__ = ["register"]


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
    """Show a row per layer of MODEL: its form, cost and place.

    That is volumes, parameters, receptive field, MACs and predicted cycles; nothing is run.
    """
    from weft_hw.boards import clock_of

    from weft.compiler import compile_graph
    from weft.configuration import get_config
    from weft.errors import CapacityError
    from weft.graph import Graph
    from weft.models.loading import find_model, load, require_exact
    from weft.reports.layer_table import layer_rows, memory_use
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
    explained = {
        "model": find_model(model).stem,
        "config": size.name,
        "rounding": graph.runtime,
        "one_image": graph.declared is not None,
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
    if as_json:
        print_json(explained)
    else:
        print_explanation(
            explained, program, clock_hz=clock_hz, link=moved, over_link=over_link, wide=wide
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
