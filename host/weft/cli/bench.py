"""``weft bench``: cycles, utilisation and link time."""

from typing import TYPE_CHECKING

import typer

from weft.cli.options import (
    CheckOption,
    ConfigOption,
    DeviceOption,
    FallbackOption,
    JsonOption,
    ModelsArgument,
    RoundingOption,
    ShapeOption,
    WeightsOption,
    WideOption,
    parse_shapes,
)
from weft.cli.output import (
    clock_behind,
    layer_label,
    milliseconds,
    operator_label,
    percent,
    print_json,
    print_table,
    progress,
    shape_text,
    time_note,
)
from weft.cli.terminal import say

if TYPE_CHECKING:
    from weft.runtime.profile import LayerProfile, Profile

__all__ = ["print_profile", "register"]

# What a narrow terminal can do without, the least first.
_SPARE = (
    "set-up",
    "memory",
    "wait out",
    "wait in",
    "busy",
    "predicted",
    "where",
    "output",
    "MACs",
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(bench)


def bench(
    models: ModelsArgument,
    device: DeviceOption = "sim",
    config: ConfigOption = None,
    check: CheckOption = False,
    rounding: RoundingOption = None,
    shape: ShapeOption = None,
    fallback: FallbackOption = False,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
    wide: WideOption = False,
) -> int:
    """Measure one inference of each MODEL on a random input."""
    from weft.cli.feeds import random_feed
    from weft.session import InferenceSession

    profiles = []
    with progress("models", len(models)) as step:
        for model in models:
            with InferenceSession(
                model,
                device=device,
                config=config,
                rounding=rounding,
                check=check,
                fallback=fallback,
                weights=weights,
                shapes=parse_shapes(shape),
            ) as session:
                session.run(None, random_feed(session.graph, 0))
                profiles.append(session.profile)
            step()
    if as_json:
        print_json([profile.as_dict() for profile in profiles])
    else:
        for profile in profiles:
            print_profile(profile, wide=wide)
    return 1 if any(profile.bit_exact is False for profile in profiles) else 0


def print_profile(profile: "Profile", *, wide: bool = False) -> None:
    """Print a row per layer, ``wide`` with all columns, and lines for the whole inference."""
    clock_hz = clock_behind(profile)
    columns = [
        "layer",
        "operator",
        "where",
        ">output",
        ">MACs",
        ">cycles",
        ">ms",
        ">predicted",
        ">use",
        ">busy",
        ">wait in",
        ">wait out",
        ">set-up",
    ]
    rows = [_cells(layer, clock_hz) for layer in profile.layers]
    checked = profile.bit_exact is not None
    if any(layer.wait_memory for layer in profile.layers):
        columns.append(">memory")
        for row, layer in zip(rows, profile.layers, strict=True):
            row.append(_number(layer.wait_memory))
    if checked:
        columns.append("golden")
        for row, layer in zip(rows, profile.layers, strict=True):
            row.append(_verdict(layer.mismatches))
    print_table(
        f"{profile.model} on {profile.config} ({profile.device})",
        columns,
        rows,
        spare=() if wide else _SPARE,
    )
    say(f"{profile.macs:,} MACs")
    if predicted := profile.predicted_cycles:
        say(f"{predicted:,} cycles predicted{time_note(predicted, clock_hz, profile.link)}")
    if profile.cycles is not None:
        took = time_note(profile.cycles, clock_hz, profile.link)
        say(
            f"{profile.cycles:,} cycles counted{took}: "
            f"{percent(profile.utilization)} of {profile.multipliers} multipliers"
        )
    link = profile.link
    if link.bytes_to_board:
        say(
            f"link: {link.bytes_to_board:,} bytes to the board, "
            f"{link.bytes_from_board:,} back, {link.seconds:.3f} s"
        )
    if link.simulated_hz:
        say(f"simulation: {link.simulated_cycles:,} cycles, {link.simulated_hz:,.0f} a second")
    if checked:
        say(
            "every value equals the golden model"
            if profile.bit_exact
            else f"{profile.mismatches:,} values differ from the golden model"
        )


def _cells(layer: "LayerProfile", clock_hz: int) -> list[str]:
    return [
        layer_label(layer.name),
        operator_label(layer.operator),
        layer.where,
        shape_text(layer.output_shape),
        _number(layer.macs),
        _number(layer.cycles),
        milliseconds(layer.cycles, clock_hz),
        _number(layer.predicted_cycles),
        percent(layer.utilization) if layer.macs else "",
        _number(layer.busy),
        _number(layer.wait_input),
        _number(layer.wait_output),
        _number(layer.wait_setup),
    ]


def _number(value: int | None) -> str:
    return f"{value:,}" if value else ""


def _verdict(mismatches: int | None) -> str:
    if mismatches is None:
        return ""
    return "equal" if mismatches == 0 else f"{mismatches:,} differ"
