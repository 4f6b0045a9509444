"""MLPerf Tiny's own autoencoder: a toy car that runs well, and sounds that do not belong to it.

``python -m examples.anomaly_detection.mlperf``; model and recording are fetched unless they are
here.
"""

from pathlib import Path

import numpy as np
import weft
from numpy.typing import NDArray
from weft.models.public_models import PublicFile, fetch, fetch_file

from examples.curves import Curve, area, curve, drawn
from examples.training import CONFIG, cost, table, write_block

HERE = Path(__file__).parent
CURVES = HERE / "mlperf.svg"
MODEL = "ad_autoencoder_int8"
RECORDING = PublicFile(
    "ad_logmel_normal_id_01_00000000.f32",
    "a toy car that runs well: float32, 200 frames of 128 mel bands in dB",
    "reference_submissions/anomaly_detection/datasets/dcase01/"
    "normal_id_01_00000000_hist_librosa.bin",
    102_400,
    "31bc130d27e3732e1c09db946ccc7bfa130f98739bcd90cfa39d590f61f4d6fa",
    "MIT",
)
BANDS, FRAMES = 128, 5  # of a window, which is an input of the network
SILENT = -200.0
LEVELS = (0, 6, 12)  # dB above the recording's median
DRAWN = 6


def recording() -> NDArray[np.float64]:
    """Return the frames of the recording: float64 (200, 128)."""
    return np.fromfile(fetch_file(RECORDING), "<f4").reshape(-1, BANDS).astype(np.float64)


def disturbances(count: int, level: float) -> dict[str, NDArray[np.float64]]:
    """Return ``count`` frames, in dB, of each sound that may be added."""
    whistle, squeak, knock = (np.full((count, BANDS), SILENT) for _ in range(3))
    whistle[:, 60:63] = level
    for frame in range(count):
        lowest = 20 + 3 * frame % 90
        squeak[frame, lowest : lowest + 3] = level
    knock[::FRAMES] = level
    return {
        "whistle": whistle,
        "squeak": squeak,
        "knock": knock,
        "hiss": np.full((count, BANDS), level),
    }


def errors(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how badly the network redraws each window: the mean squared error in dB."""
    windows = np.lib.stride_tricks.sliding_window_view(frames, FRAMES, axis=0)
    windows = windows.transpose(0, 2, 1).reshape(-1, FRAMES * BANDS)
    with weft.Interpreter(fetch(MODEL)) as interpreter:
        [into], [out] = interpreter.get_input_details(), interpreter.get_output_details()
        scale, zero_point = into["quantization"]
        codes = np.clip(np.rint(windows / scale) + zero_point, -128, 127)
        interpreter.resize_tensor_input(into["index"], codes.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(into["index"], codes.astype(np.int8))
        interpreter.invoke()
        drawn_again = interpreter.get_tensor(out["index"]).astype(np.float64)
    heard = (codes - zero_point) * scale
    scale, zero_point = out["quantization"]
    return np.square((drawn_again - zero_point) * scale - heard).mean(1)


def curves(above: float) -> dict[str, Curve]:
    """Return the curve of each sound, ``above`` dB above the recording's median."""
    frames = recording()
    normal = errors(frames)
    found = {}
    for name, sound in disturbances(len(frames), float(np.median(frames)) + above).items():
        disturbed = errors(10 * np.log10(10 ** (frames / 10) + 10 ** (sound / 10)))
        anomaly = np.arange(2 * len(normal)) >= len(normal)
        found[name] = curve(np.concatenate([normal, disturbed]), anomaly)
    return found


def result() -> str:
    """Return the page's table."""
    levels = {level: curves(level) for level in LEVELS}
    rows = [
        [name, *(f"{area(each[name]):.2f}" for each in levels.values())] for name in levels[DRAWN]
    ]
    text = table(["added sound", *(f"{level} dB" for level in LEVELS)], rows)
    cycles = cost(fetch(MODEL))["cycles"]
    return f"{text}\n\nA window takes {cycles:,} cycles on `{CONFIG}` (predicted)."


if __name__ == "__main__":
    CURVES.write_text(drawn(curves(DRAWN)), encoding="utf-8")
    write_block(HERE / "README.md", result(), "mlperf")
    print(result())
