"""Bytes that each layer moves between the chip and the memory beside it, and its bound."""

from collections.abc import Iterable
from dataclasses import dataclass

from weft_hw.contract.config import Config
from weft_hw.contract.layers import Elementwise, Layer, Mac
from weft_hw.contract.memory_map import Region, memory_map
from weft_hw.contract.move import Move

from weft.compiler.timing.move_cycles import row_words
from weft.compiler.timing.port_use import MEMORY_WORD_BYTES
from weft.program import Program

__all__ = ["Traffic", "total", "traffic"]


@dataclass
class Traffic:
    """Bytes that one layer moves, and the cycles that each part of the engine needs for it alone.

    Parameters
    ----------
    constants : int
        Bytes of weights, parameters and window programs that come from the memory beside the chip;
        0 where they are resident.
    loaded, stored : int
        Bytes of activations from and to it; 0 where they stay on the chip.
    array, output, memory : int
        Cycles of multiplication, of results that leave, and of moves at the rate of the pins or,
        ``over_link``, of the link.
    """

    constants: int = 0
    loaded: int = 0
    stored: int = 0
    array: int = 0
    output: int = 0
    memory: int = 0
    over_link: bool = False

    @property
    def bound(self) -> str:
        """What takes longest: array, output and memory, or link; empty if none works."""
        moves = "link" if self.over_link else "memory"
        cycles = {"array": self.array, "output": self.output, moves: self.memory}
        longest = max(cycles, key=cycles.__getitem__)
        return longest if cycles[longest] else ""


def traffic(program: Program, link_cycles: float | None = None) -> dict[str, Traffic]:
    """Return the traffic of each layer on the accelerator, by its name, for one image.

    Moves that serve the list itself (its descriptors and counters) are under the empty name. Where
    the host carries them out, ``link_cycles`` are those of a byte over the link.
    """
    over_link = link_cycles is not None
    cycles_per_byte = link_cycles if over_link else 1 / MEMORY_WORD_BYTES
    found: dict[str, Traffic] = {}
    memories = memory_map(program.config)
    for info, move in zip(program.descriptors, program.decoded, strict=True):
        layer = found.setdefault(info.layer, Traffic(over_link=over_link))
        layer.array += info.steps
        if not isinstance(move, Move):
            layer.output += _output_cycles(program.config, move)
            continue
        region = move.region
        size = move.count * memories[region].unit_bytes
        words = move.rows * row_words(move, memories[region].unit_bytes)
        layer.memory += int(words * MEMORY_WORD_BYTES * cycles_per_byte)
        if region is not Region.ACTIVATION:
            layer.constants += move.rows * size
        elif move.store:
            layer.stored += move.rows * size
        else:
            layer.loaded += move.rows * size
    return found


def total(rows: Iterable[Traffic]) -> Traffic:
    """Return the sum of several layers."""
    rows = list(rows)
    names = ("constants", "loaded", "stored", "array", "output", "memory")
    sums = {name: sum(getattr(row, name) for row in rows) for name in names}
    return Traffic(**sums, over_link=any(row.over_link for row in rows))


def _output_cycles(config: Config, layer: Layer) -> int:
    if isinstance(layer, Elementwise):
        return layer.word_count * max(config.beats, 1 if layer.unary else 2)
    if not isinstance(layer, Mac):
        return 0
    beats = (layer.groups - 1) * config.beats + layer.last_beats
    return layer.out_height * layer.out_width * beats
