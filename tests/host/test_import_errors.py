"""Bad files: one sentence that names layer and rule, whatever is wrong."""

import numpy as np
import pytest
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers import load_model
from weft.importers.rules.problems import Problems

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from ai_edge_litert import schema_py_generated as schema
from networks.compare import onnx_network, tflite_network
from networks.mutate import base_files, mutate, outcome_of
from networks.plan import Layer, QParams
from networks.tflite_writer import write_tflite
from refusals import ADVICE, SEED, edited, one_layer, refused, write


def test_missing_file(tmp_path):
    refused(tmp_path / "none.tflite", r"cannot read .*none\.tflite: No such file or directory")


def test_directory(tmp_path):
    refused(tmp_path, r"cannot read .*: Is a directory")


def test_unknown_rounding(tmp_path):
    path = write(tmp_path, write_tflite(one_layer()))
    refused(path, r"rounding must be one of .*, not 'up'", rounding="up")


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"PK\3\4 not a model", b"\x89PNG\r\n\x1a\n"])
def test_foreign_files(tmp_path, data):
    refused(write(tmp_path, data), r".*m\.bin is neither a \.tflite nor .*ONNX model.*")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
def test_truncated_tflite(tmp_path, keep):
    data = tflite_network(3)[1]
    path = write(tmp_path, data[: int(len(data) * keep)])
    refused(path, r"(the \.tflite file is|cannot import) .*")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_truncated_onnx(tmp_path, keep):
    data = onnx_network(3, "qdq")[1]
    refused(write(tmp_path, data[: int(len(data) * keep)]), r".*m\.bin is neither .*")


def test_every_unsupported_operator_is_listed(tmp_path):
    def change(model):
        for code, builtin in zip(model.operatorCodes, ("COS", "SIN", "CUMSUM"), strict=True):
            code.builtinCode = getattr(schema.BuiltinOperator, builtin)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)

    plan = one_layer()
    for kind in ("tanh", "relu6"):
        plan.layers.append(Layer(kind, (len(plan.layers),), plan.shape, plan.step))
    refused(
        write(tmp_path, edited(plan, change)),
        r"cannot import m: value1: operator COS is not supported; "
        r"value2: operator SIN is not supported; value3: operator CUMSUM is not supported" + ADVICE,
    )


def test_everything_wrong_is_said_at_once(tmp_path):
    """An operator, a scale and a type, in layers apart from each other."""

    def change(model):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.COS
        model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.COS
        tensors = model.subgraphs[0].tensors
        tensors[2].quantization.scale = [0.0]
        tensors[4].type = schema.TensorType.FLOAT32

    plan = one_layer()
    for kind in ("tanh", "relu6", "logistic"):
        plan.layers.append(Layer(kind, (len(plan.layers),), plan.shape, plan.step))
    refused(
        write(tmp_path, edited(plan, change)),
        r"cannot import m: value1: operator COS is not supported; "
        r"value2: every scale must be a positive number; "
        r"value4: tensor value4 is float32; quantise the model to int8 first" + ADVICE,
    )


def test_a_layer_is_listed_once():
    """The importer and a rule behind it may both find fault with a layer; the first one counts."""
    problems = Problems("m")
    for name, reason in [("a", "not supported"), ("b", "too large"), ("a", "a shape")]:
        with problems.layer(name):
            raise ModelError(reason)
    with pytest.raises(ModelError) as error:
        problems.finish()
    assert error.value.layers == ("a", "b")
    assert str(error.value).startswith("cannot import m: a: not supported; b: too large; replace")


