"""Train the bundled digits model: PyTorch float32, then int8 by ``onnxruntime.quantization``.

Run ``pip install .[train]``, then ``python examples/digits/train.py``. One thread and fixed
seeds; about forty seconds. Writes the model and the held-out images into ``host/weft/data``.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from weft.models.from_torch import quantise_torch

SEED = 7
HELD_OUT = 450
DATA = Path(__file__).parents[2] / "host" / "weft" / "data"


class DigitsNet(nn.Module):
    """Convolution, depthwise and pointwise, max pool, convolution, average pool, fully connected.

    Takes float32 (N, 1, 8, 8) from 0 to 1 and returns ten scores. In int8, input and output of
    every layer fit in 2 kB together, and three rows of any 3x3 convolution's input in 256 bytes:
    the smallest accelerator, configuration ``tiny``, holds it.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *convolution(1, 8, 3),
            *convolution(8, 8, 3, groups=8),
            *convolution(8, 16, 1),
            nn.MaxPool2d(2),
            *convolution(16, 32, 3),
            nn.AdaptiveAvgPool2d(1),
        )
        self.classifier = nn.Linear(32, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores (N, 10) of images (N, 1, 8, 8)."""
        return self.classifier(self.features(images).flatten(1))


def convolution(inputs: int, outputs: int, kernel: int, groups: int = 1) -> list[nn.Module]:
    """Convolution that keeps height and width, batch normalisation, ReLU."""
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training images, training labels, held-out images and held-out labels.

    Images are uint8 (N, 8, 8) from 0 to 16, as scikit-learn ships them; a fixed permutation
    decides which 450 of the 1,797 no training ever sees.
    """
    digits: Any = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images, labels = digits.images[order].astype(np.uint8), digits.target[order].astype(np.uint8)
    return images[HELD_OUT:], labels[HELD_OUT:], images[:HELD_OUT], labels[:HELD_OUT]


def jitter(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Rotate, scale, shear and shift each image a little, so that 1,347 of them suffice."""
    count = len(images)

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * limit

    angle, zoom, shear = uniform(0.15), 1 + uniform(0.1), uniform(0.1)
    theta = torch.stack(
        [
            torch.stack([zoom * angle.cos(), shear - angle.sin(), uniform(0.12)], 1),
            torch.stack([angle.sin(), zoom * angle.cos(), uniform(0.12)], 1),
        ],
        1,
    )
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def train(images: np.ndarray, labels: np.ndarray, epochs: int) -> DigitsNet:
    """Train on ``images`` with Adam under a cosine schedule; return the net in eval mode."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    net = DigitsNet()
    x, y = as_input(images), torch.from_numpy(labels.astype(np.int64))
    optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-3)
    batch = 64
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=8e-3, total_steps=epochs * -(-len(x) // batch)
    )
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(x), generator=generator).split(batch):
            scores = net(jitter(x[chosen], generator))
            loss = functional.cross_entropy(scores, y[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {total / len(x):.4f}", flush=True)
    return net.eval()


def as_input(images: np.ndarray) -> torch.Tensor:
    """Return images (N, 8, 8) from 0 to 16 as the net's float32 (N, 1, 8, 8) from 0 to 1."""
    return torch.from_numpy(images[:, None].astype(np.float32) / 16)


def fold_normalisation(net: DigitsNet) -> DigitsNet:
    """Fold every batch normalisation into the convolution before it.

    The exporter would do so as well, but then give the layers other names.
    """
    layers: list[nn.Module] = []
    for layer in net.features:
        if isinstance(layer, nn.BatchNorm2d):
            convolution_before = layers.pop()
            assert isinstance(convolution_before, nn.Conv2d)
            layer = fuse_conv_bn_eval(convolution_before, layer)
        layers.append(layer)
    net.features = nn.Sequential(*layers)
    return net


def export(net: DigitsNet, calibration: torch.Tensor, path: Path):
    """Write ``net`` to ``path`` in int8, as ``weft.from_torch`` does."""
    model = onnx.load_from_string(
        quantise_torch(net, calibration, names=("image", "scores"), title="digits")
    )
    model.doc_string = "scikit-learn digits, int8; made by examples/digits/train.py"
    onnx.checker.check_model(model)
    onnx.save(model, path)


def accuracy(path: Path, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of ``images`` that ONNX Runtime classifies correctly with the model at ``path``."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = as_input(images).numpy()
    scores = [np.asarray(session.run(None, {"image": image[None]})[0]) for image in inputs]
    return float((np.concatenate(scores).argmax(1) == labels).mean())


def main(words: Sequence[str] | None = None) -> None:
    """Train, quantise, measure, and write the model and the held-out images."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=240)
    parser.add_argument("--out", type=Path, default=DATA, help="folder to write to")
    arguments = parser.parse_args(words)

    train_images, train_labels, held_images, held_labels = split()
    net = train(train_images, train_labels, arguments.epochs)
    with torch.no_grad():
        float_accuracy = float((net(as_input(held_images)).argmax(1).numpy() == held_labels).mean())

    path = arguments.out / "digits_int8.onnx"
    export(fold_normalisation(net), as_input(train_images), path)
    np.savez_compressed(
        arguments.out / "digits_heldout.npz", images=held_images, labels=held_labels
    )

    int8_accuracy = accuracy(path, held_images, held_labels)
    print(f"float32 accuracy on {HELD_OUT} held-out images: {float_accuracy:.2%}")
    print(f"int8 accuracy in ONNX Runtime: {int8_accuracy:.2%}")
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
