"""How many blocks of memory a word's bits and a depth take, in the shape that takes fewest."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

__all__ = ["cheapest"]


class _Shape(Protocol):
    @property
    def depth(self) -> int: ...


_S = TypeVar("_S", bound=_Shape)
_B = TypeVar("_B")


def cheapest(
    shapes: Sequence[_S], beside: Callable[[_S], list[_B]], depth: int
) -> tuple[_S, list[_B], int]:
    """Return a block's shape, what each of the blocks side by side keeps, and the rows of blocks.

    At equal cost the shape with fewer rows is taken, then the first.

    Parameters
    ----------
    shapes : sequence
        Ways to use a block, each with the ``depth`` that it has then.
    beside : callable
        The blocks side by side that a word takes in a shape.
    depth : int
        Words wanted.
    """

    def cost(shape: _S) -> tuple[int, int]:
        rows = -(-depth // shape.depth)
        return len(beside(shape)) * rows, rows

    shape = min(shapes, key=cost)
    return shape, beside(shape), cost(shape)[1]
