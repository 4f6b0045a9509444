"""Random ONNX networks of every form in which exporters write the same layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from networks.first_dimension import FIRST
from networks.onnx_layers import NODES
from networks.onnx_nodes import CONTRIB, Style
from networks.onnx_writer import KINDS, write_qdq
from networks.plan import SIDES, Plan, random_plan
from networks.qoperator_writer import QOPERATOR_KINDS, write_qoperator

__all__ = ["FORMS", "Network", "onnx_form"]

# Beyond it, ONNX Runtime's kernels saturate on x86 CPUs without VNNI where activations are uint8.
UNSIGNED_BOUND = 64
OPSETS = range(10, 24)
# Layers of which the result has the scale of the input.
SAME = ("max_pool", "flatten", "resize", "pad", "reshape", "transpose")


@dataclass
class Network:
    """A plan, its file, whether it is uint8, the type of its edges, and whose order images have."""

    plan: Plan
    data: bytes
    unsigned: bool
    edge: str = "float32"
    last: bool = False


@dataclass(frozen=True)
class Form:
    """What is drawn beside opset and layers, and which layers there are more of."""

    style: Callable[[Any], dict[str, Any]] = lambda rng: {}
    kinds: dict[str, int] = field(default_factory=dict)
    left: float = 0.0  # share of values that stay in float
    opsets: Sequence[int] = OPSETS


def _domains(rng) -> dict[str, Any]:
    return {"domain": rng.choice([CONTRIB, ""], p=[0.7, 0.3]), "alias": rng.choice(["", "ai.onnx"])}


FORMS = {
    "opsets": Form(lambda rng: {"attributes": True}, {"soft_image": 2}),
    "kept": Form(lambda rng: {"kept": True}),
    "biases": Form(lambda rng: {"biases": True}),
    "domains": Form(_domains),
    "first": Form(lambda rng: {"reshaped": True}, dict.fromkeys(FIRST, 5)),
    "mixed": Form(
        lambda rng: {
            "attributes": bool(rng.random() < 0.5),
            "kept": bool(rng.random() < 0.5),
            "biases": bool(rng.random() < 0.5),
            "reshaped": bool(rng.random() < 0.3),
            **_domains(rng),
        },
        {"soft_image": 1, **dict.fromkeys(FIRST, 1)},
        0.2,
    ),
    "nhwc": Form(),
    "nodes": Form(kinds=dict.fromkeys(NODES, 4), left=0.1, opsets=range(13, 24)),
}


def onnx_form(seed: int, form: str, sides=SIDES) -> Network:
    """Return the network of a form, which is one of :data:`FORMS`."""
    rng, kinds = np.random.default_rng((seed, [*FORMS].index(form))), KINDS
    style = Style(int(rng.choice(FORMS[form].opsets)), **FORMS[form].style(rng))
    if style.opset < 20:
        kinds = {name: weight for name, weight in kinds.items() if name != "gelu"}
    unsigned = seed % 2 == 1
    plan = random_plan(
        seed,
        QOPERATOR_KINDS if form == "nhwc" else {**kinds, **FORMS[form].kinds},
        fixed_steps=False,
        bound=UNSIGNED_BOUND if unsigned else 127,
        sides=sides,
    )
    for layer in plan.layers:
        if layer.kind in SAME:
            layer.step = plan.step_of(layer.inputs[0])
        scales = layer.options.get("scales", ())
        if len(scales) > 1 and not style.per_channel:
            layer.options["scales"] = [float(np.median(np.float32(scales)))]
    if form == "nhwc":  # a pool alone would tell no scale
        style = replace(style, opset=17)
        data = write_qoperator(plan, unsigned, style, last=True)
        return Network(plan, data, unsigned, "uint8" if unsigned else "int8", last=True)
    left = {i for i in range(1, len(plan.layers)) if rng.random() < FORMS[form].left}
    return Network(plan, write_qdq(plan, unsigned, left, style), unsigned)
