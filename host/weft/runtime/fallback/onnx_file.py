"""An ONNX model in parts: what Weft imports, and what ONNX Runtime runs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Graph, Runtime
from weft.importers.onnx.file import import_onnx
from weft.importers.onnx.prepare import open_tensors, set_shapes
from weft.importers.onnx.shape_reads import unread_shapes
from weft.importers.onnx.unsigned import as_unsigned
from weft.runtime.fallback.parts import Arrays
from weft.runtime.fallback.split import Layer
from weft.runtime.runtimes import attempt, onnx_runtime, open_session

__all__ = ["OnnxFile"]

_HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul", "QLinearConv", "QLinearMatMul", "QGemm")


class OnnxFile:
    """Layers are the nodes that compute activations.

    What only turns int8 into float32 is no layer: each part that reads the result has its copy,
    and the parts meet in 8-bit tensors. Constant nodes are copied like initialisers.
    """

    runtime_name = "ONNX Runtime"

    def __init__(
        self,
        data: bytes,
        name: str,
        runtime: Runtime,
        shapes: Mapping[str, Sequence[int | None]] | None = None,
    ):
        import onnx

        self._onnx = onnx
        self._runtime = onnx_runtime("the fallback for ONNX models")
        self._name, self._reproduced = name, runtime
        self._model: Any = onnx.ModelProto.FromString(data)
        unread = unread_shapes(self._model, open_tensors(self._model))
        set_shapes(self._model.graph, shapes or {})
        graph = self._model.graph
        if runtime == Runtime.ONNXRUNTIME_UINT8:
            as_unsigned(graph, unread)  # once for all parts, for it depends on who reads a tensor
        for index, node in enumerate(graph.node):
            node.name = node.name or f"{node.op_type} {index}"
        constants = {x.name for x in graph.initializer}
        self._inputs = {x.name: x for x in graph.input if x.name not in constants}
        self._outputs = {x.name: x for x in graph.output}
        self.inputs = list(self._inputs)
        self.open_batch = all(map(_has_open_batch, self._inputs.values()))
        self._nodes = list(graph.node)
        # Numbers of nodes: by output, constants and DequantizeLinear; and by layer.
        self._glue: dict[str, int] = {}
        self._source: dict[str, str] = {}  # what a dequantised tensor is made from
        self._layers: list[int] = []
        self.layers: list[Layer] = []
        for number, node in enumerate(self._nodes):
            reads = [name for name in _reads(node) if name not in constants]
            if not reads or node.op_type == "DequantizeLinear":
                self._glue.update(dict.fromkeys(node.output, number))
                if reads:
                    self._source[node.output[0]] = self._source.get(reads[0], reads[0])
                else:
                    constants.update(node.output)
                continue
            sources = tuple(dict.fromkeys(self._source.get(name, name) for name in reads))
            made = tuple(name for name in node.output if name)
            self._layers.append(number)
            self.layers.append(
                Layer(node.name, node.op_type, sources, made, node.op_type in _HEAVY)
            )
        self.outputs = {name: self._source.get(name, name) for name in self._outputs}
        self._types = self._probe()

    def find(self, names: Iterable[str]) -> set[int]:
        """Return the layers that the importer calls ``names``, or that touch such a tensor."""
        wanted = set(names)
        wanted |= {out for out, n in self._glue.items() if self._nodes[n].name in wanted}
        sources = {self._source.get(name, name) for name in wanted}
        layers = [self._nodes[number] for number in self._layers]
        made = {i for i, x in enumerate(layers) if x.name in wanted or sources & {*x.output}}
        return made or {i for i, x in enumerate(layers) if wanted & {*_reads(x)}}

    def tensor_type(self, name: str) -> tuple[np.dtype, tuple[int, ...]]:
        """Return dtype and shape of an activation, its batch 1 where the file leaves it open."""
        return self._types.get(name, (np.dtype(object), ()))

    def extract(self, part: Sequence[int], inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
        """Return the model of some layers."""
        helper = self._onnx.helper
        chosen = {self._layers[i] for i in part}
        waiting = [name for n in chosen for name in _reads(self._nodes[n])] + list(outputs)
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            number = self._glue.get(name)
            if name not in seen and name not in inputs and number is not None:
                chosen.add(number)
                waiting += _reads(self._nodes[number])
            seen.add(name)
        model = self._onnx.ModelProto()
        model.CopyFrom(self._model)
        graph = model.graph
        for field in (graph.node, graph.input, graph.output, graph.initializer, graph.value_info):
            del field[:]
        graph.node.extend(self._nodes[number] for number in sorted(chosen))
        graph.initializer.extend(x for x in self._model.graph.initializer if x.name in seen)

        def declare(name: str) -> Any:
            known = self._inputs.get(name) or self._outputs.get(name)
            if known is not None:
                return known
            dtype, shape = self.tensor_type(name)
            kind = helper.np_dtype_to_tensor_dtype(dtype)
            first = "batch" if self.open_batch and shape[:1] == (1,) else None
            return helper.make_tensor_value_info(
                name, kind, (first, *shape[1:]) if first else shape
            )

        graph.input.extend(map(declare, inputs))
        graph.output.extend(map(declare, outputs))
        return model.SerializeToString()

    def load_graph(self, data: bytes) -> Graph:
        """Import one part."""
        graph = import_onnx(data, self._name, Runtime.ONNXRUNTIME, source=self._name)
        return graph.replace(runtime=self._reproduced)

    def open_part(self, data: bytes) -> "_Part":
        """Return the part of the model that is in ``data``."""
        session = self._session(data)
        return _Part(session, self._run)

    def _probe(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """Run the whole model on zeros; only that tells the type of every tensor."""
        model, feeds = self._onnx.ModelProto(), {}
        model.CopyFrom(self._model)
        for name, value in self._inputs.items():
            kind = value.type.tensor_type
            shape = [int(d.dim_value) for d in kind.shape.dim]
            shape[:1] = [shape[0] or 1] if shape else []
            if 0 in shape:
                raise ModelError(f"every dimension of input {name} but the first must be a number")
            dtype = self._onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
            feeds[name] = np.zeros(shape, dtype)
        known = set(self._outputs)
        made = dict.fromkeys(name for layer in self.layers for name in layer.outputs)
        model.graph.output.extend(
            self._onnx.ValueInfoProto(name=name) for name in made if name not in known
        )
        session = self._session(model.SerializeToString())
        names = [output.name for output in session.get_outputs()]
        values = dict(zip(names, self._run(session, feeds), strict=True))
        return {
            name: (value.dtype, value.shape)
            for name, value in {**feeds, **values}.items()
            if isinstance(value, np.ndarray)
        }

    def _session(self, data: bytes) -> Any:
        return open_session(self._runtime, data, self._name)

    def _run(self, session: Any, feeds: Mapping[str, NDArray[Any]]) -> list[Any]:
        return attempt(self._name, session.run, None, dict(feeds))


class _Part:
    """A session; it keeps nothing from one call to the next."""

    def __init__(self, session: Any, run: Callable[[Any, Arrays], list[Any]]):
        self._session, self._run = session, run
        self._inputs = [value.name for value in session.get_inputs()]
        self._outputs = [output.name for output in session.get_outputs()]

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return the outputs by name."""
        values = self._run(self._session, {name: feeds[name] for name in self._inputs})
        return dict(zip(self._outputs, map(np.asarray, values), strict=True))

    def reset(self) -> None:
        """Do nothing."""


def _has_open_batch(value: Any) -> bool:
    dims = value.type.tensor_type.shape.dim
    return len(dims) > 0 and dims[0].dim_value < 1


def _reads(node: Any) -> list[str]:
    """Return what a node reads, the graphs among its attributes included."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        for graph in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
            inner = {x.name for x in (*graph.input, *graph.initializer)}
            inner.update(name for x in graph.node for name in x.output)
            read = [name for x in graph.node for name in _reads(x)]
            names += [n for n in (*read, *(x.name for x in graph.output)) if n not in inner]
    return names
