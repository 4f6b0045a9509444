"""Random quantised graphs, and the comparison of a compiled one with the golden model."""

import numpy as np
from weft.compiler import compile_graph
from weft.golden import run as reference
from weft.graph import Graph, Node, Quantization, Runtime, Tensor
from weft.program.follow import follow
from weft.runtime.execute import load_program, run_program
from weft_sim.testing.functional import FunctionalSimulator

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


class Builder:
    """Adds nodes whose scales keep values well inside int8, so that comparisons mean something."""

    def __init__(self, seed: int, rounding: str = "reference"):
        self.rng, self.rounding = np.random.default_rng(seed), rounding
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []

    def quantization(self, scale: float | None = None, zero_point: int | None = None):
        scale = float(self.rng.uniform(0.005, 0.2)) if scale is None else scale
        if zero_point is None:
            zero_point = int(self.rng.choice([-128, 127, 0, int(self.rng.integers(-128, 128))]))
        return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))

    def tensor(self, shape, quantization=None, *, dtype: type = np.int8, data=None) -> str:
        name = f"t{len(self.tensors)}"
        self.tensors[name] = Tensor(
            name, tuple(int(s) for s in shape), np.dtype(dtype), quantization, data
        )
        return name

    def input(self, *shape) -> str:
        name = self.tensor((1, *shape), self.quantization())
        self.inputs.append(name)
        return name

    def node(self, operator, inputs, shape, quantization, **attributes) -> str:
        output = self.tensor(shape, quantization)
        self.nodes.append(
            Node(
                operator,
                f"{operator.lower()}{len(self.nodes)}",
                tuple(inputs),
                (output,),
                attributes,
            )
        )
        return output

    def scale(self, name) -> float:
        quantization = self.tensors[name].quantization
        assert quantization is not None
        return float(quantization.scale[0])

    def _linear(self, operator, x, weights, taps, shape, axis, per_channel=True, **attributes):
        out = shape[-1]
        scales = self.rng.uniform(0.002, 0.02, out if per_channel else 1).astype(np.float32)
        w = self.tensor(
            weights.shape, Quantization(scales, np.zeros(len(scales), np.int64), axis), data=weights
        )
        bias = self.rng.integers(-3000, 3000, out).astype(np.int32)
        b = self.tensor((out,), None, dtype=np.int32, data=bias)
        spread = self.scale(x) * float(scales.mean()) * 74 * 74 * np.sqrt(taps)
        result = self.quantization(spread / 50)
        activation = str(self.rng.choice(ACTIVATIONS))
        return self.node(operator, (x, w, b), shape, result, activation=activation, **attributes)

    def _weights(self, *shape):
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def conv(
        self, x, out, kernel=(3, 3), stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=1
    ) -> str:
        height, width, channels = self.tensors[x].shape[1:]
        size = out_size((height, width), kernel, stride, padding, dilation)
        weights = self._weights(out, *kernel, channels // groups)
        return self._linear(
            "CONV_2D",
            x,
            weights,
            weights[0].size,
            (1, *size, out),
            0,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )

    def depthwise(
        self, x, multiplier=1, kernel=(3, 3), stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1)
    ) -> str:
        height, width, channels = self.tensors[x].shape[1:]
        size = out_size((height, width), kernel, stride, padding, dilation)
        weights = self._weights(1, *kernel, channels * multiplier)
        return self._linear(
            "DEPTHWISE_CONV_2D",
            x,
            weights,
            kernel[0] * kernel[1],
            (1, *size, channels * multiplier),
            3,
            stride=stride,
            padding=padding,
            dilation=dilation,
            depth_multiplier=multiplier,
        )

    def fully_connected(self, x, out) -> str:
        features = int(np.prod(self.tensors[x].shape[1:]))
        return self._linear(
            "FULLY_CONNECTED",
            x,
            self._weights(out, features),
            features,
            (1, out),
            0,
            per_channel=False,
        )

    def pool(
        self, operator, x, kernel=(2, 2), stride=(2, 2), padding=(0, 0, 0, 0), dilation=(1, 1)
    ) -> str:
        height, width, channels = self.tensors[x].shape[1:]
        size = out_size((height, width), kernel, stride, padding, dilation)
        optional = {"dilation": dilation} if dilation != (1, 1) else {}
        return self.node(
            operator,
            (x,),
            (1, *size, channels),
            self.tensors[x].quantization,
            kernel=kernel,
            stride=stride,
            padding=padding,
            **optional,
            activation=str(self.rng.choice(ACTIVATIONS)),
        )

    def binary(self, operator, a, b) -> str:
        scale = (
            self.scale(a) * self.scale(b) * 90
            if operator == "MUL"
            else (self.scale(a) + self.scale(b))
        )
        return self.node(
            operator,
            (a, b),
            self.tensors[a].shape,
            self.quantization(scale),
            activation=str(self.rng.choice(ACTIVATIONS)),
        )

    def concatenation(self, *names) -> str:
        shape = self.tensors[names[0]].shape
        channels = sum(self.tensors[name].shape[-1] for name in names)
        return self.node(
            "CONCATENATION",
            names,
            (*shape[:-1], channels),
            self.tensors[names[0]].quantization,
            axis=3,
            activation="NONE",
        )

    def share_quantization(self, *names) -> None:
        """Give tensors the quantisation of the first one, as a converter does before CONCAT."""
        first = self.tensors[names[0]].quantization
        for name in names[1:]:
            old = self.tensors[name]
            self.tensors[name] = Tensor(name, old.shape, old.dtype, first)

    def unary(self, operator, x, **attributes) -> str:
        return self.node(operator, (x,), self.tensors[x].shape, self.quantization(), **attributes)

    def reshape(self, x, *shape) -> str:
        return self.node("RESHAPE", (x,), (1, *shape), self.tensors[x].quantization)

    def pad(self, x, rows, columns, **attributes) -> str:
        height, width, channels = self.tensors[x].shape[1:]
        shape = (1, height + sum(rows), width + sum(columns), channels)
        return self.node(
            "PAD",
            (x,),
            shape,
            self.tensors[x].quantization,
            paddings=((0, 0), rows, columns, (0, 0)),
            **attributes,
        )

    def build(self, *outputs) -> Graph:
        return Graph(
            "random",
            tuple(self.nodes),
            self.tensors,
            tuple(self.inputs),
            tuple(outputs),
            Runtime(self.rounding),
        )

    def feeds(self):
        return {
            name: self.rng.integers(-128, 128, self.tensors[name].shape).astype(np.int8)
            for name in self.inputs
        }


