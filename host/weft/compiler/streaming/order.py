"""The order of commands: who reads a large map last goes first, so that the map need not stay."""

from collections.abc import Sequence

from weft_hw.contract.layers import Mac

from weft.compiler.ir import Buffer, Command

__all__ = ["in_order"]


def in_order(commands: Sequence[Command]) -> list[Command]:
    """Return ``commands`` of a run, some of them earlier.

    A MAC command that is the last to read a buffer, and makes less of it, goes behind the one that
    reads it before: a shortcut's 1x1 convolution beside the first layer of its block. What it
    writes has no other writer, so nobody misses anything.
    """
    order = list(commands)
    for command in commands:
        if not isinstance(command.descriptor, Mac) or command.other is not None:
            continue
        if command.target is None or command.target[0].words >= command.source[0].words:
            continue
        at = order.index(command)
        before = max((n for n in range(at) if _touches(order[n], command.source[0])), default=at)
        written = [c for c in order if c.target is not None and c.target[0] is command.target[0]]
        behind = any(_touches(c, command.source[0]) for c in order[at + 1 :])
        if len(written) == 1 and not behind and before + 1 < at:
            order.insert(before + 1, order.pop(at))
    return order


def _touches(command: Command, buffer: Buffer) -> bool:
    return buffer in command.reads or (command.target is not None and command.target[0] is buffer)
