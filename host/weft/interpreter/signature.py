"""Runs a model by the names of a signature."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.interpreter.details import Signature

if TYPE_CHECKING:
    from weft.interpreter.interpreter import Interpreter

__all__ = ["SignatureRunner"]


class SignatureRunner:
    """Calls an interpreter with arrays by name.

    Parameters
    ----------
    interpreter : Interpreter
    signature : Signature
    """

    def __init__(self, interpreter: "Interpreter", signature: Signature):
        self._interpreter, self._signature = interpreter, signature

    def __call__(self, **arrays: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Return the outputs by name; the inputs take the shapes of ``arrays``.

        Raises
        ------
        ModelError
            If an input is unknown or missing, or has a wrong dtype or shape.
        """
        inputs = self._signature.inputs
        for name in arrays:
            if name not in inputs:
                raise ModelError(f"the signature has no input {name!r}, only {', '.join(inputs)}")
        for name in inputs:
            if name not in arrays:
                raise ModelError(f"input {name} is missing")
        for name, array in arrays.items():
            self._interpreter.resize_tensor_input(inputs[name], np.shape(array))
        self._interpreter.allocate_tensors()
        for name, array in arrays.items():
            self._interpreter.set_tensor(inputs[name], array)
        self._interpreter.invoke()
        get = self._interpreter.get_tensor
        return {name: get(index) for name, index in self._signature.outputs.items()}

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        """Return what describes each input, by name."""
        details = self._interpreter.get_tensor_details()
        return {name: details[index] for name, index in self._signature.inputs.items()}

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        """Return what describes each output, by name."""
        details = self._interpreter.get_tensor_details()
        return {name: details[index] for name, index in self._signature.outputs.items()}
