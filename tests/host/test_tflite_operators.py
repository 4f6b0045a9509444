"""Operators of .tflite files one by one: exact against LiteRT's kernels."""

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from graph_builder import check
from networks.tflite_net import Net
from weft.errors import ModelError
from weft.golden import arithmetic as golden
from weft.importers.tflite.walk import import_tflite
from weft_hw.contract.config import CONFIGS

IMAGE = (1, 6, 8, 6)
Case = tuple[Net, int | list[int]]


class Random:
    """A network with one operator, its quantisation drawn at random."""

    def __init__(self, seed: int, dtype=np.int8):
        self.rng, self.net = np.random.default_rng(seed), Net(dtype)
        self.offset = 128 if dtype is np.uint8 else 0

    def step(self) -> tuple[float, int]:
        zero_point = int(self.rng.integers(-128, 128)) + self.offset
        return float(np.float32(self.rng.uniform(0.01, 0.2))), zero_point

    def moved(
        self, name: str, shape, outputs, options="", *constants, front=False, **fields
    ) -> Case:
        """Values that keep their scale; ``front``: the constants are the first operands."""
        step = self.step()
        x, rest = self.net.input(shape, step), [self.net.constant(c) for c in constants]
        several = isinstance(outputs, list)
        made = [self.net.tensor(s, step) for s in (outputs if several else [outputs])]
        inputs = [*rest, x] if front else [x, *rest]
        return self.net, self.net.op(name, inputs, made if several else made[0], options, **fields)

    def computed(self, name: str, options="", *, step=None, x_step=None, shape=IMAGE) -> Case:
        x = self.net.input(shape, x_step or self.step())
        result = self.net.tensor(shape, step or self.step())
        return self.net, self.net.op(name, [x], result, options)

    def pair(self, name: str, options="", *, same=False, other=IMAGE) -> Case:
        step = self.step()
        x, y = self.net.input(IMAGE, step), self.net.input(other, step if same else self.step())
        result = self.net.tensor(IMAGE, step if same else self.step())
        return self.net, self.net.op(name, [x, y], result, options)


def ints(*values) -> np.ndarray:
    return np.array(values, np.int32)


def pack(r: Random, axis: int) -> Case:
    step, shape = r.step(), [1, 4, 5]
    inputs = [r.net.input(shape, step) for _ in range(3)]
    shape.insert(axis, 3)
    return r.net, r.net.op(
        "PACK", inputs, r.net.tensor(shape, step), "PackOptions", axis=axis, valuesCount=3
    )


def prelu(r: Random, *shape: int) -> Case:
    slopes = r.rng.integers(0, 100, shape).astype(r.net.dtype)
    x, alpha = r.net.input(IMAGE, r.step()), r.net.constant(slopes, r.step())
    return r.net, r.net.op("PRELU", [x, alpha], r.net.tensor(IMAGE, r.step()))


def batch_matmul(r: Random, transposed: bool) -> Case:
    x = r.net.input((1, 7, 12), r.step())
    data = r.rng.integers(-127, 128, (9, 12) if transposed else (12, 9)).astype(np.int8)
    result = r.net.tensor((1, 7, 9), r.step())
    return r.net, r.net.op(
        "BATCH_MATMUL",
        [x, r.net.constant(data, (0.011, 0))],
        result,
        "BatchMatMulOptions",
        adjY=transposed,
    )


def products(r: Random, left, right, *, constant=False, zero_point=0, **adjoint) -> Case:
    """BATCH_MATMUL of two tensors, whose matrices are turned where ``adjoint`` says so."""
    step = (r.step()[0], zero_point)
    x = r.net.input(left, r.step())
    data = r.rng.integers(-127, 128, right).astype(np.int8)
    y = r.net.constant(data, step) if constant else r.net.input(right, step)
    rows, columns = (
        left[-1 if adjoint.get("adjX") else -2],
        right[-2 if adjoint.get("adjY") else -1],
    )
    lead = np.broadcast_shapes(left[:-2], right[:-2])
    result = r.net.tensor((*lead, rows, columns), r.step())
    return r.net, r.net.op("BATCH_MATMUL", [x, y], result, "BatchMatMulOptions", **adjoint)


def in_blocks(r: Random, name: str, shape, output, sides, edges) -> Case:
    options = {"SPACE_TO_BATCH_ND": "SpaceToBatchNDOptions"}.get(name, "BatchToSpaceNDOptions")
    return r.moved(name, shape, output, options, ints(*sides), np.array(edges, np.int32))


