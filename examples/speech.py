"""Words that eSpeak NG says: a synthesiser, so nothing is recorded or downloaded."""

import ctypes
from typing import Any

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE", "VOICES", "speak"]

RATE = 16_000  # samples a second
VOICES = (
    *("en", "en-us", "en-gb-x-rp", "en-gb-scotland"),
    *("en-us+m3", "en-us+m7", "en-us+f2", "en-us+f4", "en-us+Annie", "en-us+Alex"),
)
# Numbers of eSpeak NG's speak_lib.h.
_SYNCHRONOUS, _SPEED, _UTF8 = 2, 1, 1
_WORDS_A_MINUTE, _SILENT = 150, 30
_Samples = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Synthesiser:
    """eSpeak NG's library, which gives samples to a callback."""

    def __init__(self):
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0)
        self._pieces: list[NDArray[np.int16]] = []
        self._callback = _Samples(self._take)  # kept, since the library does not
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_SetParameter(_SPEED, _WORDS_A_MINUTE, 0)

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, word: str, voice: str) -> NDArray[np.float64]:
        """Return the samples of ``word``, at ``rate``."""
        self._pieces.clear()
        text = word.encode()
        if self._library.espeak_SetVoiceByName(voice.encode()) or self._library.espeak_Synth(
            text, len(text) + 1, 0, 1, 0, _UTF8, None, None
        ):
            raise RuntimeError(f"eSpeak NG does not say {word} as {voice}")
        return np.concatenate(self._pieces).astype(np.float64)


_synthesiser: _Synthesiser | None = None


def speak(word: str, voice: str) -> NDArray[np.float64]:
    """Return a second of ``word``, in its middle: float64 (16000,), as loud as int16."""
    global _synthesiser
    if _synthesiser is None:
        _synthesiser = _Synthesiser()
    said = _synthesiser.say(word, voice)
    count = round(len(said) * RATE / _synthesiser.rate)
    sound = np.fft.irfft(np.fft.rfft(said)[: count // 2 + 1], count) * count / len(said)
    loud = np.flatnonzero(np.abs(sound) > _SILENT)
    sound = sound[loud[0] : loud[-1] + 1][:RATE]
    before = (RATE - len(sound)) // 2
    return np.pad(sound, (before, RATE - len(sound) - before))
