"""Layers of ONNX networks that one operator makes without weights of a convolution.

Each is of kind ``"node"``: its options give the operator, its attributes, and what follows the
tensors among its inputs: arrays, None for one that is left out, or integers with a step.
"""

from typing import Any

import numpy as np

from networks.plan import Planner, QParams

__all__ = ["NODES"]

UNARY = {
    "Abs": {},
    "Celu": {"alpha": 1.5},
    "Erf": {},
    "HardSigmoid": {"alpha": 0.3},
    "Neg": {},
    "Round": {},
    "Softsign": {},
    "ThresholdedRelu": {"alpha": 0.4},
}


def node(
    p: Planner, values, shape, step: QParams, operator: str, constants=(), **attributes: Any
) -> int:
    names = {"operator": operator, "constants": tuple(constants), "attributes": attributes}
    return p.add("node", tuple(values), shape, step, **names)


def near(p: Planner, value: int) -> QParams:
    """The tensor's step, or one of its size."""
    step = p.plan.step_of(value)
    return step if p.rng.random() < 0.5 else p.step(step.scale)


def pad_mode(p: Planner, value: int, kind: str) -> int:
    shape = p.plan.shape_of(value)
    mode = p.pick(["reflect", "edge", "constant"])
    pairs = np.zeros((4, 2), np.int64)
    for axis in (1, 2, 3):
        length = shape[axis]
        least = -min((length - 1) // 2, 1)
        most = min(3, length - 1) if mode == "reflect" else 3
        pairs[axis] = p.rng.integers(least, most + 1, 2)
        if mode == "reflect":  # what is left must be longer than what is added
            kept = length + int(np.minimum(pairs[axis], 0).sum())
            pairs[axis] = np.minimum(pairs[axis], kept - 1)
    size = [side + int(pair.sum()) for side, pair in zip(shape, pairs, strict=True)]
    pads = np.concatenate([pairs[[0, 3, 1, 2], 0], pairs[[0, 3, 1, 2], 1]])
    return node(p, [value], size, near(p, value), "Pad", [pads], mode=mode)


def blocks(p: Planner, value: int, kind: str) -> int | None:
    batch, height, width, depth = p.plan.shape_of(value)
    if depth % 4 == 0 and p.rng.random() < 0.6:
        size = (batch, height * 2, width * 2, depth // 4)
        mode = p.pick(["DCR", "CRD"])
        return node(p, [value], size, near(p, value), "DepthToSpace", blocksize=2, mode=mode)
    if height % 2 or width % 2 or depth > 40:
        return None
    size = (batch, height // 2, width // 2, depth * 4)
    return node(p, [value], size, near(p, value), "SpaceToDepth", blocksize=2)


def extreme(p: Planner, value: int, kind: str) -> int:
    shape, axes = p.plan.shape_of(value), p.pick([(1, 2), (1,), (2,), (3,)])
    size = [1 if axis in axes else side for axis, side in enumerate(shape)]
    places = sorted((0, 2, 3, 1)[axis] for axis in axes)
    operator = p.pick(["ReduceMax", "ReduceMin"])
    return node(p, [value], size, near(p, value), operator, axes=places, keepdims=1)


def linear(p: Planner, value: int, kind: str) -> int | None:
    batch, height, width, depth = p.plan.shape_of(value)
    if height * width > 100:
        return None
    size = [int(s) for s in p.rng.integers(1, 14, 2)]
    rule = p.pick(["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])
    return node(
        p,
        [value],
        (batch, *size, depth),
        near(p, value),
        "Resize",
        [None, None, np.array([batch, depth, *size])],
        mode="linear",
        coordinate_transformation_mode=rule,
    )


def several(p: Planner, value: int, kind: str) -> int:
    from networks.layers import extend_same

    operator = p.pick(["Max", "Min", "Sum", "Mean"])
    shape, scale = p.plan.shape_of(value), p.plan.step_of(value).scale
    values = [value, extend_same(p, value)]
    if p.rng.random() < 0.5:
        values.append(extend_same(p, value))
    constants = []
    if p.rng.random() < 0.3:
        constants.append((p.rng.normal(size=(shape[3], 1, 1)) * 50 * scale).astype(np.float32))
    scales = [p.plan.step_of(v).scale for v in values]
    size = sum(scales) if operator == "Sum" else max(scales)
    return node(p, values, shape, p.step(size), operator, constants)


def quotient(p: Planner, value: int, kind: str) -> int:
    """What a tensor's rows and channels are, divided by numbers."""
    shape, scale = p.plan.shape_of(value), p.plan.step_of(value).scale
    numbers = p.rng.uniform(0.5, 2, (shape[3], 1, shape[2])).astype(np.float32)
    return node(p, [value], shape, p.step(scale), "Div", [numbers])


def function(p: Planner, value: int, kind: str) -> int:
    operator, shape = p.pick([*UNARY]), p.plan.shape_of(value)
    small = operator in ("Erf", "HardSigmoid", "Softsign")
    step = p.step(1 / 127 if small else p.plan.step_of(value).scale)
    return node(p, [value], shape, step, operator, **UNARY[operator])


def soft(p: Planner, value: int, kind: str) -> int:
    shape, axis = p.plan.shape_of(value), int(p.rng.integers(1, 4))
    return node(p, [value], shape, QParams(1 / 256, -128), "Softmax", axis=axis)


def matrices(p: Planner, value: int, kind: str) -> int | None:
    """MatMul of each channel's map by a matrix of its own, or by one for all."""
    batch, height, width, depth = p.plan.shape_of(value)
    if depth * width > 128:
        return None
    outputs = p.pick([1, 3, 8])
    lead = p.pick([(depth,), (1, depth), (1,), (1, 1)])
    weights = p.weights((*lead, width, outputs))
    scale = p.weight_scales(1)
    step = p.linear_step(value, scale, width)
    constant = (weights, QParams(scale[0], 0))
    return node(p, [value], (batch, height, outputs, depth), step, "MatMul", [constant])


NODES = {
    "pad_mode": pad_mode,
    "onnx_blocks": blocks,
    "onnx_extreme": extreme,
    "linear": linear,
    "several": several,
    "quotient": quotient,
    "onnx_function": function,
    "onnx_soft": soft,
    "matrices": matrices,
}
