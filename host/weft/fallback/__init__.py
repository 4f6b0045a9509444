"""Runs the unsupported head or tail of a network in ONNX Runtime or LiteRT."""

from weft.fallback.load import load_in_parts
from weft.fallback.parts import FallbackLayer, Outside
from weft.fallback.runner import FallbackRunner

__all__ = ["FallbackLayer", "FallbackRunner", "Outside", "load_in_parts"]
