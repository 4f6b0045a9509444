"""Schemas of the ``onnx`` package, read once for each operator and opset."""

from functools import lru_cache
from typing import Any, NamedTuple

from weft.importers.onnx.messages import attribute_value

__all__ = ["Schema", "schema_of"]


class Schema(NamedTuple):
    """What ``onnx`` says of an operator: attributes by name, with their types and defaults."""

    version: int
    deprecated: bool
    inputs: range
    most_outputs: int
    kinds: dict[str, str]
    defaults: dict[str, Any]


@lru_cache(256)
def schema_of(operator: str, opset: int) -> Schema | None:
    """Return the schema of an operator; None where the opset has none."""
    from onnx import defs

    try:
        schema = defs.get_schema(operator, opset, "")
    except defs.SchemaError:
        return None
    attributes = schema.attributes
    return Schema(
        schema.since_version,
        schema.deprecated,
        range(schema.min_input, schema.max_input + 1),
        schema.max_output,
        {key: str(attribute.type).rpartition(".")[2] for key, attribute in attributes.items()},
        {
            key: attribute_value(attribute.default_value)
            for key, attribute in attributes.items()
            if attribute.default_value.name
        },
    )
