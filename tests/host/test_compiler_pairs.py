"""ADD and MUL of tensors that differ in shape or lie apart, and constants for every rounding."""

import numpy as np
import pytest
from weft.graph import Quantization
from weft_hw.contract.config import CONFIGS

WIDE, PLAIN, TINY = CONFIGS["ulx3s-85f-wide"], CONFIGS["ulx3s-85f"], CONFIGS["tiny"]


def reasons(program):
    return {layer.name: layer.reason for layer in program.layers if layer.where == "host"}


def operand(b, shape, scale=None):
    name = b.tensor(shape, b.quantization(scale))
    b.inputs.append(name)
    return name


def meet(b, operator, x, y, **attributes):
    shape = np.broadcast_shapes(b.tensors[x].shape, b.tensors[y].shape)
    scale = b.scale(x) * b.scale(y) * 77 if operator == "MUL" else b.scale(x) + b.scale(y)
    return b.node(
        operator,
        (x, y),
        shape,
        b.quantization(scale * float(b.rng.uniform(0.4, 1))),
        activation="NONE",
        **attributes,
    )


@pytest.mark.parametrize("config", [PLAIN, WIDE], ids=lambda c: c.name)
@pytest.mark.parametrize("operator", ["ADD", "MUL"])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((1, 6, 5, 19), (1, 1, 1, 19)),
        ((1, 6, 5, 19), (1, 6, 5, 1)),
        ((1, 6, 5, 3), (1, 1, 5, 3)),
        ((1, 6, 5, 3), (1, 6, 1, 3)),
        ((1, 6, 1, 7), (1, 1, 5, 1)),
        ((1, 1, 1, 1), (1, 4, 4, 8)),
        ((1, 20), (1, 3, 4, 20)),
        ((1, 3, 4, 2), (1, 4, 1)),
        ((1, 1, 5, 3), (1, 6, 5, 1)),
    ],
)
def test_broadcasting(graphs, config, operator, a, b):
    """Squeeze-and-excitation's gate, spatial attention, and whatever else NumPy would allow."""
    builder = graphs.Builder(3)
    x, y = operand(builder, a), operand(builder, b)
    if operator == "MUL":
        x, y = y, x
    program = graphs.check(builder.build(meet(builder, operator, x, y)), config, builder.feeds())
    assert reasons(program) == {}


def test_gate_of_a_convolution(graphs):
    """x * sigmoid(convolution of the mean of x), all on the accelerator."""
    b = graphs.Builder(4)
    x = b.conv(operand(b, (1, 7, 6, 3)), 20, padding=(1, 1, 1, 1))
    mean = b.node(
        "MEAN", (x,), (1, 1, 1, 20), b.quantization(b.scale(x) / 2), axes=(1, 2), keep_dims=True
    )
    gate = b.unary("LOGISTIC", b.conv(mean, 20, kernel=(1, 1)))
    program = graphs.check(b.build(meet(b, "MUL", x, gate)), PLAIN, b.feeds())
    assert reasons(program) == {}


@pytest.mark.parametrize("operator", ["ADD", "SUB", "MUL"])
def test_tensor_with_itself(graphs, operator):
    b = graphs.Builder(5)
    x = b.conv(operand(b, (1, 4, 4, 3)), 9, kernel=(1, 1))
    program = graphs.check(b.build(meet(b, operator, x, x)), PLAIN, b.feeds())
    assert reasons(program) == {}


def test_constant_of_a_map_as_large_as_memory_allows(graphs):
    """A value per channel is kept once and repeated at run time, not kept for every pixel."""
    b = graphs.Builder(6)
    x = operand(b, (1, 40, 32, 16))
    data = b.rng.integers(-128, 128, 16).astype(np.int8)
    out = meet(b, "ADD", x, b.tensor((16,), b.quantization(0.05), data=data))
    program = graphs.check(b.build(out), PLAIN, b.feeds())
    assert reasons(program) == {}
    assert sum(len(image.data) for image in program.images) < 4000


