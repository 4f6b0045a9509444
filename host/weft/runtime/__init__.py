"""Runs programs: on devices, on the golden model, in streams of images."""
