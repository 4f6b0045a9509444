"""Results that take the place of rows that nobody needs once their command has read them."""

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
) -> None:
    """Let results take the place of what nobody needs once their command has read it.

    Those of ``sliced`` commands do not: their next slice reads it again. What has two places that
    take turns does neither.
    """
    for n in chain.motions:
        target = windows.get(chain.target(n))
        if target is None or n in sliced or target.slots > 1:
            continue
        if len(chain.producers[target.buffer]) > 1:
            continue
        for source in chain.commands[n].reads:
            window = windows.get(source)
            if window is None or window.behind is not None:
                continue
            if not _used_up(window, chain, count, n):
                continue
            if _overtakes(target, window, chain.motions[n].pace(source), count):
                continue
            root = window.root or window
            target.root, target.slots = root, 1
            root.words = max(root.words, target.words)
            break
        else:
            _follow_up(chain, windows, count, n)
    for window in windows.values():
        if window.root is None and window.producer is not None:
            shared = any(w.root is window for w in windows.values())
            if not shared and min(window.low) < 0:  # no row lies above the first
                window.low = [max(0, low) for low in window.low]
                window.measure(chain.tile)


def _follow_up(chain: Chain, windows: Mapping[Buffer, Window], count: int, number: int) -> None:
    """Let rows that command ``number`` writes follow those that it reads, if those are left.

    Both windows move on over the same place: a row takes that of one read before, which the next
    stripe does not need.
    """
    target, move = windows[chain.target(number)], chain.motions[number]
    if count == 1 or target.buffer in chain.stored:
        return
    # What results are added to first: it has rows that the next stripe needs.
    for source in reversed(chain.commands[number].reads):
        window = windows.get(source)
        if window is None or window.producer is None or window.consumers[-1] != number:
            continue
        if source in chain.stored or window.slots > 1:
            continue
        if move.pace(source) != 1 or target.unit != window.unit:
            continue
        if any(w.root is window and w.behind is None for w in windows.values()):
            continue
        if window.root is not None and window.behind is None:
            continue
        behind = max(target.high[i] - window.low[i + 1] for i in range(count - 1))
        target.root, target.behind = window.root or window, max(0, behind) + (window.behind or 0)
        return


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
