"""Reads ONNX files."""
