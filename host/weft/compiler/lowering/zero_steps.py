"""Steps of the array whose weights are all zero are left out: they add nothing.

Wide weights (:func:`split_weights`) are mostly zero beyond their first 8 bits, and a slice of
output channels may need fewer steps than the whole layer.
"""

from dataclasses import replace

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.compiler.ir import Command, Entry
from weft.compiler.words import Weights

__all__ = ["kept_columns", "narrowed", "without_zero_steps"]


def without_zero_steps(command: Command) -> Command:
    """Return a command without window-program entries and last steps that add nothing.

    Its weight words shrink alike, in each group by the same ones. A maximum keeps them all.
    """
    if command.weights is None or command.mac.maximum:
        return command
    groups = 1 if command.mac.own_weights else command.mac.groups
    used = np.any(command.weights.used.reshape(groups, -1), axis=0)
    if used.all() or command.mac.own_weights:
        return command
    entries: list[Entry] = []
    wanted = np.zeros(len(used), bool)
    first = 0
    for entry in command.entries:
        steps = np.flatnonzero(used[first : first + len(entry.taps)])
        if len(steps):
            count = int(steps[-1]) + 1
            entries.append(replace(entry, taps=entry.taps[:count]))
            wanted[first : first + count] = True
        first += len(entry.taps)
    if not entries:  # a window has a step, whatever it adds
        entries, wanted[0] = [replace(command.entries[0], taps=command.entries[0].taps[:1])], True
    words = command.weights.words
    kept = words.reshape(groups, -1, *words.shape[1:])[:, wanted].reshape(-1, *words.shape[1:])
    f = command.mac
    keep = kept_columns(entries, f.dilation_x, f.stride_x)
    descriptor = structs.replace(f, keep=keep)
    return structs.replace(command, descriptor=descriptor, entries=entries, weights=Weights(kept))


def kept_columns(entries: list[Entry], dilation_x: int, stride_x: int) -> int:
    """Return how many columns of taps a window takes over from the one before."""
    if len(entries) > 1 or entries[0].channels or dilation_x > 1 or not stride_x:
        return 0
    return max(0, entries[0].columns - stride_x)


def narrowed(
    config: Config, entry: Entry, used: NDArray[np.bool_], dilation_x: int, unit_step: int
) -> Entry:
    """Return an entry that fetches only columns of taps between the first and last ``used`` one.

    Parameters
    ----------
    used : ndarray, bool, shape (taps,)
        Whether any output channel has a weight there that is not zero.
    dilation_x, unit_step : int
        From one column to the next, as in the descriptor.
    """
    if entry.channels or entry.columns == 1:
        return entry
    across = config.tap_columns
    taken = (used[entry.taps] & (entry.taps >= 0)).any(axis=0).reshape(-1, across)
    places = np.flatnonzero(taken.any(axis=0))
    if not len(places):
        return entry
    first, last = int(places[0]), int(places[-1])  # the newest column comes first
    skipped = entry.columns - 1 - last
    taps = np.full_like(entry.taps, -1).reshape(len(entry.taps), -1, across)
    old = entry.taps.reshape(taps.shape)
    taps[:, :, : last - first + 1] = old[:, :, first : last + 1]
    return Entry(
        entry.dy,
        entry.dx + skipped * dilation_x,
        entry.offset + skipped * unit_step,
        last - first + 1,
        False,
        taps.reshape(entry.taps.shape),
    )
