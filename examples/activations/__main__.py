"""Activation functions on the accelerator: what each costs, and what it is good for.

``python -m examples.activations`` measures the kept models and writes the page's table;
``--train`` trains them first.
"""

import sys
from pathlib import Path

import torch
import weft
from torch import nn

from examples.digits.train import as_input, split
from examples.training import CONFIG, accuracy, cost, fit, run, table, write_block

HERE = Path(__file__).parent
EPOCHS = 15
FUNCTIONS: dict[str, type[nn.Module]] = {
    "none": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "leaky ReLU": nn.LeakyReLU,
    "ELU": nn.ELU,
    "hard swish": nn.Hardswish,
    "SiLU": nn.SiLU,
    "GELU": nn.GELU,
}


def network(function: type[nn.Module]) -> nn.Module:
    """Three convolutions, each followed by ``function``."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        function(),
        nn.Conv2d(16, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        function(),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        function(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def file(name: str) -> Path:
    """Return where the model with the function called ``name`` is kept."""
    return HERE / f"{name.replace(' ', '_')}.onnx"


def train(epochs: int = EPOCHS, folder: Path = HERE) -> None:
    """Train a network with each function on the digits and keep it in int8."""
    images, labels, _, _ = split()
    x = as_input(images)
    for name, function in FUNCTIONS.items():
        torch.manual_seed(0)  # all begin with the same weights
        net = fit(network(function), x.numpy(), labels, epochs)
        weft.from_torch(net, x, CONFIG, onnx=folder / file(name).name)


def result() -> str:
    """Return the page's table."""
    _, _, images, labels = split()
    x = as_input(images).numpy()
    base = cost(file("none"))["cycles"]
    rows = []
    for name in FUNCTIONS:
        cycles = cost(file(name))["cycles"]
        layers = len(weft.compile(file(name), CONFIG).descriptors)
        right = accuracy(run(file(name), x), labels)
        rows.append([name, right, layers, cycles, cycles - base])
    return table(["function", "accuracy", "descriptors", "cycles", "more than none"], rows)


if __name__ == "__main__":
    if "--train" in sys.argv:
        train()
    write_block(HERE / "README.md", result())
    print(result())
