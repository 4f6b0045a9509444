"""Blocks in which the host computes between layers, so that a network runs in several parts."""

from networks.plan import Planner, QParams

__all__ = ["HOST_STEPS", "split"]

FINEST = 1e-6  # of an input's scale: LiteRT aborts on a softmax whose scale is next to nothing


def soften(p: Planner, value: int) -> int:
    """Take the softmax over channels, which is the host's work."""
    return p.add("softmax", (value,), p.plan.shape_of(value), QParams(1 / 256, -128))


def split(p: Planner, value: int, kind: str) -> int | None:
    """One part by the accelerator, and one that is or was the host's; both meet, or one goes on."""
    from networks.layers import extend_same, join, pair

    if p.plan.shape_of(value)[3] > 96:
        return None
    left = extend_same(p, value)
    if p.plan.step_of(left).scale < FINEST:
        return left
    right = soften(p, left)
    if p.rng.random() < 0.2:  # between two layers
        return extend_same(p, right)
    if p.rng.random() < 0.5:
        right = extend_same(p, right)
    if p.rng.random() < 0.3:  # a second reader of what the parts share
        left = extend_same(p, left)
    values = (left, right) if p.rng.random() < 0.5 else (right, left)
    return join(p, *values) if p.rng.random() < 0.6 else pair(p, values, "add")


HOST_STEPS = {"split": split}
