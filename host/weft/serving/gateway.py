"""The way in: checks requests, passes them to the boards, and repeats those whose board died."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any

from ray import serve
from ray.exceptions import ObjectLostError, RayActorError, RayError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from weft import __version__
from weft.graph import Graph
from weft.graph.signature import TensorInfo, as_arrays, batch_of
from weft.program import Program
from weft.serving.measures import Measures
from weft.serving.messages import Query
from weft.serving.refused import Refused, status_of
from weft.serving.replica import Arrays, Reply
from weft.serving.tensors import datatype_of

__all__ = ["APPLICATION", "BOARDS", "VERSION", "Gateway", "running_boards"]

APPLICATION, BOARDS = "weft", "Board"  # what Ray Serve calls the whole, and the boards
VERSION = "1"  # of every model: one file, one version
_PAUSE_SECONDS = 0.05  # before a request is repeated


class Gateway:
    """The logic that both protocols share.

    Parameters
    ----------
    boards : DeploymentHandle
    programs : mapping
        By the names of models.
    seconds : float
        That a request may take, repetitions included.
    """

    def __init__(self, boards: DeploymentHandle, programs: Mapping[str, Program], seconds: float):
        self._boards, self._seconds = boards, seconds
        self._graphs = {name: program.graph for name, program in programs.items()}
        self.measures = Measures()

    def server(self) -> dict[str, Any]:
        """Return what the server is."""
        return {"name": "weft", "version": __version__, "extensions": ["binary_tensor_data"]}

    def model(self, name: str, version: str = "") -> dict[str, Any]:
        """Return names, datatypes and shapes of inputs and outputs; -1 counts images.

        Raises
        ------
        Refused
            If there is no such model.
        """
        graph = self._graph(name, version)

        def described(tensor: str) -> dict[str, Any]:
            shape = list(graph.shape(tensor))
            if graph.declared is None:
                shape[:1] = [-1]
            dtype = graph.tensors[tensor].dtype
            return {"name": tensor, "datatype": datatype_of(dtype), "shape": shape}

        return {
            "name": name,
            "versions": [VERSION],
            "platform": "weft",
            "inputs": [described(tensor) for tensor in graph.inputs],
            "outputs": [described(tensor) for tensor in graph.outputs],
        }

    async def running(self) -> int:
        """Return how many boards can take requests now."""
        return await asyncio.to_thread(running_boards)

    async def ready(self, name: str | None = None, version: str = "") -> bool:
        """Whether a board can take requests, for the model ``name`` if one is given."""
        if name is not None:
            self._graph(name, version)
        return await self.running() > 0

    async def infer(
        self, protocol: str, name: str, version: str, query: Query
    ) -> tuple[str, Arrays]:
        """Return which board answered, and the outputs that are wanted.

        Raises
        ------
        Refused, ModelError
            If the request does not fit the model, or no board answers in time.
        """
        start, status = monotonic(), HTTPStatus.OK
        try:
            wanted, feeds = self._checked(name, version, query)
            reply = await self._ask(name, feeds)
        except Exception as error:
            status = status_of(error)
            raise
        finally:
            model = name if name in self._graphs else ""  # names that clients make up are no labels
            self.measures.request(model, protocol, status, monotonic() - start)
        self.measures.board(reply)
        return reply.board, {output: reply.outputs[output] for output in wanted}

    def _graph(self, name: str, version: str) -> Graph:
        if name not in self._graphs:
            known = ", ".join(self._graphs)
            raise Refused(f"there is no model {name!r}, only {known}", HTTPStatus.NOT_FOUND)
        if version not in ("", VERSION):
            raise Refused(
                f"model {name} has version {VERSION} only, not {version!r}", HTTPStatus.NOT_FOUND
            )
        return self._graphs[name]

    def _checked(self, name: str, version: str, query: Query) -> tuple[tuple[str, ...], Arrays]:
        graph = self._graph(name, version)
        infos = [TensorInfo.of(graph, tensor) for tensor in graph.inputs]
        feeds = as_arrays(infos, query.feeds, graph.inputs)
        batch_of(graph, feeds)
        wanted = tuple(graph.outputs) if query.outputs is None else query.outputs
        for output in wanted:
            if output not in graph.outputs:
                known = ", ".join(graph.outputs)
                raise Refused(f"the model has no output {output!r}, only {known}")
        if len(set(wanted)) != len(wanted):
            raise Refused("an output is asked for twice")
        return wanted, feeds

    async def _ask(self, name: str, feeds: Arrays) -> Reply:
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    try:
                        return await self._boards.infer.remote(name, feeds)
                    except (RayActorError, ObjectLostError):  # no inference changes anything
                        self.measures.repeated()
                        await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            why = f"no board answered within {self._seconds:g} s"
        except BackPressureError:
            why = "too many requests wait for a board"
        raise Refused(why, HTTPStatus.SERVICE_UNAVAILABLE)


def running_boards() -> int:
    """Return how many boards can take requests, in a process that belongs to the fleet."""
    try:
        states = serve.status().applications[APPLICATION].deployments[BOARDS].replica_states
    except (RayError, RayServeException, KeyError):  # who knows of boards does not answer
        return 0
    return sum(number for state, number in states.items() if state == "RUNNING")
