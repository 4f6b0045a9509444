"""How each kind of layer is drawn at random and appended to a plan."""

import numpy as np

from networks.first_dimension import FIRST
from networks.host_steps import HOST_STEPS
from networks.more_layers import MORE
from networks.onnx_layers import NODES
from networks.plan import ACTIVATIONS, FINEST, Planner, QParams

__all__ = ["extend", "finish"]

# For a greater ratio of steps LiteRT would shift by more bits than it has.
COARSEST = 1 << 29


def extend(p: Planner, value: int) -> int:
    """Append one layer (or a small block) after ``value``; return the value it computes."""
    names = list(p.kinds)
    weights = np.array([p.kinds[name] for name in names], float)
    for _ in range(20):
        kind = names[int(p.rng.choice(len(names), p=weights / weights.sum()))]
        result = LAYERS[kind](p, value, kind)
        if result is not None:
            return result
    return value


def activation(p: Planner) -> str:
    return p.pick(["NONE", "NONE", "RELU", *ACTIVATIONS])


def conv(p: Planner, value: int, kind: str) -> int | None:
    batch, height, width, depth = p.plan.shape_of(value)
    options, (rows, columns) = p.window(height, width)
    if kind == "depthwise":
        options["multiplier"] = p.pick([1, 1, 1, 2, 3])
        outputs, groups = depth * options["multiplier"], depth
        if outputs > 96 or (depth == 1 and not p.fixed_steps):
            return None
    elif kind == "grouped":
        groups = next((g for g in (2, 3, 4, 8) if depth % g == 0 and depth > g), 0)
        if not groups:
            return None
        outputs = groups * p.pick([1, 2, 3])
    else:
        outputs, groups = p.pick([1, 3, 4, 7, 8, 16, 17, 24, 40]), 1
        if p.rng.random() < 0.01:
            outputs = 255
    kernel = options["kernel"]
    options["groups"] = groups
    if kind == "depthwise" and p.fixed_steps:
        options["weights"] = p.weights((outputs, *kernel, 1))
    else:
        options["weights"] = p.weights((outputs, *kernel, depth // groups))
    reduction = kernel[0] * kernel[1] * depth // groups
    options["scales"] = p.weight_scales(outputs)
    options["bias"] = p.bias(outputs, reduction, optional=not p.fixed_steps)
    options["activation"] = activation(p)
    if p.explicit and p.rng.random() < 0.1:
        options["weight_zero"] = p.pick([-128, 127, *p.rng.integers(-30, 31, 4).tolist()])
    step = p.linear_step(value, options["scales"], reduction)
    return p.add(kind, (value,), (batch, rows, columns, outputs), step, **options)


def residual(p: Planner, value: int, kind: str) -> int | None:
    """Two branches that meet in an addition, product or concatenation."""
    left = extend_same(p, value)
    right = extend_same(p, value) if p.rng.random() < 0.5 else value
    meet = {"residual": "add", "branch": "concat", "gate": "mul", "difference": "sub"}[kind]
    if meet == "concat":
        return join(p, left, right)
    return pair(p, (left, right), meet)


def extend_same(p: Planner, value: int) -> int:
    """A convolution that keeps height, width and channels."""
    batch, height, width, depth = p.plan.shape_of(value)
    kernel = p.pick([(1, 1), (3, 3)])
    pad = (kernel[0] - 1) // 2
    scales = p.weight_scales(depth)
    reduction = kernel[0] * kernel[1] * depth
    return p.add(
        "conv",
        (value,),
        (batch, height, width, depth),
        p.linear_step(value, scales, reduction),
        kernel=kernel,
        stride=(1, 1),
        dilation=(1, 1),
        same=True,
        padding=(pad,) * 4,
        groups=1,
        weights=p.weights((depth, *kernel, depth)),
        scales=scales,
        activation=activation(p),
        bias=p.bias(depth, reduction, optional=not p.fixed_steps),
    )


def squeeze(p: Planner, value: int, kind: str) -> int | None:
    """Squeeze and excitation: each channel times (or plus) what its mean becomes."""
    shape = p.plan.shape_of(value)
    small = mean(p, value, "mean")
    if small is None:
        return None
    if p.rng.random() < 0.5:
        small = extend_same(p, small)
    if p.rng.random() < 0.5:
        step = QParams(1 / 256, -128)
        small = p.add("logistic", (small,), (shape[0], 1, 1, shape[3]), step)
    values = (value, small) if p.rng.random() < 0.7 else (small, value)
    return pair(p, values, p.pick(["mul", "mul", "add"]))


def silu(p: Planner, value: int, kind: str) -> int:
    """x * sigmoid(x), as exports write SiLU."""
    gate = p.add("logistic", (value,), p.plan.shape_of(value), QParams(1 / 256, -128))
    return pair(p, (value, gate), "mul")


def pair(p: Planner, values, kind: str, constant=None) -> int:
    shape = np.broadcast_shapes(*(p.plan.shape_of(value) for value in values))
    scales = [p.plan.step_of(v).scale for v in values]
    if constant is not None:
        scales.append(constant[1].scale)
    spread = scales[0] + scales[1] if kind != "mul" else scales[0] * scales[1] * 60
    step = p.step(spread * p.pick([1.0, 0.5, 0.3]))
    # LiteRT's kernels demand a sum whose scale is not far above those of its operands.
    options = {"activation": activation(p)}
    if constant is not None:
        options["constant"], options["constant_step"] = constant
    return p.add(kind, values, shape, step, **options)


def with_constant(p: Planner, value: int, kind: str) -> int:
    shape = p.plan.shape_of(value)
    shape = p.pick([(shape[-1],), (1,) * (len(shape) - 1) + (shape[-1],)])
    data = p.rng.integers(-128, 128, shape).astype(np.int8)
    step = p.step(p.plan.step_of(value).scale if kind != "mul_constant" else 0.01)
    return pair(p, (value,), kind.split("_")[0], (data, step))


def join(p: Planner, left: int, right: int) -> int | None:
    a, b = p.plan.shape_of(left), p.plan.shape_of(right)
    step = p.plan.step_of(left)
    if p.fixed_steps:
        if p.plan.step_of(right).scale / step.scale > COARSEST:
            return None
        right = p.add("requantize", (right,), b, step)
    elif p.rng.random() < 0.7:
        step = p.step(max(step.scale, p.plan.step_of(right).scale))
    return p.add("concat", (left, right), (*a[:3], a[3] + b[3]), step, axis=3)


def pool(p: Planner, value: int, kind: str) -> int | None:
    batch, height, width, depth = p.plan.shape_of(value)
    limit = 4 if p.rng.random() < 0.9 else 8
    dilate = kind == "max_pool" and p.explicit
    options, (rows, columns) = p.window(height, width, limit=limit, dilate=dilate)
    kernel, padding = options["kernel"], options["padding"]
    if max(padding[:2]) >= kernel[0] or max(padding[2:]) >= kernel[1]:
        return None
    step = p.plan.step_of(value)
    if kind == "average_pool" and not p.fixed_steps and p.rng.random() < 0.7:
        step = p.step(step.scale * 0.7)
    options["activation"] = activation(p) if p.fixed_steps else "NONE"
    return p.add(kind, (value,), (batch, rows, columns, depth), step, **options)


def mean(p: Planner, value: int, kind: str) -> int | None:
    shape = p.plan.shape_of(value)
    if shape[1] * shape[2] < 2:
        return None
    step = p.step(p.plan.step_of(value).scale * 0.4)
    return p.add(kind, (value,), (shape[0], 1, 1, shape[3]), step)


def pad(p: Planner, value: int, kind: str) -> int:
    shape = p.plan.shape_of(value)
    pairs = ((0, 0), *(tuple(p.rng.integers(0, 3, 2).tolist()) for _ in range(2)), (0, 0))
    size = [s + sum(pair) for s, pair in zip(shape, pairs, strict=True)]
    number = int(p.rng.integers(-128, 128)) if p.rng.random() < 0.4 else None
    return p.add(kind, (value,), size, p.plan.step_of(value), paddings=pairs, value=number)


def unary(p: Planner, value: int, kind: str) -> int:
    step, options = p.step(p.plan.step_of(value).scale), {}
    if p.fixed_steps and kind == "logistic":
        step = QParams(1 / 256, -128)
    elif kind in ("logistic", "tanh"):
        step = p.pick([QParams(1 / 128, 0), p.step(1 / 150)])
    elif kind == "leaky_relu":
        options["alpha"] = float(np.float32(p.pick([0.01, 0.1, 0.25, 0.3])))
    elif kind == "gelu":
        options["approximate"] = bool(p.rng.random() < 0.5)
    elif kind == "hard_swish" and step.scale < p.plan.step_of(value).scale / 64:
        step = QParams(p.plan.step_of(value).scale, step.zero_point)
    return p.add(kind, (value,), p.plan.shape_of(value), step, **options)


def same_scale(p: Planner, value: int, kind: str) -> int | None:
    step = p.step(p.plan.step_of(value).scale)
    if kind == "relu6" and step.scale < FINEST:
        return None
    return p.add(kind, (value,), p.plan.shape_of(value), step)


def resize(p: Planner, value: int, kind: str) -> int | None:
    batch, height, width, depth = p.plan.shape_of(value)
    factor = p.pick([2, 3])
    if height * width > 64:
        return None
    size = (batch, height * factor, width * factor, depth)
    return p.add(kind, (value,), size, p.plan.step_of(value))


def transpose_conv(p: Planner, value: int, kind: str) -> int | None:
    batch, height, width, depth = p.plan.shape_of(value)
    kernel, stride = p.pick([(2, 2), (3, 3), (4, 2)]), p.pick([(1, 1), (2, 2)])
    same = p.rng.random() < 0.5
    if height * width > 64:
        return None
    size = [
        n * s if same else (n - 1) * s + k
        for n, s, k in zip((height, width), stride, kernel, strict=True)
    ]
    outputs = p.pick([1, 4, 9])
    scales = p.weight_scales(outputs)
    reduction = kernel[0] * kernel[1] * depth
    return p.add(
        kind,
        (value,),
        (batch, *size, outputs),
        p.linear_step(value, scales, reduction),
        kernel=kernel,
        stride=stride,
        same=same,
        scales=scales,
        weights=p.weights((outputs, *kernel, depth)),
        bias=p.bias(outputs, reduction),
        activation="NONE",
    )


def finish(p: Planner, value: int) -> None:
    """Append a classifier's tail now and then."""
    shape = p.plan.shape_of(value)
    size = int(np.prod(shape[1:]))
    if p.rng.random() < 0.5 or size > 1500:
        return
    value = p.add("flatten", (value,), (shape[0], size), p.plan.step_of(value))
    for _ in range(int(p.rng.integers(1, 3))):
        outputs = p.pick([1, 2, 10, 19])
        depth = p.plan.shape_of(value)[1]
        scales = p.weight_scales(outputs)
        if p.rng.random() < 0.7:
            scales = scales[:1]
        value = p.add(
            "fully_connected",
            (value,),
            (shape[0], outputs),
            p.linear_step(value, scales, depth),
            weights=p.weights((outputs, depth)),
            scales=scales,
            bias=p.bias(outputs, depth),
            activation=activation(p),
        )
    tail = p.rng.random()
    # LiteRT aborts on a softmax whose input scale is next to nothing.
    if tail < 0.4 and "softmax" in p.kinds and p.plan.step_of(value).scale > 1e-6:
        p.add("softmax", (value,), p.plan.shape_of(value), QParams(1 / 256, -128))
    elif tail < 0.5 and "arg_max" in p.kinds:
        p.add("arg_max", (value,), (shape[0],), QParams(1.0, 0))


def soften(p: Planner, value: int, kind: str) -> int:
    """Softmax of an image: over its channels, or up to opset 12 over everything."""
    return p.add("softmax", (value,), p.plan.shape_of(value), QParams(1 / 256, -128))


def never(p: Planner, value: int, kind: str) -> None:
    """Kinds that only :func:`finish` draws."""
    return None


LAYERS = {
    "conv": conv,
    "depthwise": conv,
    "grouped": conv,
    "residual": residual,
    "branch": residual,
    "gate": residual,
    "difference": residual,
    "squeeze": squeeze,
    "silu": silu,
    "max_pool": pool,
    "average_pool": pool,
    "mean": mean,
    "pad": pad,
    "add_constant": with_constant,
    "mul_constant": with_constant,
    "sub_constant": with_constant,
    "logistic": unary,
    "tanh": unary,
    "leaky_relu": unary,
    "elu": unary,
    "hard_swish": unary,
    "gelu": unary,
    "relu": same_scale,
    "relu6": same_scale,
    "requantize": same_scale,
    "resize": resize,
    "transpose_conv": transpose_conv,
    "soft_image": soften,
    "softmax": never,
    "arg_max": never,
    **MORE,
    **FIRST,
    **HOST_STEPS,
    **NODES,
}
