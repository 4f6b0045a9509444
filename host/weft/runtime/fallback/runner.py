"""One inference of a network of which a runtime runs head or tail."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from weft.runtime.fallback.parts import Arrays, FallbackLayer, Outside
from weft.runtime.profile import LayerProfile
from weft.runtime.runners import BoardRunner, GoldenRunner, Run

__all__ = ["FallbackRunner"]


class FallbackRunner:
    """Runs the middle on another runner, head and tail in their runtime."""

    def __init__(self, inner: BoardRunner | GoldenRunner, outside: Outside):
        self._inner, self._outside = inner, outside
        self.program, self.config = inner.program, inner.config
        self.graph = outside.whole(inner.graph)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Run:
        """Run one image."""
        runs: list[Run] = []

        def middle(inputs: Mapping[str, NDArray[Any]]) -> Arrays:
            runs.append(self._inner.run(inputs))
            return dict(runs[0].values)

        values = self._outside.run(feeds, middle)
        return replace(runs[0], values=values)

    def flow(self) -> None:
        """Return None: images do not overlap in a runtime."""
        return None

    def reset_state(self) -> None:
        """Let the next call of the middle be the first one."""
        self._inner.reset_state()

    def states(self) -> Arrays:
        """Return the states of the middle before the next call."""
        return self._inner.states()

    def inspect(self, feeds: Mapping[str, NDArray[Any]], states: Arrays) -> Arrays:
        """Return every tensor of one image, those of the middle computed one by one."""
        return self._outside.run(feeds, lambda inner: self._inner.inspect(inner, states))

    def expected(self, feeds: Mapping[str, NDArray[Any]], states: Arrays) -> Arrays:
        """Return every tensor of one image, those of the middle by the golden model."""
        return self._outside.run(feeds, lambda inner: self._inner.expected(inner, states))

    def layers(self, run: Run, differences: Mapping[str, int]) -> list[LayerProfile]:
        """Return a row per layer, in the order head, middle, tail."""
        return [
            *map(self._row, self._outside.head_layers),
            *self._inner.layers(run, differences),
            *map(self._row, self._outside.tail_layers),
        ]

    def check(self) -> None:
        """Raise :class:`LinkError` where this process may not use the device."""
        self._inner.check()

    def close(self) -> None:
        """Let go of the device."""
        self._inner.close()

    def _row(self, layer: FallbackLayer) -> LayerProfile:
        return LayerProfile(
            name=layer.name,
            operator=layer.operator,
            where="host",
            reason=f"fallback: {self._outside.runtime}",
            output_shape=layer.output_shape,
            macs=0,
            cycles=None if self.program is None else 0,
            predicted_cycles=0,
            multipliers=self.config.multipliers,
        )
