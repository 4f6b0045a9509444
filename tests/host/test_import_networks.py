"""Random networks in every format: each tensor of the golden model equals the runtime's."""

import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from networks.compare import (
    Outcome,
    compare_form,
    compare_islands,
    compare_onnx,
    compare_parts,
    compare_tflite,
)
from networks.onnx_forms import FORMS

BATCH = 20


def run(compare, seeds) -> None:
    compared, refused = 0, 0
    for seed in seeds:
        outcome: Outcome = compare(seed)
        assert not outcome.differences, f"seed {seed}: {outcome.differences}"
        compared += outcome.compared
        refused += bool(outcome.refused)
    # A generator whose networks no runtime accepts would prove nothing.
    assert compared > 2000 and refused <= BATCH // 4, (compared, refused)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", range(0, 160, BATCH))
def test_tflite_equals_litert_reference_kernels(start):
    run(compare_tflite, range(start, start + BATCH))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", range(0, 60, BATCH))
def test_tflite_equals_xnnpack(start):
    run(lambda seed: compare_tflite(seed, "xnnpack"), range(start, start + BATCH))


def test_recurrent_layers_detection_floats_and_products_equal_litert():
    run(compare_parts, range(40))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "first"])
@pytest.mark.parametrize("start", range(0, 80, BATCH))
def test_tflite_of_more_operators_equals_litert(start, dtype, rounding):
    run(lambda seed: compare_tflite(seed, rounding, dtype), range(start, start + BATCH))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", range(0, 80, BATCH))
def test_qdq_equals_onnx_runtime(start):
    run(lambda seed: compare_onnx(seed, "qdq"), range(start, start + BATCH))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", range(0, 80, BATCH))
def test_qoperator_equals_onnx_runtime(start):
    run(lambda seed: compare_onnx(seed, "qoperator"), range(start, start + BATCH))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", range(0, 80, BATCH))
def test_float_islands_are_within_one_step_of_onnx_runtime(start):
    run(compare_islands, range(start, start + BATCH))


# A bias in coarse steps, one beyond 32 bits, and moves in front of and behind layers.
@pytest.mark.parametrize("seed", [357, 646, 1148, 1359, 1485])
def test_float_islands_that_once_differed(seed):
    assert not compare_islands(seed).differences


@pytest.mark.timeout(120)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("start", range(0, 40, BATCH))
def test_every_form_of_onnx_equals_onnx_runtime(start, form):
    run(lambda seed: compare_form(seed, form), range(start, start + BATCH))


@pytest.mark.parametrize(
    ("form", "seed"),
    [
        ("kept", 17),  # a tie that float32 sums of ConvTranspose decide
        ("kept", 115),  # a Clip whose bounds the step exceeds by less than the runtime minds
        ("mixed", 1682),  # a bias of Gemm with a scale of its own, left in float
        ("mixed", 1225),  # one of Conv
        ("mixed", 106),  # the same, with the batch as a part of one image
        ("mixed", 1752),  # a mean in float32 of several maps of one image
        ("kept", 400183),  # a bound of Clip between two values
        ("mixed", 400076),  # a pool with padding of its own behind a Pad
        ("nhwc", 30),  # a pool tells no scale, what reads it does
    ],
)
def test_forms_that_once_differed(form, seed):
    assert not compare_form(seed, form).differences


def test_an_exponential_beyond_float32_is_the_largest_integer():
    """The network's EXP has entries that are infinite; LiteRT clamps them."""
    outcome = compare_tflite(2000377, more="int8")
    assert outcome.compared and not outcome.differences
