"""Whether it pays where layers stream that a layer adds its results to another map itself."""

from weft_hw.contract.config import Config

from weft.compiler.ir import Command
from weft.compiler.streaming.grouping import Planner
from weft.errors import CapacityError

__all__ = ["sum_pays"]


def sum_pays(config: Config, fused: Command, apart: list[Command]) -> bool:
    """Return whether a command that adds costs no more than two, with all maps in DRAM.

    The other map takes room. Where weights exceed the chip, they come again for each stripe of
    rows, and there may be more stripes then.
    """
    try:
        alone = _cost(config, [fused])
    except CapacityError:
        return False
    try:
        return alone <= _cost(config, apart)
    except CapacityError:
        return True


def _cost(config: Config, commands: list[Command]) -> int:
    """Return about how many cycles commands take, each between loads and stores of its maps."""
    buffers = {b for c in commands for b in (*c.reads, *((c.target[0],) if c.target else ()))}
    return Planner(config, commands, buffers).grouping(0).cycles
