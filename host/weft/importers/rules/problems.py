"""Collects everything that is wrong with a model, so that the user hears it all at once."""

import re
from collections.abc import Iterable
from types import TracebackType

from weft.errors import ModelError

__all__ = ["ADVICE", "Problems"]

_SHOWN = 1000
ADVICE = (
    "; replace these layers by supported ones before quantisation or, if they are at the head or "
    "tail of the network, have them run on the host by --fallback (in Python fallback=True)"
)
# What to do instead, by what is wrong; only the first that applies is said of an entry.
_ADVICE = (
    (re.compile(r"lies in another file"), "; save the model in one file"),
    (re.compile(r"\bnot supported|is not a function of"), ADVICE),
    (
        re.compile(r"\bnot quantised|must be (a )?quantised"),
        "; quantise these layers too, with all their operands, for ONNX by "
        "onnxruntime.quantization.quantize_static",
    ),
)


class Problems:
    """A list of ``layer: what is wrong`` that becomes one :class:`ModelError`."""

    def __init__(self, model: str, head: str = "cannot import"):
        self._head = f"{head} {model}: "
        self._found: dict[str, str] = {}  # by the layer's name

    @property
    def found(self) -> bool:
        """Whether anything is wrong."""
        return bool(self._found)

    def error(self, rule: str) -> ModelError:
        """Return what to raise where the whole model breaks a rule."""
        return ModelError(self._head + rule)

    def layer(self, name: str, *outputs: str, unknown: set[str] | None = None) -> "_Layer":
        """Turn a :class:`ModelError` raised inside into an entry of the list.

        ``outputs`` go to the set ``unknown`` then.
        """
        return _Layer(self, name, outputs, unknown)

    def add(self, name: str, error: ModelError) -> None:
        """Add an entry, unless ``name`` has one: more may follow from that."""
        self._found.setdefault(name, f"{name}: {error}")

    def finish(self) -> None:
        """Raise what was collected, if anything."""
        if self._found:
            found = list(self._found.values())
            more = len(found) - _SHOWN
            shown = found[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])
            text = self._head + "; ".join(shown)
            said = [
                next((advice for pattern, advice in _ADVICE if pattern.search(entry)), "")
                for entry in found
            ]
            text += "".join(dict.fromkeys(said))
            raise ModelError(text, list(self._found))


class _Layer:
    """What :meth:`Problems.layer` returns: entered for each layer, so no generator."""

    def __init__(
        self, problems: Problems, name: str, outputs: Iterable[str], unknown: set[str] | None
    ):
        self._problems, self._name = problems, name
        self._outputs, self._unknown = outputs, unknown

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, ModelError):
            return False
        self._problems.add(self._name, error)
        if self._unknown is not None:
            self._unknown.update(self._outputs)
        return True
