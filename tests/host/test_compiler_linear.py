"""Convolutions and fully connected layers through compiler and functional simulator."""

import numpy as np
import pytest
from on_accelerator import PLAIN, TINY, WIDE, check_all_on_accelerator, reasons
from weft.graph import Quantization, Tensor


@pytest.mark.parametrize("config", [TINY, PLAIN, WIDE], ids=lambda c: c.name)
def test_smallest(graphs, config):
    """One value in, one value out."""
    b = graphs.Builder(1)
    check_all_on_accelerator(graphs, b, b.conv(b.input(1, 1, 1), 1, kernel=(1, 1)), config=config)


def test_a_window_that_slides_goes_by_taps(graphs):
    """On four pixels: a new column of taps is fetched in 4 cycles, 9 taps of a word take 9."""
    b = graphs.Builder(2)
    x = b.conv(b.input(8, 9, 3), 16, padding=(1, 1, 1, 1))
    program = check_all_on_accelerator(graphs, b, x, config=WIDE)
    assert [layer.keep for layer in program.decoded] == [2]


@pytest.mark.parametrize("channels", [1, 3, 7, 16, 17, 255])
def test_channel_counts(graphs, channels):
    b = graphs.Builder(channels)
    x = b.input(4, 4, channels)
    check_all_on_accelerator(graphs, b, b.conv(x, channels, kernel=(2, 2)))


@pytest.mark.parametrize(
    ("kernel", "dilation"),
    [
        ((16, 16), (1, 1)),
        ((16, 1), (1, 1)),
        ((1, 16), (1, 1)),
        ((3, 3), (8, 8)),
        ((3, 3), (2, 4)),
        ((4, 4), (4, 2)),
        ((5, 2), (3, 1)),
        ((2, 3), (1, 8)),
    ],
)
@pytest.mark.parametrize("config", [PLAIN, WIDE], ids=lambda c: c.name)
def test_large_and_dilated_kernels(graphs, config, kernel, dilation):
    b = graphs.Builder(7)
    padding = (8, 8, 7, 7)
    x = b.conv(b.input(10, 12, 20), 5, kernel=kernel, dilation=dilation, padding=padding)
    y = b.depthwise(b.inputs[0], kernel=kernel, dilation=dilation, padding=padding)
    check_all_on_accelerator(graphs, b, x, y, config=config)


def test_zero_points_at_both_ends(graphs):
    for zero_point in (-128, 127):
        b = graphs.Builder(3)
        x = b.tensor((1, 5, 5, 4), b.quantization(0.05, zero_point))
        b.inputs.append(x)
        check_all_on_accelerator(graphs, b, b.conv(x, 4, padding=(1, 1, 1, 1)))


@pytest.mark.parametrize("groups", [2, 4, 8])
@pytest.mark.parametrize("width", [8, 32])
def test_grouped_convolution(graphs, groups, width):
    b = graphs.Builder(groups)
    x = b.conv(b.input(5, 5, 3), groups * width // 2, kernel=(1, 1))
    y = b.conv(x, groups * 16, groups=groups, padding=(1, 1, 1, 1))
    check_all_on_accelerator(graphs, b, y)


def test_grouped_convolution_of_single_channels_is_depthwise(graphs):
    b = graphs.Builder(4)
    x = b.conv(b.input(5, 5, 3), 20, kernel=(1, 1))
    program = check_all_on_accelerator(graphs, b, b.conv(x, 20, groups=20))
    assert program.decoded[-1].depthwise == 1


@pytest.mark.parametrize("multiplier", [2, 3, 8])
@pytest.mark.parametrize("channels", [1, 2, 12, 40])
def test_depth_multiplier(graphs, channels, multiplier):
    b = graphs.Builder(multiplier)
    x = b.conv(b.input(6, 6, 2), channels, kernel=(1, 1))
    check_all_on_accelerator(graphs, b, b.depthwise(x, multiplier, padding=(1, 0, 1, 0)))


@pytest.mark.parametrize("features", [1, 8, 100, 1000])
@pytest.mark.parametrize("rounding", ["reference", "xnnpack", "onnxruntime"])
@pytest.mark.parametrize("config", [PLAIN, WIDE], ids=lambda c: c.name)
def test_fully_connected(graphs, config, rounding, features):
    b = graphs.Builder(features, rounding)
    x = b.fully_connected(b.fully_connected(b.input(features), 50), 7)
    check_all_on_accelerator(graphs, b, x, config=config)


def test_fully_connected_uses_every_row_for_long_vectors(graphs):
    """640 inputs are 40 words: 4 pieces of 9 by taps and 4 words by channels, 72 steps."""
    b = graphs.Builder(8)
    program = check_all_on_accelerator(graphs, b, b.fully_connected(b.input(640), 128))
    word = PLAIN.rows * PLAIN.columns
    assert program.usage["WEIGHT"][0] == 8 * 72 * word


def test_fully_connected_on_a_map(graphs):
    b = graphs.Builder(9)
    x = b.conv(b.input(5, 3, 4), 19, kernel=(2, 2))
    check_all_on_accelerator(graphs, b, b.fully_connected(b.reshape(x, 4 * 2 * 19), 6))


def test_one_dimensional_convolution(graphs):
    b = graphs.Builder(16)
    x = b.conv(b.reshape(b.input(40, 3), 1, 40, 3), 8, kernel=(1, 5), padding=(0, 0, 2, 2))
    x = b.conv(x, 8, kernel=(1, 3), stride=(1, 2))
    program = graphs.check(b.build(x), PLAIN, b.feeds())
    assert set(reasons(program).values()) <= {""}


def test_degenerate_channels(graphs):
    """VWW's: a scale near nothing, a 32-bit bias and a shift of 62, in every rounding."""
    for rounding in ("reference", "xnnpack"):
        b = graphs.Builder(17, rounding)
        out = b.conv(b.input(4, 4, 3), 4)
        weights, bias = (b.tensors[name] for name in b.nodes[-1].inputs[1:])
        scales = weights.quantization.scale.copy()
        scales[1] *= np.float32(2e-10)
        values = bias.data.copy()
        values[1] = 1 << 30
        zeros = np.zeros(4, np.int64)
        b.tensors[weights.name] = Tensor(
            weights.name, weights.shape, weights.dtype, Quantization(scales, zeros), weights.data
        )
        b.tensors[bias.name] = Tensor(bias.name, bias.shape, bias.dtype, None, values)
        check_all_on_accelerator(graphs, b, out)


def test_first_layer_is_sent_with_taps_as_channels(graphs):
    """A 10x4 kernel with stride 2 on one channel: five steps a window instead of 32."""
    b = graphs.Builder(18)
    x = b.conv(b.input(49, 10, 1), 64, kernel=(10, 4), stride=(2, 2), padding=(4, 5, 1, 1))
    program = check_all_on_accelerator(graphs, b, x)
    assert program.places[b.inputs[0]].layout.fold is not None
    assert program.descriptors[0].predicted_cycles < 3000
