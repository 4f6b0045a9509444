"""Finds and loads models; the bundled digits and the known public ones."""
