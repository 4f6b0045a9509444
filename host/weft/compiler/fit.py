"""Which of a board's configurations a network gets: the chip's memories, or SDRAM beside them."""

from weft_hw.contract.config import CONFIGS

from weft.compiler import compile_graph
from weft.configuration import DEFAULT_CONFIG, ConfigChoice, get_config
from weft.errors import CapacityError
from weft.graph import Graph
from weft.program import Program

__all__ = ["compile_to_fit"]


def compile_to_fit(graph: Graph, choice: ConfigChoice = None, *, shadows: bool = False) -> Program:
    """Compile ``graph`` for the configuration ``choice``; the program says which one it is for.

    Where ``choice`` is a name (or None) and the network does not fit that chip's memories, the
    configuration ``NAME-sdram`` is taken, if there is one. A ``Config`` or a file is taken as is.

    Raises
    ------
    ConfigError, CapacityError
    """
    config = get_config(choice)
    other = CONFIGS.get(f"{DEFAULT_CONFIG if choice is None else choice}-sdram")
    try:
        return compile_graph(graph, config, shadows=shadows, hurried=other is not None)
    except CapacityError:
        if other is None:
            raise
        return compile_graph(graph, other, shadows=shadows, streamed=True)
