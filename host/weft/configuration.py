"""Configurations by name, or from a ``.toml`` file of :class:`Config`'s fields."""

import json
import os
import tomllib
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from weft_hw.contract import config as contract
from weft_hw.contract.config import CONFIGS, Config

from weft.errors import ConfigError
from weft.text import printable, read_text_bytes

__all__ = ["DEFAULT_CONFIG", "ConfigChoice", "get_config", "read_config", "write_config"]

DEFAULT_CONFIG = "ulx3s-85f"
ConfigChoice = str | Path | Config | None
_KINDS = {str: "a text", int: "a whole number", bool: "true or false"}


def get_config(choice: ConfigChoice = None) -> Config:
    """Return the configuration that ``choice`` stands for.

    Parameters
    ----------
    choice : Config, str, Path or None
        A configuration, the name of one, or a ``.toml`` file; None stands for the default.

    Raises
    ------
    ConfigError
        If there is none, or a file breaks a rule; one sentence says which.
    """
    if isinstance(choice, Config):
        return choice
    if choice is None:
        return CONFIGS[DEFAULT_CONFIG]
    if not isinstance(choice, str | os.PathLike):
        found = type(choice).__name__
        raise ConfigError(f"a configuration is a name, a .toml file or a Config, not {found}")
    if str(choice) in CONFIGS:
        return CONFIGS[str(choice)]
    if Path(choice).suffix == ".toml":
        return read_config(Path(choice))
    raise ConfigError(
        f"there is no configuration {str(choice)!r}; choose from {', '.join(CONFIGS)}, "
        f"or give a .toml file"
    )


def read_config(path: Path) -> Config:
    """Read a configuration from a TOML file.

    A key is a field of :class:`Config`. ``base`` names the configuration that other fields are
    taken from; without it they have their defaults. ``name`` is the file's own by default.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a key or value breaks a rule.
    """
    try:
        table = tomllib.loads(read_text_bytes(path).decode())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is not TOML of this kind: it is nested too deeply") from None
    except ValueError as error:  # of the parser, of UTF-8, of numbers with thousands of digits
        raise ConfigError(f"{path} is not TOML: {error}") from None
    known = {field.name: field for field in fields(Config)}
    base = table.pop("base", None)
    if base is not None and (not isinstance(base, str) or base not in CONFIGS):
        raise ConfigError(f"{path}: base must be one of {', '.join(CONFIGS)}, not {base!r}")
    for key, value in table.items():
        if key not in known:
            close = get_close_matches(key, [*known, "base"], 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise ConfigError(f"{path}: a configuration has no field {key!r}; {hint}")
        kind = type_of(known[key])
        if type(value) is not kind:
            raise ConfigError(f"{path}: {key} must be {_KINDS[kind]}, not {value!r}")
    values = {} if base is None else {name: getattr(CONFIGS[base], name) for name in known}
    values |= {"name": printable(path.stem), **table}
    try:
        config = Config(**values)
    except contract.ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if CONFIGS.get(config.name, config) != config:
        raise ConfigError(f"{path}: the name {config.name} belongs to another configuration")
    return config


def write_config(config: Config) -> str:
    """Return the TOML of every field; :func:`read_config` reads the same configuration."""
    lines = []
    for field in fields(Config):
        value = getattr(config, field.name)
        lines.append(f"{field.name} = {json.dumps(value)}")  # the same notation as TOML's
    return "\n".join(lines) + "\n"


def type_of(field: "Field[Any]") -> type:
    """Return the type of a field: that of its default, or text where it has none."""
    return str if field.default is MISSING else type(field.default)
