"""Each operator through compiler and functional simulator, at its edges."""

import numpy as np
import pytest
from on_accelerator import PLAIN, WIDE, check_all_on_accelerator, reasons
from weft.graph import Quantization


@pytest.mark.parametrize("operator", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize("seed", range(6))
def test_two_operands(graphs, operator, seed):
    b = graphs.Builder(100 + seed)
    x = b.conv(b.input(4, 5, 6), 11, kernel=(1, 1))
    y = b.conv(b.inputs[0], 11, kernel=(1, 1))
    if operator == "SUB" and b.scale(y) > b.scale(x):
        x, y = y, x
    check_all_on_accelerator(graphs, b, b.binary(operator, x, y))


def test_equal_scales_make_exact_ties(graphs):
    """Power-of-two scales: half of all sums lie exactly between two outputs."""
    b = graphs.Builder(5)
    x, y = (b.tensor((1, 16, 16, 16), b.quantization(0.25, 3)) for _ in range(2))
    b.inputs += [x, y]
    out = b.node("ADD", (x, y), (1, 16, 16, 16), b.quantization(0.5, -4), activation="NONE")
    check_all_on_accelerator(graphs, b, out)


@pytest.mark.parametrize("rounding", ["reference", "onnxruntime"])
@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("LOGISTIC", {}),
        ("TANH", {}),
        ("ELU", {}),
        ("RELU", {}),
        ("RELU6", {}),
        ("SILU", {}),
        ("LEAKY_RELU", {"alpha": 0.1}),
        ("GELU", {"approximate": False}),
    ],
)
def test_functions(graphs, rounding, operator, attributes):
    b = graphs.Builder(6, rounding)
    x = b.conv(b.input(6, 5, 3), 9, kernel=(2, 2))
    check_all_on_accelerator(graphs, b, b.unary(operator, x, **attributes))


def test_number_operand(graphs):
    b = graphs.Builder(6)
    x = b.conv(b.input(6, 5, 3), 9, kernel=(2, 2))
    two = b.tensor((1, 1, 1, 1), b.quantization(0.02, 5), data=np.full((1, 1, 1, 1), 77, np.int8))
    check_all_on_accelerator(graphs, b, b.binary("ADD", x, two), b.binary("MUL", x, two))


@pytest.mark.parametrize("sizes", [(8, 8), (3, 5, 9), (16, 1), (1, 16), (13, 20, 4)])
def test_concatenation_in_place(graphs, sizes):
    """Convolutions write their channels side by side; nothing is copied."""
    b = graphs.Builder(sum(sizes))
    x = b.input(5, 6, 4)
    parts = [b.conv(x, size, padding=(1, 1, 1, 1)) for size in sizes]
    b.share_quantization(*parts)
    joined = b.concatenation(*parts)
    program = check_all_on_accelerator(graphs, b, b.conv(joined, 5, kernel=(1, 1)), parts[1])
    assert len(program.descriptors) == len(sizes) + 1


@pytest.mark.parametrize("sizes", [(1, 1), (3, 5), (4, 12), (1, 2, 6)])
@pytest.mark.parametrize("copied", [False, True])
def test_first_part_of_a_concatenation_written_last(graphs, sizes, copied):
    """It leaves alone what lies behind it in the same beat, and so does a copy of it."""
    b = graphs.Builder(sum(sizes))
    x = b.input(3, 4, 2)
    parts = [b.conv(x, size, kernel=(1, 1)) for size in reversed(sizes)][::-1]
    b.share_quantization(*parts[1:] if copied else parts)
    joined = b.concatenation(*parts)
    if copied:
        b.share_quantization(parts[1], joined)
    check_all_on_accelerator(graphs, b, joined, b.conv(joined, 3, kernel=(1, 1)))


def test_concatenation_of_what_cannot_be_written_in_place(graphs):
    """A graph input, a sum, a tensor twice, another scale, and an odd offset behind a pool."""
    b = graphs.Builder(12)
    x = b.input(4, 4, 5)
    y = b.conv(x, 5, kernel=(1, 1))
    total = b.binary("ADD", y, b.conv(x, 5, kernel=(1, 1)))
    pooled = b.pool("MAX_POOL_2D", y, kernel=(1, 1), stride=(1, 1))
    other = b.conv(x, 3, kernel=(1, 1))
    b.share_quantization(y, pooled)
    joined = b.concatenation(y, x, total, pooled, y, other)
    check_all_on_accelerator(graphs, b, b.conv(joined, 4, kernel=(1, 1)), joined)


@pytest.mark.parametrize("operator", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((2, 2), (2, 2), (0, 0, 0, 0)),
        ((3, 3), (1, 1), (1, 1, 1, 1)),
        ((3, 3), (2, 2), (0, 1, 0, 1)),
        ((11, 13), (11, 13), (0, 0, 0, 0)),
        ((2, 3), (1, 2), (0, 0, 1, 1)),
    ],
)
def test_pools(graphs, operator, kernel, stride, padding):
    b = graphs.Builder(13)
    x = b.conv(b.input(11, 13, 2), 18, kernel=(1, 1))
    check_all_on_accelerator(graphs, b, b.pool(operator, x, kernel, stride, padding))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        ((3, 2), (1, 1), (0, 0, 0, 0), (2, 3)),
        ((2, 3), (2, 3), (1, 1, 2, 0), (5, 2)),
        ((2, 2), (1, 1), (0, 0, 0, 0), (8, 9)),
    ],
)
def test_dilated_pool(graphs, kernel, stride, padding, dilation):
    b = graphs.Builder(17)
    x = b.conv(b.input(11, 13, 2), 18, kernel=(1, 1))
    out = b.pool("MAX_POOL_2D", x, kernel, stride, padding, dilation)
    check_all_on_accelerator(graphs, b, out)


