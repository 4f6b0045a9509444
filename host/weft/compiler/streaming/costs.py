"""What a way to cut commands costs, as far as that is known before addresses are."""

from collections.abc import Iterable

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import TABLE_BYTES, WINDOW_BYTES
from weft_hw.contract.layers import Mac
from weft_hw.contract.memory_map import PARAMETER_BYTES

from weft.compiler.ir import Command
from weft.compiler.timing.port_use import MEMORY_WORD_BYTES

__all__ = ["constant_bytes", "joint", "move_cycles", "parameter_words", "restart_cycles"]

_MOVE = 60  # of a move, besides its words
_REFRESH = 1.02
_RESTART = 70  # of another piece of a command: the array runs empty
_OVERLAP = 0.15  # of the shorter of layers and moves, what does not overlap with the longer


def parameter_words(command: Command) -> int:
    """Return the words of parameters, those of a sum among them."""
    return sum(len(p) for p in (command.parameters, command.sum_parameters) if p is not None)


def constant_bytes(config: Config, commands: Iterable[Command]) -> int:
    """Return the bytes of weights, parameters, window programs and tables."""
    total = 0
    for command in commands:
        total += 0 if command.weights is None else command.weights.words.size
        total += parameter_words(command) * config.lanes * PARAMETER_BYTES
        total += WINDOW_BYTES * len(command.entries)
        total += TABLE_BYTES * (command.table is not None)
    return total


def move_cycles(config: Config, moves: int, words: int, constants: int) -> int:
    """Return the cycles of ``moves`` moves of ``words`` activations and ``constants`` bytes."""
    total = words * config.columns + constants
    return int(moves * _MOVE + total / MEMORY_WORD_BYTES * _REFRESH)


def restart_cycles(config: Config, command: Command) -> int:
    """Return the cycles that another piece of a command costs."""
    f = command.descriptor
    if not isinstance(f, Mac):
        return _RESTART
    return _RESTART + min(f.span, f.fill_rows) * f.row_words // config.fill_words


def joint(layers: int, moves: int, edge: int) -> int:
    """Return the cycles of layers and moves side by side, but for ``edge`` cycles of the moves."""
    return int(max(layers, moves) + _OVERLAP * min(layers, moves)) + edge
