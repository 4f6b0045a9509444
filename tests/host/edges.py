"""Networks of one or two layers, held to the runtimes."""

import numpy as np
from networks import qoperator_writer, tflite_writer
from networks.litert import reference_interpreter, run_litert, xnnpack_interpreter
from networks.ort import ort_session, run_ort
from networks.plan import Layer, Plan
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx
from weft.importers.tflite.walk import import_tflite

SEED = 11
ENGINES = (("reference", reference_interpreter), ("xnnpack", xnnpack_interpreter))
EVERY_VALUE = np.arange(-128, 128).astype(np.int8)


def conv(
    shape,
    step,
    out_step,
    *,
    outputs=3,
    kernel=(1, 1),
    stride=(1, 1),
    padding=(0, 0, 0, 0),
    dilation=(1, 1),
    same=False,
    scales=(0.01,),
    weights=None,
    bias=None,
    activation="NONE",
    bound=127,
):
    """A plan of one convolution of an NHWC input."""
    rng = np.random.default_rng(SEED)
    if weights is None:
        weights = rng.integers(-bound, bound + 1, (outputs, *kernel, shape[3])).astype(np.int8)
    outputs = len(weights)
    size = [
        (n + padding[2 * axis] + padding[2 * axis + 1] - (k - 1) * d - 1) // s + 1
        for axis, (n, k, s, d) in enumerate(zip(shape[1:3], kernel, stride, dilation, strict=True))
    ]
    options = {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "same": same,
        "weights": weights,
        "scales": list(scales),
        "activation": activation,
        "groups": 1,
        "bias": np.zeros(outputs, np.int32) if bias is None else np.array(bias, np.int32),
    }
    layer = Layer("conv", (0,), (shape[0], *size, outputs), out_step, options)
    return Plan(SEED, shape, step, [layer])


def check(plan: Plan, x: np.ndarray | None = None, *, onnx: bool = True) -> np.ndarray:
    """Compare with all runtimes and return LiteRT's reference output."""
    rng = np.random.default_rng(SEED)
    if x is None:
        x = rng.integers(-128, 128, plan.shape).astype(np.int8)
    data = tflite_writer.write_tflite(plan)
    last = f"value{len(plan.layers)}"
    result = None
    for rounding, make in ENGINES:
        expected = run_litert(make(data), x, [last])[last]
        graph = import_tflite(data, "edge", rounding)
        actual = reference.run(graph, {graph.inputs[0]: x})[last]
        assert np.array_equal(actual, expected), rounding
        result = expected if result is None else result
    if onnx:
        check_onnx(plan, x)
    assert result is not None
    return result


def check_onnx(plan: Plan, x: np.ndarray) -> None:
    data = qoperator_writer.write_qoperator(plan, False)
    session, names = ort_session(data)
    image = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    expected = run_ort(session, image)[names[0]]
    graph = import_onnx(data, "edge", "onnxruntime", source="edge")
    actual = reference.run(graph, {graph.inputs[0]: image})[graph.outputs[0]]
    assert np.array_equal(actual, expected), "onnxruntime"
