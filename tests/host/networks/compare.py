"""Holds the golden model to the runtimes on one random network."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx
from weft.importers.tflite.walk import import_tflite

from networks import onnx_writer, qoperator_writer, tflite_writer
from networks.first_dimension import loosen
from networks.litert import reference_interpreter, run_litert, xnnpack_interpreter
from networks.onnx_forms import SAME, UNSIGNED_BOUND, Network, onnx_form
from networks.ort import ort_session, run_ort
from networks.plan import SIDES, Plan, random_plan
from networks.tflite_parts import PARTS, parts_network

__all__ = [
    "Outcome",
    "beyond_float32",
    "compare_form",
    "compare_islands",
    "compare_layers",
    "compare_onnx",
    "compare_parts",
    "compare_tflite",
    "more_network",
    "onnx_network",
    "tells_scale",
    "tflite_network",
]

EDGES = ("int8", "int8", "uint8", "float32")


@dataclass
class Outcome:
    """Values compared, and what differs: (tensor, operator, differing values)."""

    compared: int = 0
    refused: str = ""  # why the network is not compared
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


def more_network(seed: int, dtype: str, sides: Sequence[int] = SIDES) -> tuple[Plan, bytes, str]:
    """Return a plan with operators of every kind, its file, and the type of its edges.

    ``dtype`` is that of activations, or ``"first"`` for int8 that moves through dimension 0,
    or ``"split"`` for int8 with host steps between layers.
    """
    kinds = tflite_writer.MORE_KINDS[dtype]
    plan = random_plan(seed, kinds, fixed_steps=True, sides=sides)
    if dtype == "first":
        loosen(plan)
    edge = EDGES[seed % len(EDGES)] if dtype == "int8" else "int8"
    data = tflite_writer.write_tflite(
        plan, edge, unsigned=dtype == "uint8", newer_codes=seed % 2 == 1
    )
    return plan, data, "uint8" if dtype == "uint8" else edge


def compare_tflite(seed: int, rounding: str = "reference", more: str = "") -> Outcome:
    """Compare with LiteRT: every tensor, or for ``"xnnpack"`` the final one.

    ``more``: networks of :func:`more_network`.
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
        found = actual[name]
        if name not in graph.outputs and found.shape == (1, *expected.shape):
            found = found[0]  # the whole of the file is one image
        outcome.add(name, operators.get(name, "input"), expected, found)
    return outcome


def compare_parts(seed: int) -> Outcome:
    """Compare the outputs of a network of :func:`parts_network` in two successive calls."""
    outcome, (net, outputs) = Outcome(), parts_network(seed)
    different, outcome.compared = net.compare(outputs, calls=2, counted=len(outputs) == 4)
    if different:
        outcome.differences.append(("outputs", PARTS[seed % len(PARTS)].__name__, different))
    return outcome


def onnx_network(
    seed: int, form: str, sides: Sequence[int] = SIDES, *, narrow: bool = False
) -> tuple[Plan, bytes, str]:
    """Return the plan, the file (form "qdq" or "qoperator") and the type of its edges.

    Where activations are uint8, or if ``narrow``, weights have 7 bits.
    """
    unsigned = seed % 2 == 1
    kinds = onnx_writer.KINDS if form == "qdq" else qoperator_writer.QOPERATOR_KINDS
    plan = random_plan(
        seed,
        kinds,
        fixed_steps=False,
        bound=UNSIGNED_BOUND if unsigned or narrow else 127,
        sides=sides,
    )
    for layer in plan.layers:
        if layer.kind in SAME:
            layer.step = plan.step_of(layer.inputs[0])
    if form == "qdq":
        return plan, onnx_writer.write_qdq(plan, unsigned), "float32"
    return plan, qoperator_writer.write_qoperator(plan, unsigned), "uint8" if unsigned else "int8"