def test_float_tflite(tmp_path):
    def change(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None

    refused(
        write(tmp_path, edited(one_layer(), change)),
        r"cannot import m: nothing in it is quantised; quantise the model to int8 first",
    )


def test_buffer_of_the_wrong_size(tmp_path):
    plan = tflite_network(0)[0]

    def change(model):
        buffer = next(b for b in model.buffers if b.data is not None and len(b.data) > 4)
        buffer.data = buffer.data[:-1]

    path = write(tmp_path, edited(plan, change))
    refused(path, r"tensor .* needs \d+ bytes, but its buffer has \d+")


def test_shape_that_does_not_follow(tmp_path):
    def change(model):
        model.subgraphs[0].tensors[-1].shape = [1, 4, 4, 2]

    refused(
        write(tmp_path, edited(one_layer(), change)),
        r"cannot import m: value1: the file gives its output shape \(1, 4, 4, 2\), "
        r"but it must be \(1, 4, 4, 3\)",
    )


def test_huge_shape_is_not_allocated(tmp_path):
    def change(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.shape = [1, 2**30, 2**30, 3]

    path = write(tmp_path, edited(one_layer(), change))
    refused(path, r"tensor value0 has the impossible shape .*")


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_that_is_no_positive_number(tmp_path, scale):
    def change(model):
        model.subgraphs[0].tensors[0].quantization.scale = [scale]

    refused(
        write(tmp_path, edited(one_layer(), change)),
        r"cannot import m: value0: every scale must be a positive number",
    )


def test_asymmetric_weights(tmp_path):
    def change(model):
        for tensor in model.subgraphs[0].tensors:
            if tensor.name.endswith(b"/weights"):
                tensor.quantization.zeroPoint = [1] * len(tensor.quantization.zeroPoint)

    plan = next(p for p in (tflite_network(s)[0] for s in range(9)) if p.layers[0].kind == "conv")
    refused(
        write(tmp_path, edited(plan, change)),
        r"cannot import m: .*: weights .* must be symmetric \(zero point 0\).*",
    )


def test_bounds_beyond_32_bits(tmp_path):
    """LiteRT's pools and products take what comes of the overflow for bounds."""
    plan = one_layer("max_pool", kernel=(1, 1), stride=(1, 1), same=True, activation="RELU6")
    plan.step = plan.layers[0].step = QParams(6 / 2**31, 0)
    message = r"cannot import m: value1: the output scale of MAX_POOL_2D is too fine for RELU6"
    refused(write(tmp_path, write_tflite(plan)), message)
    alone = one_layer("relu6")
    alone.layers[0].step = plan.step
    refused(write(tmp_path, write_tflite(alone)), message.replace("MAX_POOL_2D", "RELU6"))
    plan.step = plan.layers[0].step = QParams(6.1 / 2**31, 0)
    load_model(write(tmp_path, write_tflite(plan)))


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
def test_change_of_scale_beyond_every_shift(tmp_path, rounding):
    plan = one_layer("requantize")
    plan.layers[0].step = QParams(plan.step.scale / 2**30, 0)
    message = r"cannot import m: value1: its scales differ by a factor of 1\.07e\+09"
    refused(write(tmp_path, write_tflite(plan)), message, rounding=rounding)


def test_inputs_of_a_run_are_checked(tmp_path):
    graph = load_model(write(tmp_path, write_tflite(one_layer())))
    good = np.zeros((1, 4, 4, 3), np.int8)
    for bad, pattern in (
        ({}, "input value0 is missing"),
        ({"value0": good.astype(np.float32)}, "input value0 must be int8, not float32"),
        ({"value0": good[:, 1:]}, r"input value0 must have shape \(1, 4, 4, 3\), not \(1, 3, .*"),
    ):
        with pytest.raises(ModelError, match=f"^{pattern}$"):
            reference.run(graph, bad)


@pytest.mark.timeout(170)
def test_damaged_files_give_only_model_errors(tmp_path):
    print(f"seeds {SEED * 10**6} on")
    files, outcomes = base_files(12), []
    for index in range(3000):
        rng = np.random.default_rng(SEED * 10**6 + index)
        outcomes.append(outcome_of(mutate(files[index % len(files)], rng), tmp_path))
    # Some damage is harmless; if all or none were, the damage would be no test.
    assert 50 < outcomes.count("imported") < 2000
