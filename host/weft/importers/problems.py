"""Collects everything that is wrong with a model, so that the user hears it all at once."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from weft.errors import ModelError

__all__ = ["ADVICE", "Problems"]

_SHOWN = 1000
_UNSUPPORTED = re.compile(r"\boperator .* is not supported")
ADVICE = (
    "; replace these layers by supported ones before quantisation or, if they are at the head or "
    "tail of the network, have them run on the host by --fallback (in Python fallback=True)"
)


class Problems:
    """A list of ``layer: what is wrong`` that becomes one :class:`ModelError`."""

    def __init__(self, model: str):
        self._model = model
        self._found: list[str] = []
        self._layers: list[str] = []

    @contextmanager
    def layer(self, name: str) -> Iterator[None]:
        """Turn a :class:`ModelError` raised inside into an entry of the list."""
        try:
            yield
        except ModelError as error:
            self._found.append(f"{name}: {error}")
            self._layers.append(name)

    def finish(self) -> None:
        """Raise what was collected, if anything."""
        if self._found:
            more = len(self._found) - _SHOWN
            shown = self._found[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])
            text = f"cannot import {self._model}: " + "; ".join(shown)
            if any(_UNSUPPORTED.search(entry) for entry in self._found):
                text += ADVICE
            raise ModelError(text, self._layers)
