"""Lattice ECP5 behind the portable signatures."""
