"""Layers of .tflite networks that one operator makes without weights: parts, moves, functions.

Each is of kind ``"operator"``: its options give the schema's names, fields and constant operands.
"""

from typing import Any

import numpy as np

from networks.plan import Planner, QParams

__all__ = ["MORE", "OPERATORS"]


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def operator(
    p: Planner,
    value: int,
    name: str,
    shape,
    table: str = "",
    step: QParams | None = None,
    constants=(),
    **fields: Any,
) -> int:
    return p.add(
        "operator",
        (value,),
        shape,
        step or p.plan.step_of(value),
        name=name,
        table=table,
        constants=constants,
        fields=fields,
    )


def strided(p: Planner, value: int, kind: str) -> int:
    batch, *sides = p.plan.shape_of(value)
    begin, end, stride = [0], [batch], [1]
    for side in sides:
        first = int(p.rng.integers(0, side))
        begin.append(first)
        end.append(int(p.rng.integers(first + 1, side + 1)))
        stride.append(int(p.rng.integers(1, 5)))
    if p.rng.random() < 0.2:  # backwards
        begin[1], end[1], stride[1] = -1, -1 - sides[0], -1
    bounds = zip((batch, *sides), begin, end, stride, strict=True)
    shape = [len(range(*slice(b, e, s).indices(side))) for side, b, e, s in bounds]
    return operator(
        p,
        value,
        "STRIDED_SLICE",
        shape,
        "StridedSliceOptions",
        constants=(ints(*begin), ints(*end), ints(*stride)),
    )


def slice_(p: Planner, value: int, kind: str) -> int:
    batch, *sides = p.plan.shape_of(value)
    begin = [0, *(int(p.rng.integers(0, side)) for side in sides)]
    size = [
        batch,
        *(
            int(p.rng.integers(1, side - first + 1))
            for side, first in zip(sides, begin[1:], strict=True)
        ),
    ]
    return operator(p, value, "SLICE", size, "SliceOptions", constants=(ints(*begin), ints(*size)))


def gather(p: Planner, value: int, kind: str) -> int:
    shape, axis = list(p.plan.shape_of(value)), int(p.rng.integers(1, 4))
    indices = p.rng.integers(0, shape[axis], int(p.rng.integers(1, 7))).astype(np.int32)
    shape[axis] = len(indices)
    return operator(p, value, "GATHER", shape, "GatherOptions", constants=(indices,), axis=axis)


def tile(p: Planner, value: int, kind: str) -> int | None:
    shape = p.plan.shape_of(value)
    times = (1, *(int(t) for t in p.rng.integers(1, 3, 3)))
    size = [s * t for s, t in zip(shape, times, strict=True)]
    if np.prod(size) > 4000:
        return None
    return operator(p, value, "TILE", size, constants=(ints(*times),))


def mirror_pad(p: Planner, value: int, kind: str) -> int:
    shape, mode = p.plan.shape_of(value), int(p.rng.integers(2))
    pairs = np.zeros((4, 2), np.int32)
    for axis in (1, 2, 3):
        pairs[axis] = p.rng.integers(0, min(3, shape[axis] + mode), 2)
    size = [s + int(pair.sum()) for s, pair in zip(shape, pairs, strict=True)]
    return operator(p, value, "MIRROR_PAD", size, "MirrorPadOptions", constants=(pairs,), mode=mode)


def reverse(p: Planner, value: int, kind: str) -> int:
    axis = int(p.rng.integers(1, 4))
    return operator(
        p, value, "REVERSE_V2", p.plan.shape_of(value), "ReverseV2Options", constants=(ints(axis),)
    )


def blocks(p: Planner, value: int, kind: str) -> int | None:
    batch, height, width, depth = p.plan.shape_of(value)
    if depth % 4 == 0 and p.rng.random() < 0.5:
        return operator(
            p,
            value,
            "DEPTH_TO_SPACE",
            (batch, height * 2, width * 2, depth // 4),
            "DepthToSpaceOptions",
            blockSize=2,
        )
    if height % 2 or width % 2 or depth > 40:
        return None
    return operator(
        p,
        value,
        "SPACE_TO_DEPTH",
        (batch, height // 2, width // 2, depth * 4),
        "SpaceToDepthOptions",
        blockSize=2,
    )


def prelu(p: Planner, value: int, kind: str) -> int:
    shape = p.plan.shape_of(value)
    slopes = p.rng.integers(-128, 128, (1, 1, p.pick([1, shape[3]]))).astype(np.int8)
    return operator(
        p,
        value,
        "PRELU",
        shape,
        step=p.step(p.plan.step_of(value).scale),
        constants=((slopes, p.step(0.005)),),
    )


def extreme(p: Planner, value: int, kind: str) -> int:
    shape, axes = p.plan.shape_of(value), p.pick([(1, 2), (1,), (2,), (3,)])
    size = [1 if axis in axes else side for axis, side in enumerate(shape)]
    return operator(
        p,
        value,
        p.pick(["REDUCE_MAX", "REDUCE_MIN"]),
        size,
        "ReducerOptions",
        constants=(ints(*axes),),
        keepDims=True,
    )


def compare(p: Planner, value: int, kind: str) -> int:
    shape, step = p.plan.shape_of(value), p.plan.step_of(value)
    other = p.rng.integers(-128, 128, p.pick([(), (shape[3],), shape])).astype(np.int8)
    return operator(
        p,
        value,
        p.pick(["MAXIMUM", "MINIMUM"]),
        shape,
        "MaximumMinimumOptions",
        constants=((other, step),),
    )


def bilinear(p: Planner, value: int, kind: str) -> int | None:
    batch, height, width, depth = p.plan.shape_of(value)
    if height * width > 64:
        return None
    size = [int(s) for s in p.rng.integers(1, 14, 2)]
    flags = p.pick([{}, {"alignCorners": True}, {"halfPixelCenters": True}])
    return operator(
        p,
        value,
        "RESIZE_BILINEAR",
        (batch, *size, depth),
        "ResizeBilinearOptions",
        constants=(ints(*size),),
        **flags,
    )


def function(p: Planner, value: int, kind: str) -> int:
    name, table = p.pick([("EXP", "ExpOptions"), ("LOG", ""), ("ABS", "AbsOptions")])
    step = p.step(p.pick([0.02, 1.0])) if name == "EXP" else p.step(p.plan.step_of(value).scale)
    return operator(p, value, name, p.plan.shape_of(value), table, step)


def squared(p: Planner, value: int, kind: str) -> int:
    shape, scale = p.plan.shape_of(value), p.plan.step_of(value).scale
    other = p.rng.integers(-128, 128, p.pick([(), (shape[3],)])).astype(np.int8)
    return operator(
        p,
        value,
        "SQUARED_DIFFERENCE",
        shape,
        "SquaredDifferenceOptions",
        p.step(scale * scale * 60),
        constants=((other, p.step(scale)),),
    )


MORE = {
    "strided": strided,
    "slice": slice_,
    "gather": gather,
    "tile": tile,
    "mirror_pad": mirror_pad,
    "reverse": reverse,
    "blocks": blocks,
    "prelu": prelu,
    "extreme": extreme,
    "compare": compare,
    "bilinear": bilinear,
    "function": function,
    "squared": squared,
}
# Those of which LiteRT has a kernel for uint8.
OPERATORS = {
    "int8": tuple(MORE),
    "uint8": tuple(kind for kind in MORE if kind not in ("function", "squared")),
}
