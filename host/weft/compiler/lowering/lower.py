"""Decides node by node between accelerator and host, and lowers what the accelerator runs."""

from collections import Counter
from collections.abc import Callable

from weft_hw.contract.config import Config

from weft.compiler.ir import Misplaced, TooLarge, Unsupported
from weft.compiler.lowering.average import lower_average_pool
from weft.compiler.lowering.concatenation import lower_concatenation, place_concatenations
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.convolution import lower_convolution, lower_depthwise
from weft.compiler.lowering.elementwise import lower_binary, lower_function
from weft.compiler.lowering.fully_connected import lower_fully_connected
from weft.compiler.lowering.order import order_nodes
from weft.compiler.lowering.pool import lower_max_pool, lower_mean, lower_reduce_max
from weft.compiler.lowering.shape import lower_gather, lower_pad, lower_reshape, lower_slice
from weft.compiler.lowering.spare import spare_channels
from weft.compiler.lowering.states import keep_states
from weft.errors import CapacityError
from weft.graph import OPERATORS, Graph, computes_floats

__all__ = ["LOWERINGS", "lower"]

LOWERINGS: dict[str, Callable[[Lowering, int], None]] = {
    "CONV_2D": lower_convolution,
    "DEPTHWISE_CONV_2D": lower_depthwise,
    "FULLY_CONNECTED": lower_fully_connected,
    "MAX_POOL_2D": lower_max_pool,
    "AVERAGE_POOL_2D": lower_average_pool,
    "MEAN": lower_mean,
    "CONCATENATION": lower_concatenation,
    "PAD": lower_pad,
    "RESHAPE": lower_reshape,
    "SLICE": lower_slice,
    "GATHER": lower_gather,
    "REDUCE_MAX": lower_reduce_max,
    **dict.fromkeys(("ADD", "SUB", "MUL"), lower_binary),
    **dict.fromkeys(("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"), lower_function),
    **dict.fromkeys((name for name, x in OPERATORS.items() if x.tabulated), lower_function),
    "QUANTIZE": lower_function,
}

# What the host is there for; needs no excuse.
_HOST = {
    "QUANTIZE": "converts at the edge of the network",
    "DEQUANTIZE": "converts at the edge of the network",
    "TRANSPOSE": "rearranges a tensor",
    "SOFTMAX": "needs exponentials and a division",
    "LOG_SOFTMAX": "needs exponentials and a logarithm",
    "L2_NORMALIZATION": "needs roots and a division",
    "BATCH_MATMUL": "multiplies two tensors",
    "FUNCTION": "computes in float32, or with whole numbers",
    "GATHER_ND": "looks up positions that are computed",
    "SELECT": "takes values of two tensors by a condition",
    "RESIZE_NEAREST_NEIGHBOR": "repeats pixels",
    "RESIZE_BILINEAR": "computes pixels between pixels",
    "RESIZE_BETWEEN": "computes pixels between pixels",
    "SUM": "needs sums of another scale",
    "REDUCE_MIN": "compares values with each other",
    "ARG_MAX": "compares channels with each other",
    "ARG_MIN": "compares channels with each other",
}


def lower(
    graph: Graph, config: Config, *, hurried: bool = False
) -> tuple[Lowering, dict[int, str]]:
    """Return the commands of all nodes that the accelerator can run, and why others cannot.

    A node that cannot be lowered goes to the host and everything starts again, since where
    tensors lie depends on who reads and writes them.

    Parameters
    ----------
    hurried : bool
        Give up once there are more commands than descriptors, pools apart.

    Raises
    ------
    CapacityError
        If line buffers too small keep every convolution and fully connected layer on the host, or
        there are too many commands.
    """
    host: dict[int, str] = {}
    too_large: list[int] = []
    for index, node in enumerate(graph.nodes):
        if graph.computes_reals(node):
            host[index] = f"{node.operator} computes real numbers: a float island"
        elif computes_floats(graph, node):
            host[index] = f"{node.operator} computes float32"
        elif node.operator not in LOWERINGS:
            reason = _HOST.get(node.operator, "the accelerator has no such operation")
            host[index] = f"{node.operator} {reason}"
    apart: set[str] = set()
    while True:
        lowering = Lowering(graph, config, host)
        lowering.places.update(place_concatenations(graph, config, host, apart))
        lowering.spare = spare_channels(graph, config, host, lowering.places)
        pieces = 0  # of average pools, which the host may take
        for index in order_nodes(graph, host):
            if index in host:
                continue
            operator, before = graph.nodes[index].operator, len(lowering.commands)
            try:
                LOWERINGS[operator](lowering, index)
            except Misplaced as error:
                apart.add(error.tensor)
                break
            except Unsupported as error:
                host[index] = str(error)
                too_large += [index] if isinstance(error, TooLarge) else []
                break
            pieces += (len(lowering.commands) - before) * (operator == "AVERAGE_POOL_2D")
            if hurried and len(lowering.commands) - pieces > config.descriptor_count:
                raise CapacityError(f"{graph.name} does not fit {config.name}: too many layers")
        else:
            if (pool := _most_pieces(lowering)) is not None:
                host[pool] = "the descriptor memory has no room for its regions"
                continue
            if (pool := _heavy_pool(lowering)) is not None:
                host[pool] = "the weight memory has no room for its weights, which are all equal"
                continue
            _require_room(lowering, host, too_large)
            keep_states(lowering)
            return lowering, host


def _most_pieces(lowering: Lowering) -> int | None:
    """Return the pool that takes the most descriptors, if there are too many descriptors."""
    nodes, commands = lowering.graph.nodes, lowering.commands
    if len(commands) <= lowering.config.descriptor_count:
        return None
    pieces = Counter(c.node for c in commands if nodes[c.node].operator == "AVERAGE_POOL_2D")
    found = pieces.most_common(1)
    return found[0][0] if found and found[0][1] > 1 else None


def _heavy_pool(lowering: Lowering) -> int | None:
    """Return the average pool without whose weights those of all others fit, if they do not."""
    nodes, capacity = lowering.graph.nodes, lowering.config.weight_words

    def words(left_out: int | None) -> int:
        weights = {
            command.weights.data: len(command.weights)
            for command in lowering.commands
            if command.weights is not None and command.node != left_out
        }
        return sum(weights.values())

    if words(None) <= capacity:
        return None
    pools = {c.node for c in lowering.commands if nodes[c.node].operator == "AVERAGE_POOL_2D"}
    return next((pool for pool in sorted(pools) if words(pool) <= capacity), None)


def _require_room(lowering: Lowering, host: dict[int, str], too_large: list[int]) -> None:
    """Refuse a model of which nothing but trifles would run on the accelerator."""
    nodes = lowering.graph.nodes
    linear = [
        index
        for index, node in enumerate(nodes)
        if OPERATORS[node.operator].weighted and node.operator in LOWERINGS
    ]
    if too_large and all(index in host for index in linear):
        layers = "; ".join(f"{nodes[index].name}: {host[index]}" for index in too_large)
        raise CapacityError(f"{lowering.graph.name} does not fit {lowering.config.name}: {layers}")
