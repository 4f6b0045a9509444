"""Scripts written for LiteRT give the same results with only the import changed."""

from typing import Any

import flatbuffers
import numpy as np
import pytest
import weft
from networks.scripts import assert_equal, run_script
from networks.streaming import svdf_network
from networks.tflite_net import SEED, Net

pytest.importorskip("ai_edge_litert.interpreter")
schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

LITERT = "ai_edge_litert.interpreter"


def network(path, dtype: Any = np.int8, *, signature=True):
    """Write convolution, mean and classifier with an open batch and a signature."""
    rng, net = np.random.default_rng(SEED), Net(dtype)
    zero = 128 if dtype == np.uint8 else 0
    x = net.input((1, 6, 5, 3), (0.05, zero - 3))
    weights = rng.integers(-127, 128, (8, 3, 3, 3)).astype(np.int8)
    scales = [0.01 + 0.001 * channel for channel in range(8)]
    if dtype == np.uint8:
        weights, scales = (weights.astype(np.int16) + 128).astype(np.uint8), scales[:1]
    bias = net.weights(
        rng.integers(-500, 500, 8).astype(np.int32), [0.05 * scale for scale in scales]
    )
    zeros = [zero] * len(scales)
    y = net.op(
        "CONV_2D",
        [x, net.weights(weights, scales, zeros), bias],
        net.tensor((1, 6, 5, 8), (0.07, zero + 5)),
        "Conv2DOptions",
        strideH=1,
        strideW=1,
        dilationHFactor=1,
        dilationWFactor=1,
    )
    y = net.op(
        "MEAN",
        [y, net.constant(np.array([1, 2], np.int32))],
        net.tensor((1, 8), (0.011, zero + 2)),
        "ReducerOptions",
    )
    path.write_bytes(net.bytes(y))
    model: Any = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    [graph] = model.subgraphs
    for tensor in (graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]):
        tensor.shapeSignature = [-1, *tensor.shape[1:]]
    if signature:
        named: Any = schema.SignatureDefT()
        named.signatureKey, named.subgraphIndex = "serving_default", 0
        named.inputs, named.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
        named.inputs[0].name, named.inputs[0].tensorIndex = "image", graph.inputs[0]
        named.outputs[0].name, named.outputs[0].tensorIndex = "scores", graph.outputs[0]
        model.signatureDefs = [named]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return str(path)


@pytest.fixture
def names(tmp_path):
    rng = np.random.default_rng(SEED)
    streaming, y = svdf_network(SEED)
    (tmp_path / "state.tflite").write_bytes(streaming.bytes(y))
    return {
        "path": network(tmp_path / "m.tflite"),
        "uint8_path": network(tmp_path / "u.tflite", np.uint8),
        "plain_path": network(tmp_path / "p.tflite", signature=False),
        "state_path": str(tmp_path / "state.tflite"),
        "images": rng.integers(-128, 128, (20, 6, 5, 3)).astype(np.int8),
        "steps": rng.integers(-128, 128, (6, 1, 10)).astype(np.int8),
    }


