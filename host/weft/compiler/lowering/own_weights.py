"""Fully connected layers on several pixels: each takes a group of output channels of its own.

As every weight is used once, pixels that share weights have nothing to do for a single window.
Where :attr:`Config.own_weights <weft_hw.contract.config.Config.own_weights>` is set, groups become
output rows, which the array computes ``pixels`` at a time on the same input.
"""

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.compiler.ir import Command, Rows
from weft.compiler.words import Parameters, Weights
from weft.program.layout import Layout

__all__ = ["share_among_pixels", "window_count"]

_SHARE = 16  # groups that are missing in the last block take at most this part of the memory


def share_among_pixels(config: Config, command: Command, target: Layout) -> Command:
    """Return ``command``, of a single window, with a group of output channels for each pixel.

    It comes back unchanged where the configuration does not allow that, one group is all there
    is, ``target`` has neighbours in its last word, or the last block would waste too many weights.
    """
    groups, words, parameters = command.mac.groups, command.weights, command.parameters
    missing = -groups % config.pixels
    if not config.own_weights or groups == 1 or not target.whole:
        return command
    if words is None or parameters is None:
        return command
    steps = len(words) // groups
    if missing * steps * _SHARE > config.weight_words:
        return command
    apart = _pad(words.words, missing * steps)
    apart = apart.reshape(-1, config.pixels, steps, config.columns, config.rows)
    entries = groups * config.beats
    return replace(
        command,
        descriptor=replace(
            command.mac,
            out_height=groups,
            groups=1,
            stride_y=0,
            out_row=config.beats,
            last_beats=config.beats,
            last_mask=(1 << config.lanes) - 1,
            own_weights=True,
        ),
        weights=Weights(
            np.ascontiguousarray(apart.swapaxes(1, 2)).reshape(-1, config.columns, config.rows)
        ),
        parameters=Parameters(_pad(parameters.words, entries - len(parameters))),
        rows=Rows(1, True),  # of a map of one word in each row, which is how the next layer sees it
    )


def window_count(config: Config, outputs: int) -> int:
    """Return how many times the array goes over a single window for so many output channels."""
    groups = -(-outputs // config.columns)
    return -(-groups // config.pixels) if config.own_weights else groups


def _pad(array: NDArray, missing: int) -> NDArray:
    """Return ``array`` with ``missing`` rows of zeros behind."""
    return np.pad(array, [(0, missing), *[(0, 0)] * (array.ndim - 1)])
