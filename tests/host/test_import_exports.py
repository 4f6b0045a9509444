"""Blocks as PyTorch exports them, quantised by onnxruntime.quantization in every form."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from weft.compiler import compile_graph
from weft.golden import run as reference
from weft.importers import load_model
from weft_hw.contract.config import CONFIGS

pytest.importorskip("onnxruntime")

from networks.calibration import Reader
from networks.ort import ort_session, run_ort
from onnxruntime.quantization import (
    QuantFormat,
    QuantType,
    quantize_static,
)

SEED = 9


class Net:
    """Float nodes in a row; every method returns the name of what it adds."""

    def __init__(self):
        self.rng, self.nodes, self.tensors = np.random.default_rng(SEED), [], []

    def constant(self, data) -> str:
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(data), name))
        return name

    def integers(self, *values) -> str:
        return self.constant(np.array(values, np.int64))

    def number(self, value) -> str:
        return self.constant(np.float32(value))

    def node(self, operator, inputs, outputs=1, **attributes) -> Any:
        name = f"n{len(self.nodes)}"
        names = [f"{name}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, name=name, **attributes))
        return names[0] if outputs == 1 else names

    def weights(self, *shape) -> str:
        spread = 1 / np.sqrt(np.prod(shape[1:]))
        return self.constant(self.rng.normal(0, spread, shape).astype(np.float32))

    def conv(self, x, outputs, inputs, kernel=3, **attributes) -> str:
        group = attributes.get("group", 1)
        operands = [
            x,
            self.weights(outputs, inputs // group, kernel, kernel),
            self.constant(self.rng.normal(0, 0.2, outputs).astype(np.float32)),
        ]
        return self.node("Conv", operands, pads=[kernel // 2] * 4, **attributes)

    def bytes(self, output, opset) -> bytes:
        graph = helper.make_graph(
            self.nodes,
            "block",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            self.tensors,
        )
        opsets = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def gelu(n: Net, x: str) -> str:
    e = n.node("Erf", [n.node("Div", [x, n.number(np.sqrt(2))])])
    return n.node("Mul", [n.node("Mul", [x, n.node("Add", [e, n.number(1)])]), n.number(0.5)])


def gate(n: Net, x: str, function: str) -> str:
    small = n.conv(n.node("GlobalAveragePool", [x]), 8, 8, 1)
    return n.node("Mul", [x, n.node(function, [small])])


def shuffle(n: Net, x: str) -> str:
    a, b = n.node("Split", [x, n.integers(4, 4)], 2, axis=1)
    x = n.node("Concat", [n.conv(a, 4, 4, group=4), b], axis=1)
    x = n.node("Reshape", [x, n.integers(1, 2, 4, 8, 8)])
    x = n.node("Transpose", [x], perm=[0, 2, 1, 3, 4])
    return n.node("Reshape", [x, n.integers(1, 8, 8, 8)])


def bilinear(n: Net, x: str, coordinates: str) -> str:
    sizes = n.integers(1, 8, 15, 16)
    return n.node(
        "Resize", [x, "", "", sizes], mode="linear", coordinate_transformation_mode=coordinates
    )


def attention(n: Net, x: str) -> str:
    """Of pixels to pixels, as in MobileViT."""
    rows = n.node("Transpose", [n.node("Reshape", [x, n.integers(1, 8, 64)])], perm=[0, 2, 1])
    query, key, value = (n.node("MatMul", [rows, n.weights(8, 8)]) for _ in range(3))
    scores = n.node("MatMul", [query, n.node("Transpose", [key], perm=[0, 2, 1])])
    soft = n.node("Softmax", [n.node("Div", [scores, n.number(np.sqrt(8))])], axis=-1)
    mixed = n.node("Transpose", [n.node("MatMul", [soft, value])], perm=[0, 2, 1])
    return n.node("Add", [x, n.node("Reshape", [mixed, n.integers(1, 8, 8, 8)])])


BLOCKS: dict[str, Callable[[Net, str], str]] = {
    "silu": lambda n, x: n.node("Mul", [x, n.node("Sigmoid", [x])]),
    "hard swish": lambda n, x: n.node("HardSwish", [x]),
    "hard swish in parts": lambda n, x: n.node(
        "Mul", [x, n.node("HardSigmoid", [x], alpha=1 / 6, beta=0.5)]
    ),
    "gelu in parts": gelu,
    "elu": lambda n, x: n.node("Elu", [x], alpha=0.5),
    "tanh": lambda n, x: n.node("Tanh", [x]),
    "relu6": lambda n, x: n.node("Clip", [x, n.number(0), n.number(6)]),
    "prelu": lambda n, x: n.node("PRelu", [x, n.constant(np.full((1, 1, 1), 0.25, np.float32))]),
    "squeeze and excitation": lambda n, x: gate(n, x, "Sigmoid"),
    "squeeze and excitation, hard": lambda n, x: gate(n, x, "HardSigmoid"),
    "difference": lambda n, x: n.node("Sub", [x, n.conv(x, 8, 8, 1)]),
    "residual": lambda n, x: n.node("Relu", [n.node("Add", [x, n.conv(x, 8, 8)])]),
    "channel shuffle": shuffle,
    "slice": lambda n, x: n.node(
        "Concat",
        [n.node("Slice", [x, n.integers(2), n.integers(6), n.integers(1)]), n.conv(x, 4, 8)],
        axis=1,
    ),
    "pad": lambda n, x: n.node("Pad", [x, n.integers(0, 0, 1, 2, 0, 0, 0, 1)]),
    "upsample": lambda n, x: n.node(
        "Resize",
        [x, "", n.constant(np.array([1, 1, 2, 2], np.float32))],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    ),
    "average pool": lambda n, x: n.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2]),
    "max pool": lambda n, x: n.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2]),
    "depth multiplier": lambda n, x: n.conv(n.conv(x, 16, 8, group=8), 8, 16, group=4),
    "view": lambda n, x: n.node(
        "Reshape",
        [
            x,
            n.node(
                "Concat",
                [
                    n.node(
                        "Unsqueeze",
                        [
                            n.node("Gather", [n.node("Shape", ["x"]), n.constant(np.int64(0))]),
                            n.integers(0),
                        ],
                    ),
                    n.integers(8, 4, -1),
                ],
                axis=0,
            ),
        ],
    ),
}
# Operators that the QOperator format leaves in float, weights included.
QDQ_ONLY: dict[str, Callable[[Net, str], str]] = {
    "transposed convolution": lambda n, x: n.node(
        "ConvTranspose", [x, n.weights(8, 8, 2, 2)], strides=[2, 2]
    ),
    "bilinear upsample": lambda n, x: bilinear(n, x, "half_pixel"),
    "bilinear upsample with corners": lambda n, x: bilinear(n, x, "align_corners"),
    "reflection pad": lambda n, x: n.node(
        "Pad", [x, n.integers(0, 0, 1, 2, 0, 0, 2, 1)], mode="reflect"
    ),
    "replication pad": lambda n, x: n.node(
        "Pad", [x, n.integers(0, 0, 1, 2, 0, 0, 2, 1)], mode="edge"
    ),
    "pixel shuffle": lambda n, x: n.conv(
        n.node("DepthToSpace", [x], blocksize=2, mode="CRD"), 8, 2
    ),
    "pixel unshuffle": lambda n, x: n.conv(n.node("SpaceToDepth", [x], blocksize=2), 8, 32),
    "greatest of channels": lambda n, x: n.node(
        "Mul", [x, n.node("Sigmoid", [n.node("ReduceMax", [x], axes=[1])])]
    ),
    "greatest of three": lambda n, x: n.node("Max", [x, n.conv(x, 8, 8), n.conv(x, 8, 8)]),
    "mean of three": lambda n, x: n.node("Mean", [x, n.conv(x, 8, 8), n.conv(x, 8, 8)]),
    "mixing of rows": lambda n, x: n.node("MatMul", [x, n.weights(8, 8, 8)]),
    "attention": attention,
}
KINDS = [
    (QuantType.QInt8, QuantType.QInt8, False, True),
    (QuantType.QInt8, QuantType.QInt8, True, True),
    (QuantType.QUInt8, QuantType.QInt8, False, True),
    (QuantType.QUInt8, QuantType.QInt8, True, True),
    (QuantType.QUInt8, QuantType.QUInt8, False, True),
    (QuantType.QInt8, QuantType.QInt8, False, False),
]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("block", "form"),
    [
        *((block, form) for form in (QuantFormat.QDQ, QuantFormat.QOperator) for block in BLOCKS),
        *((block, QuantFormat.QDQ) for block in QDQ_ONLY),
    ],
)
def test_scores_equal_onnx_runtime(tmp_path, block, form):
    """int8 and uint8 activations; weights int8, per channel, uint8, and with a zero point."""
    net = Net()
    out = net.conv({**BLOCKS, **QDQ_ONLY}[block](net, net.conv("x", 8, 3)), 4, 8)
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    source.write_bytes(net.bytes(out, 17))
    images = np.random.default_rng(SEED).normal(0, 1, (8, 1, 3, 8, 8)).astype(np.float32)
    for activations, weights, per_channel, symmetric in KINDS:
        quantize_static(
            source,
            target,
            Reader(images[:6]),
            quant_format=form,
            per_channel=per_channel,
            activation_type=activations,
            weight_type=weights,
            # Wider weights make ONNX Runtime's uint8 kernels saturate on CPUs without VNNI.
            reduce_range=activations == QuantType.QUInt8 and weights == QuantType.QInt8,
            extra_options={"WeightSymmetric": symmetric and weights == QuantType.QInt8},
        )
        graph = load_model(target)
        session, names = ort_session(target.read_bytes())
        for image in images:
            expected = run_ort(session, image)[names[0]]
            actual = reference.run(graph, {graph.inputs[0]: image})[graph.outputs[0]]
            assert np.array_equal(actual, expected), (activations, weights, per_channel)
        compile_graph(graph, CONFIGS["ulx3s-85f"])
