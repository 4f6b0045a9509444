"""One inference of a network of which a runtime runs head or tail."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph.signature import join_images, split_images
from weft.runtime.board_runner import BoardRunner
from weft.runtime.fallback.parts import Arrays, FallbackLayer, Outside
from weft.runtime.golden_runner import GoldenRunner
from weft.runtime.profile import LayerProfile
from weft.runtime.run import Run

__all__ = ["FallbackRunner"]


class FallbackRunner:
    """Runs the middle on another runner, head and tail in their runtime.

    Head and tail run once for each feed, for they may keep a state. What they made of the last
    one serves :meth:`inspect` and :meth:`expected` too.
    """

    whole = True

    def __init__(self, inner: BoardRunner | GoldenRunner, outside: Outside):
        self._inner, self._outside = inner, outside
        self.program, self.config = inner.program, inner.config
        self.graph = outside.whole(inner.graph)
        self._known: Arrays = {}

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Run:
        """Run one feed; cycles and counters are those of the middle's last image."""
        runs: list[Run] = []
        found: Arrays = {}

        def image(inputs: Mapping[str, NDArray[Any]]) -> Arrays:
            runs.append(self._inner.run(inputs))
            return runs[-1].values

        def middle(inputs: Arrays) -> Arrays:
            found.update(self._each(inputs, image))
            return found

        self._known = self._outside.run(feeds, middle)
        return replace(runs[-1], values={**found, **self._known})

    def image_stream(self) -> None:
        """Return None: images do not overlap in a runtime."""
        return None

    def reset_state(self) -> None:
        """Let the next call be the first one, in the runtime too."""
        self._inner.reset_state()
        self._outside.reset()

    def states(self) -> Arrays:
        """Return the states of the middle before the next call."""
        return self._inner.states()

    def inspect(self, feeds: Mapping[str, NDArray[Any]], states: Arrays) -> Arrays:
        """Return every tensor of the last feed, those of the middle computed one by one."""
        return {**self._known, **self._middle(lambda x: self._inner.inspect(x, states))}

    def expected(self, feeds: Mapping[str, NDArray[Any]], states: Arrays) -> Arrays:
        """Return the middle's tensors of the last feed by the golden model."""
        return self._middle(lambda x: self._inner.expected(x, states))

    def _middle(self, compute: Callable[[Arrays], Arrays]) -> Arrays:
        values = self._each(self._outside.entering(self._known), compute)
        return {**values, **self._outside.named(values)}

    def _each(self, inputs: Arrays, compute: Callable[[Arrays], Arrays]) -> Arrays:
        """Return the tensors that ``compute`` gives for each image of the middle, joined."""
        graph = self._inner.graph
        images = split_images(graph, inputs)
        if graph.states and len(images) > 1:
            raise ModelError("a network with a state takes one image a call with the fallback")
        values = [compute(image) for image in images]
        return {name: join_images(graph, name, [v[name] for v in values]) for name in values[0]}

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
