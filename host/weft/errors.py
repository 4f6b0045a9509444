"""Errors that users may meet, as types that a caller can tell apart."""

from collections.abc import Sequence

__all__ = [
    "BuildError",
    "CapacityError",
    "ConfigError",
    "DeviceMismatch",
    "LinkError",
    "ModelError",
    "NoSuchFile",
    "OpenShapeError",
    "WeftError",
    "WrongType",
]


class WeftError(Exception):
    """Base of every error that Weft raises on purpose; its message is one clear sentence."""


class ModelError(WeftError, ValueError, RuntimeError):
    """The model, or what it is fed, breaks a rule; the message says which layer and which rule.

    LiteRT and ONNX Runtime raise ValueError for some of that and RuntimeError for the rest, so
    that a script may be ready for either.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers, or of tensors, that break it; empty where it is the whole file.
    """

    def __init__(self, message: str = "", layers: Sequence[str] = ()):
        super().__init__(message)
        self.layers = tuple(layers)


class NoSuchFile(ModelError):
    """There is no model of that name."""


class OpenShapeError(ModelError):
    """The file leaves dimensions of an input open, and nothing gives them.

    Attributes
    ----------
    inputs : tuple of (name, dtype, shape)
        Every input; open dimensions are None.
    """

    def __init__(
        self, message: str = "", inputs: Sequence[tuple[str, str, tuple[int | None, ...]]] = ()
    ):
        super().__init__(message)
        self.inputs = tuple(inputs)


class ConfigError(WeftError, ValueError, RuntimeError):
    """There is no such configuration or option, or it breaks a rule."""


class WrongType(ModelError, ConfigError, TypeError):
    """An argument is of another type than asked for."""


class CapacityError(WeftError):
    """The model does not fit; the message gives needed and available bytes."""


class LinkError(WeftError):
    """The board did not answer, or answered with an error."""


class DeviceMismatch(WeftError):
    """Program and board were built for different configurations; both fingerprints are given."""


class BuildError(WeftError):
    """No bitstream came about; the message says at which stage, and where its log is."""
