"""Which of LiteRT's engines is meant."""

from enum import Enum
from typing import Any

from weft.errors import ConfigError

__all__ = ["OpResolverType", "engine_of", "load_delegate"]

_ENGINES = ("xnnpack", "reference")


class OpResolverType(Enum):
    """LiteRT's engines, which differ in their bits: XNNPACK, and the reference kernels."""

    AUTO = 0
    BUILTIN = 1
    BUILTIN_REF = 2
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


def load_delegate(library: str, options: Any = None) -> None:
    """Refuse: a delegate would compute with other bits."""
    raise ConfigError(f"Weft runs no delegates, such as {library}; device= says where to run")


def engine_of(resolver: Any, like: str | None) -> str:
    """Return whose bits are wanted: the engine that LiteRT would take."""
    name = getattr(resolver, "name", None)
    if name not in OpResolverType.__members__:  # LiteRT's own type will do
        raise ConfigError(f"{resolver!r} is no OpResolverType")
    if name == "BUILTIN_WITHOUT_DEFAULT_DELEGATES":
        raise ConfigError("Weft reproduces XNNPACK and the reference kernels, no others of LiteRT")
    engine = "reference" if name == "BUILTIN_REF" else "xnnpack"
    if like is None:
        return engine
    if like not in _ENGINES:
        raise ConfigError(f"like must be one of {', '.join(_ENGINES)}, not {like!r}")
    if name == "BUILTIN_REF" and like != "reference":
        raise ConfigError("BUILTIN_REF are the reference kernels, and like says xnnpack")
    return like
