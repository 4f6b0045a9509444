"""The parts of a model that run outside the accelerator, and how tensors pass between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from weft.graph import Graph, Tensor

__all__ = ["FallbackLayer", "Outside", "Part"]

Arrays = dict[str, NDArray[Any]]


class Part(Protocol):
    """Some layers of a model in their runtime."""

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return the part's outputs by name; ``feeds`` holds its inputs, and may hold more."""
        ...

    def reset(self) -> None:
        """Let the next call be the first one."""
        ...


@dataclass(frozen=True)
class FallbackLayer:
    """One layer that a runtime runs."""

    name: str
    operator: str
    output_shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Outside:
    """Head and tail of a model.

    Nothing is known of what their layers do to dimension 0. So they run on all that is fed at
    once, and what is fed has the file's shapes.

    Parameters
    ----------
    runtime : str
        Its name.
    head, tail : Part or None
    head_layers, tail_layers : tuple of FallbackLayer
    inputs, outputs : tuple of Tensor
        Of the whole model.
    inner_inputs, inner_outputs : mapping
        From the names of the middle's inputs and outputs, as its graph has them, to the file's.
    open_batch : bool
        Whether the file leaves the first dimension of all inputs open.
    """

    runtime: str
    head: Part | None
    tail: Part | None
    head_layers: tuple[FallbackLayer, ...]
    tail_layers: tuple[FallbackLayer, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    inner_inputs: Mapping[str, str]
    inner_outputs: Mapping[str, str]
    open_batch: bool

    def whole(self, graph: Graph) -> Graph:
        """Return the middle's ``graph`` with the inputs and outputs of the whole model."""
        edges = (*self.inputs, *self.outputs)
        shapes = {tensor.name: tensor.shape for tensor in edges}
        return graph.replace(
            tensors={**{tensor.name: tensor for tensor in edges}, **graph.tensors},
            inputs=tuple(t.name for t in self.inputs),
            outputs=tuple(t.name for t in self.outputs),
            declared=None if self.open_batch else shapes,
        )

    def run(
        self, feeds: Mapping[str, NDArray[Any]], middle: Callable[[Arrays], Mapping[str, Any]]
    ) -> Arrays:
        """Run head, ``middle`` and tail; return every tensor of the file that became known."""
        known: Arrays = dict(feeds)
        if self.head is not None:
            known.update(self.head.run(known))
        known.update(self.named(middle(self.entering(known))))
        if self.tail is not None:
            known.update(self.tail.run(known))
        return known

    def entering(self, known: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return the middle's feeds from the file's tensors."""
        return {inner: known[name] for inner, name in self.inner_inputs.items()}

    def named(self, values: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return the middle's outputs by their names in the file."""
        return {name: values[inner] for inner, name in self.inner_outputs.items()}

    def reset(self) -> None:
        """Let the next call of head and tail be the first one."""
        for part in (self.head, self.tail):
            if part is not None:
                part.reset()
