"""Whistled words told apart by a small DS-CNN, as MLPerf Tiny's keywords are.

``python -m examples.keyword_spotting`` measures the kept model and draws the page's picture;
``--train`` trains it first.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import weft
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from examples.sounds import WORDS, clips
from examples.training import CONFIG, accuracy, cost, fit, run, table, write_block

HERE = Path(__file__).parent
MODEL, PICTURE = HERE / "dscnn.onnx", HERE / "words.png"
EPOCHS = 12


def block(channels: int) -> list[nn.Module]:
    """Return a convolution in two steps: 3x3 in each channel, then 1x1 across them."""
    return [
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    ]


def network() -> nn.Module:
    """49 frames of 10 bands to a score for each word."""
    return nn.Sequential(
        nn.Conv2d(1, 32, (10, 4), stride=2, padding=(5, 1), bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        *block(32),
        *block(32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, len(WORDS)),
    )


def train(epochs: int = EPOCHS, folder: Path = HERE) -> None:
    """Train on 900 clips and keep the network in int8."""
    x, words = clips(0, 150)
    torch.manual_seed(0)
    net = fit(network(), x, words, epochs)
    weft.from_torch(net, x[:300], CONFIG, onnx=folder / MODEL.name)


def drawn() -> NDArray[np.uint8]:
    """Return uint8 (height, width): a clip of each word, time to the right, pitch upwards."""
    x, _ = clips(7, 1)
    tiles = [np.pad(clip[0].T[::-1], 1, constant_values=1) for clip in x]
    picture = np.concatenate(tiles, axis=1).repeat(6, 0).repeat(3, 1)
    return np.rint(255 * (1 - picture)).astype(np.uint8)


def result() -> str:
    """Return the page's tables: each word, and the cost of the network."""
    x, words = clips(1, 50)
    scores = run(MODEL, x)
    rows = [[name, accuracy(scores[words == n], words[words == n])] for n, name in enumerate(WORDS)]
    heard = table(["word", "recognised"], [*rows, ["all", accuracy(scores, words)]])
    costs = cost(MODEL)
    return f"{heard}\n\n{table(list(costs), [list(costs.values())])}"


if __name__ == "__main__":
    if "--train" in sys.argv:
        train()
    Image.fromarray(drawn()).save(PICTURE)
    write_block(HERE / "README.md", result())
    print(result())
