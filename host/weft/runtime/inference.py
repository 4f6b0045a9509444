"""Images through a prepared model, and what is told of them afterwards."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from weft.errors import WeftError
from weft.graph import Graph
from weft.graph.signature import batch_of, join_images, split_images
from weft.program import Program
from weft.runtime.comparison import Comparison
from weft.runtime.prepare import AnyRunner
from weft.runtime.profile import Profile
from weft.runtime.run import Run
from weft.runtime.stream import ImageStream

__all__ = ["Arrays", "Feeds", "Inference"]

Arrays = dict[str, NDArray[Any]]
Feeds = Mapping[str, NDArray[Any]]


class Inference:
    """Runs images one by one or as a stream, compares them, and profiles the last one.

    Parameters
    ----------
    runner : Runner or FallbackRunner
    model, device : str
        Their names in the profile.
    check : bool
        Run each image a second time, descriptor by descriptor, and compare every tensor with
        the golden model.
    keep_tensors : bool
        Keep every layer's tensor of the last image.

    Attributes
    ----------
    tensors : dict
        Tensors of the last image by name, if ``check`` or ``keep_tensors``.
    compared_values : int
        Values that the last :meth:`run` compared with the golden model.
    """

    def __init__(
        self, runner: AnyRunner, model: str, device: str, *, check: bool, keep_tensors: bool
    ):
        self.runner = runner
        self.tensors: Arrays = {}
        self.compared_values = 0
        self._model, self._device = model, device
        self._check, self._inspects = check, check or keep_tensors
        self._profile: Profile | None = None

    @property
    def graph(self) -> Graph:
        """The model; after the compiler's passes where there is a program."""
        return self.runner.graph

    @property
    def program(self) -> Program | None:
        """The compiled program; None on device ``golden``."""
        return self.runner.program

    @property
    def profile(self) -> Profile:
        """Cycles, utilisation and link time of the last image; a WeftError before the first."""
        if self._profile is None:
            raise WeftError("there is no profile before the first run")
        return self._profile

    def images(self, feeds: Feeds) -> list[Arrays]:
        """Return the images that ``feeds`` hold, as feeds of their own.

        Raises
        ------
        ModelError
            Where ``feeds`` do not fit the model.
        """
        if self.runner.whole:
            batch_of(self.graph, feeds)
            return [{name: feeds[name] for name in self.graph.inputs}]
        return split_images(self.graph, feeds)

    def join(self, name: str, results: Sequence[Arrays]) -> NDArray[Any]:
        """Return output ``name`` of all images."""
        values = [result[name] for result in results]
        return values[0] if self.runner.whole else join_images(self.graph, name, values)

    def run(self, images: Sequence[Arrays]) -> list[Arrays]:
        """Run ``images``, compare them if that is asked for, and keep what describes them."""
        differences: dict[str, int] = {}
        self.compared_values = 0
        results = []
        for image in images:
            states = self.runner.states() if self._inspects else {}
            start = time.perf_counter()
            run = self.runner.run(image)
            seconds = time.perf_counter() - start
            if self._inspects:
                self.tensors = self.runner.inspect(image, states)
            if self._check and self.program is not None:
                self._compare(image, states, run, differences)
            self._profile = self._describe(run, differences, seconds)
            results.append(run.values)
        return results

    def run_and_keep(self, images: Sequence[Arrays]) -> tuple[list[Arrays], Arrays]:
        """Run ``images``; return what each gives, and each kept tensor of all of them."""
        results, kept = [], []
        for image in images:
            results += self.run([image])
            kept.append(self.tensors)
        return results, {name: self.join(name, kept) for name in self.tensors}

    def image_stream(self) -> ImageStream | None:
        """Return what lets images overlap; None where they run one after the other."""
        return None if self._inspects else self.runner.image_stream()

    def stream(self, stream: ImageStream, feeds: Iterable[Feeds]) -> Iterator[list[NDArray[Any]]]:
        """Yield the outputs of each of ``feeds``, whose images go through ``stream``."""
        batches: deque[int] = deque()

        def images() -> Iterator[Arrays]:
            for feed in feeds:
                parts = self.images(feed)
                batches.append(len(parts))
                yield from parts

        done: list[Arrays] = []
        count, start, traffic = 0, time.perf_counter(), stream.traffic()
        results = stream.results(images())
        try:
            for values in results:
                done.append(values)
                count += 1
                if len(done) == batches[0]:
                    yield [self.join(name, done) for name in self.graph.outputs]
                    batches.popleft()
                    done.clear()
        finally:
            results.close()
            if count and stream.counters:
                cycles = sum(counter["cycles"] for counter in stream.counters.values())
                run = Run({}, cycles, stream.counters, stream.traffic() - traffic)
                profile = self._describe(run, {}, time.perf_counter() - start)
                self._profile = replace(profile, images=count)

    def _compare(
        self, image: Arrays, states: Arrays, run: Run, differences: dict[str, int]
    ) -> None:
        """Add to ``differences`` how both runs of ``image`` differ from the golden model."""
        expected = self.runner.expected(image, states)
        for tensors in (self.tensors, run.values):
            comparison = Comparison(expected)
            comparison.add({n: v for n, v in tensors.items() if n not in self.graph.inputs})
            for name, count in comparison.differences.items():
                differences[name] = differences.get(name, 0) + count
            self.compared_values += comparison.values

    def _stream_note(self) -> str:
        if self.program is None or (
            self.program.stream.sets and self.runner.image_stream() is None
        ):
            return f"one image after the other on device {self._device}"
        return self.program.stream.note

    def _describe(self, run: Run, differences: Mapping[str, int], seconds: float) -> Profile:
        layers = self.runner.layers(run, differences)
        on_golden = self.program is None
        return Profile(
            model=self._model,
            config=self.runner.config.name,
            device=self._device,
            layers=layers,
            multipliers=self.runner.config.multipliers,
            macs=sum(row.macs for row in layers if on_golden or row.where == "accelerator"),
            cycles=run.cycles,
            link=run.link,
            seconds=seconds,
            stream=self._stream_note(),
            clock_hz=run.clock_hz,
        )
