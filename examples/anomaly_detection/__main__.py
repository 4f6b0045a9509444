"""Anomalies found by an autoencoder: it redraws what it knows, and fails at the rest.

``python -m examples.anomaly_detection`` measures the kept model and draws the page's curve;
``--train`` trains it first.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import weft
from numpy.typing import NDArray
from torch import nn

from examples.curves import area, curve, drawn
from examples.digits.train import as_input, jitter, split
from examples.training import CONFIG, cost, fit, run, table, write_block

HERE = Path(__file__).parent
MODEL, CURVE = HERE / "autoencoder.onnx", HERE / "curve.svg"
NORMAL, EPOCHS = 8, 100


def network() -> nn.Module:
    """64 pixels through a bottleneck of 6 values and back."""
    sizes = (64, 48, 6, 48, 64)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


def train(epochs: int = EPOCHS, folder: Path = HERE) -> None:
    """Train on eights alone: no anomaly is ever seen."""
    images, labels, _, _ = split()
    eights = as_input(images[labels == NORMAL])
    generator = torch.Generator().manual_seed(0)
    varied = torch.cat([eights, *(jitter(eights, generator) for _ in range(9))]).flatten(1)
    torch.manual_seed(0)
    net = fit(network(), varied.numpy(), varied.numpy(), epochs)
    weft.from_torch(net, varied[:500], CONFIG, onnx=folder / MODEL.name)


def errors() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return how badly each held-out digit is redrawn, and which of them are anomalies."""
    _, _, images, labels = split()
    x = as_input(images).flatten(1).numpy()
    return np.square(run(MODEL, x).astype(np.float64) - x).mean(1), labels != NORMAL


def result() -> str:
    """Return the page's table."""
    error, anomaly = errors()
    false, found = curve(error, anomaly)
    rows = [
        ["area under the curve", f"{area((false, found)):.4f}"],
        ["anomalies found without a false alarm", f"{100 * found[false == 0].max():.1f} %"],
        *cost(MODEL).items(),
    ]
    return table(["measured", "value"], rows)


if __name__ == "__main__":
    if "--train" in sys.argv:
        train()
    CURVE.write_text(drawn({"": curve(*errors())}), encoding="utf-8")
    write_block(HERE / "README.md", result())
    print(result())
