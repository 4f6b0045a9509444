"""A ``.tflite`` model in parts: what Weft imports, and what LiteRT runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import OPERATORS, Graph, Runtime
from weft.importers.tflite.flatbuffer import Subgraph, read_model, well_formed
from weft.importers.tflite.walk import import_tflite
from weft.runtime.fallback.parts import Arrays
from weft.runtime.fallback.split import Layer
from weft.runtime.runtimes import litert, open_interpreter

__all__ = ["TfliteFile"]

_HEAVY = {"BATCH_MATMUL", *(name for name, x in OPERATORS.items() if x.weighted)}

_VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


class TfliteFile:
    """Layers are the operators; a part is the same file with fewer of them.

    The schema's classes that write such a file come with LiteRT.
    """

    runtime_name = "LiteRT"
    open_batch = False

    def __init__(self, data: bytes, name: str, runtime: Runtime):
        self._runtime = litert("the fallback for .tflite models")
        self._data, self._name, self._reproduced = data, name, runtime
        model, *others = read_model(data)
        _refuse_shared_state(name, model)
        if others:
            raise ModelError(f"{name} has several subgraphs, which the fallback cannot cut")
        self._tensors = {tensor.name: tensor for tensor in model.tensors}
        self._index = {tensor.name: i for i, tensor in enumerate(model.tensors)}
        self.inputs = [model.tensors[i].name for i in model.inputs if i >= 0]
        self.outputs = {model.tensors[i].name: model.tensors[i].name for i in model.outputs}
        made = {i for operator in model.operators for i in operator.outputs}
        made.update(model.inputs)
        self.layers = []
        for index, operator in enumerate(model.operators):
            outputs = tuple(model.tensors[i].name for i in operator.outputs if i >= 0)
            reads = tuple(model.tensors[i].name for i in operator.inputs if i in made and i >= 0)
            label = outputs[0].split(";")[0] if outputs else f"{operator.name} {index}"
            self.layers.append(Layer(label, operator.name, reads, outputs, operator.name in _HEAVY))

    def find(self, names: Iterable[str]) -> set[int]:
        """Return the layers that the importer calls ``names``, or that touch such a tensor."""
        wanted = set(names) | {name.rpartition("#")[0] for name in names if "#" in name}
        layers = list(enumerate(self.layers))
        made = {i for i, x in layers if x.name in wanted or wanted & {*x.outputs}}
        return made or {i for i, x in layers if wanted & {*x.inputs}}

    def tensor_type(self, name: str) -> tuple[np.dtype, tuple[int, ...]]:
        """Return dtype and shape of an activation."""
        tensor = self._tensors[name]
        return tensor.dtype or np.dtype(object), tensor.shape

    def extract(self, part: Sequence[int], inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
        """Return the model of some layers."""
        import flatbuffers
        from ai_edge_litert import schema_py_generated as schema

        with well_formed():
            model: Any = schema.ModelT.InitFromPackedBuf(self._data, 0)
            [graph] = model.subgraphs
            graph.operators = [graph.operators[i] for i in part]
            graph.inputs = [self._index[name] for name in inputs]
            graph.outputs = [self._index[name] for name in outputs]
            model.signatureDefs = None  # they name the whole model's inputs and outputs
            builder = flatbuffers.Builder(len(self._data))
            builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
            return bytes(builder.Output())

    def load_graph(self, data: bytes) -> Graph:
        """Import one part."""
        return import_tflite(data, self._name, self._reproduced)

    def open_part(self, data: bytes) -> "_Part":
        """Return the part of the model that is in ``data``.

        LiteRT runs it on the engine whose bits are reproduced: its reference kernels, or XNNPACK.
        """

        def interpreter() -> Any:
            return open_interpreter(self._runtime, data, self._name, self._reproduced)

        return _Part(self._name, list(self._index), interpreter)


class _Part:
    """An interpreter; another one when the state that it may keep starts again."""

    def __init__(self, model: str, names: list[str], make: Callable[[], Any]):
        self._model, self._make = model, make
        self.reset()
        self._inputs: dict[str, int] = {
            names[d["index"]]: d["index"] for d in self._interpreter.get_input_details()
        }
        self._outputs: dict[str, int] = {
            names[d["index"]]: d["index"] for d in self._interpreter.get_output_details()
        }

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return the outputs by name."""
        try:
            for name, index in self._inputs.items():
                self._interpreter.set_tensor(index, feeds[name])
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"LiteRT cannot run {self._model}: {error}") from error
        return {name: self._interpreter.get_tensor(i) for name, i in self._outputs.items()}

    def reset(self) -> None:
        """Let the next call be the first one."""
        self._interpreter = self._make()


def _refuse_shared_state(name: str, model: Subgraph) -> None:
    """Refuse what operators hand on to each other, or to the next call, beside their tensors."""
    for operator in model.operators:
        if operator.name in _VARIABLES:
            raise ModelError(f"{name} keeps a state in variables, which the fallback cannot cut")
    reads = Counter(i for operator in model.operators for i in {*operator.inputs} if i >= 0)
    for index, count in reads.items():
        if model.tensors[index].variable and count > 1:
            state = model.tensors[index].name
            raise ModelError(
                f"{count} layers share the state {state}, which the fallback cannot cut"
            )