def position(r: Random, name: str, axis: int) -> Case:
    x, along = r.net.input(IMAGE, r.step()), r.net.constant(np.array(axis, np.int32))
    shape = [size for i, size in enumerate(IMAGE) if i != axis]
    y = r.net.tensor(shape, dtype=np.int32)
    options = {"ARG_MAX": "ArgMaxOptions"}.get(name, "ArgMinOptions")
    return r.net, r.net.op(name, [x, along], y, options, outputType=2)


def select(r: Random, name: str) -> Case:
    step = r.step()
    condition = r.net.constant(r.rng.integers(0, 2, IMAGE).astype(bool))
    a, b = (r.net.input(IMAGE, step) for _ in range(2))
    options = "SelectV2Options" if name == "SELECT_V2" else "SelectOptions"
    return r.net, r.net.op(name, [condition, a, b], r.net.tensor(IMAGE, step), options)


MIRROR = np.array([[0, 0], [2, 1], [1, 0], [0, 0]], np.int32)
SCALAR = np.array(2, np.int32)
MOVES: dict[str, Callable[[Random], Case]] = {
    "SPLIT": lambda r: r.moved(
        "SPLIT", IMAGE, [(1, 6, 4, 6)] * 2, "SplitOptions", SCALAR, front=True, numSplits=2
    ),
    "SPLIT_V": lambda r: r.moved(
        "SPLIT_V",
        IMAGE,
        [(1, 6, 8, 1), (1, 6, 8, 3), (1, 6, 8, 2)],
        "SplitVOptions",
        ints(1, -1, 2),
        SCALAR + 1,
        numSplits=3,
    ),
    "PACK rows": lambda r: pack(r, 1),
    "PACK channels": lambda r: pack(r, 3),
    "PACK of one": lambda r: r.moved(
        "PACK", (1, 4, 5), (1, 1, 4, 5), "PackOptions", axis=0, valuesCount=1
    ),
    "UNPACK": lambda r: r.moved("UNPACK", IMAGE, [(1, 8, 6)] * 6, "UnpackOptions", axis=1, num=6),
    "STRIDED_SLICE": lambda r: r.moved(
        "STRIDED_SLICE",
        IMAGE,
        (1, 3, 2, 6),
        "StridedSliceOptions",
        ints(0, 0, 1, 0),
        ints(1, 6, 7, 0),
        ints(1, 2, 4, 1),
        endMask=8,
    ),
    "STRIDED_SLICE backwards": lambda r: r.moved(
        "STRIDED_SLICE",
        IMAGE,
        (1, 6, 5, 6),
        "StridedSliceOptions",
        ints(0, 0, -1, 0),
        ints(1, 6, 2, 0),
        ints(1, 1, -1, 1),
        endMask=8,
    ),
    "STRIDED_SLICE of one row": lambda r: r.moved(
        "STRIDED_SLICE",
        IMAGE,
        (1, 8, 6),
        "StridedSliceOptions",
        ints(0, -2, 0, 0),
        ints(0, -1, 0, 0),
        ints(1, 1, 1, 1),
        beginMask=13,
        endMask=13,
        shrinkAxisMask=2,
    ),
    "STRIDED_SLICE of the first row, whatever it says": lambda r: r.moved(
        "STRIDED_SLICE",
        IMAGE,
        (1, 8, 6),
        "StridedSliceOptions",
        ints(0, -2, 0, 0),
        ints(0, -1, 0, 0),
        ints(1, 1, 1, 1),
        beginMask=15,
        endMask=13,
        shrinkAxisMask=2,
    ),
    "SLICE": lambda r: r.moved(
        "SLICE", IMAGE, (1, 4, 8, 3), "SliceOptions", ints(0, 1, 0, 2), ints(1, 4, -1, 3)
    ),
    "GATHER": lambda r: r.moved(
        "GATHER", IMAGE, (1, 3, 8, 6), "GatherOptions", ints(5, 0, 5), axis=1
    ),
    "TILE": lambda r: r.moved("TILE", (1, 3, 4, 2), (1, 6, 4, 6), "", ints(1, 2, 1, 3)),
    "BROADCAST_TO": lambda r: r.moved(
        "BROADCAST_TO", (1, 1, 8, 1), IMAGE, "BroadcastToOptions", ints(*IMAGE)
    ),
    "REVERSE_V2": lambda r: r.moved("REVERSE_V2", IMAGE, IMAGE, "ReverseV2Options", ints(2)),
    "MIRROR_PAD reflected": lambda r: r.moved(
        "MIRROR_PAD", IMAGE, (1, 9, 9, 6), "MirrorPadOptions", MIRROR, mode=0
    ),
    "MIRROR_PAD symmetric": lambda r: r.moved(
        "MIRROR_PAD", IMAGE, (1, 9, 9, 6), "MirrorPadOptions", MIRROR, mode=1
    ),
    "DEPTH_TO_SPACE": lambda r: r.moved(
        "DEPTH_TO_SPACE", (1, 3, 4, 12), (1, 6, 8, 3), "DepthToSpaceOptions", blockSize=2
    ),
    "SPACE_TO_DEPTH": lambda r: r.moved(
        "SPACE_TO_DEPTH", (1, 6, 8, 3), (1, 3, 4, 12), "SpaceToDepthOptions", blockSize=2
    ),
    "SPACE_TO_BATCH_ND": lambda r: in_blocks(
        r, "SPACE_TO_BATCH_ND", (2, 5, 8, 3), (12, 3, 4, 3), (3, 2), [[1, 3], [0, 0]]
    ),
    "SPACE_TO_BATCH_ND of sequences": lambda r: in_blocks(
        r, "SPACE_TO_BATCH_ND", (1, 9, 4), (2, 6, 4), (2,), [[2, 1]]
    ),
    "BATCH_TO_SPACE_ND": lambda r: in_blocks(
        r, "BATCH_TO_SPACE_ND", (12, 3, 4, 3), (2, 5, 8, 3), (3, 2), [[1, 3], [0, 0]]
    ),
    "BATCH_TO_SPACE_ND of sequences": lambda r: in_blocks(
        r, "BATCH_TO_SPACE_ND", (2, 6, 4), (1, 9, 4), (2,), [[2, 1]]
    ),
    "ARG_MIN": lambda r: position(r, "ARG_MIN", 3),
    "ARG_MAX of rows": lambda r: position(r, "ARG_MAX", 1),
    "EXPAND_DIMS": lambda r: r.moved(
        "EXPAND_DIMS", IMAGE, (1, 6, 1, 8, 6), "ExpandDimsOptions", SCALAR
    ),
    "REDUCE_MAX": lambda r: r.moved("REDUCE_MAX", IMAGE, (1, 6), "ReducerOptions", ints(1, 2)),
    "REDUCE_MIN": lambda r: r.moved(
        "REDUCE_MIN", IMAGE, (1, 6, 1, 6), "ReducerOptions", ints(-2), keepDims=True
    ),
    "MAXIMUM": lambda r: r.pair("MAXIMUM", "MaximumMinimumOptions", same=True),
    "MINIMUM": lambda r: r.pair("MINIMUM", "MaximumMinimumOptions", same=True, other=(1, 1, 1, 6)),
    "SELECT": lambda r: select(r, "SELECT"),
    "SELECT_V2": lambda r: select(r, "SELECT_V2"),
    "PRELU": lambda r: prelu(r, 1, 1, 6),
    "PRELU of one slope": lambda r: prelu(r, 1, 1, 1),
    "PRELU of a slope for each value": lambda r: prelu(r, *IMAGE[1:]),
    "PRELU of a slope for each column": lambda r: prelu(r, IMAGE[2], 1),
    "RESIZE_BILINEAR": lambda r: r.moved(
        "RESIZE_BILINEAR", IMAGE, (1, 13, 17, 6), "ResizeBilinearOptions", ints(13, 17)
    ),
    "RESIZE_BILINEAR of corners": lambda r: r.moved(
        "RESIZE_BILINEAR",
        IMAGE,
        (1, 13, 3, 6),
        "ResizeBilinearOptions",
        ints(13, 3),
        alignCorners=True,
    ),
    "RESIZE_BILINEAR of centres": lambda r: r.moved(
        "RESIZE_BILINEAR",
        IMAGE,
        (1, 4, 17, 6),
        "ResizeBilinearOptions",
        ints(4, 17),
        halfPixelCenters=True,
    ),
    "LOG_SOFTMAX": lambda r: r.computed(
        "LOG_SOFTMAX", "LogSoftmaxOptions", shape=(3, 50), step=(1 / 16, 127 + r.offset)
    ),
}
# LiteRT has no kernels of these for uint8.
FUNCTIONS: dict[str, Callable[[Random], Case]] = {
    "EXP": lambda r: r.computed("EXP", "ExpOptions"),
    "LOG": lambda r: r.computed("LOG"),
    "ABS": lambda r: r.computed("ABS", "AbsOptions"),
    "RSQRT": lambda r: r.computed("RSQRT", x_step=(r.step()[0], -128)),
    "NEG": lambda r: r.computed("NEG", "NegOptions", step=(0.03, 7), x_step=(0.03, -7)),
    "SQUARED_DIFFERENCE": lambda r: r.pair("SQUARED_DIFFERENCE", "SquaredDifferenceOptions"),
    "BATCH_MATMUL": lambda r: batch_matmul(r, False),
    "BATCH_MATMUL transposed": lambda r: batch_matmul(r, True),
    "BATCH_MATMUL of two": lambda r: products(r, (1, 7, 12), (1, 12, 9)),
    "BATCH_MATMUL of two, repeated": lambda r: products(
        r, (2, 3, 7, 12), (1, 3, 9, 12), adjY=True, zero_point=-9
    ),
    "BATCH_MATMUL of two, both turned": lambda r: products(
        r, (2, 12, 7), (2, 9, 12), adjX=True, adjY=True, zero_point=5
    ),
    "BATCH_MATMUL of matrices": lambda r: products(r, (7, 12), (12, 9)),
    "BATCH_MATMUL by several": lambda r: products(
        r, (3, 12, 7), (3, 12, 9), adjX=True, constant=True
    ),
}


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", MOVES)
def test_moves_and_comparisons(name, dtype, rounding):
    for seed in range(5):
        net, outputs = MOVES[name](Random(seed, dtype))
        assert net.differences(outputs, rounding=rounding) == 0


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, rounding):
    for seed in range(20):
        net, outputs = FUNCTIONS[name](Random(seed))
        assert net.differences(outputs, rounding=rounding) == 0


