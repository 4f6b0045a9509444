"""What can go wrong, as types that a caller can tell apart."""

__all__ = [
    "CapacityError", "ConfigError", "DeviceMismatch", "LinkError", "ModelError", "WeftError",
]  # fmt: skip


class WeftError(Exception):
    """Base of every error that Weft raises on purpose; its message is one clear sentence."""


class ModelError(WeftError):
    """The model breaks a rule; the message says which layer and which rule."""


class ConfigError(WeftError):
    """There is no such configuration, or it breaks a rule."""


class CapacityError(WeftError):
    """The model does not fit; the message gives needed and available bytes."""


class LinkError(WeftError):
    """The board did not answer, or answered with an error."""


class DeviceMismatch(WeftError):
    """Program and board were built for different configurations; both fingerprints are given."""
