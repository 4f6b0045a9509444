"""A streaming network as converters write it: variables that keep the last rows of feature maps."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from networks.tflite_net import Net

__all__ = ["STEP", "streaming_network", "svdf", "svdf_network"]

STEP = (0.05, -3)
WINDOW = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, "padding": 1}


class Variables:
    """Adds variables to a network, and the subgraph that gives them their first values."""

    def __init__(self, net: Net):
        self.net, self.first = net, Net()
        net.writer.graph.operators = []
        self._call = net.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=1)
        self.first.writer.model = net.writer.model  # whose buffers and operator codes they share
        self.count = 0

    def _handle(self, net: Net, name: bytes) -> int:
        handle = net.tensor((), dtype=np.int32)
        net.writer.graph.tensors[handle].type = schema.TensorType.RESOURCE
        return net.op("VAR_HANDLE", [], handle, "VarHandleOptions", container=b"", sharedName=name)

    def read(self, shape, values: np.ndarray) -> tuple[int, int]:
        """Return the handle of a new variable and the tensor that it holds."""
        name, self.count = f"state {self.count}".encode(), self.count + 1
        inner = self._handle(self.first, name)
        self.first.op("ASSIGN_VARIABLE", [inner, self.first.constant(values, STEP)], [])
        handle = self._handle(self.net, name)
        return handle, self.net.op("READ_VARIABLE", [handle], self.net.tensor(shape, STEP))

    def finish(self) -> None:
        graph: Any = self.first.writer.graph
        graph.inputs, graph.outputs = [], []
        self.net.writer.model.subgraphs = [self.net.writer.graph, graph]


def streaming_network(seed: int, *, layers: int = 3, channels: int = 8) -> tuple[Net, int]:
    """Return a network whose layers each see some rows of the calls before."""
    rng, net = np.random.default_rng(seed), Net()
    x, rows, depth = net.input((1, 2, 1, 5), STEP), 2, 5
    variables = Variables(net)
    for _ in range(layers):
        kept = int(rng.integers(1, 5))
        shape, kernel = (1, kept, 1, depth), (kept + rows, 1)
        first = rng.integers(-128, 128, shape).astype(np.int8)
        handle, state = variables.read(shape, first)
        joined = net.op(
            "CONCATENATION",
            [state, x],
            net.tensor((1, kept + rows, 1, depth), STEP),
            "ConcatenationOptions",
            axis=1,
        )
        bounds = [
            net.constant(np.array(v, np.int32))
            for v in ((0, -kept, 0, 0), (0, 0, 0, 0), (1, 1, 1, 1))
        ]
        last = net.op(
            "STRIDED_SLICE",
            [joined, *bounds],
            net.tensor(shape, STEP),
            "StridedSliceOptions",
            beginMask=13,
            endMask=15,
        )
        net.op("ASSIGN_VARIABLE", [handle, last], [])
        data = rng.integers(-127, 128, (channels, *kernel, depth)).astype(np.int8)
        weights = net.weights(data, [0.004] * channels)
        bias = net.weights(rng.integers(-900, 900, channels).astype(np.int32), [0.0002] * channels)
        x = net.op(
            "CONV_2D",
            [joined, weights, bias],
            net.tensor((1, 1, 1, channels), STEP),
            "Conv2DOptions",
            **WINDOW,
        )
        rows, depth = 1, channels
    variables.finish()
    return net, x


def svdf(net: Net, rng: np.random.Generator, x: int, rank: int) -> int:
    """Add SVDF with a state of 6 calls to ``x``, int8 (1, 10); return its output, (1, 4)."""
    filters, memory, units = 4 * rank, 6, 4
    features = net.constant(rng.integers(-127, 128, (filters, 10)).astype(np.int8), (0.01, 0))
    times = rng.integers(-32767, 32768, (filters, memory)).astype(np.int16)
    bias = rng.integers(-500, 500, units).astype(np.int32)
    state = net.tensor((1, filters * memory), (0.0007, 0), dtype=np.int16)
    net.writer.graph.tensors[state].isVariable = True
    operands = [features, net.constant(times, (3e-5, 0)), net.constant(bias, (0.0007 * 3e-5, 0))]
    return net.op(
        "SVDF",
        [x, *operands, state],
        net.tensor((1, units), (0.02, -7)),
        "SVDFOptions",
        rank=rank,
        fusedActivationFunction=1,
    )


def svdf_network(seed: int, rank: int = 2) -> tuple[Net, int]:
    """Return a network of SVDF and a fully connected layer."""
    rng, net = np.random.default_rng(seed), Net()
    y = svdf(net, rng, net.input((1, 10), STEP), rank)
    weights = net.weights(rng.integers(-127, 128, (3, 4)).astype(np.int8), [0.01])
    return net, net.op(
        "FULLY_CONNECTED", [y, weights], net.tensor((1, 3), (0.05, 2)), "FullyConnectedOptions"
    )
