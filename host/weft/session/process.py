"""What scripts for ONNX Runtime ask of it as a whole."""

from weft.errors import ConfigError, WrongType
from weft.session.providers import CPU, WEFT

__all__ = [
    "disable_telemetry_events",
    "enable_telemetry_events",
    "get_all_providers",
    "get_build_info",
    "get_version_string",
    "has_collective_ops",
    "preload_dlls",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "set_global_thread_pool_sizes",
    "set_seed",
]


def get_all_providers() -> list[str]:
    """Return the names of all providers that there are."""
    return [WEFT, CPU]


def get_version_string() -> str:
    """Return the version of Weft."""
    from weft import __version__

    return __version__


def get_build_info() -> str:
    """Return what this is, for a log."""
    return f"Weft {get_version_string()}"


def has_collective_ops() -> bool:
    """Return False: devices do not compute together."""
    return False


def set_default_logger_severity(severity: int) -> None:
    """Take a severity from 0 to 4; Weft keeps no log."""
    _require_number("a severity", severity)
    if not 0 <= severity <= 4:
        raise ConfigError(f"a severity is from 0 (verbose) to 4 (fatal), not {severity}")


def set_default_logger_verbosity(verbosity: int) -> None:
    """Take a number; Weft keeps no log."""
    _require_number("a verbosity", verbosity)


def set_seed(seed: int) -> None:
    """Take a number; nothing is random."""
    _require_number("a seed", seed)


def set_global_thread_pool_sizes(intra_op: int, inter_op: int) -> None:
    """Do nothing: threads are the host's own."""


def enable_telemetry_events() -> None:
    """Do nothing: nobody is told of anything."""


def disable_telemetry_events() -> None:
    """Do nothing, as :func:`enable_telemetry_events`."""


def preload_dlls(
    cuda: bool = True, cudnn: bool = True, msvc: bool = True, directory: str | None = None
) -> None:
    """Do nothing: there are no such libraries."""


def _require_number(what: str, value: object) -> None:
    if not isinstance(value, int):
        raise WrongType(f"{what} is a number, not {value!r}")
