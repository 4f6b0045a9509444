"""Requests that wait for one board, carried out as streams of images.

While the board computes one image, the next one goes to it and the result before comes back
(``Session.stream``). So requests that wait together take less time than one after the other. Ray
Serve's own batches are formed before the board is free, most of them of one request.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from numpy.typing import NDArray

from weft.errors import LinkError
from weft.session import InferenceSession

__all__ = ["Streams"]

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class _Asked:
    number: int
    feeds: Arrays
    future: "Future[Arrays]" = field(default_factory=Future)


class Streams:
    """A thread that carries out requests, up to ``limit`` of a model in a row.

    Parameters
    ----------
    sessions : mapping
        By the names of models, all on one device.
    limit : int
        After which the model is next whose request has waited for longest.
    failed : callable
        Called with the LinkError once the device fails, before a request hears of it: a process
        that ends there answers nothing, and what it had is asked elsewhere. Nothing is carried
        out after that.

    Attributes
    ----------
    images : int
        Inferences carried out.
    seconds : float
        Time that the device had something to do.
    """

    def __init__(
        self,
        sessions: Mapping[str, InferenceSession],
        limit: int,
        failed: Callable[[LinkError], object],
    ):
        self.images, self.seconds = 0, 0.0
        self._sessions, self._limit, self._failed = sessions, limit, failed
        self._numbers = count()
        self._waiting: dict[str, deque[_Asked]] = {name: deque() for name in sessions}
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="weft streams", daemon=True).start()

    def infer(self, model: str, feeds: Arrays) -> "Future[Arrays]":
        """Queue a request; the future gets its outputs, or an error."""
        with self._changed:
            asked = _Asked(next(self._numbers), feeds)
            self._waiting[model].append(asked)
            self._changed.notify()
        return asked.future

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: any(self._waiting.values()))
                model = min((q[0].number, name) for name, q in self._waiting.items() if q)[1]
            start = time.monotonic()
            try:
                self._stream(model)
            except LinkError:
                return
            self.seconds += time.monotonic() - start

    def _stream(self, model: str) -> None:
        session, under_way = self._sessions[model], deque[_Asked]()
        names = [info.name for info in session.get_outputs()]

        def feeds() -> Iterator[Arrays]:
            for _ in range(self._limit):
                if (asked := self._take(model)) is None:
                    return
                under_way.append(asked)
                yield asked.feeds

        try:
            for result in session.stream(feeds()):
                arrays = result if isinstance(result, list) else [result]
                self.images += len(arrays[0])
                under_way.popleft().future.set_result(dict(zip(names, arrays, strict=True)))
        except Exception as error:
            if isinstance(error, LinkError):
                self._failed(error)
            for asked in under_way:
                asked.future.set_exception(error)
            if isinstance(error, LinkError):
                raise

    def _take(self, model: str) -> _Asked | None:
        """Return the next request for ``model`` that nobody has cancelled."""
        with self._changed:
            while self._waiting[model]:
                asked = self._waiting[model].popleft()
                if asked.future.set_running_or_notify_cancel():
                    return asked
        return None
