"""The protocol over HTTP: paths, and errors as JSON. Ray Serve's proxy listens."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.exceptions import HTTPException

from weft.errors import WeftError
from weft.program import Program
from weft.serving import messages
from weft.serving.gateway import VERSION, Gateway
from weft.serving.grpc_server import start_grpc
from weft.serving.refused import Refused, status_of

__all__ = ["Ingress"]

_BODY_BYTES = 1 << 26

app = FastAPI(title="Open Inference Protocol", version="2", openapi_url=None)


@app.exception_handler(WeftError)
@app.exception_handler(Exception)
def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        text = f"{error.detail}: {request.method} {request.url.path}"
        return JSONResponse({"error": text}, error.status_code)
    text = str(error) if isinstance(error, WeftError) else f"internal error: {error}"
    return JSONResponse({"error": " ".join(text.split())}, status_of(error))


app.add_exception_handler(HTTPException, _failed)


# Before the class: Ray Serve pickles what its methods refer to where it is decorated.
def _readiness(content: dict[str, Any], ready: bool) -> Response:
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({**content, "ready": ready}, status)


def _length(request: Request) -> int | None:
    text = request.headers.get(messages.HEADER)
    if text is None:
        return None
    if not text.isdecimal():
        raise Refused(f"{messages.HEADER} is {text!r}, no number")
    return int(text)


async def _body(request: Request) -> bytes:
    """Return the body; what is too large is not read to its end."""
    told = request.headers.get("Content-Length", "")
    size = int(told) if told.isdecimal() else 0
    parts = []
    if size <= _BODY_BYTES:
        size = 0
        async for part in request.stream():
            size += len(part)
            parts.append(part)
            if size > _BODY_BYTES:
                break
    if size > _BODY_BYTES:
        raise Refused(
            f"the body has more than {_BODY_BYTES} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        )
    return b"".join(parts)


@serve.ingress(app)
class Ingress(Gateway):
    """The gateway with its HTTP routes; it starts the gRPC server beside them.

    Parameters
    ----------
    boards, programs, seconds
        As for :class:`weft.serving.gateway.Gateway`.
    host : str
    grpc_port : int
    """

    async def __init__(
        self,
        boards: DeploymentHandle,
        programs: Mapping[str, Program],
        seconds: float,
        host: str,
        grpc_port: int,
    ):
        super().__init__(boards, programs, seconds)
        self._grpc = await start_grpc(self, host, grpc_port)

    @app.get("/v2")
    def about(self) -> dict[str, Any]:
        """Answer ServerMetadata."""
        return self.server()

    @app.get("/v2/health/live")
    def live(self) -> dict[str, bool]:
        """Answer ServerLive."""
        return {"live": True}

    @app.get("/v2/health/ready")
    async def is_ready(self) -> Response:
        """Answer ServerReady: 503 while no board can take requests."""
        return _readiness({}, await self.ready())

    @app.get("/v2/models/{name}")
    @app.get("/v2/models/{name}/versions/{version}")
    def about_model(self, name: str, version: str = "") -> dict[str, Any]:
        """Answer ModelMetadata."""
        return self.model(name, version)

    @app.get("/v2/models/{name}/ready")
    @app.get("/v2/models/{name}/versions/{version}/ready")
    async def is_model_ready(self, name: str, version: str = "") -> Response:
        """Answer ModelReady."""
        return _readiness({"name": name}, await self.ready(name, version))

    @app.post("/v2/models/{name}/infer")
    @app.post("/v2/models/{name}/versions/{version}/infer")
    async def infer_model(self, request: Request, name: str, version: str = "") -> Response:
        """Answer ModelInfer, with binary tensors where they are asked for."""
        if encoding := request.headers.get("Content-Encoding"):
            status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
            raise Refused(f"bodies are not read as {encoding!r}", status)
        self._graph(name, version)
        body = await _body(request)
        query = messages.parse(body, _length(request), name, version or VERSION)
        board, outputs = await self.infer("http", name, version, query)
        content, json_bytes = messages.render(name, VERSION, query, board, outputs)
        headers = {}
        if json_bytes != len(content):
            headers[messages.HEADER] = str(json_bytes)
        kind = "application/octet-stream" if headers else "application/json"
        return Response(content, headers=headers, media_type=kind)

    @app.get("/metrics")
    async def metrics(self) -> Response:
        """Return what is counted, for Prometheus."""
        return Response(self.measures.text(await self.running()), media_type="text/plain")
