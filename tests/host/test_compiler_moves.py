"""PAD of channels, SLICE, TABLE, and sums at the limits of what a rounding can express."""

from dataclasses import replace

import numpy as np
import pytest
from weft_hw.contract.config import CONFIGS

WIDE, PLAIN, TINY = CONFIGS["ulx3s-85f-wide"], CONFIGS["ulx3s-85f"], CONFIGS["tiny"]


def check_all_on_accelerator(graphs, b, *outputs, config=PLAIN):
    program = graphs.check(b.build(*outputs), config, b.feeds())
    assert [layer.reason for layer in program.layers if layer.where == "host"] == []


@pytest.mark.parametrize("channels", [(0, 3), (2, 0), (5, 20)])
def test_padding_of_channels(graphs, channels):
    """What a residual connection to more channels writes; pixels are padded as well."""
    b = graphs.Builder(25)
    x = b.conv(b.input(4, 4, 2), 6, kernel=(1, 1))
    for value in ({}, {"value": 101}):
        out = b.node(
            "PAD",
            (x,),
            (1, 7, 4, 6 + sum(channels)),
            b.tensors[x].quantization,
            paddings=((0, 0), (1, 2), (0, 0), channels),
            **value,
        )
        check_all_on_accelerator(graphs, b, out)


@pytest.mark.parametrize("config", [PLAIN, WIDE, TINY], ids=lambda c: c.name)
@pytest.mark.parametrize(
    ("begin", "size"),
    [
        ((0, 0, 0, 0), (1, 6, 5, 7)),
        ((0, 0, 0, 8), (1, 6, 5, 16)),
        ((0, 2, 1, 0), (1, 3, 4, 24)),
        ((0, 5, 4, 3), (1, 1, 1, 20)),
    ],
)
def test_slice(graphs, config, begin, size):
    b = graphs.Builder(26)
    x = b.conv(b.input(6, 5, 3), 24, kernel=(1, 1))
    part = b.node("SLICE", (x,), size, b.tensors[x].quantization, begin=begin, size=size)
    check_all_on_accelerator(graphs, b, part, b.conv(part, 5, kernel=(1, 1)), config=config)


@pytest.mark.parametrize("config", [PLAIN, WIDE], ids=lambda c: c.name)
@pytest.mark.parametrize("axis", [1, 2])
def test_rows_and_columns_are_joined(graphs, config, axis):
    b = graphs.Builder(31)
    x = b.input(4, 3, 3)
    parts = [b.conv(x, 7, kernel=(1, 1)), b.conv(x, 7, kernel=(1, 1))]
    shape = [1, 4, 3, 7]
    shape[axis] *= 2
    out = b.node(
        "CONCATENATION",
        tuple(parts),
        tuple(shape),
        b.quantization(0.1),
        axis=axis,
        activation="NONE",
    )
    check_all_on_accelerator(graphs, b, out, b.conv(out, 5, kernel=(3, 3)), config=config)


@pytest.mark.parametrize("config", [PLAIN, WIDE, TINY], ids=lambda c: c.name)
@pytest.mark.parametrize("indices", [(0, 2, 4), (5, 4, 4, 4, 1), (3,), (0, 1, 2, 5), (2, 2)])
@pytest.mark.parametrize("axis", [1, 2])
def test_gather(graphs, config, axis, indices):
    b = graphs.Builder(32)
    x = b.conv(b.input(6, 6, 3), 18, kernel=(1, 1))
    shape = [1, 6, 6, 18]
    shape[axis] = len(indices)
    out = b.node(
        "GATHER", (x,), tuple(shape), b.tensors[x].quantization, axis=axis, indices=indices
    )
    check_all_on_accelerator(graphs, b, out, config=config)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ((1, 2), (1, 1, 1, 18)),
        ((1,), (1, 1, 5, 18)),
        ((2,), (1, 6, 1, 18)),
    ],
)
def test_maximum_over_dimensions(graphs, axes, shape):
    b = graphs.Builder(33)
    x = b.conv(b.input(6, 5, 3), 18, kernel=(1, 1))
    out = b.node("REDUCE_MAX", (x,), shape, b.tensors[x].quantization, axes=axes, keep_dims=True)
    check_all_on_accelerator(graphs, b, out)


def test_table(graphs):
    b = graphs.Builder(27, "onnxruntime")
    x = b.conv(b.input(4, 4, 3), 9, kernel=(1, 1))
    table = tuple(int(v) for v in b.rng.integers(-128, 128, 256))
    check_all_on_accelerator(graphs, b, b.unary("TABLE", x, table=table))


@pytest.mark.parametrize("rounding", ["xnnpack", "onnxruntime"])
def test_accumulators_beyond_what_float32_represents(graphs, rounding):
    """Sums beyond 24 bits saturate in the runtime and in the requantiser alike."""
    b = graphs.Builder(28, rounding)
    x = b.conv(b.input(16, 16, 3), 40, kernel=(1, 1))
    out = b.conv(x, 6, kernel=(16, 16))
    weights = b.tensors[b.nodes[-1].inputs[1]]
    assert np.abs(weights.data.astype(int)).sum(axis=(1, 2, 3)).min() * 255 > 1 << 24
    check_all_on_accelerator(graphs, b, out)


def test_mean_with_a_finer_scale(graphs):
    """LiteRT shifts the sum left before it multiplies."""
    b = graphs.Builder(29)
    x = b.conv(b.input(3, 2, 2), 18, kernel=(1, 1))
    out = b.node(
        "MEAN", (x,), (1, 1, 1, 18), b.quantization(b.scale(x) / 40), axes=(1, 2), keep_dims=True
    )
    check_all_on_accelerator(graphs, b, out)


def test_accumulators_that_a_runtime_shifts_out_of_32_bits(graphs):
    """The host does what wraps in the runtime; the accelerator, what does not."""
    for bits, where in ((18, "host"), (3, "accelerator")):
        b = graphs.Builder(30)
        x = b.conv(b.input(4, 4, 3), 8, kernel=(1, 1))
        out = b.conv(x, 5, kernel=(1, 1))
        weights = b.tensors[b.nodes[-1].inputs[1]].quantization
        fine = b.scale(x) * weights.scale.min() / 2**bits
        b.tensors[out] = replace(b.tensors[out], quantization=b.quantization(fine))
        program = graphs.check(b.build(out), PLAIN, b.feeds())
        assert program.layers[-1].where == where


def test_table_for_each_channel(graphs):
    """No layer of the accelerator: the host looks it up, and all around it stays there."""
    b = graphs.Builder(31, "onnxruntime")
    x = b.conv(b.input(4, 4, 3), 9, kernel=(1, 1))
    y = b.unary("TABLE", x, table=tuple(int(v) for v in b.rng.integers(-128, 128, 9 * 256)))
    program = graphs.check(b.build(b.conv(y, 4)), PLAIN, b.feeds())
    assert [layer.where for layer in program.layers] == ["accelerator", "host", "accelerator"]
