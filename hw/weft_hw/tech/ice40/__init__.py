"""Lattice iCE40 UltraPlus behind the portable signatures."""
