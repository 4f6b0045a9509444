"""Whistled words, made by NumPy, and the features that networks of keywords look at."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["BANDS", "FRAMES", "WORDS", "clips", "features", "whistle"]

RATE = 8000  # samples a second
WORDS = ("silence", "rise", "fall", "steady", "warble", "knock")
FRAMES, BANDS = 49, 10  # of a second, as in MLPerf Tiny's keyword spotting
_WINDOW, _HOP = 320, 160


def whistle(word: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a second of the word, float64 (8000,), in noise; pitch, length and place vary."""
    length = int(rng.integers(3000, 6000))
    start = int(rng.integers(0, RATE - length))
    time = np.linspace(0, 1, length)
    low = rng.uniform(400, 800)
    high = low * rng.uniform(2, 3)
    pitch = {
        "rise": low + (high - low) * time,
        "fall": high + (low - high) * time,
        "steady": np.full(length, rng.uniform(low, high)),
        "warble": (low + high) / 2 + (high - low) / 2 * np.sin(2 * np.pi * 6 * time),
    }.get(WORDS[word])
    sound = np.zeros(RATE)
    if pitch is not None:
        sound[start : start + length] = np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
    elif WORDS[word] == "knock":
        for knock in range(3):
            at = start + knock * length // 4
            sound[at : at + 400] += 2 * rng.normal(size=400) * np.exp(-np.arange(400) / 80)
    return sound * rng.uniform(0.3, 1) + rng.normal(0, rng.uniform(0.02, 0.2), RATE)


def features(sound: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the loudness of each band in each frame, float32 (frames, 10) from 0 to 1."""
    count = (len(sound) - _WINDOW) // _HOP + 1
    at = np.arange(count)[:, None] * _HOP + np.arange(_WINDOW)
    power = np.abs(np.fft.rfft(sound[at] * np.hanning(_WINDOW))) ** 2
    edges = np.geomspace(6, power.shape[1] - 1, BANDS + 1).astype(int)
    loudness = np.log10(np.add.reduceat(power, edges[:-1], axis=1) + 1e-3)
    # In 255 steps, so that another computer's last bits make no difference.
    return (np.rint(255 * np.clip((loudness + 2) / 6, 0, 1)) / 255).astype(np.float32)


def clips(seed: int, each: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features, float32 (N, 1, 49, 10), and words of ``each`` clips of every word."""
    rng = np.random.default_rng(seed)
    words = np.tile(np.arange(len(WORDS)), each)
    return np.stack([features(whistle(word, rng))[None] for word in words]), words
