"""Layers that move values in or out of the first dimension."""

import math

import numpy as np

from networks.plan import Layer, Plan, Planner

__all__ = ["FIRST", "loosen"]

MOST = 8  # in the first dimension


def _file_order(p: Planner, shape) -> tuple[int, ...]:
    """The shape as the file has it: NCHW in ONNX, whose plans have explicit padding."""
    return (shape[0], shape[3], shape[1], shape[2]) if p.explicit else tuple(shape)


def _plan_order(p: Planner, shape) -> tuple[int, ...]:
    return (shape[0], shape[2], shape[3], shape[1]) if p.explicit else tuple(shape)


def fold(p: Planner, value: int, kind: str) -> int | None:
    """Another shape of the same numbers: the first dimension takes a part of another, or gives."""
    shape = list(_file_order(p, p.plan.shape_of(value)))
    size, axis = shape[0], int(p.rng.integers(1, 4))
    if size > 1 and p.rng.random() < 0.6:
        shape[0], shape[axis] = 1, shape[axis] * size
    else:
        parts = [k for k in range(2, MOST // size + 1) if shape[axis] % k == 0]
        if not parts:
            return None
        part = p.pick(parts)
        shape[0], shape[axis] = size * part, shape[axis] // part
    return p.add("reshape", (value,), _plan_order(p, shape), p.plan.step_of(value))


def turn(p: Planner, value: int, kind: str) -> int | None:
    """Dimensions in another order."""
    shape = _file_order(p, p.plan.shape_of(value))
    permutation = tuple(int(i) for i in p.rng.permutation(4))
    turned = [shape[i] for i in permutation]
    if turned[0] > MOST or turned[1 if p.explicit else 3] > 48:
        return None
    step = p.plan.step_of(value)
    size = _plan_order(p, turned)
    return p.add("transpose", (value,), size, step, permutation=permutation)


def rows(p: Planner, value: int, kind: str) -> int | None:
    """A matrix of any rows times weights."""
    shape = p.plan.shape_of(value)
    size, step = math.prod(shape), p.plan.step_of(value)
    depths = [k for k in range(1, 65) if size % k == 0 and size // k <= 64]
    if not depths:
        return None
    depth, outputs = p.pick(depths), p.pick([1, 3, 8])
    value = p.add("reshape", (value,), (size // depth, depth), step)
    scales = p.weight_scales(outputs)
    options = {
        "weights": p.weights((outputs, depth)),
        "scales": scales,
        "bias": p.bias(outputs, depth),
        "activation": "NONE",
    }
    count = size // depth
    step = p.linear_step(value, scales, depth)
    value = p.add("fully_connected", (value,), (count, outputs), step, **options)
    if count <= MOST and p.rng.random() < 0.3:
        image = (count, outputs, 1, 1)
    else:
        image = (1, outputs, count, 1)
    return p.add("reshape", (value,), _plan_order(p, image), step)


def batch(p: Planner, value: int, kind: str) -> int | None:
    """Two tensors joined along the first dimension."""
    shape = p.plan.shape_of(value)
    if shape[0] * 2 > MOST or math.prod(shape) > 2000:
        return None
    other = p.add("max_pool", (value,), shape, p.plan.step_of(value), **_PLAIN)
    size = (shape[0] * 2, *shape[1:])
    return p.add("concat", (value, other), size, p.plan.step_of(value), axis=0)


_PLAIN = {
    "kernel": (1, 1),
    "stride": (1, 1),
    "dilation": (1, 1),
    "same": False,
    "padding": (0, 0, 0, 0),
    "activation": "NONE",
}


def by_image(p: Planner, value: int, kind: str) -> int | None:
    """A constant that differs by image."""
    from networks.layers import pair

    shape = p.plan.shape_of(value)
    if shape[0] == 1:
        return None
    data = p.rng.integers(-128, 128, (shape[0], 1, 1, p.pick([1, shape[3]]))).astype("int8")
    step = p.step(p.plan.step_of(value).scale)
    return pair(p, (value,), "add", (data, step))


def loosen(plan: Plan) -> None:
    """Append another shape in which some neighbours are one dimension."""
    rng, value = np.random.default_rng(plan.seed), len(plan.layers)
    if plan.layers[-1].kind == "arg_max":
        return
    shape: list[int] = []
    for size in plan.shape_of(value):
        if shape and rng.random() < 0.5:
            shape[-1] *= size
        elif size > 1 or rng.random() < 0.5:
            shape.append(size)
    step = plan.step_of(value)
    plan.layers.append(Layer("reshape", (value,), tuple(shape or [1]), step))


FIRST = {"fold": fold, "turn": turn, "rows": rows, "batch": batch, "by_image": by_image}
