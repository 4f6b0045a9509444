"""Runs the unsupported head or tail of a network in ONNX Runtime or LiteRT."""

from weft.runtime.fallback.load import load_in_parts
from weft.runtime.fallback.parts import FallbackLayer, Outside
from weft.runtime.fallback.runner import FallbackRunner

__all__ = ["FallbackLayer", "FallbackRunner", "Outside", "load_in_parts"]
