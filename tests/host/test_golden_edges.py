"""Edges on purpose, each a network of one or two layers, held to the runtimes."""

import numpy as np
import pytest
from weft.golden import run as reference
from weft.importers.tflite.walk import import_tflite

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from edges import SEED, check, conv
from networks import tflite_writer
from networks.plan import QParams


def test_kernel_larger_than_the_input():
    check(
        conv(
            (1, 2, 3, 2),
            QParams(0.05, 3),
            QParams(0.2, -5),
            kernel=(7, 5),
            padding=(3, 3, 2, 2),
            same=True,
        )
    )


def test_largest_kernel_and_dilation():
    check(conv((1, 20, 17, 2), QParams(0.05, 3), QParams(0.9, -5), kernel=(16, 16)))
    check(conv((1, 18, 19, 2), QParams(0.05, 3), QParams(0.4, -5), kernel=(3, 3), dilation=(8, 8)))


def test_stride_larger_than_the_kernel():
    check(conv((1, 9, 9, 3), QParams(0.05, 0), QParams(0.1, 0), kernel=(1, 2), stride=(4, 4)))


@pytest.mark.parametrize("channels", [1, 3, 7, 17, 255])
def test_maps_of_one_pixel_and_odd_channel_counts(channels):
    check(conv((1, 1, 1, channels), QParams(0.02, 1), QParams(0.3, 2), outputs=channels))


@pytest.mark.parametrize("zero_in", [-128, 127])
@pytest.mark.parametrize("zero_out", [-128, 127])
def test_zero_points_at_both_ends(zero_in, zero_out):
    check(
        conv(
            (1, 4, 4, 3),
            QParams(0.05, zero_in),
            QParams(0.2, zero_out),
            kernel=(3, 3),
            padding=(1, 1, 1, 1),
            same=True,
        )
    )


def test_scales_that_saturate():
    plan = conv((1, 4, 4, 3), QParams(0.5, 0), QParams(0.002, 0), scales=(0.5,))
    assert set(np.unique(check(plan))) <= {-128, 0, 127}


@pytest.mark.parametrize("exponent", [-1, -4, -8])
@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
def test_power_of_two_scales_make_exact_ties(exponent, activation):
    # Every accumulator of -4096 ... 4095 appears, so every tie does.
    weights = np.array([[1], [32]], np.int8).reshape(1, 1, 1, 2)
    high, low = np.divmod(np.arange(-4096, 4064), 32)
    x = np.stack([low, high], -1).reshape(1, 80, 102, 2).astype(np.int8)
    plan = conv(
        x.shape,
        QParams(1.0, 0),
        QParams(2.0**-exponent, 5),
        scales=(1.0,),
        weights=weights,
        activation=activation,
    )
    check(plan, x, onnx=activation == "NONE")


def test_degenerate_channels_with_huge_bias():
    bias = [(1 << 30) - 7, -(1 << 30), 12345]
    check(
        conv(
            (1, 3, 3, 4),
            QParams(0.02, -128),
            QParams(0.05, -1),
            scales=(1e-11, 3e-10, 0.002),
            bias=bias,
        )
    )


def test_accumulators_at_their_bound():
    weights = np.full((1, 1, 1, 255), -127, np.int8)
    x = np.full((1, 1, 1, 255), -128, np.int8)
    bias = [(1 << 31) - 1 - 255 * 255 * 127]
    check(
        conv(
            x.shape, QParams(0.5, 127), QParams(1e6, 0), scales=(0.01,), weights=weights, bias=bias
        ),
        x,
    )


def test_batches_larger_than_the_declared_one():
    plan = conv((1, 5, 5, 2), QParams(0.05, 3), QParams(0.2, -5), kernel=(3, 3))
    graph = import_tflite(tflite_writer.write_tflite(plan), "edge", "reference")
    x = np.random.default_rng(SEED).integers(-128, 128, (4, 5, 5, 2)).astype(np.int8)
    together = reference.run(graph, {graph.inputs[0]: x})["value1"]
    for index in range(4):
        one = reference.run(graph, {graph.inputs[0]: x[index : index + 1]})["value1"]
        assert np.array_equal(together[index : index + 1], one)
