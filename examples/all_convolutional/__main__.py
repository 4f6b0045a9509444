"""Max pooling beside strided convolution, after Springenberg et al., 2015.

``python -m examples.all_convolutional`` measures the kept models and writes the page's table;
``--train`` trains them first.
"""

import sys
from pathlib import Path

import torch
import weft
from torch import nn

from examples.digits.train import as_input, jitter, split
from examples.training import CONFIG, accuracy, cost, fit, run, table, write_block

HERE = Path(__file__).parent
EPOCHS = 60


def convolution(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    """3x3 convolution, batch normalisation, ReLU."""
    layer = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]


def network(down: list[nn.Module]) -> nn.Module:
    """Two stages of convolutions with ``down``, which halves the map, between them."""
    return nn.Sequential(
        *convolution(1, 16),
        *down,
        *convolution(16, 32),
        nn.Conv2d(32, 10, 1),  # classes are channels: no fully connected layer
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def networks() -> dict[str, nn.Module]:
    """Return the paper's three ways to halve a map."""
    return {
        "max pooling": network([*convolution(16, 16), nn.MaxPool2d(2)]),
        "stride in the convolution": network(convolution(16, 16, stride=2)),
        "pooling replaced": network([*convolution(16, 16), *convolution(16, 16, stride=2)]),
    }


def file(name: str) -> Path:
    """Return where the model called ``name`` is kept."""
    return HERE / f"{name.replace(' ', '_')}.onnx"


def train(epochs: int = EPOCHS, folder: Path = HERE) -> None:
    """Train each network on the digits and keep it in int8."""
    images, labels, _, _ = split()
    x = as_input(images)
    torch.manual_seed(0)
    for name, net in networks().items():
        fit(net, x.numpy(), labels, epochs, jitter)
        weft.from_torch(net, x, CONFIG, onnx=folder / file(name).name)


def result() -> str:
    """Return the page's table."""
    _, _, images, labels = split()
    x = as_input(images).numpy()
    rows = [
        [name, accuracy(run(file(name), x), labels), *cost(file(name)).values()]
        for name in networks()
    ]
    return table(["halved by", "accuracy", "parameters", "MACs", "cycles"], rows)


if __name__ == "__main__":
    if "--train" in sys.argv:
        train()
    write_block(HERE / "README.md", result())
    print(result())
