"""Which rows each stripe of a chain computes, and which it needs on the chip for that."""

from collections.abc import Mapping, Sequence
from math import gcd

from weft.compiler.ir import Buffer
from weft.compiler.streaming.band import Band
from weft.compiler.streaming.chain import Chain

__all__ = ["lead", "make_bands", "row_ends"]


def row_ends(chain: Chain, count: int) -> dict[int, list[int]]:
    """Return, for each command, the output rows that are done after each of ``count`` stripes.

    Commands are ahead of those that read what they write, by the rows below a window. The first
    stripe is lower, as it has to get ahead, where the others need not be higher for that.
    """
    sink = min(chain.motions[n].height for n in chain.sinks)
    ahead = min(lead(chain), -sink % count)
    ends: dict[int, list[int]] = {n: [] for n in chain.motions}
    for stripe in range(count):
        for n in reversed(list(chain.motions)):
            move, target = chain.motions[n], chain.target(n)
            if stripe == count - 1:
                end = move.height
            elif n in chain.sinks:
                end = max(1, -(-(move.height + ahead) * (stripe + 1) // count) - ahead)
            else:
                end = 0
            for c in chain.readers(n):
                if ends[c][stripe]:
                    end = max(end, chain.motions[c].end(target, ends[c][stripe]))
            if stripe:
                end = max(end, ends[n][-1])
            step = chain.tile // gcd(chain.tile, chain.rows[target])
            ends[n].append(min(move.height, -(-end // step) * step))
    return ends


def lead(chain: Chain) -> int:
    """Return how many rows of a sink the first commands are ahead of it."""
    needed: dict[int, int] = {}  # rows that are done when the sinks have one
    sink = min(chain.motions[n].height for n in chain.sinks)
    for n in reversed(list(chain.motions)):
        readers = [(c, chain.motions[c]) for c in chain.readers(n)]
        target = chain.target(n)
        needed[n] = max((move.end(target, needed[c]) for c, move in readers), default=1)
    return max(rows * sink // chain.motions[n].height - 1 for n, rows in needed.items())


def make_bands(
    chain: Chain, ends: Mapping[int, Sequence[int]], count: int, *, tight: bool
) -> dict[Buffer, Band]:
    """Return the band of each buffer that has one, for ``count`` stripes up to ``ends``.

    What comes from DRAM or goes there has two places that take turns, unless it is ``tight``.
    """
    bands: dict[Buffer, Band] = {}
    for buffer in (*chain.consumers, *chain.producers):
        if buffer in chain.residents or buffer in bands:
            continue
        producers, consumers = chain.producers.get(buffer, []), chain.consumers.get(buffer, [])
        producer = producers[-1] if producers else None
        band = Band(buffer, chain.rows[buffer], producer, consumers)
        for stripe in range(count):
            _extend(band, chain, ends, stripe)
        band.measure(chain.tile)
        comes = producer is None or not consumers
        band.slots = 2 if count > 1 and comes and not tight else 1
        bands[buffer] = band
    return bands


def _extend(band: Band, chain: Chain, ends: Mapping[int, Sequence[int]], stripe: int) -> None:
    """Say which rows of a band a stripe needs on the chip."""
    before = band.high[-1] if stripe else 0
    lows, highs = [], [before]
    for c in band.consumers:
        reader, move = ends[c], chain.motions[c]
        done = reader[stripe - 1] if stripe else 0
        if done < move.height:
            lows.append(move.begin(band.buffer, done))
            if reader[stripe]:
                highs.append(move.end(band.buffer, reader[stripe]))
    if band.producer is None:
        low = max(0, min(lows, default=before))
        band.low.append(low)
        band.high.append(max(low, *highs))
        return
    written = [ends[n] for n in chain.producers[band.buffer]]
    if stripe:  # rows that not all have written yet
        lows += [done[stripe - 1] for done in written]
    band.low.append(min([before, *lows]))
    band.high.append(max(done[stripe] for done in written))
