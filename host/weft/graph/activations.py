"""Activation functions that are part of another operator."""

from collections.abc import Mapping
from math import inf

__all__ = ["ACTIVATIONS"]

# Real numbers between which each clamps.
ACTIVATIONS: Mapping[str, tuple[float, float]] = {
    "NONE": (-inf, inf),
    "RELU": (0.0, inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
