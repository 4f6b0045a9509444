"""How much of what the pins of the memory beside the chip give passes while a layer is at work."""

from collections.abc import Sequence

import numpy as np
from weft_hw.contract.config import Config
from weft_hw.contract.layers import Layer
from weft_hw.contract.memory_map import memory_map
from weft_hw.contract.move import Move

from weft.compiler.timing.move_cycles import row_words
from weft.compiler.timing.timeline import Timeline

__all__ = ["passing_words"]


def passing_words(config: Config, listed: Sequence[Layer | Move], timeline: Timeline) -> list[int]:
    """Return the words that pass from the end of the layer before to each layer's; 0 for moves.

    Moves mostly serve layers to come: these are the words of all layers. Those of a move pass
    evenly while it is carried out. ``listed`` is all that ``timeline`` has followed, to its end.
    """
    timeline.finish()
    memories = memory_map(config)
    moves = [item for item in listed if isinstance(item, Move)]
    times, words = [0], [0]
    for move, begin, end in zip(moves, timeline.begun, timeline.moved[1:], strict=True):
        times += [begin, end]
        row = row_words(move, memories[move.region].unit_bytes)
        words += [words[-1], words[-1] + move.rows * row]
    passed = np.interp(timeline.ends, times, words).astype(np.int64)
    of_layers = iter(np.diff(passed).tolist())
    return [0 if isinstance(item, Move) else next(of_layers) for item in listed]
