"""Reads TFLite files."""
