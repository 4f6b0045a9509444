"""Attributes of a node: each is understood, or refused by name."""

from collections.abc import Mapping
from typing import Any

from weft.errors import ModelError
from weft.importers.onnx.declarations import DECLARATIONS, Attributes, Declaration
from weft.importers.onnx.messages import attribute_value
from weft.importers.onnx.schemas import schema_of

__all__ = ["is_declared", "opsets_of", "read_attributes"]

_ALIASES: Mapping[str, str] = {"ai.onnx": ""}
# Types of ONNX Runtime's attributes whose default is None.
_INTEGERS = ("dilations", "kernel_shape", "pads", "strides")


def opsets_of(model: Any) -> dict[str, int]:
    """Return the version of each domain that ``model`` imports.

    Raises
    ------
    ModelError
        If a domain has two versions, or ONNX's own is newer than the ``onnx`` package.
    """
    from onnx import defs

    opsets: dict[str, int] = {}
    for entry in model.opset_import:
        domain = _ALIASES.get(entry.domain, entry.domain)
        if opsets.setdefault(domain, entry.version) != entry.version:
            raise ModelError(f"the model imports two versions of domain {domain or 'ai.onnx'}")
    if opsets.get("", 1) > defs.onnx_opset_version():
        raise ModelError(
            f"opset {opsets['']} is not supported: the installed onnx package knows opsets up to "
            f"{defs.onnx_opset_version()}"
        )
    return opsets


def is_declared(node: Any) -> bool:
    """Whether the operator of ``node`` is known at all."""
    return (_ALIASES.get(node.domain, node.domain), node.op_type) in DECLARATIONS


def read_attributes(node: Any, opsets: Mapping[str, int]) -> Attributes:
    """Return the attributes of ``node``, once everything in it is known to be understood.

    Raises
    ------
    ModelError
        Naming what is not: the operator, its domain, its version, or an attribute whose value
        is not the default one.
    """
    domain = _ALIASES.get(node.domain, node.domain)
    name = f"{domain}.{node.op_type}" if domain else node.op_type
    declared = DECLARATIONS.get((domain, node.op_type))
    if declared is None:
        raise ModelError(f"operator {name} is not supported")
    if domain not in opsets:
        raise ModelError(f"the model does not import the domain of operator {name}")
    if domain:
        return _contrib_attributes(node, name, declared, opsets[domain])
    return _onnx_attributes(node, name, declared, opsets[domain])


def _onnx_attributes(node: Any, name: str, declared: Declaration, opset: int) -> Attributes:
    from onnx import AttributeProto

    schema = schema_of(node.op_type, opset)
    if schema is None:
        raise ModelError(f"opset {opset} has no operator {name}")
    version = schema.version
    if version not in declared.versions or schema.deprecated:
        raise ModelError(f"operator {name} of opset {version} is not supported")
    inputs, outputs = len(node.input), len(node.output)
    if inputs not in schema.inputs or outputs > schema.most_outputs:
        raise ModelError(
            f"{name} of opset {version} cannot have {inputs} inputs and {outputs} outputs"
        )
    values = dict(schema.defaults)
    for attribute in node.attribute:
        key = attribute.name
        kind = schema.kinds.get(key)
        if kind is None:
            raise ModelError(f"{name} of opset {version} has no attribute {key}")
        if attribute.ref_attr_name or attribute.type != getattr(AttributeProto, kind):
            raise ModelError(f"attribute {key} of {name} must be of type {kind}")
        _take(name, declared, values, key, attribute_value(attribute))
    return Attributes(values, version)


def _contrib_attributes(node: Any, name: str, declared: Declaration, version: int) -> Attributes:
    if version not in declared.versions:
        raise ModelError(f"operator {name} of opset {version} is not supported")
    values = {key: value for key, value in declared.defaults.items() if value is not None}
    for attribute in node.attribute:
        key, value = attribute.name, attribute_value(attribute)
        default = declared.defaults.get(key)
        kind = type(default) if default is not None else tuple if key in _INTEGERS else int
        if key in declared.attributes and not isinstance(value, kind):
            raise ModelError(f"attribute {key} of {name} cannot be {value!r}")
        _take(name, declared, values, key, value)
    return Attributes(values, version)


def _take(name: str, declared: Declaration, values: dict[str, Any], key: str, value: Any) -> None:
    """Put an attribute that the file gives into ``values``."""
    if key in declared.attributes:
        values[key] = value
    elif key not in values or values[key] != value:
        shown = value if isinstance(value, int | float | str | tuple) else "a tensor"
        raise ModelError(f"attribute {key} = {shown} of {name} is not supported")
