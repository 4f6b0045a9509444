"""ONNX files as scripts of users meet them: open dimensions, metadata, inputs left unread."""

import numpy as np
import onnx
from weft.models.digits import MODEL, held_out_inputs

from networks.onnx_net import SEED, Net

__all__ = ["open_network", "script_names"]


def open_network(path, shape=("N", 3, "H", "W"), *, unread=False):
    """Write a convolution with outputs of real numbers and of uint8, and with metadata."""
    net = Net((1, 3, 9, 7), unsigned=True)
    weights = np.random.default_rng(SEED).integers(-60, 61, (4, 3, 3, 3)).astype(np.int8)
    net.node("Conv", [net.x, net.weights("w", weights)], "c", pads=[1] * 4)
    real = net.quantized("c", 0.2, 3)
    proto = onnx.ModelProto.FromString(net.bytes(real, "c.q"))
    for dim, size in zip(proto.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        dim.Clear()
        if isinstance(size, int):
            dim.dim_value = size
        else:
            dim.dim_param = size
    proto.graph.output[1].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    if unread:
        info = onnx.helper.make_tensor_value_info("unread", onnx.TensorProto.INT64, [2])
        proto.graph.input.append(info)
    proto.producer_name, proto.domain, proto.doc_string = "maker", "org.example", "a test"
    proto.model_version = 7
    onnx.helper.set_model_props(proto, {"labels": "a,b"})
    path.write_bytes(proto.SerializeToString())
    return path


def script_names(tmp_path):
    """Return what the scripts find: paths of models, and arrays."""
    rng = np.random.default_rng(SEED)
    return {
        "digits": str(MODEL),
        "images": held_out_inputs()[0],
        "open_model": str(open_network(tmp_path / "open.onnx")),
        "batch_model": str(open_network(tmp_path / "batch.onnx", ("N", 3, 6, 5))),
        "closed_model": str(open_network(tmp_path / "closed.onnx", (1, 3, 6, 5))),
        "unread_model": str(open_network(tmp_path / "unread.onnx", unread=True)),
        "picture": rng.normal(size=(1, 3, 6, 5)).astype(np.float32),
        "pictures": rng.normal(size=(3, 3, 4, 8)).astype(np.float32),
        "folder": str(tmp_path),
    }
