"""Inferences on the golden model."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.errors import WeftError
from weft.golden import run as reference
from weft.graph import Graph
from weft.graph.analysis import layer_macs
from weft.program import Program
from weft.runtime.profile import LayerProfile
from weft.runtime.run import Arrays, Run

__all__ = ["GoldenRunner"]


class GoldenRunner:
    """Runs a graph on the golden model; nothing counts cycles.

    ``whole``: feeds are one image, not a batch of them.
    """

    program: Program | None = None

    def __init__(self, graph: Graph, config: Config):
        self.graph, self.config, self._closed = graph, config, False
        self.whole = graph.declared is not None
        self.reset_state()

    def reset_state(self) -> None:
        """Let the next call be the first one."""
        self._states = reference.initial_states(self.graph)

    def states(self) -> Arrays:
        """Return the states before the next call."""
        return self._states

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Run:
        """Run one image."""
        values = reference.run(self.graph, feeds, self._states)
        self._states = reference.next_states(self.graph, values)
        return Run(values)

    def image_stream(self) -> None:
        """Return None: there is nothing to overlap."""
        return None

    def inspect(self, feeds: Mapping[str, NDArray[Any]], states: Arrays) -> Arrays:
        """Return every tensor of one image that finds ``states``."""
        return reference.run(self.graph, feeds, states)

    expected = inspect

    def layers(self, run: Run, differences: Mapping[str, int]) -> list[LayerProfile]:
        """Return a row per node."""
        return [
            LayerProfile(
                name=node.name,
                operator=node.operator,
                where="host",
                reason="device golden",
                output_shape=self.graph.tensors[node.outputs[0]].shape[1:],
                macs=layer_macs(self.graph, node),
                cycles=None,
                predicted_cycles=0,
                multipliers=self.config.multipliers,
            )
            for node in self.graph.nodes
        ]

    def check(self) -> None:
        """Raise :class:`WeftError` after :meth:`close`."""
        if self._closed:
            raise WeftError("the session was closed")

    def close(self) -> None:
        """Run nothing more."""
        self._closed = True
