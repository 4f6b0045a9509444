"""Fits the constants of the requantiser, and proves them exact."""
