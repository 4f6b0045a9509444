"""Networks with a float island, beside what it computes in exact fractions."""

from fractions import Fraction

import numpy as np

from networks.onnx_net import Net

__all__ = ["SCALE", "SHAPE", "ZERO", "Island", "exactly", "runtime", "step", "written"]

SHAPE = (1, 3, 6, 5)
SCALE, ZERO = 0.0371, -7


def exactly(number) -> Fraction:
    return Fraction(float(np.float32(number)))


def step(value: Fraction, scale: float, zero_point: int) -> int:
    """One rounding, ties to even, and saturation."""
    return max(-128, min(127, round(value / exactly(scale)) + zero_point))


class Island(Net):
    """A network with quantised input ``self.x`` and what it computes, in fractions."""

    def __init__(self, seed=0, shape=SHAPE, **arguments):
        super().__init__(shape, scale=SCALE, zero_point=ZERO, **arguments)
        self.rng = np.random.default_rng(seed)
        self.integers = self.rng.integers(-128, 128, shape)

    @property
    def feed(self):
        return np.float32(SCALE) * (self.integers - ZERO).astype(np.float32)

    def real_x(self):
        return np.vectorize(lambda q: exactly(SCALE) * (int(q) - ZERO))(self.integers)

    def conv(self, output, channels=4, scale=0.0113, bias=True):
        """Add a 1x1 Conv; return its tensor and its values in fractions."""
        weights = self.rng.integers(-127, 128, (channels, self.shape[1], 1, 1))
        inputs = [self.x, self.weights(f"{output}.w", weights.astype(np.int8), scale)]
        total = np.einsum("oc,bchw->bohw", weights[..., 0, 0], self.integers - ZERO)
        numbers = np.vectorize(lambda q: int(q) * exactly(SCALE) * exactly(scale))(total)
        if bias:
            offsets = self.rng.uniform(-1, 1, channels).astype(np.float32)
            inputs.append(self.constant(f"{output}.b", offsets))
            numbers = numbers + np.array([exactly(b) for b in offsets]).reshape(1, -1, 1, 1)
        return self.node("Conv", inputs, output), numbers


def written(net, folder, *outputs):
    path = folder / "m.onnx"
    path.write_bytes(net.bytes(*outputs))
    return path


def runtime(net, *outputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(net.bytes(*outputs), providers=["CPUExecutionProvider"])
    return [*map(np.asarray, session.run(None, {"x": net.feed}))]