def test_sum_is_that_of_litert_by_default():
    """LiteRT's reference kernel of SUM gives other values for sums below zero."""
    for seed in range(30):
        r = Random(seed)
        axes, shape = (((1, 2), (1, 6)), ((3,), (1, 6, 8)), ((2,), (1, 6, 6)))[seed % 3]
        x, along = r.net.input(IMAGE, r.step()), r.net.constant(ints(*axes))
        y = r.net.op("SUM", [x, along], r.net.tensor(shape, (0.7, -7)), "ReducerOptions")
        assert r.net.differences(y, rounding="xnnpack") == 0


def test_every_reciprocal_root():
    """1 / sqrt(q), to within what fixed point of 31 bits can hold after five Newton steps."""
    for value in range(2, 256):
        multiplier, exponent = golden.reciprocal_root(value)
        assert multiplier * 2.0 ** (exponent - 31) == pytest.approx(value**-0.5, rel=2e-6)


@pytest.mark.parametrize(
    ("case", "pattern"),
    [
        (lambda r: r.computed("RSQRT", x_step=(0.1, 0)), "RSQRT of values that may be negative"),
        (
            lambda r: r.computed("NEG", "NegOptions", x_step=(0.1, 5), step=(0.1, 5)),
            "NEG must have",
        ),
        (
            lambda r: r.moved("GATHER", IMAGE, IMAGE, "GatherOptions", ints(6), axis=1),
            "GATHER leaves dimension 1",
        ),
        (lambda r: r.moved("TILE", IMAGE, IMAGE, "", ints(1, 2)), "TILE .* does not fit shape"),
        (
            lambda r: r.moved(
                "SPLIT", IMAGE, [IMAGE] * 4, "SplitOptions", ints(1), front=True, numSplits=4
            ),
            "SPLIT cannot make 4 parts of 6",
        ),
        (lambda r: r.pair("MAXIMUM", "MaximumMinimumOptions"), "the same quantisation"),
    ],
)
def test_what_is_refused(case, pattern):
    net, outputs = case(Random(0))
    with pytest.raises(ModelError, match=pattern):
        import_tflite(net.bytes(outputs), "m", "reference")


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
def test_int8_to_uint8_of_another_scale(rounding):
    """XNNPACK leaves it to LiteRT's own kernel."""
    for seed in range(5):
        r = Random(seed)
        x = r.net.input(IMAGE, r.step())
        y = r.net.tensor(IMAGE, (0.08, 140), dtype=np.uint8)
        r.net.op("QUANTIZE", [x], y, "QuantizeOptions")
        assert r.net.differences(y, rounding=rounding) == 0


