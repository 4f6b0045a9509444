"""Passes over the graph, in the order in which they run."""

from weft.compiler.passes.fold import fold_moves, fold_padding

__all__ = ["PASSES"]

PASSES = (fold_padding, fold_moves)
