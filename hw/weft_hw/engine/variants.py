"""Which variant of a part a configuration has: chosen here, and nowhere else."""

from dataclasses import dataclass, replace

from weft_hw.contract.config import Config
from weft_hw.engine.compute.accumulator import Accumulators
from weft_hw.engine.compute.array import SmallArray, SystolicArray
from weft_hw.engine.compute.feeder import Feeder, SerialFeeder
from weft_hw.engine.compute.pairs import (
    PairAccumulators,
    PairArray,
    PairFeeder,
    PairWindowFormer,
)
from weft_hw.engine.compute.window import WindowFormer
from weft_hw.engine.counting import LayerCounters, SmallLayerCounters
from weft_hw.engine.descriptors import Descriptors, OneDescriptor
from weft_hw.engine.input.tap_fetch import StandingTapFetch, TapFetch
from weft_hw.engine.input.walker import StandingWalker, Walker
from weft_hw.engine.input.window_program import SingleWindowProgram, WindowProgram
from weft_hw.engine.output.collector import Collector, PairCollector
from weft_hw.engine.output.output_lanes import OutputLanes
from weft_hw.engine.output.serial_collector import SerialCollector
from weft_hw.engine.output.serial_lanes import SerialLanes
from weft_hw.engine.output.writer import MacWriter, Writer

__all__ = ["Variants", "variants_of"]


@dataclass(frozen=True, kw_only=True)
class Variants:
    """Parts of the engine that exist several times: for speed, few cells, or pairs of rows."""

    counters: type[LayerCounters] = LayerCounters
    descriptors: type[Descriptors] = Descriptors
    program: type[WindowProgram] = WindowProgram
    walker: type[Walker] = Walker
    fetch: type[TapFetch] = TapFetch
    feeder: type[Feeder] = Feeder
    window: type[WindowFormer] = WindowFormer
    array: type[SystolicArray] = SystolicArray
    accumulators: type[Accumulators] = Accumulators
    collector: type[Collector] | type[SerialCollector] = Collector
    lanes: type[OutputLanes] | type[SerialLanes] = OutputLanes
    writer: type[Writer] = Writer


_FAST = Variants()
_PAIRED = replace(
    _FAST,
    feeder=PairFeeder,
    window=PairWindowFormer,
    array=PairArray,
    accumulators=PairAccumulators,
    collector=PairCollector,
)
_COMPACT = Variants(
    counters=SmallLayerCounters,
    descriptors=OneDescriptor,
    program=SingleWindowProgram,
    walker=StandingWalker,
    fetch=StandingTapFetch,
    feeder=SerialFeeder,
    array=SmallArray,
    collector=SerialCollector,
    lanes=SerialLanes,
    writer=MacWriter,
)


def variants_of(config: Config) -> Variants:
    """Return those of a configuration."""
    if config.compact:
        return _COMPACT
    return _PAIRED if config.paired else _FAST