def out_size(size, kernel, stride, padding, dilation):
    top, bottom, left, right = padding
    height = (size[0] + top + bottom - (kernel[0] - 1) * dilation[0] - 1) // stride[0] + 1
    width = (size[1] + left + right - (kernel[1] - 1) * dilation[1] - 1) // stride[1] + 1
    return height, width


def check(graph, config, feeds, *, seed=1, **options):
    """Compile, run descriptor by descriptor and all at once; compare each tensor; return both.

    What one descriptor must wait for is looked at as well: few runs show that it does not.
    """
    program = compile_graph(graph, config, **options)
    follow(program)
    golden = reference.run(graph, feeds)
    simulator = FunctionalSimulator(config, seed)
    load_program(program, simulator, config)
    compared = set()

    def inspect(number, tensors):
        for name, value in tensors.items():
            compared.add(name)
            wrong = int((value != golden[name]).sum())
            layer = program.descriptors[number].layer
            assert wrong == 0, f"{layer}: {wrong} of {value.size} values of {name} differ"

    stepwise = run_program(program, simulator, feeds, inspect)
    whole = run_program(program, simulator, feeds)
    for name in graph.outputs:
        np.testing.assert_array_equal(stepwise[name], golden[name])
        np.testing.assert_array_equal(whole[name], golden[name])
    on_accelerator = {
        name for layer in program.layers if layer.where == "accelerator" for name in layer.outputs
    }
    # Results that are added to another map before they are stored have no place.
    assert on_accelerator & {*program.places} <= compared
    return program
