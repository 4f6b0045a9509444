"""The four MLPerf Tiny models and what to feed them: real samples, then random ones."""

import os
from pathlib import Path

import numpy as np
import pytest

__all__ = ["MODELS", "NAMES", "SEED", "inputs_of"]

MODELS = Path(os.environ.get("WEFT_MODELS", "models"))
NAMES = ("ad_autoencoder_int8", "ic_resnet8_int8", "kws_dscnn_int8", "vww_mobilenet_int8")
SEED = 20261122


def photographs(side: int) -> np.ndarray:
    """Real pictures from scikit-learn and scikit-image, uint8 (count, side, side, 3)."""
    data = pytest.importorskip("skimage.data")
    transform = pytest.importorskip("skimage.transform")
    pictures = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    resized = [
        transform.resize(p, (side, side), preserve_range=True, anti_aliasing=True) for p in pictures
    ]
    return np.stack(resized).round().clip(0, 255).astype(np.uint8)


def real_inputs(name: str, scale: float, zero_point: int) -> np.ndarray:
    if name.startswith("kws"):
        return np.load(MODELS / "kws_input_i8.npy")
    if name.startswith("ad"):
        raw = np.fromfile(MODELS / "ad_logmel_normal_id_01_00000000.f32.bin", "<f4")
        frames = raw.reshape(200, 128)
        windows = np.stack([frames[i : i + 5].reshape(-1) for i in range(0, 196, 28)])
        return np.clip(np.rint(windows / scale) + zero_point, -128, 127).astype(np.int8)
    pixels = photographs(32 if name.startswith("ic") else 96)
    return (pixels.astype(np.int16) - 128).astype(np.int8)


def inputs_of(graph, name: str, count: int) -> np.ndarray:
    tensor = graph.tensors[graph.inputs[0]]
    step = tensor.quantization
    real = real_inputs(name, float(step.scale[0]), int(step.zero_point[0]))
    print(f"seed {SEED}")
    rng = np.random.default_rng(SEED)
    random = rng.integers(-128, 128, (count, *tensor.shape[1:])).astype(np.int8)
    return np.concatenate([real, random])
