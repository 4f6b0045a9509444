"""Which variant of a part a configuration has: chosen here, and nowhere else."""

from dataclasses import dataclass

from weft_hw.contract.config import Config
from weft_hw.engine.counting import LayerCounters, SmallLayerCounters
from weft_hw.engine.descriptors import Descriptors, OneDescriptor
from weft_hw.engine.output.collector import Collector
from weft_hw.engine.output.output_lanes import OutputLanes
from weft_hw.engine.output.serial_collector import SerialCollector
from weft_hw.engine.output.serial_lanes import SerialLanes

__all__ = ["Variants", "variants_of"]


@dataclass(frozen=True)
class Variants:
    """Parts of the engine that exist twice: for speed, and for few cells."""

    counters: type[LayerCounters]
    descriptors: type[Descriptors]
    collector: type[Collector] | type[SerialCollector]
    lanes: type[OutputLanes] | type[SerialLanes]


_FAST = Variants(LayerCounters, Descriptors, Collector, OutputLanes)
_COMPACT = Variants(SmallLayerCounters, OneDescriptor, SerialCollector, SerialLanes)


def variants_of(config: Config) -> Variants:
    """Return those of a configuration."""
    return _COMPACT if config.compact else _FAST
