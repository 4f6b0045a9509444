"""Options of sessions and runs, in the shape of ONNX Runtime's."""

import warnings
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum, IntEnum
from typing import Any

from weft.errors import ConfigError, WrongType

__all__ = [
    "ExecutionMode",
    "ExecutionOrder",
    "GraphOptimizationLevel",
    "RunOptions",
    "SessionOptions",
]

_MOST = 1 << 31  # of a number in C
_LONGEST_KEY = 1024


class NoSuchOption(ConfigError, AttributeError):
    """There is no option or entry of that name; ONNX Runtime raises one of the latter two."""


class ExecutionMode(IntEnum):
    """How ONNX Runtime would order nodes; Weft has an order of its own."""

    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1

    __str__ = Enum.__str__


class ExecutionOrder(IntEnum):
    """As :class:`ExecutionMode`."""

    DEFAULT = 0
    PRIORITY_BASED = 1
    MEMORY_EFFICIENT = 2

    __str__ = Enum.__str__


class GraphOptimizationLevel(IntEnum):
    """From ``ORT_ENABLE_EXTENDED`` on, quantised layers are integer kernels: Weft's bits."""

    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_LAYOUT = 3
    ORT_ENABLE_ALL = 99

    __str__ = Enum.__str__


@dataclass
class _Options:
    """Attributes of fixed names and types, and entries of free text."""

    _entries: dict[str, str] = field(default_factory=dict, init=False)

    def __setattr__(self, name: str, value: Any) -> None:
        known = {option.name: option.default for option in fields(self)}
        owner = type(self).__name__
        if name not in known:
            raise NoSuchOption(f"{owner} has no option {name}")
        kind = type(known[name])
        if kind is not type(MISSING):
            if not (type(value) is kind or (kind in (int, bool) and type(value) in (int, bool))):
                raise WrongType(f"{owner}.{name} must be {kind.__name__}, not {value!r}")
            if kind is int and not -_MOST <= value < _MOST:
                raise WrongType(f"{owner}.{name} must have 32 bits, not {value!r}")
            value = kind(value)
        super().__setattr__(name, value)

    def _add(self, key: str, value: str) -> None:
        if not isinstance(key, str) or not isinstance(value, str):
            raise WrongType(f"an entry is a name and a text, not {key!r} and {value!r}")
        if not 0 < len(key) <= _LONGEST_KEY:
            raise ConfigError(f"an entry's name has 1 to {_LONGEST_KEY} characters, not {len(key)}")
        self._entries[key] = value

    def _get(self, key: str) -> str:
        if key not in self._entries:
            raise NoSuchOption(f"{type(self).__name__} has no entry {key!r}")
        return self._entries[key]


@dataclass
class SessionOptions(_Options):
    """Options that a script sets before it opens a session.

    ``enable_profiling`` with ``profile_file_prefix``, and dimensions by name, have their meaning.
    What ONNX Runtime does with threads, memory and logs has none here. A
    ``graph_optimization_level`` below ``ORT_ENABLE_EXTENDED`` warns: the runtime would compute in
    float32, and Weft keeps the integer kernels' bits.
    """

    enable_cpu_mem_arena: bool = True
    enable_mem_pattern: bool = True
    enable_mem_reuse: bool = True
    enable_profiling: bool = False
    execution_mode: ExecutionMode = ExecutionMode.ORT_SEQUENTIAL
    execution_order: ExecutionOrder = ExecutionOrder.DEFAULT
    graph_optimization_level: GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL
    inter_op_num_threads: int = 0
    intra_op_num_threads: int = 0
    log_severity_level: int = -1
    log_verbosity_level: int = 0
    logid: str = ""
    optimized_model_filepath: str = ""
    profile_file_prefix: str = "weft_profile_"
    use_deterministic_compute: bool = False
    use_per_session_threads: bool = True
    _sizes: dict[str, int] = field(default_factory=dict, init=False)
    _denoted: dict[str, int] = field(default_factory=dict, init=False)
    _providers: list[tuple[str, dict[str, str]]] = field(default_factory=list, init=False)

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Keep an entry; all but ``session.disable_quant_qdq`` are without meaning."""
        self._add(key, value)

    def get_session_config_entry(self, key: str) -> str:
        """Return an entry."""
        return self._get(key)

    def add_free_dimension_override_by_name(self, name: str, size: int) -> None:
        """Let open dimensions called ``name`` be ``size``."""
        self._sizes[name] = _size(name, size)

    def add_free_dimension_override_by_denotation(self, denotation: str, size: int) -> None:
        """Let open dimensions that mean ``denotation`` be ``size``."""
        self._denoted[denotation] = _size(denotation, size)

    def add_provider(self, name: str, options: dict[str, str]) -> None:
        """Name a provider, as a session's ``providers`` do."""
        self._providers.append((name, dict(options)))

    def has_providers(self) -> bool:
        """Whether providers were named here."""
        return bool(self._providers)

    @property
    def providers(self) -> list[tuple[str, dict[str, str]]]:
        """Providers that were named here."""
        return list(self._providers)

    def add_initializer(self, name: str, value: object) -> None:
        """Refuse: constants are compiled."""
        raise ConfigError(f"constant {name} is that of the file; Weft takes no other")

    def add_external_initializers(self, names: object, values: object) -> None:
        """Refuse: constants are compiled."""
        raise ConfigError("constants are those of the file; Weft takes no others")

    def register_custom_ops_library(self, path: str) -> None:
        """Refuse: operators are gateware or golden model."""
        raise ConfigError(f"Weft runs no operators of a library, such as {path}")

    def dimensions(self, denotations: Mapping[str, str]) -> dict[str, int]:
        """Return the sizes of open dimensions by name; ``denotations`` says what names mean."""
        meant = {
            name: self._denoted[meaning]
            for name, meaning in denotations.items()
            if meaning in self._denoted
        }
        return meant | self._sizes

    def warn(self) -> None:
        """Warn where the runtime would leave its integer kernels, or write a file."""
        level = self.graph_optimization_level
        why = None
        if level < GraphOptimizationLevel.ORT_ENABLE_EXTENDED:
            why = level.name
        if self._entries.get("session.disable_quant_qdq") == "1":
            why = "session.disable_quant_qdq"
        if why is not None:
            warnings.warn(
                f"with {why} ONNX Runtime computes in float32; Weft gives its integer kernels' "
                "values",
                stacklevel=3,
            )
        if self.optimized_model_filepath:
            warnings.warn(
                f"Weft writes no optimised ONNX model to {self.optimized_model_filepath}",
                stacklevel=3,
            )


@dataclass
class RunOptions(_Options):
    """Options for one run; ``terminate`` refuses it, the others have no effect."""

    log_severity_level: int = -1
    log_verbosity_level: int = 0
    logid: str = ""
    only_execute_path_to_fetches: bool = False
    terminate: bool = False
    training_mode: bool = False

    def add_run_config_entry(self, key: str, value: str) -> None:
        """Keep an entry."""
        self._add(key, value)

    def get_run_config_entry(self, key: str) -> str:
        """Return an entry."""
        return self._get(key)


def _size(name: str, size: int) -> int:
    if type(size) is not int:
        raise WrongType(f"the size of dimension {name} must be int, not {size!r}")
    return size
