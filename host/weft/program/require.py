"""Rules that a program has to keep."""

from weft.errors import ModelError

__all__ = ["require"]


def require(holds: bool, rule: str) -> None:
    """Raise :class:`ModelError` with ``rule`` unless it holds."""
    if not holds:
        raise ModelError(rule)
