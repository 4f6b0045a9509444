"""What is computed in real numbers, each once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from weft.importers.onnx.values import Activation, Affine, Origin, Pending, Value

__all__ = ["Reals"]


class _Real(NamedTuple):
    """Identifies a float operator, however many copies of it there are."""

    origin: Origin
    operands: tuple[Value | None, ...]
    activation: str
    affine: Affine | None

    @classmethod
    def of(cls, pending: Pending) -> "_Real":
        return cls(pending.origin, pending.operands, pending.activation, pending.affine)


class Reals:
    """Tensors that float operators stand for.

    Parameters
    ----------
    renamed : mapping from str to str
        Names that tensors have got since they were added.
    """

    def __init__(self, renamed: Mapping[str, str]):
        self._renamed = renamed
        self._known: dict[_Real, tuple[Pending, Activation]] = {}

    def __getitem__(self, pending: Pending) -> Activation:
        value = self._known[_Real.of(pending)][1]
        return replace(value, tensor=self._renamed.get(value.tensor, value.tensor))

    def __setitem__(self, pending: Pending, value: Activation) -> None:
        self._known[_Real.of(pending)] = pending, value

    def __contains__(self, pending: Pending) -> bool:
        return _Real.of(pending) in self._known

    def operators(self) -> list[Pending]:
        """Return the float operators."""
        return [pending for pending, _ in self._known.values()]