@pytest.mark.parametrize("depthwise", [False, True])
def test_a_dilated_convolution_as_converters_spell_it_out(depthwise):
    """Compiled and run, too: the places in a block are maps of one image."""
    r = Random(3)
    x, step = r.net.input((1, 8, 6, 4), r.step()), r.step()
    sides = r.net.constant(ints(2, 2))
    around = r.net.constant(np.array([[2, 2], [2, 2]], np.int32))
    inside = r.net.tensor((4, 6, 5, 4), (0.05, -3))
    r.net.op("SPACE_TO_BATCH_ND", [x, sides, around], inside, "SpaceToBatchNDOptions")
    r.net.writer.graph.tensors[x].quantization.scale = [0.05]
    r.net.writer.graph.tensors[x].quantization.zeroPoint = [-3]
    shape = (1, 3, 3, 4) if depthwise else (4, 3, 3, 4)
    data, scales = r.rng.integers(-127, 128, shape).astype(np.int8), [0.01, 0.02, 0.005, 0.013]
    weights = r.net.weights(data, scales, axis=3 if depthwise else 0)
    bias = r.net.weights(r.rng.integers(-999, 999, 4).astype(np.int32), [0.05 * s for s in scales])
    made = r.net.tensor((4, 4, 3, 4), step)
    options = {"strideH": 1, "strideW": 1, "padding": 1}
    if depthwise:
        kind, table = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
        options["depthMultiplier"] = 1
    else:
        kind, table = "CONV_2D", "Conv2DOptions"
    r.net.op(kind, [inside, weights, bias], made, table, **options)
    cut = r.net.constant(np.zeros((2, 2), np.int32))
    y = r.net.op(
        "BATCH_TO_SPACE_ND",
        [made, sides, cut],
        r.net.tensor((1, 8, 6, 4), step),
        "BatchToSpaceNDOptions",
    )
    assert r.net.differences(y) == 0
    graph = import_tflite(r.net.bytes(y), "m", "reference")
    check(graph, CONFIGS["tiny"], dict(zip(graph.inputs, r.net.feeds(), strict=True)))


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(("source", "target"), [(np.int8, np.uint8), (np.uint8, np.int8)])
def test_a_change_of_type_whose_ties_depend_on_their_place(source, target, inside):
    """-31.75 is -31 in the first 16 of 20 values, and -32 in the others, by LiteRT's own engine."""
    net = Net(source)
    step = (1 / 256, 128 if source is np.uint8 else 0)
    x = net.input((1, 20), step)
    z = net.op("RELU", [x], net.tensor((1, 20), step)) if inside else x
    y = net.tensor((1, 20), (1 / 64, 128 if target is np.uint8 else 0), dtype=target)
    net.op("QUANTIZE", [z], y, "QuantizeOptions")
    assert net.differences(y) == 0
    with pytest.raises(ModelError, match="between int8 and uint8"):
        import_tflite(net.bytes(y), "m", "xnnpack")


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize("zero_point", [-128, -7, 0, 9, 127])
def test_what_is_no_number_or_beyond_int32(zero_point, dtype, rounding):
    net = Net(dtype)
    numbers = [np.nan, np.inf, -np.inf, 1e30, -1e30, 1.2e8, -1.2e8, 1.07e8, -1.07e8, 5e7, 1.0]
    x = net.input((1, 3 * len(numbers)), None, dtype=np.float32)
    step = (0.05, zero_point + (128 if dtype is np.uint8 else 0))
    y = net.op("QUANTIZE", [x], net.tensor((1, 3 * len(numbers)), step), "QuantizeOptions")
    feed = np.tile(np.array(numbers, np.float32), 3)[None]
    assert net.differences(y, rounding=rounding, feeds=[feed]) == 0
    z = net.op("RELU", [y], net.tensor((1, 3 * len(numbers)), step))  # y lies inside
    assert net.differences(z, rounding=rounding, feeds=[feed]) == 0


