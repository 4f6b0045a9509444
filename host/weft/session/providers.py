"""Execution providers: what ONNX Runtime calls the places where a model can run."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from weft.errors import ConfigError

__all__ = [
    "CPU",
    "WEFT",
    "Providers",
    "get_available_providers",
    "get_device",
    "provider_options_of",
]

WEFT, CPU = "WeftExecutionProvider", "CPUExecutionProvider"
Providers = Sequence[str | tuple[str, Mapping[Any, Any]]]
_OPTIONS = ("device", "config")


def get_available_providers() -> list[str]:
    """Return the accelerator, and the host that runs what it does not."""
    return [WEFT, CPU]


def get_device() -> str:
    """Return ``"CPU"``: arrays are fed from and returned to the host's memory."""
    return "CPU"


def provider_options_of(
    providers: Providers | None,
    provider_options: Sequence[Mapping[Any, Any]] | None,
) -> dict[str, str]:
    """Return what is asked of Weft's provider: ``device`` and ``config``.

    A provider that is not available is passed over with a warning, as in ONNX Runtime; so are
    options of the CPU's.

    Raises
    ------
    ConfigError
        If the arguments are no sequences of names and options, or an option is unknown.
    """
    names = [providers] if isinstance(providers, str) else providers or []
    if not isinstance(names, Sequence):
        raise ConfigError(f"providers are a list of names, not {type(names).__name__}")
    if provider_options is not None:
        if not isinstance(provider_options, Sequence) or len(provider_options) != len(names):
            raise ConfigError("provider_options must be a list as long as providers")
        names = list(zip(names, provider_options, strict=True))
    found: dict[str, str] = {}
    for entry in names:
        name, options = (entry, {}) if isinstance(entry, str) else _pair(entry)
        if name not in (WEFT, CPU):
            available = ", ".join(get_available_providers())
            warnings.warn(f"provider {name!r} is not available, only {available}", stacklevel=3)
        elif name == WEFT:
            for key, value in options.items():
                if key not in _OPTIONS:
                    raise ConfigError(f"{WEFT} has the options device and config, not {key!r}")
                found[key] = str(value)
    return found


def _pair(entry: Any) -> tuple[str, Mapping[Any, Any]]:
    match entry:
        case (str() as name, Mapping() as options):
            return name, options
    raise ConfigError(f"a provider is a name, or a name and its options, not {entry!r}")
