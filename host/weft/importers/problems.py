"""Collects everything that is wrong with a model, so that the user hears it all at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from weft.errors import ModelError

__all__ = ["Problems"]

_SHOWN = 50


class Problems:
    """A list of ``layer: what is wrong`` that becomes one :class:`ModelError`."""

    def __init__(self, model: str):
        self._model = model
        self._found: list[str] = []

    @contextmanager
    def layer(self, name: str) -> Iterator[None]:
        """Turn a :class:`ModelError` raised inside into an entry of the list."""
        try:
            yield
        except ModelError as error:
            self._found.append(f"{name}: {error}")

    def finish(self) -> None:
        """Raise what was collected, if anything."""
        if self._found:
            more = len(self._found) - _SHOWN
            shown = self._found[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])
            raise ModelError(f"cannot import {self._model}: " + "; ".join(shown))
