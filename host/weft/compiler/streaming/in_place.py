"""Results that take the place of rows that nobody needs once their command has read them."""

from collections.abc import Collection, Mapping

from weft.compiler.ir import Buffer
from weft.compiler.streaming.band import Band
from weft.compiler.streaming.chain import Chain

__all__ = ["share_places"]


def share_places(
    chain: Chain,
    bands: Mapping[Buffer, Band],
    count: int,
    sliced: Collection[int],
) -> None:
    """Let results take the place of what nobody needs once their command has read it.

    Those of ``sliced`` commands do not: their next slice reads it again. What has two places that
    take turns does neither.
    """
    for n in chain.motions:
        target = bands.get(chain.target(n))
        if target is None or n in sliced or target.slots > 1:
            continue
        if len(chain.producers[target.buffer]) > 1:
            continue
        for source in chain.commands[n].reads:
            band = bands.get(source)
            if band is None or band.behind is not None:
                continue
            if not _used_up(band, chain, count, n):
                continue
            if _overtakes(target, band, chain.motions[n].pace(source), count):
                continue
            root = band.root or band
            target.root, target.slots = root, 1
            root.words = max(root.words, target.words)
            break
        else:
            _follow_up(chain, bands, count, n)
    for band in bands.values():
        if band.root is None and band.producer is not None:
            shared = any(w.root is band for w in bands.values())
            if not shared and min(band.low) < 0:  # no row lies above the first
                band.low = [max(0, low) for low in band.low]
                band.measure(chain.tile)


def _follow_up(chain: Chain, bands: Mapping[Buffer, Band], count: int, number: int) -> None:
    """Let rows that command ``number`` writes follow those that it reads, if those are left.

    Both bands move on over the same place: a row takes that of one read before, which the next
    stripe does not need.
    """
    target, move = bands[chain.target(number)], chain.motions[number]
    if count == 1 or target.buffer in chain.stored:
        return
    # What results are added to first: it has rows that the next stripe needs.
    for source in reversed(chain.commands[number].reads):
        band = bands.get(source)
        if band is None or band.producer is None or band.consumers[-1] != number:
            continue
        if source in chain.stored or band.slots > 1:
            continue
        if move.pace(source) != 1 or target.unit != band.unit:
            continue
        if any(w.root is band and w.behind is None for w in bands.values()):
            continue
        if band.root is not None and band.behind is None:
            continue
        behind = max(target.high[i] - band.low[i + 1] for i in range(count - 1))
        target.root, target.behind = band.root or band, max(0, behind) + (band.behind or 0)
        return


def _used_up(band: Band, chain: Chain, count: int, number: int) -> bool:
    """Whether nobody needs rows of a band that command ``number`` has read."""
    if count == 1:
        return band.consumers[-1:] == [number]
    if band.producer is None or band.buffer in chain.stored:
        return False
    return band.consumers == [number]


def _overtakes(target: Band, band: Band, stride: int, count: int) -> bool:
    """Whether results in a band's place would be written over rows that are still needed."""
    if any(target.low[i] < target.high[i - 1] for i in range(1, count)) or target.low[0] < 0:
        return True
    return target.unit > stride * band.unit
