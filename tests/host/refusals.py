"""Small models, changed, and the sentence with which they are refused."""

import re
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from networks.plan import Layer, Plan, QParams
from networks.tflite_writer import write_tflite
from weft.errors import ModelError
from weft.importers import load_model

SEED = 5
ADVICE = r"; replace these layers by .* --fallback \(in Python fallback=True\)"


def write(tmp_path: Path, data: bytes, name: str = "m.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def refused(path: Path | str, pattern: str, **arguments) -> None:
    with pytest.raises(ModelError) as error:
        load_model(path, **arguments)
    text = str(error.value)
    assert re.fullmatch(pattern, text), text
    assert "\n" not in text


def one_layer(kind="relu", shape=(1, 4, 4, 3), **options) -> Plan:
    step = QParams(0.05, 0)
    return Plan(SEED, shape, step, [Layer(kind, (0,), shape, step, options)])


def edited(plan: Plan, change) -> bytes:
    """Write a plan after ``change(model)`` on its unpacked flatbuffer."""
    import flatbuffers

    model = schema.ModelT.InitFromPackedBuf(write_tflite(plan), 0)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
