"""Results that take the place of rows that their command alone has read."""

from collections.abc import Collection, Mapping

from weft.compiler.ir import Buffer
from weft.compiler.streaming.chain import Chain
from weft.compiler.streaming.window import Window

__all__ = ["share_places"]


def share_places(
    chain: Chain,
    windows: Mapping[Buffer, Window],
    count: int,
    sliced: Collection[int],
    *,
    tight: bool,
) -> None:
    """Let results take the place of what only their command reads.

    Those of ``sliced`` commands do not: their next slice reads it again. What goes to DRAM does
    only where it is ``tight``: a store must then free the place for the next stripe.
    """
    for n in chain.motions:
        target = windows.get(chain.target(n))
        if target is None or n in sliced:
            continue
        if target.slots > 1 and (not tight or target.producer is None):
            continue
        if len(chain.producers[target.buffer]) > 1:
            continue
        for source in chain.commands[n].reads:
            window = windows.get(source)
            if window is None or not _used_up(window, chain, count, n):
                continue
            if _overtakes(target, window, chain.motions[n].stride, count):
                continue
            root = window.root or window
            target.root, target.slots = root, 1
            root.words = max(root.words, target.words)
            break
    for window in windows.values():
        if window.root is None and window.producer is not None:
            shared = any(w.root is window for w in windows.values())
            if not shared and min(window.low) < 0:  # no row lies above the first
                window.low = [max(0, low) for low in window.low]
                window.measure(chain.tile)


def _used_up(window: Window, chain: Chain, count: int, number: int) -> bool:
    """Whether nobody needs rows of a window that command ``number`` has read."""
    if count == 1:
        return window.consumers[-1:] == [number]
    if window.producer is None or window.buffer in chain.stored:
        return False
    return window.consumers == [number]


def _overtakes(target: Window, window: Window, stride: int, count: int) -> bool:
    """Whether results in a window's place would be written over rows that are still needed."""
    if any(target.low[i] < target.high[i - 1] for i in range(1, count)) or target.low[0] < 0:
        return True
    return target.unit > stride * window.unit
