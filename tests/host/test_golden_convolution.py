"""Accumulators against loops that spell out the definition."""

import itertools
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info
from weft.golden import arithmetic as golden
from weft.golden.arithmetic import convolution
from weft.golden.arithmetic.products import one_thread

SEED = 3


def naive(x, weights, zero_point, stride, padding, dilation, groups):
    """Sum over the taps inside the image; padding contributes nothing."""
    batch, height, width, channels = x.shape
    outputs, kernel_h, kernel_w, depth = weights.shape
    rows = (height + sum(padding[:2]) - (kernel_h - 1) * dilation[0] - 1) // stride[0] + 1
    columns = (width + sum(padding[2:]) - (kernel_w - 1) * dilation[1] - 1) // stride[1] + 1
    acc = np.zeros((batch, rows, columns, outputs), dtype=object)
    for n, y, c, o in itertools.product(*map(range, acc.shape)):
        first = o // (outputs // groups) * depth
        total = 0
        for i, j, k in itertools.product(range(kernel_h), range(kernel_w), range(depth)):
            row = y * stride[0] - padding[0] + i * dilation[0]
            column = c * stride[1] - padding[2] + j * dilation[1]
            if 0 <= row < height and 0 <= column < width:
                value = int(x[n, row, column, first + k]) - zero_point
                total += value * int(weights[o, i, j, k])
        acc[n, y, c, o] = total
    assert channels == depth * groups
    return acc.astype(np.int64)