SCRIPTS = {
    "as the guide does": """
        interpreter = rt.Interpreter(model_path=path)
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        result = []
        for image in images:
            interpreter.set_tensor(inputs[0]["index"], image[None])
            interpreter.invoke()
            result.append(interpreter.get_tensor(outputs[0]["index"]))
    """,
    "bytes, threads and flags": """
        with open(path, "rb") as file:
            interpreter = rt.Interpreter(
                model_path="", model_content=file.read(), num_threads=2,
                experimental_disable_delegate_clustering=False, experimental_delegates=None,
            )
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images[:1])
        interpreter.invoke()
        result = [interpreter.get_tensor(interpreter.get_output_details()[0]["index"])]
    """,
    "reference kernels": """
        interpreter = rt.Interpreter(
            path, experimental_op_resolver_type=rt.OpResolverType.BUILTIN_REF
        )
        interpreter.allocate_tensors()
        result = []
        for image in images:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
            interpreter.invoke()
            result.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    """,
    "details": """
        def plain(detail):
            return [
                detail["name"], detail["index"], detail["shape"], detail["shape_signature"],
                detail["dtype"].__name__, detail["quantization"],
                detail["quantization_parameters"]["scales"],
                detail["quantization_parameters"]["zero_points"],
                detail["quantization_parameters"]["quantized_dimension"],
                detail["sparsity_parameters"], sorted(detail),
            ]
        result = []
        for file in path, uint8_path, state_path:
            interpreter = rt.Interpreter(file)
            for detail in interpreter.get_input_details() + interpreter.get_output_details():
                result.append(plain(detail))
        interpreter = rt.Interpreter(path)
        result += [plain(detail) for detail in interpreter.get_tensor_details()[:5]]
        result += [interpreter.get_signature_list(), interpreter.num_subgraphs()]
        interpreter.allocate_tensors()
        result.append(interpreter.get_tensor(1))
    """,
    "quantised by hand": """
        interpreter = rt.Interpreter(uint8_path)
        interpreter.allocate_tensors()
        [into], [out] = interpreter.get_input_details(), interpreter.get_output_details()
        scale, zero_point = into["quantization"]
        real = images[:1].astype(np.float32) / 40
        quantised = np.clip(np.round(real / scale + zero_point), 0, 255).astype(into["dtype"])
        interpreter.set_tensor(into["index"], quantised)
        interpreter.invoke()
        scale, zero_point = out["quantization"]
        whole = interpreter.get_tensor(out["index"])
        result = [whole, (whole.astype(np.float32) - zero_point) * scale]
    """,
    "a batch": """
        interpreter = rt.Interpreter(path)
        index = interpreter.get_input_details()[0]["index"]
        result = []
        for size, strict in (20, False), (3, True), (1, True):
            interpreter.resize_tensor_input(index, [size, 6, 5, 3], strict=strict)
            interpreter.allocate_tensors()
            interpreter.set_tensor(index, images[:size])
            interpreter.invoke()
            out = interpreter.get_output_details()[0]
            result += [out["shape"], out["shape_signature"], interpreter.get_tensor(out["index"])]
            result.append(interpreter.get_input_details()[0]["shape"])
    """,
    "signature": """
        interpreter = rt.Interpreter(path)
        run = interpreter.get_signature_runner("serving_default")
        result = [run(image=images[:1])["scores"], run(image=images[:4])["scores"]]
        run = interpreter.get_signature_runner()
        result.append(sorted(run(image=images[5:6])))
        result.append(run.get_input_details()["image"]["index"])
        result.append(run.get_output_details()["scores"]["name"])
        result.append(rt.Interpreter(plain_path).get_signature_list())
    """,
    "memory": """
        interpreter = rt.Interpreter(path)
        interpreter.allocate_tensors()
        into = interpreter.tensor(interpreter.get_input_details()[0]["index"])
        out = interpreter.tensor(interpreter.get_output_details()[0]["index"])
        result = []
        for image in images[:4]:
            into()[0] = image
            interpreter.invoke()
            result.append(out().copy())
    """,
    "every tensor": """
        interpreter = rt.Interpreter(
            path, experimental_op_resolver_type=rt.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images[:1])
        interpreter.invoke()
        # Behind those of the file LiteRT has tensors of its kernels.
        details = interpreter.get_tensor_details()[:6]
        result = [interpreter.get_tensor(detail["index"]) for detail in details]
    """,
    "every tensor of a batch": """
        interpreter = rt.Interpreter(
            path, experimental_op_resolver_type=rt.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        index = interpreter.get_input_details()[0]["index"]
        result = []
        for size in 3, 1:
            interpreter.resize_tensor_input(index, [size, 6, 5, 3])
            interpreter.allocate_tensors()
            interpreter.set_tensor(index, images[:size])
            interpreter.invoke()
            details = interpreter.get_tensor_details()[:6]
            result += [interpreter.get_tensor(detail["index"]) for detail in details]
            result += [detail["shape"] for detail in details]
            result += [detail["shape_signature"] for detail in details]
    """,
    "corners of tensors": """
        import os
        interpreter = rt.Interpreter(os.fsencode(path))
        interpreter.allocate_tensors()
        out = interpreter.get_output_details()[0]["index"]
        interpreter.set_tensor(out, np.full((1, 8), 3, np.int8))
        result = [interpreter.get_tensor(out), interpreter.tensor(1)().copy()]
        for error, call in [
            (ValueError, interpreter.tensor(99)),
            (TypeError, lambda: interpreter.get_tensor(1 << 40)),
            (TypeError, lambda: interpreter.resize_tensor_input(0, None)),
        ]:
            try:
                call()
            except error:
                result.append("caught")
    """,
    "a state": """
        interpreter = rt.Interpreter(
            state_path, experimental_op_resolver_type=rt.OpResolverType.BUILTIN_REF
        )
        interpreter.allocate_tensors()
        [into], [out] = interpreter.get_input_details(), interpreter.get_output_details()
        result = []
        for _ in range(2):
            for step in steps:
                interpreter.set_tensor(into["index"], step)
                interpreter.invoke()
                result.append(interpreter.get_tensor(out["index"]))
            interpreter.reset_all_variables()
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_gives_the_same(name, names):
    expected = run_script(SCRIPTS[name], names, LITERT)
    assert_equal(run_script(SCRIPTS[name], names, "weft"), expected)


def test_the_default_engine_is_xnnpack_as_in_litert(names):
    text = SCRIPTS["as the guide does"]
    default = np.array(run_script(text, names, LITERT))
    reference = np.array(run_script(SCRIPTS["reference kernels"], names, LITERT))
    assert (default != reference).any()
    for like, expected in (("xnnpack", default), ("reference", reference)):
        chosen = text.replace("model_path=path", f"path, like={like!r}")
        assert np.array_equal(np.array(run_script(chosen, names, "weft")), expected)


READY = "i = rt.Interpreter(path); i.allocate_tensors(); k = i.get_input_details()[0]['index']; "
REFUSED = {
    "no model": ("rt.Interpreter()", "give either model_path or model_content"),
    "two models": ("rt.Interpreter(path, model_content=b'x')", "give either model_path or model"),
    "no file": ("rt.Interpreter('nothing.tflite')", r"there is no model nothing\.tflite"),
    "junk": ("rt.Interpreter(model_content=b'junk')", r"not a \.tflite file"),
    "threads": ("rt.Interpreter(path, num_threads=0)", "num_threads must be at least 1, not 0"),
    "dtype": (
        f"{READY} i.set_tensor(k, images[:1].astype(np.float32))",
        "input t1 must be int8, not float32",
    ),
    "list": (f"{READY} i.set_tensor(k, images[:1].tolist())", "input t1 must be int8, not int64"),
    "rank": (f"{READY} i.set_tensor(k, images[0])", r"must have shape \(1, 6, 5, 3\), not \(6"),
    "size": (f"{READY} i.set_tensor(k, images[:2])", r"must have shape \(1, 6, 5, 3\), not \(2"),
    "resolver": (
        "rt.Interpreter(path, experimental_op_resolver_type='BUILTIN_REF')",
        "'BUILTIN_REF' is no OpResolverType",
    ),
    "text for a number": (f"{READY} i.get_tensor('t1')", "a tensor has a number, not 't1'"),
    "text for bytes": (
        "rt.Interpreter(model_content='m.tflite')",
        "model_content is bytes, not str",
    ),
    "index": (f"{READY} i.get_tensor(99)", "the model has 6 tensors, no 99"),
    "unallocated": (
        "i = rt.Interpreter(path); i.get_tensor(i.get_output_details()[0]['index'])",
        r"call allocate_tensors\(\) first",
    ),
    "not invoked": ("rt.Interpreter(path).invoke()", r"call allocate_tensors\(\) first"),
    "strict": (
        f"{READY} i.resize_tensor_input(k, [1, 7, 5, 3], strict=True)",
        r"input t1 has the shape \(-1, 6, 5, 3\), not \(1, 7, 5, 3\)",
    ),
    "unknown signature": (
        "rt.Interpreter(path).get_signature_runner('x')",
        "no signature 'x'; it has serving_default",
    ),
    "no signature": ("rt.Interpreter(plain_path).get_signature_runner()", "it has none"),
    "unknown input": (
        "rt.Interpreter(path).get_signature_runner()(x=images[:1])",
        "the signature has no input 'x', only image",
    ),
    "missing input": ("rt.Interpreter(path).get_signature_runner()()", "input image is missing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_litert_refuses_is_refused_in_one_sentence(name, names):
    text, message = REFUSED[name]
    with pytest.raises(Exception) as raised:
        run_script(text, names, LITERT)
    assert not isinstance(raised.value, KeyError | NameError)
    theirs = type(raised.value)
    with pytest.raises(weft.WeftError, match=message) as raised:
        run_script(text, names, "weft")
    assert "\n" not in str(raised.value)
    assert isinstance(raised.value, theirs)  # what a script is ready for


def test_what_weft_cannot_reproduce_is_refused(names):
    with pytest.raises(weft.ConfigError, match="runs no delegates"):
        weft.Interpreter(names["path"], experimental_delegates=[object()])
    with pytest.raises(weft.ConfigError, match=r"no delegates, such as edge\.so"):
        weft.load_delegate("edge.so")
    kinds = weft.OpResolverType
    kind = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with pytest.raises(weft.ConfigError, match="XNNPACK and the reference kernels, no others"):
        weft.Interpreter(names["path"], experimental_op_resolver_type=kind)
    with pytest.raises(weft.ConfigError, match="like must be one of xnnpack, reference, not 'x'"):
        weft.Interpreter(names["path"], like="x")
    with pytest.raises(weft.ConfigError, match="and like says xnnpack"):
        weft.Interpreter(
            names["path"], experimental_op_resolver_type=kinds.BUILTIN_REF, like="xnnpack"
        )
    interpreter = weft.Interpreter(names["path"])
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], [1, 7, 5, 3])
    with pytest.raises(weft.ModelError, match="must have shape"):
        interpreter.allocate_tensors()
