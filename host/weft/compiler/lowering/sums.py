"""Sums that the layer before computes: its results pass through the output lanes a second time."""

from collections.abc import Callable

from msgspec import structs
from weft_hw.contract.layers import Elementwise, Mac, check_layer

from weft.compiler.ir import Buffer, Command
from weft.compiler.lowering.context import Lowering

__all__ = ["fuse_sums"]


def fuse_sums(
    lowering: Lowering, pays: Callable[[Command, list[Command]], bool] | None = None
) -> None:
    """Have MAC commands add their results to another map, instead of a command behind them.

    That needs results that nothing but the sum reads. The lanes have time for it: a sum of its own
    takes a cycle a beat, as the second way through them does. The command runs in the sum's turn,
    when both operands are there. ``pays`` may say no to a command that adds, instead of two.
    """
    if lowering.config.compact or lowering.graph.states:  # a state may be overwritten meanwhile
        return
    kept, commands = _kept(lowering), lowering.commands
    for total in list(commands):
        d = total.descriptor
        if not isinstance(d, Elementwise) or d.unary or d.multiply or d.use_table:
            continue
        makers = [_maker(lowering, total, operand, kept) for operand in (total.source, total.other)]
        found = [maker for maker in makers if maker is not None]
        # Of two, the one with more work for the array, whose lanes wait longer.
        for maker in sorted(found, key=_steps, reverse=True):
            fused = _fused(lowering, maker, total, maker is makers[0])
            if pays is None or pays(fused, [maker, total]):
                commands[commands.index(total)] = fused
                commands.remove(maker)
                break


def _kept(lowering: Lowering) -> set[Buffer]:
    """Return buffers of tensors that must exist: those that the host, or the next call, needs."""
    graph = lowering.graph
    names = {*graph.results, *graph.sources, *(state.next for state in graph.states)}
    names |= {str(name) for index in lowering.host for name in graph.nodes[index].inputs}
    return {lowering.places[name].buffer for name in names if name in lowering.places}


def _maker(
    lowering: Lowering, total: Command, operand: tuple[Buffer, int] | None, kept: set[Buffer]
) -> Command | None:
    """Return the command that makes an operand for this sum alone, if it can do the sum."""
    if operand is None or total.source == total.other or operand[0] in kept:
        return None
    buffer, commands = operand[0], lowering.commands
    writers = [c for c in commands if c.target is not None and c.target[0] is buffer]
    readers = [c for c in commands if buffer in c.reads]
    if len(writers) != 1 or readers != [total] or operand[1] or buffer.data is not None:
        return None
    f = writers[0].descriptor
    if not isinstance(f, Mac) or f.use_table or f.adds or f.own_weights:
        return None
    offset = 0 if writers[0].target is None else writers[0].target[1]
    return None if offset % lowering.config.beats else writers[0]


def _steps(command: Command) -> int:
    return sum(len(entry.taps) for entry in command.entries)


def _fused(lowering: Lowering, maker: Command, total: Command, first: bool) -> Command:
    """Return ``maker`` with the sum, of whose operands its result is the first one or not."""
    d, other = total.elementwise, total.other if first else total.source
    if maker.target is None or total.target is None or other is None:
        raise TypeError("a sum has two operands and a result")
    beats, offset = lowering.config.beats, maker.target[1]
    descriptor = structs.replace(
        maker.mac,
        adds=True,
        adds_first=first,
        wide=d.wide,
        sum_rounding=d.rounding,
        sum_zero_point=d.zero_point,
        sum_low=d.low,
        sum_high=d.high,
    )
    check_layer(lowering.config, descriptor)
    return structs.replace(
        maker,
        descriptor=descriptor,
        target=(total.target[0], total.target[1] + offset),
        other=(other[0], other[1] + offset // beats),
        sum_parameters=total.parameters,
        outputs=total.outputs,
        turn=total.node,
    )