CASES = [
    # height, width, channels, outputs, kernel, stride, padding, dilation, groups
    (5, 5, 3, 4, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    (6, 5, 2, 3, (2, 3), (2, 1), (0, 1, 1, 0), (1, 1), 1),
    (1, 1, 7, 5, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    (2, 2, 1, 2, (5, 5), (1, 1), (2, 2, 2, 2), (1, 1), 1),  # kernel larger than the image
    (7, 7, 2, 2, (1, 1), (3, 4), (0, 0, 0, 0), (1, 1), 1),  # stride larger than the kernel
    (9, 8, 4, 6, (3, 2), (1, 1), (2, 2, 1, 1), (2, 3), 2),
    (1, 9, 3, 3, (1, 4), (1, 2), (0, 0, 1, 2), (1, 1), 3),
    (17, 3, 1, 1, (16, 1), (1, 1), (3, 0, 0, 0), (1, 1), 1),
]


@pytest.mark.parametrize("case", CASES)
def test_conv2d_is_its_definition(case):
    height, width, channels, outputs, kernel, stride, padding, dilation, groups = case
    rng = np.random.default_rng(SEED)
    x = rng.integers(-128, 128, (2, height, width, channels)).astype(np.int8)
    shape = (outputs, *kernel, channels // groups)
    weights = rng.integers(-128, 128, shape).astype(np.int8)
    for zero_point in (-128, 0, 127):
        actual = golden.conv2d(
            x,
            weights,
            zero_point=zero_point,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        expected = naive(x, weights, zero_point, stride, padding, dilation, groups)
        assert np.array_equal(actual, expected)


@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_depthwise_is_a_grouped_convolution(multiplier):
    rng = np.random.default_rng(SEED)
    x = rng.integers(-128, 128, (1, 6, 5, 4)).astype(np.int8)
    weights = rng.integers(-128, 128, (1, 3, 2, 4 * multiplier)).astype(np.int8)
    actual = golden.depthwise_conv2d(
        x, weights, zero_point=5, stride=(2, 1), padding=(1, 0, 0, 1), depth_multiplier=multiplier
    )
    grouped = weights[0].transpose(2, 0, 1)[..., None]
    expected = naive(x, grouped, 5, (2, 1), (1, 0, 0, 1), (1, 1), 4)
    assert np.array_equal(actual, expected)


@pytest.mark.parametrize("length", [257, 258, 259, 515, 4000])
def test_long_sums_are_exact(length):
    """float32 holds sums of 258 of the largest products; longer ones are taken in parts."""
    rng = np.random.default_rng(SEED)
    x = rng.integers(-128, 128, (3, length)).astype(np.int8)
    weights = rng.integers(-128, 128, (4, length)).astype(np.int8)
    x[0], weights[0], weights[1, ::2] = -128, -128, 127
    for zero_point, weight_zero in ((127, 127), (-128, 0), (0, -128)):
        expected = (x.astype(object) - zero_point) @ (weights.astype(object) - weight_zero).T
        window: dict[str, Any] = {"zero_point": zero_point, "weight_zero_point": weight_zero}
        assert golden.fully_connected(x, weights, **window).tolist() == expected.tolist()
        image, kernel = x.reshape(3, 1, 1, -1), weights.reshape(4, 1, 1, -1)
        assert golden.conv2d(image, kernel, **window).tolist() == [
            [[row]] for row in expected.tolist()
        ]


def test_a_layer_in_pieces_of_rows(monkeypatch):
    rng = np.random.default_rng(SEED)
    x = rng.integers(-128, 128, (2, 9, 7, 4)).astype(np.int8)
    weights = rng.integers(-128, 128, (4, 3, 3, 2)).astype(np.int8)
    window: dict[str, Any] = {
        "zero_point": -3,
        "stride": (2, 1),
        "padding": (1, 1, 1, 1),
        "groups": 2,
    }
    monkeypatch.setattr(convolution, "_PIECE_BYTES", 1)
    expected = naive(x, weights, -3, (2, 1), (1, 1, 1, 1), (1, 1), 2)
    assert np.array_equal(golden.conv2d(x, weights, **window), expected)


def test_one_thread_is_for_as_long_as_it_is_asked_for():
    def threads():  # of NumPy's library; SciPy brings one of its own
        return [
            library["num_threads"]
            for library in threadpool_info()
            if library["user_api"] == "blas" and "numpy" in library["filepath"]
        ]

    before = threads()
    assert before
    with pytest.raises(RuntimeError), one_thread():
        assert set(threads()) == {1}
        with one_thread():
            pass
        assert set(threads()) == {1}
        raise RuntimeError
    assert threads() == before


def test_transpose_conv_is_the_transpose_of_a_convolution():
    # <conv(a), b> = <a, transpose(b)> for every a and b.
    rng = np.random.default_rng(SEED)
    a = rng.integers(-128, 128, (1, 7, 6, 2)).astype(np.int8)
    weights = rng.integers(-128, 128, (3, 3, 2, 2)).astype(np.int8)
    stride, padding = (2, 2), (1, 1, 0, 0)
    forward = golden.conv2d(a, weights, zero_point=0, stride=stride, padding=padding)
    b = rng.integers(-128, 128, forward.shape).astype(np.int8)
    back = golden.transpose_conv2d(
        b,
        np.ascontiguousarray(weights.transpose(3, 1, 2, 0)),
        zero_point=0,
        stride=stride,
        padding=padding,
        output_shape=(7, 6),
    )
    assert int((forward * b).sum()) == int((a.astype(np.int64) * back).sum())


def test_accumulators_wrap_at_32_bits():
    x = np.full((1, 1, 1, 255), -128, np.int8)
    weights = np.full((1, 1, 1, 255), -128, np.int8)
    largest = 255 * 255 * 128
    bias = np.array([(1 << 31) - 1 - largest], np.int32)
    acc = golden.conv2d(x, weights, bias, zero_point=127)
    assert acc.item() == (1 << 31) - 1
    assert golden.conv2d(x, weights, bias + 1, zero_point=127).item() == -(1 << 31)


def test_pools_leave_padding_out():
    x = np.array([[1, 2], [3, -7]], np.int8).reshape(1, 2, 2, 1)
    window = {"kernel": (3, 3), "stride": (1, 1), "padding": (1, 1, 1, 1)}
    assert golden.max_pool2d(x, **window).reshape(-1).tolist() == [3, 3, 3, 3]
    assert golden.max_pool2d(x - 10, **window).max() == -7
    assert golden.window_counts((2, 2), **window).reshape(-1).tolist() == [4, 4, 4, 4]
    # Sum -1 over 4 pixels; -2 / 4 and 2 / 4 are ties, which go away from zero.
    assert golden.average_pool2d(x, **window).reshape(-1).tolist() == [0, 0, 0, 0]
    assert golden.average_pool2d(x, kernel=(2, 1), stride=(1, 1)).tolist() == [[[[2], [-3]]]]
