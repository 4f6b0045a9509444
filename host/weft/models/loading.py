"""From what a user names as a model to a graph or a program."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from weft.compiler import compile_graph
from weft.configuration import DEFAULT_CONFIG, ConfigChoice, get_config
from weft.errors import ConfigError, ModelError, NoSuchFile, WrongType
from weft.graph import Graph
from weft.importers import load_model
from weft.program import Program

__all__ = ["ModelSource", "compile", "find_model", "load", "require_exact"]

ModelSource = str | os.PathLike[str] | bytes | Graph | Program

_SUFFIXES = ("", ".tflite", ".onnx", ".weft")


def find_model(model: str | os.PathLike[str]) -> Path:
    """Return the file that ``model`` names.

    A path of its own comes first, then the bundled model ``digits``, then a file in the folder
    ``WEFT_MODELS``, with or without its suffix, then what ``weft models get`` has fetched.

    Raises
    ------
    NoSuchFile
        If there is no such file.
    ModelError
        If it cannot be read.
    """
    if not isinstance(model, str | os.PathLike):
        found = type(model).__name__
        raise WrongType(f"a model is a path, bytes, a Graph or a Program, not {found}")
    if not os.fspath(model):
        raise WrongType("the path of the model is empty")
    path = Path(model)
    try:
        if path.is_file():
            return path
    except OSError as error:  # a folder that may not be entered, a name that is too long
        raise ModelError(f"cannot read {path}: {error.strerror}") from None
    if path.is_dir():
        raise ModelError(f"{path} is a directory; give a .tflite, .onnx or .weft file")
    if str(model) == "digits":
        from weft.models.digits import MODEL

        return MODEL
    folder = os.environ.get("WEFT_MODELS")
    if folder and path.name == str(path):
        for suffix in _SUFFIXES:
            candidate = Path(folder, path.name + suffix)
            if candidate.is_file():
                return candidate
    from weft.models.public_models import PUBLIC_MODELS, locate

    if public := PUBLIC_MODELS.get(str(model)):
        if found := locate(public):
            return found
        raise NoSuchFile(f"{model} is not here yet: weft models get {model}")
    from weft.models.nearby import suggest

    raise NoSuchFile(f"there is no model {model}{suggest(path.name)}")


def load(
    model: ModelSource,
    config: ConfigChoice = None,
    rounding: str | None = None,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
) -> Graph | Program:
    """Return the graph of a model, or the program in a ``.weft`` file.

    Raises
    ------
    OpenShapeError
        If an input's shape is open and ``shapes`` does not give it.
    ModelError
        If the file is missing or malformed, or ``rounding`` is given for a program.
    ConfigError
        If ``config`` is unknown, or not the one that a program was compiled for.
    """
    wanted = None if config is None else get_config(config)
    if isinstance(model, Graph):
        return model
    if isinstance(model, bytes):
        return load_model(model, rounding, shapes)
    if not isinstance(model, Program):
        path = find_model(model)
        if path.suffix != ".weft":
            return load_model(path, rounding, shapes)
        model = Program.load(path)
    if shapes:
        raise ModelError("a program was compiled for the shapes that it has")
    if rounding is not None and rounding != model.graph.runtime:
        raise ModelError(f"the program was compiled for rounding {model.graph.runtime}")
    if wanted is not None and wanted != model.config:
        raise ConfigError(f"the program was compiled for {model.config.name}, not {wanted.name}")
    return model


def require_exact(loaded: Graph | Program) -> None:
    """Refuse a network with float islands, whose results are not the runtime's bit for bit.

    Raises
    ------
    ModelError
        Which names their layers.
    """
    graph = loaded if isinstance(loaded, Graph) else loaded.graph
    names = [node.name for node in graph.islands]
    if names:
        raise ModelError(
            f"{graph.name} is not exact: ONNX Runtime computes layers of it in float32, whose sums "
            f"no integers follow bit for bit: {', '.join(names)}",
            names,
        )


def compile(
    model: str | os.PathLike[str] | bytes | Graph,
    config: ConfigChoice = DEFAULT_CONFIG,
    rounding: str | None = None,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
    *,
    exact: bool = False,
) -> Program:
    """Compile a model for one accelerator.

    Parameters
    ----------
    model : path, bytes or Graph
        A ``.tflite`` or ONNX file, what it holds, or a known name.
    config : Config, str or Path
        A configuration, the name of one, or a ``.toml`` file.
    rounding : str, optional
        Whose bits to reproduce; see :func:`weft.importers.load_model`.
    shapes : mapping, optional
        Shapes of inputs whose dimensions the file leaves open; None stays open.
    exact : bool
        Refuse float islands: see :func:`require_exact`.

    Raises
    ------
    ModelError, ConfigError, CapacityError
    """
    graph = load(model, None, rounding, shapes)
    if isinstance(graph, Program):
        raise ModelError(f"{model} is compiled already")
    if exact:
        require_exact(graph)
    return compile_graph(graph, get_config(config))
