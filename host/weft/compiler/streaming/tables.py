"""Tables as constants: moves load them while layers run, which no TABLE layer can."""

from collections.abc import Iterable

from msgspec.structs import replace
from weft_hw.contract.layers import Table

from weft.compiler.ir import Buffer, Command
from weft.program.extents import needs_table

__all__ = ["with_tables"]


def with_tables(commands: Iterable[Command]) -> list[Command]:
    """Return ``commands`` without TABLE layers; each has the table that it looks up."""
    table: Buffer | None = None
    found: list[Command] = []
    for command in commands:
        if isinstance(command.descriptor, Table):
            table = command.source[0]
        else:
            needed = needs_table(command.descriptor)
            found.append(replace(command, table=table) if needed else command)
    return found
