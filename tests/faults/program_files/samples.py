"""Program files of every kind, to be changed: their members, without the manifest."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import weft
from graph_builder import Builder
from networks.streaming import streaming_network, svdf_network
from weft.compiler import compile_graph
from weft.graph import Node
from weft.graph.images import with_images
from weft.importers.tflite.walk import import_tflite
from weft.program import Program
from weft.program.archive import read_members
from weft_hw.contract.config import CONFIGS

__all__ = ["members_of", "samples"]

TINY = CONFIGS["tiny"]
_STREAMS = replace(
    TINY,
    name="streams",
    activation_words=384,
    line_words=512,
    parameter_words=24,
    descriptor_count=32,
    dram_bytes=1 << 16,
)


def samples() -> dict[str, Program]:
    """Return programs by name."""
    return dict(_samples())


def members_of(program: Program) -> dict[str, bytes]:
    """Return the members of a program's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.weft")
        program.save(path)
        return read_members(path)


def _samples() -> Iterator[tuple[str, Program]]:
    yield "digits", weft.compile("digits", config="tiny")
    b = Builder(1)
    x = b.conv(b.input(8, 8, 3), 12, padding=(1, 1, 1, 1))
    y = b.conv(b.depthwise(x, padding=(1, 1, 1, 1)), 12, kernel=(1, 1))
    x = b.pool("MAX_POOL_2D", b.binary("ADD", x, y))
    yield "branches", compile_graph(b.build(b.unary("LOGISTIC", x)), CONFIGS["ulx3s-85f"])
    net, y = streaming_network(0)
    graph = import_tflite(net.bytes(y), "states", "reference")
    yield "states on the board", compile_graph(graph, CONFIGS["ulx3s-85f"])
    net, y = svdf_network(1)
    yield (
        "states on the host",
        compile_graph(import_tflite(net.bytes(y), "svdf", "reference"), TINY),
    )
    b = Builder(3)
    x = b.conv(b.input(9, 9, 4), 16, padding=(1, 1, 1, 1))
    x = b.conv(x, 16, padding=(1, 1, 1, 1))
    short = compile_graph(b.build(x), replace(_STREAMS, activation_words=192, descriptor_count=256))
    assert short.streamed
    yield "streamed", short
    b = Builder(2)
    x = b.conv(b.input(11, 11, 5), 12, padding=(1, 1, 1, 1))
    y = b.conv(b.depthwise(x, padding=(1, 1, 1, 1)), 12, kernel=(1, 1))
    x = b.conv(b.binary("ADD", x, y), 24, kernel=(1, 1))
    shape = b.tensors[x].shape
    out = b.node("SOFTMAX", (x,), shape, b.quantization(1 / 256, -128), beta=1.0)
    ring = compile_graph(b.build(out), _STREAMS)
    assert ring.streamed and any(getattr(step, "counters", None) for step in ring.steps)
    yield "streamed in a ring", ring
    b = Builder(4, "onnxruntime")
    x = b.conv(b.input(6, 6, 4), 8)
    y = b.tensor(b.tensors[x].shape, dtype=np.float64)
    b.nodes.append(Node("FUNCTION", "celu", (x,), (y,), {"function": "Celu", "alpha": 0.5}))
    y = b.node("QUANTIZE", (y,), b.tensors[x].shape, b.quantization())
    yield "real numbers", compile_graph(b.build(b.pool("AVERAGE_POOL_2D", y)), TINY)
    b = Builder(5)
    name = b.tensor((4, 6), b.quantization())
    b.inputs.append(name)
    source = b.tensors[name].quantization
    turned = b.node("TRANSPOSE", (name,), (6, 4), source, permutation=(1, 0))
    graph = with_images(b.build(b.fully_connected(b.reshape(turned, 24), 5)))
    assert graph.declared is not None
    yield "one image", compile_graph(graph, TINY)
