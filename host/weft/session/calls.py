"""ONNX Runtime's other ways to run a model: by values, in a thread, by a binding."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Any

from numpy.typing import NDArray

from weft.errors import ConfigError, WeftError
from weft.graph.signature import TensorInfo
from weft.session.base import Session
from weft.session.binding import IOBinding
from weft.session.options import RunOptions
from weft.session.values import OrtValue

__all__ = ["Calls"]

_Callback = Callable[[list[NDArray[Any]], Any, str], object]


class Calls(Session, ABC):
    """Each of them calls :meth:`run`."""

    @abstractmethod
    def get_inputs(self) -> list[TensorInfo]:
        """Return the model's inputs."""

    @abstractmethod
    def get_outputs(self) -> list[TensorInfo]:
        """Return the model's outputs."""

    @abstractmethod
    def run(
        self,
        output_names: Collection[str] | None,
        input_feed: Mapping[str, Any],
        run_options: RunOptions | None = None,
    ) -> list[NDArray[Any]]:
        """Return the outputs named, or all of them for None or none."""

    def run_with_ort_values(
        self,
        output_names: Collection[str] | None,
        input_dict_ort_values: Mapping[str, OrtValue],
        run_options: RunOptions | None = None,
    ) -> list[OrtValue]:
        """Return outputs as :meth:`run` does, as values."""
        outputs = self.run(output_names, input_dict_ort_values, run_options)
        return [OrtValue(array) for array in outputs]

    def run_async(
        self,
        output_names: Collection[str] | None,
        input_feed: Mapping[str, Any],
        callback: _Callback,
        user_data: Any = None,
        run_options: RunOptions | None = None,
    ) -> None:
        """Run in another thread, which calls ``callback(outputs, user_data, error)``.

        ``error`` is an empty text, or what went wrong; there are no outputs then.
        """

        def work() -> None:
            outputs, error = [], ""
            try:
                outputs = self.run(output_names, input_feed, run_options)
            except WeftError as raised:
                error = str(raised)
            callback(outputs, user_data, error)

        threading.Thread(target=work, name="weft run_async").start()

    def io_binding(self) -> IOBinding:
        """Return an object that takes inputs and outputs before a run."""
        inputs, outputs = self.get_inputs(), self.get_outputs()
        return IOBinding([info.name for info in inputs], [info.name for info in outputs])

    def run_with_iobinding(
        self, iobinding: IOBinding, run_options: RunOptions | None = None
    ) -> None:
        """Run what is bound; the binding then has the outputs."""
        if not isinstance(iobinding, IOBinding):
            found = type(iobinding).__name__
            raise ConfigError(f"a binding is what io_binding() gives, not {found}")
        iobinding.run(lambda names, feeds: self.run(names, feeds, run_options))
