"""``weft run``: inference on files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weft.cli.options import (
    AgainstOption,
    CheckOption,
    ConfigOption,
    DeviceOption,
    ExactOption,
    FallbackOption,
    JsonOption,
    LabelsOption,
    ModelArgument,
    RoundingOption,
    ShapeOption,
    WeightsOption,
    parse_shapes,
)
from weft.cli.output import clock_behind, percent, print_json, progress, time_note
from weft.cli.summaries import print_summaries, summarise
from weft.cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.runtime.device import OpenDevice
    from weft.runtime.difference import Difference
    from weft.runtime.waves import Tracer
    from weft.session import InferenceSession

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(run)


def run(
    model: ModelArgument,
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            help="A .npy array, a picture, or a directory of them; may be given several times. "
            "Without it the input is random (seed 0).",
        ),
    ] = None,
    device: DeviceOption = "golden",
    config: ConfigOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the outputs as .npy, or as .npz."
        ),
    ] = None,
    labels: LabelsOption = None,
    maps: Annotated[
        Path | None,
        typer.Option("--maps", metavar="DIR", help="Write each layer's activation maps as PNG."),
    ] = None,
    waves: Annotated[
        Path | None,
        typer.Option(
            "--waves",
            metavar="FILE",
            help="Write waveforms of the simulated accelerator, as .fst or .vcd.",
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option("--layer", metavar="NAME", help="Run this layer alone for --waves."),
    ] = None,
    check: CheckOption = False,
    against: AgainstOption = None,
    rounding: RoundingOption = None,
    shape: ShapeOption = None,
    fallback: FallbackOption = False,
    exact: ExactOption = False,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run MODEL on arrays or pictures and print its outputs."""
    from weft.cli.feeds import gather_feeds, input_rule, shapes_of_files
    from weft.cli.labels import add_labels, labelled_outputs, read_labels
    from weft.cli.results import check_output_path, save_outputs
    from weft.reports.maps import map_folders, save_maps
    from weft.runtime.waves import layer_descriptors
    from weft.session import InferenceSession

    check_output_path(output)
    classes = read_labels(labels) if labels is not None else []
    with progress(f"preparing {device}") as step:
        opened, tracer = device, None
        if waves is not None or layer is not None:
            opened, tracer = _open_traced(model, device, config, waves, step)
        session = InferenceSession(
            model,
            device=opened,
            config=config,
            rounding=rounding,
            check=check,
            keep_tensors=maps is not None or layer is not None,
            fallback=fallback,
            exact=exact,
            weights=weights,
            against=against,
            shapes=parse_shapes(shape),
            progress=step,
        )
    with session:
        if missing := session.open_inputs:
            session.set_shapes(shapes_of_files(missing, inputs or []))
        if tracer is not None and layer is not None and session.program is not None:
            tracer.wanted = layer_descriptors(session.program, layer)
        check_output_path(output, [info.name for info in session.get_outputs()])
        labelled = (
            labelled_outputs(session.get_outputs(), classes, labels)
            if labels is not None
            else set()
        )
        feeds = gather_feeds(session.graph, inputs or [])
        rule = input_rule(session.graph, inputs or [])
        folders = map_folders(maps, [label for label, _ in feeds]) if maps is not None else []
        results, outputs, mismatches, written = [], [], 0, []
        differences: list[tuple[str, Difference]] = []
        with progress("inferences", len(feeds)) as step:
            for number, (label, feed) in enumerate(feeds):
                outputs.append(session.run(None, feed))
                mismatches += session.profile.mismatches or 0
                differences += [(label, difference) for difference in session.differences]
                results.append(summarise(session, label, outputs[-1]))
                add_labels(results[-1]["outputs"], labelled, classes)
                if maps is not None:
                    written += save_maps(session.graph, session.tensors, folders[number])
                step()
        names = [info.name for info in session.get_outputs()]
        profile = session.profile
    if output is not None:
        save_outputs(output, names, outputs)
    bit_exact = None if profile.bit_exact is None else mismatches == 0
    if as_json:
        print_json(
            {
                "model": str(model),
                "config": profile.config,
                "device": device,
                "rule": rule,
                "results": results,
                "bit_exact": bit_exact,
                "mismatches": None if bit_exact is None else mismatches,
                "against": _against(session, differences),
                "maps": [str(path) for path in written],
                "output": str(output) if output else None,
                "waves": str(waves) if waves else None,
                "profile": profile.as_dict(),
            }
        )
    else:
        if rule:
            say(rule)
        print_summaries(results)
        if profile.cycles is not None:
            took = time_note(profile.cycles, clock_behind(profile), profile.link)
            say(
                f"{profile.cycles:,} cycles on {profile.config}{took}, "
                f"{percent(profile.utilization)} of {profile.multipliers} multipliers"
            )
        for path in written:
            say(path)
        if output is not None:
            say(f"wrote {output}")
        if waves is not None:
            say(f"wrote {waves}: surfer {waves}, or gtkwave {waves}")
        if check and bit_exact is None:
            say("device golden is the golden model: there is nothing to compare")
        elif check:
            layers = sum(layer.mismatches is not None for layer in profile.layers)
            verdict = "all values equal" if bit_exact else f"{mismatches:,} values differ"
            say(f"{layers} layers compared with the golden model: {verdict}")
        for label, difference in differences:
            say(f"{label}: {difference}")
        if against and not differences:
            values = sum(array.size for arrays in outputs for array in arrays)
            say(f"{values:,} values of outputs compared with {session.runtime}: all equal")
    wrong = [difference for _, difference in differences if not difference.island]
    return 0 if bit_exact in (True, None) and not wrong else 1


def _against(
    session: "InferenceSession", differences: "list[tuple[str, Difference]]"
) -> dict[str, Any] | None:
    if session.runtime is None:
        return None
    found = [{"input": label, **difference.as_dict()} for label, difference in differences]
    return {"runtime": session.runtime, "differences": found}


def _open_traced(
    model: Path, device: str, config: str | None, waves: Path | None, step: "Callable[[str], None]"
) -> "tuple[OpenDevice, Tracer]":
    from weft.configuration import get_config
    from weft.errors import WeftError
    from weft.models.loading import find_model
    from weft.program import Program
    from weft.runtime.waves import open_traced

    if waves is None:
        raise WeftError("--layer goes with --waves FILE")
    if device != "sim":
        raise WeftError(f"--waves goes with --device sim, not {device}")
    path = find_model(model)
    size = Program.load(path).config if path.suffix == ".weft" else get_config(config)
    return open_traced(size, waves, step)
