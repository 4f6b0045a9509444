"""``weft explain``: what each layer is, costs, and where it runs; nothing is run."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from weft.cli.options import ConfigOption, JsonOption, ModelArgument, RoundingOption
from weft.cli.output import percent, print_json, print_table, shape_text

if TYPE_CHECKING:
    from weft.analysis import LayerFacts
    from weft.program import Program

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(explain)


def explain(
    model: ModelArgument,
    config: ConfigOption = None,
    rounding: RoundingOption = None,
    as_json: JsonOption = False,
):
    """Show a row per layer of MODEL: volumes, parameters, receptive field, MACs, cycles."""
    from weft.analysis import analyse
    from weft.compiler import compile_graph
    from weft.errors import CapacityError
    from weft.graph import Graph
    from weft.loading import find_model, get_config, load

    loaded = load(model, config, rounding)
    problem = None
    if isinstance(loaded, Graph):
        graph, size = loaded, get_config(config)
        try:
            program = compile_graph(graph, size)
        except CapacityError as error:  # still worth a table, and the sentence that says why
            program, problem = None, str(error)
    else:
        graph, size, program = loaded.graph, loaded.config, loaded
    facts = {node.outputs[0]: fact
             for node, fact in zip(graph.nodes, analyse(graph), strict=True)}  # fmt: skip
    rows = [_row(fact, program, output, size.multipliers) for output, fact in facts.items()]
    memory = None
    if program is not None:
        memory = {name.lower(): {"used": used, "available": available}
                  for name, (used, available) in program.usage.items()}  # fmt: skip
    predicted = sum(row["predicted_cycles"] or 0 for row in rows)
    macs = sum(row["macs"] for row in rows)
    if as_json:
        print_json({
            "model": find_model(model).stem, "config": size.name, "rounding": graph.rounding,
            "macs": macs, "parameters": sum(row["parameters"] for row in rows),
            "predicted_cycles": predicted or None, "multipliers": size.multipliers,
            "memory": memory, "problem": problem, "layers": rows,
        })  # fmt: skip
        return
    print_table(
        f"{find_model(model).stem} on {size.name}, rounding as {graph.rounding}",
        ["layer", "operator", "kernel", "stride", "padding", ">input", ">output", ">parameters",
         ">if dense", ">field", ">MACs", "where", ">cycles", ">utilisation"],
        [_cells(row) for row in rows],
    )  # fmt: skip
    print(f"{macs:,} MACs, {sum(row['parameters'] for row in rows):,} parameters"
          + (f", {predicted:,} cycles predicted" if predicted else ""))  # fmt: skip
    for row in rows:
        if row["where"] == "host":
            print(f"{row['name']} runs on the host: {row['reason']}")
    for name, use in (memory or {}).items():
        print(f"{name} memory: {use['used']:,} of {use['available']:,} bytes "
              f"({percent(use['used'] / use['available'])})")  # fmt: skip
    if problem:
        print(problem)


def _row(
    fact: "LayerFacts", program: "Program | None", output: str, multipliers: int
) -> dict[str, Any]:
    row = asdict(fact)
    layer = None
    if program is not None:
        layer = next((layer for layer in program.layers if layer.outputs[0] == output), None)
    row["where"] = layer.where if layer else None
    row["reason"] = layer.reason if layer else None
    cycles = None
    if program is not None and layer is not None:
        cycles = sum(program.descriptors[n].predicted_cycles for n in layer.descriptors)
    row["predicted_cycles"] = cycles
    row["utilization"] = fact.macs / (multipliers * cycles) if cycles else None
    return row


def _cells(row: dict[str, Any]) -> list[object]:
    padding = row["padding"]
    cycles = row["predicted_cycles"]
    dense = row["dense_parameters"]
    return [
        row["name"], row["operator"], shape_text(row["kernel"]), shape_text(row["stride"]),
        "" if padding is None or not any(padding) else ",".join(map(str, padding)),
        shape_text(row["input_shape"]), shape_text(row["output_shape"]),
        f"{row['parameters']:,}" if row["parameters"] else "",
        "" if dense is None else f"{dense:,}", shape_text(row["receptive_field"]),
        f"{row['macs']:,}" if row["macs"] else "", row["where"],
        f"{cycles:,}" if cycles else "", percent(row["utilization"]),
    ]  # fmt: skip