def beyond_float32(error: ModelError) -> bool:
    """Whether a network is refused because float32 or int8 cannot hold a number in it."""
    reasons = ("its scales differ by a factor", "of numbers so small", "in the padding alone")
    return any(reason in str(error) for reason in reasons)


def tells_scale(plan: Plan) -> bool:
    """Whether any layer of a network with integer edges has scales."""
    return any(layer.kind not in ("max_pool", "flatten") for layer in plan.layers)


def compare_onnx(seed: int, form: str) -> Outcome:
    """Compare a network of :func:`onnx_network`; see :func:`compare_layers`."""
    plan, data, edge = onnx_network(seed, form)
    return compare_layers(Network(plan, data, seed % 2 == 1, edge))


def compare_islands(seed: int) -> Outcome:
    """Compare a network of which half of the values stay in float; see :func:`compare_layers`."""
    unsigned = seed % 2 == 1
    bound = UNSIGNED_BOUND if unsigned else 127
    plan = random_plan(seed, onnx_writer.KINDS, fixed_steps=False, bound=bound)
    rng = np.random.default_rng(seed)
    left = {i for i in range(1, len(plan.layers)) if rng.random() < 0.5}
    return compare_layers(Network(plan, onnx_writer.write_qdq(plan, unsigned, left), unsigned))


def compare_form(seed: int, form: str) -> Outcome:
    """Compare a network of one of the forms of :mod:`networks.onnx_forms`."""
    return compare_layers(onnx_form(seed, form))


def compare_layers(network: Network) -> Outcome:
    """Compare with ONNX Runtime, each layer on the runtime's values.

    ``differences`` are more than one step, or lie outside of an island; ``steps`` counts values
    that are one step away.
    """
    plan, outcome = network.plan, Outcome()
    if network.edge != "float32" and not tells_scale(plan):
        outcome.refused = "nothing in this network tells the scale of its input"
        return outcome
    session, names = ort_session(network.data, "q")
    try:
        graph = import_onnx(network.data, f"random {plan.seed}", "onnxruntime", source="random")
    except ModelError as error:
        if not beyond_float32(error):
            raise
        outcome.refused = str(error)  # beyond what float32 can hold
        return outcome
    shape = session.get_inputs()[0].shape
    x = random_input(np.random.default_rng(plan.seed), shape, network.edge, plan.step)
    there = dict(run_ort(session, x))
    values, loose = graph.enter({graph.inputs[0]: x}), set()
    for node in graph.nodes:
        values.update(zip(node.outputs, reference.run_node(graph, node, values), strict=True))
        name = node.outputs[0]
        if graph.in_island(node) or loose & {*node.inputs}:
            loose.add(name)
        if name not in names or name in graph.outputs:
            continue
        expected = there[name].astype(np.int16) - (128 if network.unsigned else 0)
        expected = expected.astype(np.int8)
        expected = _in_order_of(values[name], expected)
        outcome.compared += expected.size
        away = np.abs(values[name].astype(np.int64) - expected)
        if away.max() > int(name in loose):
            outcome.differences.append((name, node.operator, int(np.count_nonzero(away))))
        outcome.steps += int(np.count_nonzero(away == 1))
        values[name] = expected
        loose.discard(name)
    for name in graph.outputs:
        if name not in loose:
            outcome.add(name, "output", there[name], graph.leave(name, values[name]))
    return outcome


def _in_order_of(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return ONNX's ``expected`` in the order of dimensions that Weft chose, the closest one."""
    orders = [expected]
    if expected.ndim == 4:
        orders.insert(0, expected.transpose(0, 2, 3, 1))
    if found.ndim == 4 and expected.ndim == 2 and expected.size == found.size:  # flattened
        batch, *sides, channels = found.shape
        orders.append(expected.reshape(batch, channels, *sides).transpose(0, 2, 3, 1))
    # The whole of a file may be one image.
    same = [order.reshape(found.shape) for order in orders if order.size == found.size]
    return min(same, key=lambda order: np.count_nonzero(order != found))
