"""Starting a fleet on this machine, and ending it with every process that it took."""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import ray
from ray import serve
from ray.serve.config import RequestRouterConfig

from weft.errors import LinkError
from weft.program import Program
from weft.serving.gateway import APPLICATION, BOARDS, running_boards
from weft.serving.http_routes import Ingress
from weft.serving.replica import Replica
from weft.spread import start_ray

__all__ = ["free_port", "running_fleet"]

RESOURCE = "weft_board"  # of Ray: a replica takes one
_ROUTER = "weft.serving.least_busy.LeastBusy"
_OBJECT_BYTES = 256 << 20  # shared memory for tensors on their way
_FOLDER_BYTES = 16 << 20  # of logs and sockets
_QUEUE = 4096  # requests that wait at the gateway for boards
_UNDER_WAY = 256  # requests that a board has, those that wait for a batch included
_HEALTH_SECONDS = 2.0
_HANGS_SECONDS = 60.0  # after which a replica counts as dead that says nothing of its health
_LEAVE_SECONDS = 2.0  # for what is under way when the fleet ends


def free_port(host: str, port: int) -> int:
    """Return ``port``, or one that is free for 0.

    Ray Serve's proxy would share a port that is taken, so it is tried here.

    Raises
    ------
    LinkError
        If another process has the port, or this machine has no such host.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as listener:
            return listener.getsockname()[1]
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LinkError(f"cannot listen on {host}:{port}: {reason}") from None


@contextmanager
def running_fleet(
    devices: Sequence[str],
    programs: Mapping[str, Program],
    *,
    host: str,
    port: int,
    grpc_port: int,
    batch: int,
    seconds: float,
    stage: Callable[[str], None],
) -> Iterator[Callable[[], int]]:
    """Serve ``programs`` on ``devices`` for as long as the context lasts.

    Yields a function that returns how many boards can take requests.

    Parameters
    ----------
    devices : sequence of str
    programs : mapping
        By the names of models, all of one configuration.
    host : str
    port, grpc_port : int
        Free ports there.
    batch : int
        Requests of a model that a board carries out in a row, at most.
    seconds : float
        That a request may take.
    stage : callable
        Called with a text for each stage of the start.

    Raises
    ------
    LinkError
        If the fleet does not start.
    """
    with TemporaryDirectory(prefix="weft-", ignore_cleanup_errors=True) as folder:
        try:
            stage("starting Ray")
            _start_ray(folder, len(devices))
            stage("starting the boards")
            _deploy(devices, programs, host, port, grpc_port, batch, seconds)
            yield running_boards
        finally:
            ray.shutdown()


def _start_ray(folder: str, boards: int) -> None:
    # Without room Ray waits for minutes, and then does not say why.
    room = Path(folder, "room")
    try:
        room.write_bytes(bytes(_FOLDER_BYTES))
        room.unlink()
    except OSError as error:
        raise LinkError(f"no room for Ray in {Path(folder).parent}: {error.strerror}") from None
    # One gateway sends all requests, so what it knows of queues does not age. Boards that it does
    # not know yet are asked, and passed over if they do not answer in time; 0.1 s is short.
    os.environ.setdefault("RAY_SERVE_QUEUE_LENGTH_CACHE_TIMEOUT_S", "86400")
    os.environ.setdefault("RAY_SERVE_QUEUE_LENGTH_RESPONSE_DEADLINE_S", "2")
    start_ray(
        "local",
        resources={RESOURCE: boards},
        object_store_memory=_OBJECT_BYTES,
        include_dashboard=False,
        _temp_dir=folder,
    )


def _deploy(
    devices: Sequence[str],
    programs: Mapping[str, Program],
    host: str,
    port: int,
    grpc_port: int,
    batch: int,
    seconds: float,
) -> None:
    boards = serve.deployment(
        name=BOARDS,
        num_replicas=len(devices),
        max_ongoing_requests=_UNDER_WAY,
        max_queued_requests=_QUEUE,
        request_router_config=RequestRouterConfig.model_validate({"request_router_class": _ROUTER}),
        health_check_period_s=_HEALTH_SECONDS,
        health_check_timeout_s=_HANGS_SECONDS,
        graceful_shutdown_timeout_s=_LEAVE_SECONDS,
        ray_actor_options={"num_cpus": 0, "resources": {RESOURCE: 1}},
    )(Replica)
    gateway = serve.deployment(
        name="Gateway",
        max_ongoing_requests=_QUEUE,
        graceful_shutdown_timeout_s=_LEAVE_SECONDS,
        ray_actor_options={"num_cpus": 0},
    )(Ingress)
    application = gateway.bind(
        boards.bind(devices, programs, batch), programs, seconds, host, grpc_port
    )
    quiet = {"log_level": "ERROR"}
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    try:
        serve.start(http_options={"host": host, "port": port}, logging_config=quiet)
        serve.run(application, name=APPLICATION, logging_config=quiet)
    except RuntimeError as error:
        raise LinkError(f"the fleet did not start: {error}") from None
