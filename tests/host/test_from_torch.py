"""``weft.from_torch``: export, quantise and compile in one call."""

import numpy as np
import onnxruntime
import pytest
import torch
import weft
from torch import nn


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Sigmoid(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, 5),
    )


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(5).uniform(-1, 1, (40, 3, 16, 16)).astype(np.float32)


def test_bits_are_onnx_runtimes_and_values_the_modules(inputs, tmp_path):
    module = network()
    with torch.no_grad():
        for _ in range(20):  # running statistics that folding has to take into account
            module(torch.from_numpy(inputs) * 2 + 1)
    assert module.training
    program = weft.from_torch(module, inputs[:32], "ulx3s-12f", onnx=tmp_path / "net.onnx")
    assert module.training  # untouched
    with weft.InferenceSession(program) as session:
        assert session.get_inputs()[0].name == "input"
        [found] = session.run(None, {"input": inputs})
    wanted = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    [right] = (
        np.concatenate(each)
        for each in zip(*(wanted.run(None, {"input": x[None]}) for x in inputs), strict=True)
    )
    np.testing.assert_array_equal(found, right)
    with torch.no_grad():
        real = module.eval()(torch.from_numpy(inputs)).numpy()
    assert np.abs(found - real).max() < 0.05 * np.abs(real).max()
    assert {layer.where for layer in program.layers if layer.macs} == {"accelerator"}


def test_a_tensor_is_calibration_too(inputs):
    program = weft.from_torch(network(), torch.from_numpy(inputs[:4]), "ulx3s-12f")
    again = weft.from_torch(network(), inputs[:4], "ulx3s-12f")
    assert program.images == again.images


@pytest.mark.parametrize(
    "module, calibration, message",
    [
        (np.tanh, np.zeros((1, 3, 16, 16), np.float32), "expected a torch.nn.Module, not ufunc"),
        (network(), np.zeros((1, 3, 16, 16)), "must be float32 of shape .*, not float64"),
        (network(), np.zeros((0, 3, 16, 16), np.float32), r"not float32 \(0, 3, 16, 16\)"),
        (network(), [np.zeros(2), np.zeros(3)], "calibration is no array"),
        (network(), np.full((1, 3, 16, 16), np.nan, np.float32), "not finite"),
        (network(), np.zeros((1, 4, 16, 16), np.float32), "PyTorch cannot export the module: "),
    ],
)
def test_bad_arguments(module, calibration, message):
    with pytest.raises(weft.ModelError, match=message) as caught:
        weft.from_torch(module, calibration)
    assert len(str(caught.value).splitlines()) == 1


def test_without_torch(uninstall, inputs):
    module = network()
    uninstall("torch")
    with pytest.raises(weft.WeftError, match=r"pip install 'weft-fpga\[train\]'"):
        weft.from_torch(module, inputs)
