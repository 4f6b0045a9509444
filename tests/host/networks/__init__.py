"""Generators of random quantised networks, in both file formats."""
