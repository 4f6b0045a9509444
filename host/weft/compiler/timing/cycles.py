"""Prediction of the cycles that each descriptor takes, counted as the hardware counts them."""

from collections.abc import Sequence
from itertools import pairwise

from weft_hw.contract.config import Config

from weft.compiler.ir import Command
from weft.compiler.timing.timeline import Timeline

__all__ = ["predict_cycles"]


def predict_cycles(config: Config, commands: Sequence[Command]) -> list[int]:
    """Return the cycles of each command of a run.

    As the hardware's counters have it, a layer lasts from the end of the layer before to the
    last of its own results.
    """
    timeline = Timeline(config)
    for command in commands:
        timeline.layer(command)
    return [end - start for start, end in pairwise(timeline.ends)]
