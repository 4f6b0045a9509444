"""Weights of ONNX's matrix products, and whether the runtime fuses them."""

import numpy as np
import onnx
from weft.importers.onnx.file import import_onnx

from networks.onnx_net import SEED
from networks.ort import open_ort

STEP = (0.1, 3)


def weights(shape):
    # Of 7 bits: more saturate in the runtime, on a CPU without VNNI, where tensors are uint8.
    return np.random.default_rng(SEED).integers(-63, 64, shape).astype(np.int8)


def marked(net, tmp_path, *outputs):
    """Return whether Weft takes layers for float ones, and whether the runtime does."""
    data = net.bytes(*outputs, opset=17)
    open_ort(data, optimised=tmp_path / "optimised.onnx")
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    graph = import_onnx(data, "m", "onnxruntime", source="m")
    fused = any(n.op_type in ("QLinearMatMul", "QGemm", "QLinearConv") for n in nodes)
    return any(graph.in_island(node) for node in graph.nodes), not fused
