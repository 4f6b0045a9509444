"""Holds the golden model to the runtimes on one random network."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from weft.golden import run as reference
from weft.importers.onnx.walk import import_onnx
from weft.importers.tflite.walk import import_tflite

from networks import onnx_writer, tflite_writer
from networks.litert import reference_interpreter, run_litert, xnnpack_interpreter
from networks.ort import ort_session, run_ort
from networks.plan import SIDES, Plan, random_plan

__all__ = [
    "Outcome",
    "compare_islands",
    "compare_onnx",
    "compare_tflite",
    "more_network",
    "onnx_network",
    "tflite_network",
]

EDGES = ("int8", "int8", "uint8", "float32")
# Beyond it, ONNX Runtime's kernels saturate on x86 CPUs without VNNI where activations are uint8.
UNSIGNED_BOUND = 64


@dataclass
class Outcome:
    """Values compared, and what differs: (tensor, operator, differing values)."""

    compared: int = 0
    refused: str = ""  # why the runtime does not run the network
    differences: list[tuple[str, str, int]] = field(default_factory=list)
    steps: int = 0  # values of float islands that are one step away

    def add(self, tensor: str, operator: str, expected: np.ndarray, actual: np.ndarray) -> None:
        self.compared += expected.size
        if expected.shape != actual.shape or expected.dtype != actual.dtype:
            self.differences.append((tensor, f"{operator} {actual.shape}", -1))
        elif not np.array_equal(expected, actual):
            count = int(np.count_nonzero(expected != actual))
            self.differences.append((tensor, operator, count))


def random_input(rng, shape, dtype, step) -> np.ndarray:
    """An input that reaches every quantised value, or floats around them."""
    dtype = np.dtype(dtype)
    if dtype == np.float32:
        values = rng.uniform(-140, 140, shape) - step.zero_point
        return (values * step.scale).astype(np.float32)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def tflite_network(
    seed: int, sides: Sequence[int] = SIDES, *, every: bool = False
) -> tuple[Plan, bytes, str]:
    """Return the plan, the file and the type of its edges.

    ``every`` kind of layer, or only what LiteRT's reference kernels run.
    """
    kinds = tflite_writer.ALL_KINDS if every else tflite_writer.KINDS
    plan = random_plan(seed, kinds, fixed_steps=True, sides=sides)
    edge = EDGES[seed % len(EDGES)]
    return plan, tflite_writer.write_tflite(plan, edge), edge


def more_network(seed: int, dtype: str) -> tuple[Plan, bytes, str]:
    """Return a plan with operators of every kind, its file, and the type of its edges."""
    kinds = tflite_writer.MORE_KINDS[dtype]
    plan = random_plan(seed, kinds, fixed_steps=True, sides=SIDES)
    edge = EDGES[seed % len(EDGES)] if dtype == "int8" else "int8"
    data = tflite_writer.write_tflite(
        plan, edge, unsigned=dtype == "uint8", newer_codes=seed % 2 == 1
    )
    return plan, data, "uint8" if dtype == "uint8" else edge


def compare_tflite(seed: int, rounding: str = "reference", more: str = "") -> Outcome:
    """Compare with LiteRT: every tensor, or for ``"xnnpack"`` the final one.

    ``more``: networks of :func:`more_network` with activations of that type.
    """
    if more:
        plan, data, edge = more_network(seed, more)
    else:
        plan, data, edge = tflite_network(seed, every=rounding == "xnnpack")
    outcome = Outcome()
    make = reference_interpreter if rounding == "reference" else xnnpack_interpreter
    try:
        interpreter = make(data)
    except (RuntimeError, ValueError) as error:
        outcome.refused = str(error)
        return outcome
    graph = import_tflite(data, f"random {seed}", rounding)
    rng = np.random.default_rng(seed)
    x = random_input(rng, plan.shape, edge, plan.step)
    actual = reference.run(graph, {graph.inputs[0]: x})
    operators = {node.outputs[0]: node.operator for node in graph.nodes}
    names = list(operators) if rounding == "reference" else list(graph.outputs)
    # Steps within an operator of the file have no tensor there.
    known = {detail["name"] for detail in interpreter.get_tensor_details()}
    names = [name for name in names if name in known]
    for name, expected in run_litert(interpreter, x, names).items():
        if expected.dtype == np.uint8 and actual[name].dtype == np.int8:
            expected = (expected ^ 128).view(np.int8)
        outcome.add(name, operators.get(name, "input"), expected, actual[name])
    return outcome


def onnx_network(seed: int, form: str, sides: Sequence[int] = SIDES) -> tuple[Plan, bytes, str]:
    """Return the plan, the file (form "qdq" or "qoperator") and the type of its edges."""
    unsigned = seed % 2 == 1
    kinds = onnx_writer.KINDS if form == "qdq" else onnx_writer.QOPERATOR_KINDS
    plan = random_plan(
        seed,
        kinds,
        fixed_steps=False,
        bound=UNSIGNED_BOUND if unsigned else 127,
        sides=sides,
    )
    for layer in plan.layers:
        if layer.kind in ("max_pool", "flatten", "resize", "pad"):
            layer.step = plan.step_of(layer.inputs[0])
    if form == "qdq":
        return plan, onnx_writer.write_qdq(plan, unsigned), "float32"
    return plan, onnx_writer.write_qoperator(plan, unsigned), "uint8" if unsigned else "int8"


def compare_onnx(seed: int, form: str) -> Outcome:
    """Compare every quantised tensor and the output with ONNX Runtime."""
    plan, data, edge = onnx_network(seed, form)
    outcome = Outcome()
    if form == "qoperator" and all(x.kind in ("max_pool", "flatten") for x in plan.layers):
        outcome.refused = "nothing in this network tells the scale of its input"
        return outcome
    session, _ = ort_session(data, keep="q")
    graph = import_onnx(data, f"random {seed}", "onnxruntime", source="random")
    rng = np.random.default_rng(seed)
    step = plan.step
    x = random_input(rng, onnx_writer.nchw(plan.shape), edge, step)
    actual = reference.run(graph, {graph.inputs[0]: x})
    values = run_ort(session, x)
    for index, layer in enumerate(plan.layers, 1):
        name = f"q{index}"
        expected = values[name]
        if expected.dtype == np.uint8:
            expected = (expected.astype(np.int16) - 128).astype(np.int8)
        if name not in actual or name in graph.outputs:
            continue
        found = actual[name]
        if expected.ndim == 4:
            expected = expected.transpose(0, 2, 3, 1)
        outcome.add(name, layer.kind, expected, found)
    final = session.get_outputs()[0].name
    outcome.add(final, plan.layers[-1].kind, values[final], actual[graph.outputs[0]])
    return outcome


def compare_islands(seed: int) -> Outcome:
    """Compare a network with float islands with ONNX Runtime, each layer on the runtime's values.

    ``differences`` are more than one step, or lie outside of an island; ``steps`` counts values
    that are one step away.
    """
    unsigned = seed % 2 == 1
    bound = UNSIGNED_BOUND if unsigned else 127
    plan = random_plan(seed, onnx_writer.KINDS, fixed_steps=False, bound=bound)
    rng = np.random.default_rng(seed)
    left = {i for i in range(1, len(plan.layers)) if rng.random() < 0.5}
    data = onnx_writer.write_qdq(plan, unsigned, left)
    graph = import_onnx(data, f"random {seed}", "onnxruntime", source="random")
    session, names = ort_session(data, "q")
    x = random_input(rng, onnx_writer.nchw(plan.shape), np.float32, plan.step)
    there, outcome = dict(run_ort(session, x)), Outcome()
    values, loose = graph.enter({graph.inputs[0]: x}), set()
    for node in graph.nodes:
        values.update(zip(node.outputs, reference.run_node(graph, node, values), strict=True))
        name = node.outputs[0]
        if graph.in_island(node) or loose & {*node.inputs}:
            loose.add(name)
        if name not in names or name in graph.outputs:
            continue
        expected = there[name].astype(np.int16) - (128 if unsigned else 0)
        expected = expected.astype(np.int8)
        image = expected.transpose(0, 2, 3, 1) if expected.ndim == 4 else expected
        # Real numbers may keep ONNX's order of dimensions.
        found = [e for e in (image, expected) if e.shape == values[name].shape]
        expected = min(found, key=lambda e: np.count_nonzero(e != values[name]))
        outcome.compared += expected.size
        away = np.abs(values[name].astype(np.int64) - expected)
        if away.max() > int(name in loose):
            outcome.differences.append((name, node.operator, int(np.count_nonzero(away))))
        outcome.steps += int(np.count_nonzero(away == 1))
        values[name] = expected
        loose.discard(name)
    return outcome