@pytest.mark.parametrize(("kept", "size"), [(False, (1, 4, 5)), (True, (4, 5)), (False, (5,))])
def test_a_shape_that_fully_connected_does_not_give_is_refused(kept, size):
    r = Random(0)
    x = r.net.input((1, 4, 12) if len(size) > 1 else (12,), r.step())
    weights = r.net.weights(r.rng.integers(-99, 99, (5, 12)).astype(np.int8), [0.01])
    y = r.net.tensor(size, r.step())
    r.net.op("FULLY_CONNECTED", [x, weights], y, "FullyConnectedOptions", keepNumDims=kept)
    with pytest.raises(ModelError, match="its options say"):
        import_tflite(r.net.bytes(y), "m", "reference")


FAR = [
    ("ADD", 0.5, 0.0004, 0.5),
    ("SUB", 0.5, 0.4, 0.0004),
    ("SUB", 1.0, 1e-6, 1.0),
    ("MUL", 0.01, 0.01, 20.0),
]


def far_apart(kind: str, a: float, b: float, y: float, dtype) -> Case:
    r = Random(1, dtype)
    shape, steps = (1, 16, 16, 8), ((a, 3 + r.offset), (b, r.offset - 7))
    operands = [r.net.input(shape, step) for step in steps]
    made, options = r.net.tensor(shape, (y, 2 + r.offset)), f"{kind.capitalize()}Options"
    return r.net, r.net.op(kind, operands, made, options, fusedActivationFunction=1)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize(("kind", "a", "b", "y"), FAR)