def test_operands_in_different_layouts(graphs):
    """A graph input with pixels narrower than a beat meets a tensor in whole words."""
    b = graphs.Builder(7)
    x = operand(b, (1, 5, 6, 2))
    y = b.conv(x, 2, kernel=(1, 1))
    joined = b.concatenation(y, b.conv(x, 6, kernel=(1, 1)))
    program = graphs.check(b.build(meet(b, "ADD", x, y), joined), PLAIN, b.feeds())
    assert reasons(program) == {}


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("operator", ["ADD", "MUL"])
@pytest.mark.parametrize("powers", [False, True])
def test_onnx_runtime_rounds_after_the_zero_point(graphs, operator, unsigned, powers):
    """Powers of two: ties to even, with odd zero points too; else what rounds to a tie."""
    for seed in range(12):
        b = graphs.Builder(seed, "onnxruntime")
        scales = np.exp(b.rng.normal(-3, 0.5, 3))
        scales[2] = scales[0] * scales[1] * 60 if operator == "MUL" else scales[0] + scales[1]
        scales[2] *= float(b.rng.uniform(0.3, 1.5))
        scales = 2.0 ** np.round(np.log2(scales)) if powers else scales
        x, y = operand(b, (1, 16, 8, 16), scales[0]), operand(b, (1, 16, 8, 16), scales[1])
        out = b.node(
            operator,
            (x, y),
            (1, 16, 8, 16),
            b.quantization(scales[2]),
            activation="NONE",
            unsigned=unsigned,
        )
        program = graphs.check(b.build(out), PLAIN, b.feeds())
        assert reasons(program) == {}, f"seed {seed}"


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (1, 5)])
def test_average_pool_of_onnx_runtime(graphs, kernel, unsigned):
    b = graphs.Builder(8, "onnxruntime")
    x = operand(b, (1, 9, 9, 18), 0.0371)
    out = b.node(
        "AVERAGE_POOL_2D",
        (x,),
        (1, 9, 9, 18),
        b.quantization(0.0293, -3),
        kernel=kernel,
        stride=(1, 1),
        unsigned=unsigned,
        activation="NONE",
        padding=(0, kernel[0] - 1, 0, kernel[1] - 1),
    )
    program = graphs.check(b.build(out), PLAIN, b.feeds())
    assert reasons(program) == {}


def test_average_pool_whose_ties_depend_on_the_order_of_values(graphs):
    """Equal scales: half of the sums of two pixels are ties up to float32's rounding."""
    b = graphs.Builder(9, "onnxruntime")
    x = operand(b, (1, 8, 8, 4), 0.0371)
    out = b.node(
        "AVERAGE_POOL_2D",
        (x,),
        (1, 4, 8, 4),
        b.tensors[x].quantization,
        kernel=(2, 1),
        stride=(2, 1),
        padding=(0, 0, 0, 0),
        activation="NONE",
    )
    program = graphs.check(b.build(out), PLAIN, b.feeds())
    assert "the order of the values" in "".join(reasons(program).values())
    # With a power of two float32 is exact.
    b.tensors[x], b.tensors[out] = (
        graphs.Tensor(
            n,
            b.tensors[n].shape,
            b.tensors[n].dtype,
            Quantization(np.array([0.0625], np.float32), np.array([5])),
        )
        for n in (x, out)
    )
    assert reasons(graphs.check(b.build(out), PLAIN, b.feeds())) == {}


@pytest.mark.parametrize("kernel", [(5, 5), (16, 2), (7, 4)])
def test_average_pool_of_many_regions(graphs, kernel):
    b = graphs.Builder(10)
    before = tuple((k - 1) // 2 for k in kernel)
    padding = (before[0], kernel[0] - 1 - before[0], before[1], kernel[1] - 1 - before[1])
    x = b.conv(operand(b, (1, 17, 9, 2)), 5, kernel=(1, 1))
    out = b.pool("AVERAGE_POOL_2D", x, kernel, (1, 1), padding)
    program = graphs.check(b.build(out), PLAIN, b.feeds())
    assert reasons(program) == {} and len(program.descriptors) == 1 + kernel[0] * kernel[1]


def test_average_pool_gives_way_where_descriptors_are_few(graphs):
    b = graphs.Builder(11)
    x = operand(b, (1, 8, 8, 4))
    for _ in range(3):
        x = b.pool("AVERAGE_POOL_2D", b.conv(x, 4, kernel=(1, 1)), (2, 3), (1, 1), (0, 1, 1, 1))
    program = graphs.check(b.build(x), TINY, b.feeds())
    assert list(reasons(program).values()) == ["the descriptor memory has no room for its regions"]
    assert len(program.descriptors) <= TINY.descriptor_count


@pytest.mark.parametrize("config", [PLAIN, WIDE, TINY], ids=lambda c: c.name)
@pytest.mark.parametrize("zero_point", [-128, 3, 127])
def test_weights_with_a_zero_point(graphs, config, zero_point):
    """They have 9 bits and a sign: a tap enters the array as often as it takes."""
    b = graphs.Builder(12, "onnxruntime")
    x = operand(b, (1, 6, 5, 6))
    y = b.conv(x, 10, kernel=(3, 2), padding=(1, 1, 0, 1), groups=2)
    z = b.depthwise(b.conv(y, 8), 1, padding=(1, 1, 1, 1))
    out = b.fully_connected(b.reshape(z, 4 * 3 * 8), 3)
    for node in b.nodes:
        if node.operator != "RESHAPE":
            weights = b.tensors[node.inputs[1]]
            q = weights.quantization
            zeros = np.full(q.scale.shape, zero_point)
            b.tensors[weights.name] = graphs.Tensor(
                weights.name,
                weights.shape,
                weights.dtype,
                Quantization(q.scale, zeros, q.axis),
                weights.data,
            )
    assert reasons(graphs.check(b.build(out), config, b.feeds())) == {}
