"""A model that is compiled for the shapes it meets, on one device."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from weft.errors import WeftError
from weft.runtime.inference import Inference
from weft.runtime.prepare import Preparation

__all__ = ["PreparedModel"]

_MOST = 8


class PreparedModel:
    """Inferences of one model by the shapes of its inputs; the last few stay compiled.

    Parameters
    ----------
    preparation : Preparation
    check, keep_tensors : bool
        As :class:`weft.runtime.inference.Inference` takes them.

    Attributes
    ----------
    current : Inference or None
        The one last asked for.
    """

    def __init__(self, preparation: Preparation, *, check: bool, keep_tensors: bool):
        self.preparation = preparation
        self.current: Inference | None = None
        self._closed = False
        self._check, self._keep_tensors = check, keep_tensors
        self._known: OrderedDict[tuple[object, ...], Inference] = OrderedDict()

    def prepare(self, shapes: Mapping[str, Sequence[int | None]]) -> Inference:
        """Return the inference for ``shapes`` of the inputs that the file leaves open.

        Raises
        ------
        OpenShapeError, ModelError, ConfigError, CapacityError, LinkError, DeviceMismatch, WeftError
            The last one once the model was closed.
        """
        self.check()
        key = tuple(sorted((name, tuple(shape)) for name, shape in shapes.items()))
        inference = self._known.pop(key, None)
        if inference is None:
            inference = Inference(
                self.preparation.open(shapes),
                self.preparation.name,
                self.preparation.device_name,
                check=self._check,
                keep_tensors=self._keep_tensors,
            )
        self._known[key] = self.current = inference
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return inference

    def check(self) -> None:
        """Raise once the model was closed, or in a fork of the device's owner."""
        if self.current is not None:
            self.current.runner.check()
        elif self._closed:
            raise WeftError("the session was closed")

    def close(self) -> None:
        """Let go of the device."""
        self._closed = True
        if self.current is not None:
            self.current.runner.close()

    def reset_state(self) -> None:
        """Let the next call be the first one; raises as :meth:`check`."""
        self.check()
        for inference in self._known.values():
            inference.runner.reset_state()
