"""Small PyTorch networks for :mod:`torch_quantisers`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

SHAPE = (1, 3, 16, 16)
SEED = 5
OPSET = 17


def conv(inputs, outputs, kernel=3, stride=1, groups=1, act: Callable[[], Any] = nn.ReLU):
    """Return a convolution, its normalisation and an activation."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), act())


class Sum(nn.Module):
    """The sum of two ways."""

    def __init__(self, body: nn.Module, shortcut: nn.Module, act: nn.Module | None = None):
        super().__init__()
        self.body, self.shortcut, self.act = body, shortcut, act or nn.Identity()

    def forward(self, x):
        return self.act(self.body(x) + self.shortcut(x))


class Joined(nn.Module):
    """Two ways, one after the other in the channels."""

    def __init__(self, first: nn.Module, second: nn.Module):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x):
        return torch.cat([self.first(x), self.second(x)], 1)


class Gate(nn.Module):
    """Channels times what a small network says of their means."""

    def __init__(self, channels: int):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // 2, 1),
            nn.ReLU(),
            nn.Conv2d(channels // 2, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.gate(x)


def residual(inputs, outputs, stride=1):
    body = nn.Sequential(conv(inputs, outputs, 3, stride), conv(outputs, outputs, act=nn.Identity))
    same = stride == 1 and inputs == outputs
    shortcut = nn.Identity() if same else conv(inputs, outputs, 1, stride, act=nn.Identity)
    return Sum(body, shortcut, nn.ReLU())


def inverted(inputs, outputs, stride=1, act: Callable[[], Any] = nn.ReLU6):
    wide = 2 * inputs
    body = nn.Sequential(
        conv(inputs, wide, 1, act=act),
        conv(wide, wide, 3, stride, wide, act=act),
        conv(wide, outputs, 1, act=nn.Identity),
    )
    return Sum(body, nn.Identity()) if stride == 1 and inputs == outputs else body


def head(channels):
    return (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def networks() -> dict[str, list[nn.Module]]:
    """Return the layers of each network by its name."""
    up = nn.Sequential(nn.MaxPool2d(2), conv(8, 16), nn.ConvTranspose2d(16, 8, 2, 2))
    return {
        "plain": [conv(3, 8), conv(8, 16, stride=2), conv(16, 16), *head(16)],
        "residual": [conv(3, 8), residual(8, 8), residual(8, 16, 2), *head(16)],
        "inverted": [conv(3, 8, act=nn.ReLU6), inverted(8, 8), inverted(8, 16, 2), *head(16)],
        "hard_swish": [conv(3, 8, act=nn.Hardswish), inverted(8, 8, 1, nn.Hardswish), *head(8)],
        "silu": [conv(3, 8, act=nn.SiLU), inverted(8, 8, 1, nn.SiLU), Gate(8), *head(8)],
        "gate": [conv(3, 8), Gate(8), conv(8, 8), *head(8)],
        "branches": [conv(3, 8), Joined(conv(8, 8), conv(8, 8, 1)), nn.AvgPool2d(2), *head(16)],
        "unet": [conv(3, 8), Joined(nn.Identity(), up), conv(16, 8), nn.Conv2d(8, 2, 1)],
        "leaky": [conv(3, 8, act=nn.LeakyReLU), conv(8, 8, act=nn.Tanh), *head(8)],
        "mlp": [nn.Flatten(), nn.Linear(768, 32), nn.GELU(), nn.Linear(32, 10)],
        "upsampling": [conv(3, 8), nn.Upsample(scale_factor=2), conv(8, 3), nn.Sigmoid()],
        "softmax": [conv(3, 8), *head(8), nn.Softmax(1)],
    }


def further() -> dict[str, list[nn.Module]]:
    """Return more networks; apart, so that the weights of those above stay as they are."""
    depthwise = nn.Conv2d(8, 8, 3, 2, 1, groups=8)
    return {
        "separable": [conv(3, 8), depthwise, conv(8, 16, 1), conv(16, 16, groups=4), *head(16)],
        "dilated": [conv(3, 8), nn.Conv2d(8, 8, 3, padding=2, dilation=2), nn.ReLU(), *head(8)],
        "transposed": [conv(3, 8, stride=2), nn.ConvTranspose2d(8, 4, 4, 2, 1), conv(4, 3)],
        "pools": [conv(3, 8), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2), conv(8, 8, 1), *head(8)],
        "prelu": [conv(3, 8, act=nn.PReLU), conv(8, 8, act=lambda: nn.PReLU(8)), *head(8)],
        "elu": [conv(3, 8, act=nn.ELU), conv(8, 8, act=nn.Softplus), *head(8)],
        "hard_sigmoid": [conv(3, 8, act=nn.Hardsigmoid), conv(8, 8, act=nn.GELU), *head(8)],
        "normal_first": [nn.BatchNorm2d(3), nn.Conv2d(3, 8, 3), nn.ReLU(), *head(8)],
        "shuffle": [conv(3, 12), nn.PixelShuffle(2), conv(3, 3)],
        "one_dimension": [nn.Flatten(2), nn.Conv1d(3, 8, 5, 2), nn.ReLU(), nn.MaxPool1d(2)],
        "flat": [
            conv(3, 4, stride=2),
            nn.Flatten(),
            nn.Linear(256, 16),
            nn.ReLU(),
            nn.Linear(16, 4),
        ],
        "global_max": [conv(3, 8), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 4)],
        "mirror": [
            nn.ReflectionPad2d(1),
            nn.Conv2d(3, 8, 3),
            nn.ReLU(),
            nn.ZeroPad2d(1),
            conv(8, 4),
        ],
    }


def export(model: Any, path: Path, *, dynamo: bool = False) -> None:
    opset = None if dynamo else OPSET
    torch.onnx.export(model, (samples()[0],), path, dynamo=dynamo, opset_version=opset)


def samples() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(SEED)
    return [torch.randn(SHAPE, generator=generator) for _ in range(8)]
