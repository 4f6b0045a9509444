"""The options of an operator: a field that is present and was not read is not overlooked."""

import inspect
from typing import Any

from weft.errors import ModelError
from weft.importers.tflite.flatbuffer import Operator

__all__ = ["Options", "unread"]

# Fields that say what the tensors say already, or concern operators on float or int16 alone.
_REDUNDANT = {
    "NewShape",
    "SqueezeDims",
    "DepthMultiplier",
    "KeepNumDims",
    "AsymmetricQuantizeInputs",
    "QuantizedBiasType",
    "PotScaleInt16",
    "OutputType",
    "OutType",
    "InDataType",
    "OutDataType",
}


class Options:
    """The options' table of one operator, read field by field.

    Raises
    ------
    ModelError
        If the operator has none, or one of another kind.
    """

    def __init__(self, operator: Operator, kind: str):
        if operator.options is None or operator.options_kind != kind:
            raise ModelError(f"{operator.name} has no {kind}")
        self.read: set[str] = set()
        self._table = _open(operator, kind)

    def __getattr__(self, field: str) -> Any:
        self.read.add(field)
        return getattr(self._table, field)()


def unread(operator: Operator, read: set[str]) -> list[str]:
    """Return the fields that differ from their defaults and were not read."""
    import tflite
    from flatbuffers import number_types

    if operator.options is None or operator.options_kind == "NONE":
        return []
    if not hasattr(tflite, operator.options_kind):
        return [operator.options_kind]
    table = _open(operator, operator.options_kind)
    empty = getattr(tflite, operator.options_kind)()
    # A vtable of 4 bytes, and a table that points at it, with no field at all.
    empty.Init(b"\x04\x00\x04\x00\x04\x00\x00\x00", 4)
    fields = [name for name, member in vars(type(table)).items() if _is_field(name, member)]
    found = [
        name
        for name in fields
        if name not in read | _REDUNDANT
        and name.removesuffix("Length") not in read | _REDUNDANT
        and getattr(table, name)() != getattr(empty, name)()
    ]
    vtable = table._tab.Pos - table._tab.Get(number_types.SOffsetTFlags, table._tab.Pos)
    count = (table._tab.Get(number_types.VOffsetTFlags, vtable) - 4) // 2
    newer = range(_known_fields(operator.options_kind), count)
    return found + [f"field {i}" for i in newer if table._tab.Offset(4 + 2 * i)]


def _known_fields(kind: str) -> int:
    """Return how many fields, deprecated ones included, the parser's version of a table has."""
    import tflite

    class Count:
        """Takes what the parser's writer says first."""

        def StartObject(self, fields: int) -> None:
            self.fields = fields

    count = Count()
    getattr(tflite, f"{kind}Start")(count)
    return count.fields


def _open(operator: Operator, kind: str) -> Any:
    import tflite

    table = getattr(tflite, kind)()
    table.Init(operator.options.Bytes, operator.options.Pos)
    return table


def _is_field(name: str, member: Any) -> bool:
    """Whether a member of a parser's class reads a scalar, or the length of a vector."""
    return (
        inspect.isfunction(member)
        and name != "Init"
        and not name.endswith(("AsNumpy", "IsNone"))
        and len(inspect.signature(member).parameters) == 1
    )
