"""A wake word in a stream of sound, a frame at a time; the network keeps what it has heard.

``python -m examples.wake_word_stream`` listens with the kept model and draws the page's picture;
``--train`` trains it first, in a clone, whose tests have the writer of such files.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import weft
from numpy.typing import NDArray
from torch import nn

from examples.sounds import BANDS, WORDS, clips, features, whistle
from examples.training import CONFIG, cost, fit, table, write_block

HERE = Path(__file__).parent
MODEL, PICTURE = HERE / "wake.tflite", HERE / "stream.svg"
WAKE, EPOCHS = WORDS.index("rise"), 60
KERNELS = (10, 15)  # frames that each layer sees; all but the last one are its state
STREAM = [0, 1, 2, 4, 1, 5, 3, 0, 1, 2, 0, 4, 1, 3]  # words, a second each
_HOP = 160 / 8000  # seconds from a frame to the next


class Listener(nn.Module):
    """Two convolutions over time; takes whole clips (N, 1, frames, 10) and gives scores (N,)."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(BANDS, 16, KERNELS[0]),
                nn.Conv1d(16, 16, KERNELS[1]),
                nn.Conv1d(16, 1, 1),
            ]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the highest score of any moment."""
        return self.moments(x)[-1].amax((1, 2))

    def moments(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the output of each layer, (N, channels, moments)."""
        values = [x[:, 0].transpose(1, 2)]
        for layer in self.layers[:-1]:
            values.append(layer(values[-1]).relu())
        return [*values[1:], self.layers[-1](values[-1])]


def train(epochs: int = EPOCHS, folder: Path = HERE) -> None:
    """Train on whole clips, then write the network that hears them frame by frame."""
    x, words = clips(2, 150)
    torch.manual_seed(0)
    targets = np.where(words == WAKE, 1, -1).astype(np.float32)
    net = fit(Listener(), x, targets, epochs)
    (folder / MODEL.name).write_bytes(streaming(net, torch.from_numpy(x[:300])))


def streaming(net: Any, x: torch.Tensor) -> bytes:
    """Return a ``.tflite`` file: int8, a variable for each layer's last frames."""
    sys.path.append(str(HERE.parents[1] / "tests" / "host"))
    from networks.streaming import WINDOW, Variables
    from networks.tflite_net import Net

    with torch.no_grad():
        tops = [float(each.abs().max()) for each in net.moments(x)]
    steps = [(1 / 255, -128), *((top / 255, -128) for top in tops[:-1]), (tops[-1] / 127, 0)]
    file: Any = Net()
    value = file.input((1, 1, 1, BANDS), steps[0])
    variables = Variables(file)
    for layer, before, after in zip(net.layers, steps, steps[1:], strict=False):
        outputs, inputs, kernel = layer.weight.shape
        if kernel > 1:
            value = _with_state(file, variables, value, kernel - 1, inputs, before)
        weights = layer.weight.detach().numpy().transpose(0, 2, 1)[:, :, None, :]
        scales = np.abs(weights).max((1, 2, 3)) / 127
        data = np.rint(weights / scales[:, None, None, None]).astype(np.int8)
        bias = np.rint(layer.bias.detach().numpy() / (scales * before[0])).astype(np.int32)
        operands = [
            value,
            file.weights(data, list(scales)),
            file.weights(bias, list(scales * before[0])),
        ]
        value = file.op(
            "CONV_2D",
            operands,
            file.tensor((1, 1, 1, outputs), after),
            "Conv2DOptions",
            **WINDOW,
            fusedActivationFunction=int(after is not steps[-1]),
        )
    variables.finish()
    return file.bytes(value)


def _with_state(file: Any, variables: Any, value: int, kept: int, depth: int, step: Any) -> int:
    """Add a variable of the last ``kept`` frames; return them and the new one together."""
    # Silence before the first call.
    handle, state = variables.read((1, kept, 1, depth), np.full((1, kept, 1, depth), -128, np.int8))
    file.writer.graph.tensors[state].quantization.scale = [step[0]]
    file.writer.graph.tensors[state].quantization.zeroPoint = [step[1]]
    joined = file.tensor((1, kept + 1, 1, depth), step)
    file.op("CONCATENATION", [state, value], joined, "ConcatenationOptions", axis=1)
    bounds = [
        file.constant(np.array(v, np.int32)) for v in ((0, 1, 0, 0), (0, 0, 0, 0), (1, 1, 1, 1))
    ]
    last = file.tensor((1, kept, 1, depth), step)
    masks = {"beginMask": 13, "endMask": 15}
    file.op("STRIDED_SLICE", [joined, *bounds], last, "StridedSliceOptions", **masks)
    file.op("ASSIGN_VARIABLE", [handle, last], [])
    return joined


def listen() -> NDArray[np.float64]:
    """Return the score after each frame of the stream, each frame a call."""
    rng = np.random.default_rng(3)
    frames = features(np.concatenate([whistle(word, rng) for word in STREAM]))
    heard = np.rint(frames * 255 - 128).astype(np.int8)
    with weft.InferenceSession(MODEL) as session:
        name = session.get_inputs()[0].name
        scores = [session.run(None, {name: frame[None, None, None]})[0].item() for frame in heard]
    return np.array(scores, np.float64)


def alarms(scores: NDArray[np.float64]) -> list[float]:
    """Return when the score rises above zero, in seconds; after that nothing for a second."""
    above = scores > 0
    found: list[float] = []
    for frame in np.flatnonzero(above[1:] & ~above[:-1]) + 1:
        if not found or frame * _HOP >= found[-1] + 1:
            found.append(float(frame * _HOP))
    return found


def drawn(scores: NDArray[np.float64]) -> str:
    """Return the score over time as an SVG picture, the wake word's seconds in grey."""
    wide = 700 / len(STREAM)
    bars = "".join(
        f'<rect x="{wide * n:.0f}" width="{wide:.0f}" height="140" fill="#d0d7de"/>'
        for n, word in enumerate(STREAM)
        if word == WAKE
    )
    points = " ".join(
        f"{n * _HOP * wide:.1f},{70 - score / 2:.1f}" for n, score in enumerate(scores)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 140">\n'
        f'<rect width="700" height="140" fill="#fff"/>\n{bars}\n<path d="M0 70H700" '
        f'stroke="#57606a"/>\n<polyline points="{points}" fill="none" stroke="#0072b2"/>\n</svg>\n'
    )


def result() -> str:
    """Return the page's table."""
    found = alarms(listen())
    rows = []
    for second, word in enumerate(STREAM):
        here = [time for time in found if second <= time < second + 1]
        rows.append([f"{second} s", WORDS[word], ", ".join(f"{time:.2f} s" for time in here)])
    text = table(["begins", "word", "alarm"], rows)
    return f"{text}\n\nA frame takes {cost(MODEL)['cycles']:,} cycles on `{CONFIG}` (predicted)."


if __name__ == "__main__":
    if "--train" in sys.argv:
        train()
    PICTURE.write_text(drawn(listen()), encoding="utf-8")
    write_block(HERE / "README.md", result())
    print(result())
