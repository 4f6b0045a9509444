"""Images that overlap on a device: the next one comes, and the last result leaves, during a run."""

from collections import deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from weft_hw.contract.memory_map import Region

from weft.driver.cutter import Block, UnitRange
from weft.errors import LinkError
from weft.program import HostStep, Program, RunStep, StreamSet
from weft.runtime.device import OpenDevice, Queue
from weft.runtime.execute import read_counters, run_host
from weft.runtime.profile import LinkProfile
from weft.runtime.resident import Resident

__all__ = ["ImageStream"]

Values = dict[str, NDArray[Any]]

# One image runs, the next one is on its way to the board, and the result of a third comes back.
_AT_ONCE = 3


@dataclass(eq=False)
class _Image:
    """An image and the buffers that it goes through."""

    values: Values
    images: StreamSet


class ImageStream:
    """Runs images one after the other without a pause between them.

    In the order in which the board carries requests out, each run is followed by the read of the
    result before it and the write of the image after it, in turns where that is safe, and blocks
    the next run until both are done. Results come in order. If one gets lost on its way, or
    somebody else takes the device, the images whose results are missing start again.

    Parameters
    ----------
    program : Program
        Its stream plan must have buffers.
    device : OpenDevice
    requests : Queue
        The device's.
    resident : Resident
    """

    def __init__(self, program: Program, device: OpenDevice, requests: Queue, resident: Resident):
        self._program, self._device, self._resident = program, device, resident
        self._requests = requests
        self._at, self._step = next(
            (i, step) for i, step in enumerate(program.steps) if isinstance(step, RunStep)
        )
        self.counters: dict[int, dict[str, int]] = {}  # of the last run, once all is over
        self._turn = 0
        self._queue: deque[_Image] = deque()  # without a result so far, in order
        self._written = self._started = 0  # how many of those were sent, and run

    def traffic(self) -> LinkProfile:
        """Return what the device's link has carried so far."""
        return self._device.traffic()

    def interrupt(self) -> None:
        """Let the device finish what is under way; start again next time."""
        device = self._device
        if device.stream is not self:
            return
        device.stream = None
        self._written = self._started = 0
        try:
            self._requests.settle()
        except LinkError:  # nothing is under way behind a broken link
            return
        if self._queue or self._turn:
            self._read_counters()

    def results(self, feeds: Iterator[Mapping[str, NDArray[Any]]]) -> Generator[Values, None, None]:
        """Yield all tensors that the host came to know of each image.

        Up to two further images are taken from ``feeds`` before a result is given.
        """
        failure: Exception | None = None
        more = True
        try:
            while True:
                while more and len(self._queue) < _AT_ONCE:
                    try:
                        feed = next(feeds, None)
                    except Exception as error:  # comes after the results of the images before
                        feed, failure = None, error
                    more = feed is not None
                    if feed is not None:
                        self._admit(feed)
                if not self._queue:
                    break
                with self._device.lock:
                    values = self._next()
                if values is not None:
                    yield values
        finally:
            with self._device.lock:
                self.interrupt()
        if failure is not None:
            raise failure

    def _admit(self, feed: Mapping[str, NDArray[Any]]) -> None:
        values: Values = dict(feed)
        for step in self._program.steps[: self._at]:
            if isinstance(step, HostStep):
                run_host(self._program.graph, step, values)
        sets = self._program.stream.sets
        self._queue.append(_Image(values, sets[self._turn % len(sets)]))
        self._turn += 1

    def _next(self) -> Values | None:
        """Return the values of the oldest image; None if it has to start again."""
        device, queue = self._device, self._queue
        if device.stream is not self:
            if device.stream is not None:
                device.stream.interrupt()
            self._resident.ensure()
            device.stream = self
        if not self._started:
            self._write_up_to(1)
            self._run(queue[0])
            self._write_up_to(2)
        if len(queue) > 1:
            tickets = self._go_on(queue[1], queue[0])
        else:  # no other run says that this one is over
            self._requests.settle()
            tickets = self._read(queue[0])
        values = self._collect(queue[0], tickets)
        if values is None:
            self.interrupt()
            return None
        queue.popleft()
        self._written -= 1
        self._started -= 1
        for step in self._program.steps[self._at + 1 :]:
            if isinstance(step, HostStep):
                run_host(self._program.graph, step, values)
        return values

    def _base(self, image: _Image, name: str) -> int:
        return image.images.bases.get(name, self._program.places[name].base)

    def _write_up_to(self, count: int) -> None:
        """Queue the writes of the first ``count`` images, unless that was done."""
        self._requests.exchange([], self._writes(count))

    def _writes(self, count: int) -> list[Block]:
        """Return the writes of the first ``count`` images that were not done."""
        images = list(self._queue)[self._written : count]
        self._written += len(images)
        return [
            Block(
                Region.ACTIVATION,
                self._base(image, name),
                self._program.places[name].pack(image.values[name]),
            )
            for image in images
            for name in self._step.loads
        ]

    def _run(self, image: _Image) -> None:
        """Queue the run of ``image``."""
        first, cut = image.images.first, self._program.stream.cut
        self._requests.run(first, cut or self._step.count)
        if cut:
            self._requests.run(first + cut, self._step.count - cut)
        self._started += 1

    def _go_on(self, image: _Image, before: _Image) -> list[tuple[str, Any]]:
        """Queue a run and, during it, the reads of the image before and the writes of the next.

        Where a run is cut, what is read is touched by its second part, what is written by its
        first. Else the two go in turns, unless a result lies where the next image comes.
        """
        queue, step = self._requests, self._step
        first, cut = image.images.first, self._program.stream.cut
        queue.run(first, cut or step.count)
        self._started += 1
        if not cut and not self._meets(before):
            writes = self._writes(_AT_ONCE)
            return list(zip(step.reads, queue.exchange(self._places(before), writes), strict=True))
        tickets = self._read(before)
        if cut:
            queue.run(first + cut, step.count - cut)
        self._write_up_to(_AT_ONCE)
        return tickets

    def _meets(self, result: _Image) -> bool:
        """Whether an image to be written touches what is read of ``result``."""
        places, step = self._program.places, self._step
        read = [(self._base(result, name), places[name].units) for name in step.reads]
        return any(
            base < at + units and at < base + places[name].units
            for image in list(self._queue)[self._written : _AT_ONCE]
            for name in step.loads
            for base in [self._base(image, name)]
            for at, units in read
        )

    def _places(self, image: _Image) -> list[UnitRange]:
        return [
            UnitRange(Region.ACTIVATION, self._base(image, name), self._program.places[name].units)
            for name in self._step.reads
        ]

    def _read(self, image: _Image) -> list[tuple[str, Any]]:
        tickets = self._requests.exchange(self._places(image), [])
        return list(zip(self._step.reads, tickets, strict=True))

    def _collect(self, image: _Image, tickets: list[tuple[str, Any]]) -> Values | None:
        values = dict(image.values)
        for name, ticket in tickets:
            data = self._requests.collect(ticket)
            if data is None:
                return None
            shape = self._program.graph.tensors[name].shape
            values[name] = self._program.places[name].unpack(data, shape)
        return values

    def _read_counters(self) -> None:
        """Read what the last run counted, under the numbers of the first set of descriptors."""
        sets, step = self._program.stream.sets, self._step
        last = sets[(self._turn - 1) % len(sets)].first
        self.counters = read_counters(self._device.memories, last, step.first, step.count)