@pytest.mark.parametrize("rounding", ["reference", "xnnpack", "onnxruntime"])
@pytest.mark.parametrize("axes", [(1, 2), (1,), (2,)])
def test_mean(graphs, rounding, axes):
    b = graphs.Builder(14, rounding)
    x = b.conv(b.input(7, 5, 2), 18, kernel=(1, 1))
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(b.tensors[x].shape))
    out = b.node("MEAN", (x,), shape, b.quantization(b.scale(x) / 3), axes=axes, keep_dims=True)
    check_all_on_accelerator(graphs, b, out)


@pytest.mark.parametrize("zero_point", [-113, -58])
def test_means_with_exact_ties(graphs, zero_point):
    """XNNPACK rounds with the zero point added, to an even result."""
    b = graphs.Builder(16, "xnnpack")
    x = b.conv(b.input(4, 4, 2), 32, kernel=(1, 1))
    out = b.node(
        "MEAN",
        (x,),
        (1, 1, 1, 32),
        b.quantization(b.scale(x) / 2, zero_point),
        axes=(1, 2),
        keep_dims=True,
    )
    check_all_on_accelerator(graphs, b, out)


def test_padding_alone_and_folded(graphs):
    b = graphs.Builder(15)
    x = b.conv(b.input(4, 4, 2), 6, kernel=(1, 1))
    alone = b.pad(x, (1, 2), (0, 3))
    folded = b.conv(b.pad(x, (2, 1), (1, 0)), 4)
    other = b.conv(b.pad(x, (2, 1), (1, 0), value=-77), 4)  # not the zero point
    program = check_all_on_accelerator(graphs, b, alone, folded, other)
    assert [layer.where for layer in program.layers].count("fused") == 1


def test_head_and_tail_on_the_host(graphs):
    b = graphs.Builder(19)
    x = b.conv(b.input(4, 4, 3), 10, kernel=(4, 4))
    flat = b.reshape(x, 10)
    shape = Quantization(np.array([1 / 256], np.float32), np.array([-128]))
    out = b.node("SOFTMAX", (flat,), (1, 10), shape, beta=1.0)
    program = graphs.check(b.build(out), PLAIN, b.feeds())
    assert [step.__class__.__name__ for step in program.steps] == ["RunStep", "HostStep"]
    assert reasons(program) == {"softmax2": "SOFTMAX needs exponentials and a division"}


def test_host_in_the_middle(graphs):
    """A node that only the host can run, between layers of the accelerator."""
    b = graphs.Builder(20)
    x = b.conv(b.input(4, 4, 3), 6, kernel=(1, 1))
    turned = b.node(
        "TRANSPOSE", (x,), (1, 4, 4, 6), b.tensors[x].quantization, permutation=(0, 2, 1, 3)
    )
    out = b.binary("ADD", b.conv(turned, 6, kernel=(1, 1)), x)
    program = graphs.check(b.build(out), PLAIN, b.feeds())
    assert [step.__class__.__name__ for step in program.steps] == ["RunStep", "HostStep", "RunStep"]


@pytest.mark.parametrize("operator", ["ADD", "MUL"])
def test_constant_operand(graphs, operator):
    """A value per channel: the constant is put into memory beside the tensor."""
    b = graphs.Builder(21)
    x = b.conv(b.input(5, 4, 3), 9, kernel=(1, 1))
    data = b.rng.integers(-128, 128, 9).astype(np.int8)
    constant = b.tensor((9,), b.quantization(0.05, 3), data=data)
    check_all_on_accelerator(graphs, b, b.binary(operator, x, constant))


def test_flattened_channels_first(graphs):
    """A transposed map that only a fully connected layer reads: its weights are permuted."""
    b = graphs.Builder(22)
    x = b.conv(b.input(5, 4, 3), 9, kernel=(2, 2))
    turned = b.node(
        "TRANSPOSE", (x,), (1, 9, 4, 3), b.tensors[x].quantization, permutation=(0, 3, 1, 2)
    )
    out = b.fully_connected(b.reshape(turned, 9 * 4 * 3), 7)
    check_all_on_accelerator(graphs, b, out)


def test_transposed_map_that_something_else_reads(graphs):
    b = graphs.Builder(23)
    x = b.conv(b.input(5, 4, 3), 9, kernel=(2, 2))
    turned = b.node(
        "TRANSPOSE", (x,), (1, 9, 4, 3), b.tensors[x].quantization, permutation=(0, 3, 1, 2)
    )
    out = b.fully_connected(b.reshape(turned, 9 * 4 * 3), 7)
    program = graphs.check(b.build(out, turned), PLAIN, b.feeds())
    assert set(reasons(program).values()) == {"TRANSPOSE rearranges a tensor"}


def test_pixels_of_a_small_map_are_regrouped(graphs):
    """6x6 pixels in blocks of 4 rows: 9 blocks of one column instead of 2 of 6."""
    b = graphs.Builder(24)
    x = b.conv(b.input(6, 6, 64), 128, kernel=(1, 1))
    program = check_all_on_accelerator(graphs, b, b.conv(x, 64, kernel=(1, 1)), config=WIDE)
    sizes = [(d.out_height, d.out_width) for d in program.decoded]
    assert sizes == [(36, 1), (36, 1)]
    # Nothing is gained with one pixel at a time.
    program = check_all_on_accelerator(graphs, b, b.conv(x, 64, kernel=(1, 1)), config=PLAIN)
    assert program.decoded[-1].out_height == 6
