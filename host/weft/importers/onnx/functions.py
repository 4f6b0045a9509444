"""Functions that an ONNX model defines: their nodes in place of their calls."""

from typing import Any

from weft.errors import ModelError
from weft.importers.onnx.schemas import schema_of

__all__ = ["inline_functions"]

_MOST_NODES = 1 << 17
_ONNX = ("", "ai.onnx")
_OPERATORS = ("ai.onnx", "com.microsoft", "com.ms.")  # how ONNX Runtime's own domains begin


def inline_functions(model: Any) -> Any:
    """Return ``model`` with the functions that it defines in place of their calls.

    Raises
    ------
    ModelError
        If a function calls itself, has the domain of operators, or is of another opset in which
        its operators mean something else; if their nodes would be too many; or if ``onnx`` cannot
        do it.
    """
    from onnx import inliner

    if not model.functions:
        return model
    for function in model.functions:
        # Where it has an operator of that name, ONNX Runtime takes that one.
        domain = function.domain or "ai.onnx"
        if domain.startswith(_OPERATORS):
            raise ModelError(f"its function {function.name} is in {domain}, a domain of operators")
        _take_opset(model, function)
    _write_defaults(model)
    functions = {(f.domain, f.name, f.overload): f for f in model.functions}
    sizes: dict[Any, int] = {}

    def size(nodes: Any, above: tuple[Any, ...]) -> int:
        total = len(nodes)
        for node in nodes:
            key = (node.domain, node.op_type, node.overload)
            if key not in functions:
                continue
            if key in above or len(above) > 64:
                raise ModelError(f"function {node.op_type} calls itself")
            if key not in sizes:
                sizes[key] = size(functions[key].node, (*above, key))
            total += sizes[key]
        return total

    if size(model.graph.node, ()) > _MOST_NODES:
        raise ModelError(f"its functions have more than {_MOST_NODES} nodes together")
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # the package raises what its C++ side threw
        raise ModelError(f"its functions cannot be inlined ({error})") from error


def _take_opset(model: Any, function: Any) -> None:
    """Give ``function`` the opset of ``model``, where its operators mean the same in both.

    The model imports its other domains then, too.
    """
    known = {x.domain for x in model.opset_import}
    model.opset_import.extend(x for x in function.opset_import if x.domain not in known)
    opset, own = _onnx_version(model), _onnx_version(function)
    if own == opset or not own:
        return
    for node in function.node:
        if node.domain in _ONNX:
            versions = [schema_of(node.op_type, x) for x in (own, opset)]
            if len({x and x.version for x in versions}) > 1:
                raise ModelError(
                    f"its function {function.name} has {node.op_type} of opset {own}, which is "
                    f"another one in opset {opset} of the model"
                )
    for entry in function.opset_import:
        if entry.domain in _ONNX:
            entry.version = opset


def _onnx_version(owner: Any) -> int:
    """Return the version of ONNX's operators in a model or function; 0 if it has none."""
    return max((x.version for x in owner.opset_import if x.domain in _ONNX), default=0)


def _write_defaults(model: Any) -> None:
    """Give calls of functions the attributes that they leave out: ``onnx``'s inliner drops them."""
    functions = {(f.domain, f.name, f.overload): f for f in model.functions}
    for nodes in (model.graph.node, *(f.node for f in model.functions)):
        for node in nodes:
            function = functions.get((node.domain, node.op_type, node.overload))
            given = {attribute.name: attribute.ref_attr_name for attribute in node.attribute}
            for default in function.attribute_proto if function is not None else ():
                if given.get(default.name):
                    raise ModelError(
                        f"its function {node.op_type} is given attribute {default.name}, which has "
                        "a default, by another function"
                    )
                if default.name not in given:
                    node.attribute.add().CopyFrom(default)
