"""What of a model runs outside the accelerator, and how its tensors reach the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.graph import Graph, Tensor

__all__ = ["FallbackLayer", "Outside", "Part"]

Arrays = dict[str, NDArray[Any]]
Part = Callable[[Mapping[str, NDArray[Any]]], Arrays]


@dataclass(frozen=True)
class FallbackLayer:
    """One layer that a runtime runs."""

    name: str
    operator: str
    output_shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Outside:
    """Head and tail of a model.

    Parameters
    ----------
    runtime : str
        Its name.
    head, tail : callable or None
        From tensors by name to tensors by name.
    head_layers, tail_layers : tuple of FallbackLayer
    inputs, outputs : tuple of Tensor
        Of the whole model.
    inner_inputs, inner_outputs : mapping
        From the names of the middle's inputs and outputs, as its graph has them, to the file's.
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

    def whole(self, graph: Graph) -> Graph:
        """Return the middle's ``graph`` with the inputs and outputs of the whole model."""
        tensors = {**{t.name: t for t in (*self.inputs, *self.outputs)}, **graph.tensors}
        return graph.replace(
            tensors=tensors,
            inputs=tuple(t.name for t in self.inputs),
            outputs=tuple(t.name for t in self.outputs),
        )

    def run(self, feeds: Mapping[str, NDArray[Any]], middle: Part) -> Arrays:
        """Run one image: head, ``middle``, tail; return every tensor that became known."""
        known: Arrays = dict(feeds)
        if self.head is not None:
            known.update(self.head(known))
        values = middle({inner: known[name] for inner, name in self.inner_inputs.items()})
        known.update({name: values[inner] for inner, name in self.inner_outputs.items()})
        if self.tail is not None:
            known.update(self.tail(known))
        # A result without a batch gets one, so that images can be put one after the other.
        return {**values, **{name: np.atleast_1d(array) for name, array in known.items()}}
