"""States that stay in activation memory from one call to the next."""

from weft.compiler.ir import Misplaced, Unsupported
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.copies import copy
from weft.compiler.lowering.order import order_nodes
from weft.graph import State

__all__ = ["keep_states"]


def keep_states(lowering: Lowering) -> None:
    """Keep every state on the board that the host neither reads nor makes.

    Its next value is written to its place where nothing reads the value before any more. Otherwise
    a copy takes it there. All other states go with the host's inputs and outputs.
    """
    order = order_nodes(lowering.graph, lowering.host)
    for state in lowering.graph.states:
        last = _last_use(lowering, state, order)
        if last is None:
            continue
        if _write_in_place(lowering, state):
            lowering.resident.add(state.name)
            continue
        source, target = lowering.places[state.next], lowering.places[state.name]
        try:
            copy(lowering, last, source, target)
        except (Misplaced, Unsupported):
            continue
        # Commands are in the order in which they run.
        commands = lowering.commands
        command = commands.pop()
        commands.insert(1 + max(i for i, c in enumerate(commands) if c.node == last), command)
        lowering.resident.add(state.name)


def _last_use(lowering: Lowering, state: State, order: list[int]) -> int | None:
    """Return the node behind which a state may be overwritten; None if the host needs it."""
    graph, places, host = lowering.graph, lowering.places, lowering.host
    producer = graph.producer(state.next)
    if state.name not in places or state.next not in places or producer is None:
        return None
    if any(graph.nodes[index] is producer for index in host):
        return None
    place, following = places[state.name], places[state.next]
    if not place.layout.whole or place.layout.fold or following.buffer is place.buffer:
        return None
    # Reshapes of the state lie in its place.
    same = {name for name, other in places.items() if other.buffer is place.buffer}
    if same & set(graph.results) or any(same & set(graph.nodes[i].inputs) for i in host):
        return None
    uses = {
        command.node
        for command in lowering.commands
        if place.buffer in command.reads
        or (command.target is not None and command.target[0] is following.buffer)
    }
    return max(uses, key=order.index, default=None)


def _write_in_place(lowering: Lowering, state: State) -> bool:
    """Have the next value's producer write to the state's place, if it may; return whether."""
    places, commands = lowering.places, lowering.commands
    place, following = places[state.name], places[state.next]
    alone = sum(other.buffer is following.buffer for other in places.values()) == 1
    if not alone or following.layout != place.layout:
        return False
    readers = [i for i, c in enumerate(commands) if place.buffer in c.reads]
    writers = [
        i
        for i, c in enumerate(commands)
        if c.target is not None and c.target[0] is following.buffer
    ]
    read_again = any(following.buffer in c.reads for c in commands)
    if read_again or max(readers, default=-1) >= min(writers):
        return False
    for index in writers:
        _, offset = commands[index].target or (place.buffer, 0)
        commands[index].target = (place.buffer, offset)
    places[state.next] = place
    return True