def test_scales_so_far_apart_that_xnnpack_leaves_them_to_litert(kind, a, b, y, dtype):
    net, made = far_apart(kind, a, b, y, dtype)
    for rounding in ("reference", "xnnpack"):
        assert net.differences(made, rounding=rounding) == 0


@pytest.mark.parametrize(("kind", "y"), [("ADD", 0.5 / 256), ("MUL", 0.25 / 256)])
def test_a_scale_so_fine_that_litert_wraps_at_16_bits(kind, y):
    """The sum of 32.5 and 32.5 is the least value then; without XNNPACK it is the greatest."""
    net, made = far_apart(kind, 0.5, 0.5, y, np.int8)
    assert net.differences(made) == 0
    with pytest.raises(ModelError, match="with so fine a scale"):
        import_tflite(net.bytes(made), "m", "xnnpack")


def test_a_depth_multiplier_that_the_shapes_do_not_have():
    """LiteRT's own kernel goes by the shapes; XNNPACK leaves it to another one, or stops."""
    r = Random(2)
    x = r.net.input((1, 5, 5, 3), r.step())
    weights = r.net.weights(
        r.rng.integers(-99, 99, (1, 3, 3, 6)).astype(np.int8), [0.01] * 6, axis=3
    )
    bias = r.net.weights(np.zeros(6, np.int32), [0.001] * 6)
    y = r.net.tensor((1, 3, 3, 6), r.step())
    options = {"strideH": 1, "strideW": 1, "padding": 1, "depthMultiplier": 0}
    r.net.op("DEPTHWISE_CONV_2D", [x, weights, bias], y, "DepthwiseConv2DOptions", **options)
    assert r.net.differences(y) == 0
    with pytest.raises(ModelError, match="with a depth multiplier of 0"):
        import_tflite(r.net.bytes(y), "m", "xnnpack")


@pytest.mark.parametrize(
    ("shape", "begin", "end", "masks"),
    [
        ((2, 6, 5), (0, -2), (0, 0), {"ellipsisMask": 1, "shrinkAxisMask": 2}),
        ((2, 6, 5, 2), (0, 0, 1), (2, 0, 3), {"ellipsisMask": 2}),
        ((2, 4, 5, 3), (0, 1, 0, 0, 0), (2, 5, 0, 5, 3), {"ellipsisMask": 4}),
        ((2, 1, 6, 5, 3), (0, 0, 0, 0), (2, 0, 6, 5), {"newAxisMask": 2}),
        ((2, 6, 5, 1, 2), (0, 0, 1), (0, 0, 3), {"ellipsisMask": 1, "newAxisMask": 2}),
        ((1, 2, 6, 5, 2), (0, 0, 1), (0, 0, 3), {"ellipsisMask": 2, "newAxisMask": 1}),
    ],
)
def test_strided_slices_with_an_ellipsis_or_a_new_dimension(shape, begin, end, masks):
    r = Random(4)
    bounds = ints(*begin), ints(*end), ints(*[1] * len(begin))
    options = "StridedSliceOptions"
    net, y = r.moved("STRIDED_SLICE", (2, 6, 5, 3), shape, options, *bounds, **masks)
    assert net.differences(y) == 0
