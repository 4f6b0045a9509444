"""A .tflite network with one operator, its quantisation drawn at random."""

import numpy as np

from networks.tflite_net import Net

IMAGE = (1, 6, 8, 6)
Case = tuple[Net, int | list[int]]


class Random:
    """A network with one operator, its quantisation drawn at random."""

    def __init__(self, seed: int, dtype=np.int8):
        self.rng, self.net = np.random.default_rng(seed), Net(dtype)
        self.offset = 128 if dtype is np.uint8 else 0

    def step(self) -> tuple[float, int]:
        zero_point = int(self.rng.integers(-128, 128)) + self.offset
        return float(np.float32(self.rng.uniform(0.01, 0.2))), zero_point

    def moved(
        self, name: str, shape, outputs, options="", *constants, front=False, **fields
    ) -> Case:
        """Values that keep their scale; ``front``: the constants are the first operands."""
        step = self.step()
        x, rest = self.net.input(shape, step), [self.net.constant(c) for c in constants]
        several = isinstance(outputs, list)
        made = [self.net.tensor(s, step) for s in (outputs if several else [outputs])]
        inputs = [*rest, x] if front else [x, *rest]
        return self.net, self.net.op(name, inputs, made if several else made[0], options, **fields)

    def computed(self, name: str, options="", *, step=None, x_step=None, shape=IMAGE) -> Case:
        x = self.net.input(shape, x_step or self.step())
        result = self.net.tensor(shape, step or self.step())
        return self.net, self.net.op(name, [x], result, options)

    def pair(self, name: str, options="", *, same=False, other=IMAGE) -> Case:
        step = self.step()
        x, y = self.net.input(IMAGE, step), self.net.input(other, step if same else self.step())
        result = self.net.tensor(IMAGE, step if same else self.step())
        return self.net, self.net.op(name, [x, y], result, options)


def ints(*values) -> np.ndarray:
    return np.array(values, np.int32)
