"""Overlap of images: how the next one can come, and the last result leave, during a run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from weft.compiler.ir import Buffer
from weft.compiler.lowering.context import Lowering
from weft.compiler.planning.place import Lifetime, place_buffers
from weft.compiler.planning.schedule import Schedule
from weft.compiler.timing.cycles import predict_cycles
from weft.program import RunStep, StreamPlan, StreamSet

__all__ = ["Overlap", "place_images"]

# About the cycles of a request without its data, and of cutting a run in two.
_REQUEST, _CUT = 60, 100


@dataclass(frozen=True)
class Overlap:
    """What placement found room for.

    ``twins`` gives the second buffer of what the host writes and reads; ``cut`` is
    the number of descriptors after which a run pauses, 0 for none.
    """

    twins: Mapping[Buffer, Buffer] = field(default_factory=dict)
    cut: int = 0
    note: str = ""

    def plan(self, lowering: Lowering, run: RunStep | None) -> StreamPlan:
        """Return the plan for the program; addresses are known now."""
        if run is None or not (self.twins or self.cut):
            return StreamPlan(note=self.note)
        sets = [StreamSet(run.first, {})]
        if self.twins:
            bases = {
                name: self.twins[lowering.places[name].buffer].base
                for name in (*run.loads, *run.reads)
            }
            sets.append(StreamSet(run.first + len(lowering.commands), bases))
        return StreamPlan(tuple(sets), self.cut, self.note)


def place_images(
    lowering: Lowering, schedule: Schedule, constants: Sequence[Buffer]
) -> tuple[int, Overlap]:
    """Place every buffer; return the words used and how images can overlap.

    Best is a second buffer for all that the host writes and reads, with a second set of
    descriptors. Without room for that, the run is cut in two: what the host writes then shares
    its place with nothing that is needed in the second part, what it reads with nothing that is
    needed in the first. The words may be more than there are.
    """
    config = lowering.config
    lifetimes = [life for life in schedule.lifetimes.values() if life.buffer.data is None]
    runs = [step for step in schedule.steps if isinstance(step, RunStep)]
    if lowering.graph.states:
        note = "the network has a state, so each call waits for the one before"
    elif len(runs) == 1:
        for lives, overlap in _overlaps(lowering, runs[0], lifetimes):
            used = place_buffers(config, constants, lives)
            if used <= config.activation_words:
                return used, overlap
        note = "no room for the next image during a run"
    else:
        note = "layers on the host lie between those on the accelerator" if runs else ""
    return place_buffers(config, constants, lifetimes), Overlap(note=note)


def _overlaps(
    lowering: Lowering, run: RunStep, lifetimes: list[Lifetime]
) -> Iterator[tuple[list[Lifetime], Overlap]]:
    """Yield what could be tried, best first."""
    places, end = lowering.places, len(lowering.commands)
    loads = {places[name].buffer for name in run.loads}
    reads = {places[name].buffer for name in run.reads}
    edges = [life for life in lifetimes if life.buffer in loads | reads]
    if 2 * end <= lowering.config.descriptor_count:
        twins = {
            life.buffer: Buffer(f"{life.buffer.name} (2)", life.buffer.words) for life in edges
        }
        lives = [life.also(range(end)) if life in edges else life for life in lifetimes]
        lives += [Lifetime(twin, 0, end - 1) for twin in twins.values()]
        yield lives, Overlap(twins, note="two buffers for each input and output")
    last_load = max((life.last for life in edges if life.buffer in loads), default=-1)
    first_read = min((life.first for life in edges if life.buffer in reads), default=end)
    traffic = [
        sum(places[name].layout.words for name in names) * lowering.config.columns + _REQUEST
        for names in (run.reads, run.loads)
    ]
    for cut in _cuts(lowering, range(last_load + 1, min(first_read, end - 1) + 1), traffic):
        lives = []
        for life in lifetimes:
            if life.buffer in loads:
                life = life.also(range(cut, end))
            if life.buffer in reads:
                life = life.also(range(cut))
            lives.append(life)
        yield lives, Overlap(cut=cut, note=f"runs are cut after descriptor {cut - 1}")


def _cuts(lowering: Lowering, choice: range, traffic: list[int]) -> list[int]:
    """Return where to cut, best first: the link should be done before each part is."""
    cycles = predict_cycles(lowering.config, lowering.commands)

    def period(cut: int) -> int:
        parts = sum(cycles[:cut]), sum(cycles[cut:])
        return sum(map(max, parts, traffic)) + _CUT

    return sorted((cut for cut in choice if cut > 0), key=period)
