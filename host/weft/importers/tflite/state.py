"""What a network keeps between calls: variables, and the states of SVDF and LSTM."""

from collections.abc import Callable, Sequence

from weft.errors import ModelError
from weft.graph import State
from weft.importers.tflite.flatbuffer import Subgraph
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.recurrent import lstm, svdf
from weft.importers.tflite.tensors import RawTensor

__all__ = ["Memory"]

Key = tuple[bytes, bytes]
Translation = Callable[[Layer], list[State]]


class Memory:
    """Variables of a model, which operators read and assign, and the states of SVDF and LSTM.

    Each becomes a :class:`State`. A variable is the tensor that the first READ_VARIABLE gives; the
    last tensor that a call assigns is its value in the next one.
    """

    def __init__(self, subgraphs: Sequence[Subgraph]):
        self._subgraphs = subgraphs
        self._handles: dict[str, Key] = {}  # by the tensor that VAR_HANDLE gives
        self._initial: dict[Key, RawTensor] = {}
        self._read: dict[Key, RawTensor] = {}
        self._assigned: dict[Key, RawTensor] = {}
        self._own: list[State] = []

    def takes(self, kind: str) -> Callable[[Layer], None] | None:
        """Return what takes in an operator of ``kind``; None if it has nothing to do with state."""
        return {
            "VAR_HANDLE": self._handle,
            "CALL_ONCE": self._call_once,
            "READ_VARIABLE": self._reads,
            "ASSIGN_VARIABLE": self._assign,
            "SVDF": self._keeps(svdf),
            "UNIDIRECTIONAL_SEQUENCE_LSTM": self._keeps(lstm),
        }.get(kind)

    @property
    def states(self) -> tuple[State, ...]:
        """The states that were read so far."""
        found = []
        for key, tensor in self._read.items():
            initial = self._initial.get(key)
            if initial is None or initial.data is None:
                raise ModelError(f"variable {_text(key)} is read before it has a value")
            following = self._assigned.get(key, tensor)
            found.append(State(tensor.name, following.name, initial.data))
        return *found, *self._own

    def _handle(self, layer: Layer) -> None:
        """Take in VAR_HANDLE."""
        options = layer.options("VarHandleOptions")
        key = (options.Container or b"", options.SharedName or b"")
        self._handles[layer.output.name] = key

    def _call_once(self, layer: Layer) -> None:
        """Take in CALL_ONCE, whose subgraph gives variables their first values."""
        index = layer.options("CallOnceOptions").InitSubgraphIndex
        if self._read or self._assigned:
            raise ModelError("CALL_ONCE must come before variables are used")
        if not 0 < index < len(self._subgraphs):
            raise ModelError(f"CALL_ONCE names subgraph {index}, which does not exist")
        subgraph = self._subgraphs[index]
        inner = Memory(())
        for operator in subgraph.operators:
            step = Layer(operator.name, operator, subgraph.tensors, set(), layer.runtime)
            if operator.name == "VAR_HANDLE":
                inner._handle(step)
            elif operator.name == "ASSIGN_VARIABLE" and step.input(1).data is not None:
                self._initial[inner._key(step)] = step.input(1)
            else:
                raise ModelError(f"{operator.name} in a subgraph of CALL_ONCE is not supported")
            step.finish()

    def _key(self, layer: Layer) -> Key:
        """Return which variable an operator means."""
        name = layer.input(0).name
        if name not in self._handles:
            raise ModelError(f"{layer.kind} of what is no variable")
        return self._handles[name]

    def _reads(self, layer: Layer) -> None:
        """Take in READ_VARIABLE; what was read or assigned before is the same value."""
        key, output = self._key(layer), layer.output
        known = self._assigned.get(key) or self._read.setdefault(key, output)
        if known is not output:
            layer.emit("RESHAPE", (known.name,))

    def _assign(self, layer: Layer) -> None:
        """Take in ASSIGN_VARIABLE."""
        key = self._key(layer)
        self._assigned[key] = layer.input(1)

    def _keeps(self, translation: Translation) -> Callable[[Layer], None]:
        """Return what takes in an operator with states of its own."""

        def take(layer: Layer) -> None:
            states = translation(layer)
            layer.finish()  # a layer that is refused leaves no state behind
            self._own.extend(states)

        return take


def _text(key: Key) -> str:
    return key[1].decode(errors="replace") or "without a name"
