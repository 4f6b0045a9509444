"""``weft demo``: the 450 held-out digits on the accelerator, every layer checked."""

import time
from pathlib import Path
from typing import Annotated

import typer

from weft.cli.options import ConfigOption, DeviceOption
from weft.cli.output import (
    clock_behind,
    milliseconds,
    operator_label,
    percent,
    print_table,
    progress,
    shape_text,
    time_note,
)
from weft.cli.terminal import say

__all__ = ["register"]

_PICTURED = 0  # the image whose activation maps are drawn


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(demo)


def demo(
    device: DeviceOption = "sim",
    config: ConfigOption = None,
    count: Annotated[
        int,
        typer.Option("--images", metavar="N", min=1, max=450, help="Of the 450 held-out images."),
    ] = 450,
    maps: Annotated[
        Path, typer.Option("--maps", metavar="DIR", help="Where the activation maps go.")
    ] = Path("build/demo"),
) -> int:
    """Classify digits on the accelerator and compare every layer.

    Exit code 0 only if every value equals the golden model.
    """
    from weft.models.digits import MODEL, held_out_inputs
    from weft.reports.maps import save_maps
    from weft.session import InferenceSession

    start = time.monotonic()
    with progress(f"preparing {device}") as step:
        session = InferenceSession(
            MODEL, device=device, config=config, check=True, keep_tensors=True, progress=step
        )
    prepared = time.monotonic()
    inputs, labels = held_out_inputs()
    correct, compared, written = 0, 0, []
    differing: dict[str, int] = {}
    with session, progress("digits", count) as step:
        name = session.get_inputs()[0].name
        for index in range(count):
            [scores] = session.run(None, {name: inputs[index : index + 1]})
            correct += int(scores.argmax()) == int(labels[index])
            compared += session.compared_values
            for layer in session.profile.layers:
                if layer.mismatches:
                    differing[layer.name] = differing.get(layer.name, 0) + layer.mismatches
            if index == _PICTURED:
                written = save_maps(session.graph, session.tensors, maps)
            step()
        profile = session.profile
    finished = time.monotonic()

    clock_hz = clock_behind(profile)
    print_table(
        f"Digits on {profile.config} ({device}), one image",
        ["layer", "shape", ">MACs", ">cycles", ">ms", ">utilisation", "golden"],
        [
            [
                operator_label(layer.operator),
                shape_text(layer.output_shape),
                f"{layer.macs:,}" if layer.macs else "",
                f"{layer.cycles:,}" if layer.cycles else "",
                milliseconds(layer.cycles, clock_hz),
                percent(layer.utilization) if layer.macs else "",
                f"{differing[layer.name]:,} differ"
                if layer.name in differing
                else ""
                if layer.mismatches is None
                else "equal",
            ]
            for layer in profile.layers
        ],
    )
    if profile.cycles is not None:
        took = time_note(profile.cycles, clock_hz, profile.link)
        say(
            f"one image: {profile.cycles:,} cycles{took}, "
            f"{percent(profile.utilization)} of {profile.multipliers} multipliers"
        )
    say(f"activation maps of image {_PICTURED} (a {labels[_PICTURED]}):")
    for path in written:
        say(f"  {path}")
    say(f"accuracy: {correct} of {count} held-out images ({percent(correct / count)})")
    say(f"prepared in {prepared - start:.1f} s, ran in {finished - prepared:.1f} s")
    if session.program is None:
        say("device golden is the golden model: there is nothing to compare")
        return 0
    total = sum(differing.values())
    say(
        f"{compared:,} values compared with the golden model: "
        + ("all equal" if total == 0 else f"{total:,} differ")
    )
    return 0 if total == 0 and compared > 0 else 1
