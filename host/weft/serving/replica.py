"""A replica of the server: it has one board, and runs what comes as streams."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ray import serve
from weft_hw.contract.config import Config

from weft.errors import DeviceMismatch, LinkError
from weft.program import Program
from weft.runtime.device import OpenDevice
from weft.runtime.devices import open_device
from weft.serving.streams import Arrays, Streams
from weft.session import InferenceSession

__all__ = ["Replica", "Reply"]

_WAIT_SECONDS = 1.0  # between two tries to open a board
_DIED = 1  # exit code of a replica whose board does


@dataclass(frozen=True)
class Reply:
    """The outputs of one request, and what its board has done so far.

    Parameters
    ----------
    outputs : dict of ndarray
    board : str
        Its number in the fleet and its device.
    images : int
        Inferences since the replica began.
    cycles : int
        Simulated clock cycles in which the board had something to do, the link included; 0 for
        boards that are not simulated by the replica.
    seconds : float
        Time spent on inferences.
    """

    outputs: Arrays
    board: str
    images: int
    cycles: int
    seconds: float


class Replica:
    """One board with all models; its rank among the replicas says which.

    It waits for a board that does not answer. Once a board fails, the process ends: Ray Serve then
    sends nothing more here and starts another replica, which waits for the board to come back.

    Parameters
    ----------
    devices : sequence of str
        All boards, as ``--device`` takes them.
    programs : mapping
        Programs of one configuration, by the names of models.
    limit : int
        Requests of a model that are carried out in a row.
    """

    def __init__(self, devices: Sequence[str], programs: Mapping[str, Program], limit: int):
        rank = serve.get_replica_context().rank.rank
        if rank >= len(devices):  # the replica before has not quite gone
            raise LinkError(f"all {len(devices)} boards have a replica")
        self._name = f"{rank} {devices[rank]}"
        config = next(iter(programs.values())).config
        self._device = _patiently(devices[rank], config)
        sessions = {
            name: InferenceSession(program, device=self._device)
            for name, program in programs.items()
        }
        self._streams = Streams(sessions, limit, self._end)

    async def infer(self, model: str, feeds: Arrays) -> Reply:
        """Return the outputs of ``model`` for ``feeds``, which fit it."""
        outputs = await asyncio.wrap_future(self._streams.infer(model, feeds))
        cycles = self._device.traffic().simulated_cycles
        return Reply(outputs, self._name, self._streams.images, cycles, self._streams.seconds)

    def check_health(self) -> None:
        """Ask the board for its state, unless it is at work: the driver's deadlines hold then."""
        if self._device.marks is not None and self._device.lock.acquire(blocking=False):
            try:
                with self._device.taken():
                    self._device.marks.label()
            except LinkError as error:
                self._end(error)
            finally:
                self._device.lock.release()

    def _end(self, error: LinkError) -> None:
        print(f"board {self._name}: {error}", file=sys.stderr, flush=True)
        os._exit(_DIED)


def _patiently(device: str, config: Config) -> OpenDevice:
    said = ""
    while True:
        try:
            return open_device(device, config)
        except (LinkError, DeviceMismatch) as error:
            if str(error) != said:
                said = str(error)
                print(f"waiting for board {device}: {said}", file=sys.stderr, flush=True)
            time.sleep(_WAIT_SECONDS)
