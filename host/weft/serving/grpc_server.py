"""The protocol over gRPC. The server stands in the gateway's process.

Ray Serve has a proxy for gRPC, too. That one listens on every interface of the machine, whatever
host HTTP is served on.
"""

from http import HTTPStatus
from typing import Any, NoReturn

import grpc
from tritonclient.grpc import service_pb2_grpc as stubs

from weft.serving.gateway import VERSION, Gateway
from weft.serving.grpc_messages import parse, pb, render
from weft.serving.refused import status_of

__all__ = ["start_grpc"]

_MESSAGE_BYTES = 1 << 26
_CODES = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}


async def start_grpc(gateway: Gateway, host: str, port: int) -> grpc.aio.Server:
    """Return a server that answers for ``gateway`` at ``host`` and ``port``.

    Raises
    ------
    RuntimeError
        If the port is taken.
    """
    options = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
    server = grpc.aio.server(options=options)
    stubs.add_GRPCInferenceServiceServicer_to_server(_Service(gateway), server)
    server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    await server.start()
    return server


class _Service(stubs.GRPCInferenceServiceServicer):
    """Each method has the protocol's name; those that are not here are answered UNIMPLEMENTED."""

    def __init__(self, gateway: Gateway):
        self._gateway = gateway

    async def ServerLive(self, request: Any, context: Any) -> Any:
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Any) -> Any:
        return pb.ServerReadyResponse(ready=await self._gateway.ready())

    async def ServerMetadata(self, request: Any, context: Any) -> Any:
        return pb.ServerMetadataResponse(**self._gateway.server())

    async def ModelReady(self, request: Any, context: Any) -> Any:
        try:
            ready = await self._gateway.ready(request.name, request.version)
        except Exception as error:
            await _abort(context, error)
        return pb.ModelReadyResponse(ready=ready)

    async def ModelMetadata(self, request: Any, context: Any) -> Any:
        try:
            return pb.ModelMetadataResponse(**self._gateway.model(request.name, request.version))
        except Exception as error:
            await _abort(context, error)

    async def ModelInfer(self, request: Any, context: Any) -> Any:
        name, version = request.model_name, request.model_version
        try:
            query = parse(request)
            board, outputs = await self._gateway.infer("grpc", name, version, query)
            return render(name, VERSION, query, board, outputs)
        except Exception as error:
            await _abort(context, error)


async def _abort(context: Any, error: Exception) -> NoReturn:
    code = _CODES.get(status_of(error), grpc.StatusCode.INTERNAL)
    await context.abort(code, " ".join(str(error).split()))
    raise AssertionError("abort does not return")
