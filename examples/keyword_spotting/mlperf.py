"""MLPerf Tiny's own keyword spotter, on words that a synthesiser says.

``python -m examples.keyword_spotting.mlperf``; the model is fetched unless it is here.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import weft
from numpy.typing import NDArray
from weft.models.public_models import PUBLIC_MODELS, fetch

from examples.speech import RATE, VOICES, speak
from examples.training import CONFIG, cost, table, write_block

HERE = Path(__file__).parent
MODEL = "kws_dscnn_int8"
CLASSES = PUBLIC_MODELS[MODEL].classes
WORDS = CLASSES[:10]
FRAME, STEP, FFT = 480, 320, 512  # 30 ms each 20 ms
BANDS, LOWEST, HIGHEST, CEPSTRA = 40, 20.0, 4000.0, 10


def mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return how high a pitch sounds."""
    return 1127 * np.log1p(np.asarray(hertz) / 700)


def features(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the network was trained on, float64 (1, 49, 10, 1), of a second of sound.

    Mel cepstra, as ``benchmark/training/keyword_spotting/get_dataset.py`` of MLPerf Tiny says.
    """
    frames = np.lib.stride_tricks.sliding_window_view(sound / sound.max(), FRAME)[::STEP]
    window = (1 - np.cos(2 * np.pi * np.arange(FRAME) / FRAME)) / 2
    spectrum = np.abs(np.fft.rfft(frames * window, FFT))
    edges = np.linspace(mel(LOWEST), mel(HIGHEST), BANDS + 2)
    pitch = mel(np.arange(FFT // 2 + 1) * RATE / FFT)[:, None]
    rising = (pitch - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - pitch) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(np.minimum(rising, falling), 0)
    bands = np.log(spectrum @ triangles + 1e-6)
    angles = np.pi * np.outer(np.arange(BANDS) + 0.5, np.arange(CEPSTRA)) / BANDS
    return (bands @ np.cos(angles) * np.sqrt(2 / BANDS))[None, :, :, None]


def heard() -> dict[str, Counter[str]]:
    """Return what the network takes each word for, over all voices."""
    found = {word: Counter[str]() for word in WORDS}
    with weft.Interpreter(fetch(MODEL)) as interpreter:
        interpreter.allocate_tensors()
        [into], [out] = interpreter.get_input_details(), interpreter.get_output_details()
        scale, zero_point = into["quantization"]
        for word in WORDS:
            for voice in VOICES:
                codes = np.rint(features(speak(word, voice)) / scale) + zero_point
                interpreter.set_tensor(into["index"], np.clip(codes, -128, 127).astype(np.int8))
                interpreter.invoke()
                found[word][CLASSES[interpreter.get_tensor(out["index"]).argmax()]] += 1
    return found


def result() -> str:
    """Return the page's table."""
    found, voices = heard(), len(VOICES)
    rows = [
        [word, count[word], ", ".join(f"{k} {n}" for k, n in sorted(count.items()) if k != word)]
        for word, count in found.items()
    ]
    text = table(["word", f"recognised, of {voices} voices", "else taken for"], rows)
    right = sum(count[word] for word, count in found.items()) / (voices * len(WORDS))
    cycles = cost(fetch(MODEL))["cycles"]
    return (
        f"{text}\n\nOf all, {100 * right:.0f} % are recognised; a guess among twelve classes gives "
        f"8 %. A clip takes {cycles:,} cycles on `{CONFIG}` (predicted)."
    )


if __name__ == "__main__":
    write_block(HERE / "README.md", result(), "mlperf")
    print(result())
