"""A random network as a list of layers, before it becomes a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["LARGE", "SIDES", "Layer", "Plan", "QParams", "random_plan"]

SIDES = (1, 2, 3, 5, 7, 8, 11, 16)  # of the input
LARGE = (16, 24, 32, 40)

WINDOWED = ("conv", "depthwise", "grouped")
ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
# With a finer step 6.0 exceeds 32 bits, which LiteRT refuses, or does not notice.
FINEST = 3e-9


@dataclass(frozen=True)
class QParams:
    scale: float
    zero_point: int


@dataclass
class Layer:
    kind: str
    inputs: tuple[int, ...]  # values: 0 is the network's input, k the output of layer k - 1
    shape: tuple[int, ...]  # of the output, NHWC
    step: QParams
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Plan:
    seed: int
    shape: tuple[int, ...]
    step: QParams
    layers: list[Layer]

    def shape_of(self, value: int) -> tuple[int, ...]:
        return self.shape if value == 0 else self.layers[value - 1].shape

    def step_of(self, value: int) -> QParams:
        return self.step if value == 0 else self.layers[value - 1].step


class Planner:
    """Adds layers of which each format allows only some (``kinds``)."""

    def __init__(
        self,
        seed: int,
        kinds: dict[str, int],
        *,
        fixed_steps: bool,
        bound: int = 127,
        sides: Sequence[int] = SIDES,
    ):
        self.rng = np.random.default_rng(seed)
        self.kinds = kinds
        # LiteRT demands the same scale around pools and concatenations, ONNX does not.
        self.fixed_steps = fixed_steps
        # ONNX has padding of any kind and weights with a zero point, .tflite has neither.
        self.explicit = not fixed_steps
        self.bound = bound
        channels = [1, 2, 3, 4, 7, 8, 16, 17, 32, *([255] if seed % 16 == 5 else [])]
        batch = 1 if self.rng.random() < 0.9 else 2
        shape = (batch, self.pick(sides), self.pick(sides), self.pick(channels))
        if self.rng.random() < 0.1:
            shape = (batch, 1, self.pick([5, 16, 33]), self.pick(channels))
        self.plan = Plan(seed, shape, self.step(0.02), [])

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def step(self, scale: float) -> QParams:
        if self.rng.random() < 0.25:
            scale = 2.0 ** int(np.round(np.log2(scale)))
        else:
            scale *= float(np.exp(self.rng.normal(0, 0.4)))
        zero_point = self.pick([-128, 127, 0, *self.rng.integers(-128, 128, 4).tolist()])
        return QParams(float(np.float32(scale)), int(zero_point))

    def add(self, kind, inputs, shape, step, **options) -> int:
        if self.fixed_steps and step.scale < FINEST and "activation" in options:
            options["activation"] = "NONE"
        self.plan.layers.append(Layer(kind, inputs, tuple(shape), step, options))
        return len(self.plan.layers)

    def weight_scales(self, outputs: int) -> list[float]:
        base = 2.0 ** self.rng.integers(-9, -5) if self.rng.random() < 0.3 else 0.004
        if self.rng.random() < 0.6:
            spread = np.exp(self.rng.normal(0, 0.7, outputs))
            if self.rng.random() < 0.1:
                spread[self.rng.integers(outputs)] = 1e-8
            return [float(np.float32(base * s)) for s in spread]
        return [float(np.float32(base))]

    def linear_step(self, value: int, scales: list[float], depth: int) -> QParams:
        # Inputs and weights are about uniform; this puts most outputs inside of int8.
        spread = 73 * 40 * np.sqrt(depth) * self.plan.step_of(value).scale * np.median(scales)
        wide = self.pick([40.0, 40.0, 40.0, 10.0, 200.0, 2000.0])
        return self.step(float(spread) / wide)

    def weights(self, shape) -> np.ndarray:
        bound = self.pick([self.bound, self.bound, 60])
        data = self.rng.integers(-bound, bound + 1, shape).astype(np.int8)
        if self.rng.random() < 0.05:
            data[:] = self.pick([-bound, bound])
        return data

    def bias(self, outputs: int, depth: int, optional: bool = True) -> np.ndarray | None:
        if optional and self.rng.random() < 0.1:
            return None
        bound = int(73 * 40 * np.sqrt(depth)) + 1
        return self.rng.integers(-bound, bound, outputs).astype(np.int32)

    def window(self, height: int, width: int, limit: int = 7, dilate: bool = True):
        """Kernel, stride, dilation and padding with at least one window."""
        size, rng = (height, width), self.rng
        kernel = [int(k) for k in rng.integers(1, limit + 1, 2)]
        if rng.random() < 0.45:
            kernel[1] = kernel[0] = self.pick([1, 3, 3, min(5, limit)])
        elif rng.random() < 0.1:
            kernel[int(rng.integers(2))] = int(rng.integers(8, 17))
        if rng.random() < 0.01:
            kernel = [int(k) for k in rng.integers(10, 17, 2)]
        stride = (1, 1) if rng.random() < 0.5 else (self.pick([1, 2, 3, 4]),) * 2
        if rng.random() < 0.2:
            stride = (self.pick([1, 2, 3, 4]), self.pick([1, 2, 3, 4]))
        dilation = (1, 1)
        if dilate and rng.random() < 0.15:
            dilation = tuple(int(d) for d in rng.integers(1, 9, 2))
            stride = stride if rng.random() < 0.3 else (1, 1)
        kind = "same" if rng.random() < 0.5 else "valid"
        if self.explicit and rng.random() < 0.35:
            kind = "explicit"
        extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        if kind == "valid" and (extent[0] > height or extent[1] > width):
            kernel, dilation = [min(kernel[0], height), min(kernel[1], width)], (1, 1)
            extent = kernel
        outputs, padding = [], []
        for n, k, e, s in zip(size, kernel, extent, stride, strict=True):
            before = after = 0
            if kind == "same":
                total = max(0, (-(-n // s) - 1) * s + e - n)
                before, after = total // 2, total - total // 2
            elif kind == "explicit":
                before, after = (int(x) for x in rng.integers(0, k, 2))
                after = max(after, e - n - before)
            padding += [before, after]
            outputs.append((n + before + after - e) // s + 1)
        options = {
            "kernel": tuple(kernel),
            "stride": stride,
            "dilation": dilation,
            "same": kind == "same",
            "padding": tuple(padding),
        }
        return options, outputs


def random_plan(
    seed: int,
    kinds: dict[str, int],
    *,
    fixed_steps: bool,
    bound: int = 127,
    length: int = 8,
    sides: Sequence[int] = SIDES,
) -> Plan:
    """Return a plan of about ``length`` layers; ``kinds`` weighs what is chosen.

    Weights lie in -bound ... bound; the input is as high and wide as one of ``sides``.
    """
    from networks.layers import extend, finish

    planner = Planner(seed, kinds, fixed_steps=fixed_steps, bound=bound, sides=sides)
    value = 0
    for _ in range(int(planner.rng.integers(1, length + 1))):
        value = extend(planner, value)
    finish(planner, value)
    return planner.plan
