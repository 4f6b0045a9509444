"""Small PyTorch networks through a quantiser: ``python torch_networks.py QUANTISER FOLDER``.

QUANTISER is nncf, modelopt or pt2e. Needs torch and onnx, and nncf, nvidia-modelopt or torchao
(torch 2.13, NNCF 3.4, modelopt 0.47 and torchao 0.18 made the recorded files, CPU alone),
outside CI.
"""

# pyright: reportMissingImports=false
import sys
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


def export(model: Any, path: Path, *, dynamo: bool = False) -> None:
    opset = None if dynamo else OPSET
    torch.onnx.export(model, (samples()[0],), path, dynamo=dynamo, opset_version=opset)


def samples() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(SEED)
    return [torch.randn(SHAPE, generator=generator) for _ in range(8)]


def nncf(model: nn.Module, path: Path) -> None:
    import nncf as quantiser
    import onnx

    export(model, path)
    proto = onnx.load(path)
    feeds = [{proto.graph.input[0].name: x.numpy()} for x in samples()]
    onnx.save(quantiser.quantize(proto, quantiser.Dataset(feeds), subset_size=8), path)


def modelopt(model: nn.Module, path: Path) -> None:
    import modelopt.torch.quantization as quantiser

    def calibrate(model):
        for x in samples():
            model(x)

    export(quantiser.quantize(model, quantiser.INT8_DEFAULT_CFG, calibrate), path)


def pt2e(model: nn.Module, path: Path) -> None:
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantiser = x86.X86InductorQuantizer()
    quantiser.set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = prepare_pt2e(torch.export.export(model, (samples()[0],)).module(), quantiser)
    for x in samples():
        prepared(x)
    export(convert_pt2e(prepared), path, dynamo=True)


def main(quantise: Callable[[nn.Module, Path], None], folder: Path) -> None:
    """Write a file for each network that the quantiser takes."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    for name, layers in networks().items():
        model, path = nn.Sequential(*layers), folder / f"{name}.{quantise.__name__}.onnx"
        for _ in range(4):  # statistics of the normalisations
            model(torch.randn(4, *SHAPE[1:]))
        try:
            quantise(model.eval(), path)
        except Exception as error:
            path.unlink(missing_ok=True)
            text = (str(error).splitlines() or [""])[0][:100]
            print(f"{path.stem}: {type(error).__name__}: {text}", flush=True)


if __name__ == "__main__":
    main({"nncf": nncf, "modelopt": modelopt, "pt2e": pt2e}[sys.argv[1]], Path(sys.argv[2]))
