"""Work spread over the machines of a Ray cluster: one function, many jobs, results as they come."""

import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from weft.errors import LinkError, WeftError

__all__ = ["spread", "start_ray"]

_Common = TypeVar("_Common")
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

_CONNECT_SECONDS = 5.0
_END_SECONDS = 5.0  # in which what is under way ends, with the programs that it started


def start_ray(address: str, **options: Any) -> None:
    """Connect to a Ray cluster; ``local`` starts one on this machine, which ends with Ray.

    Raises
    ------
    LinkError
        If Ray is not installed, does not start, or nothing answers there.
    """
    try:
        import ray
    except ImportError:
        raise LinkError("Ray is missing: pip install 'weft-fpga[serve]'") from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to Ray's makers
    if address == "local":
        if "RAY_AUTH_MODE" not in os.environ and "RAY_AUTH_TOKEN" not in os.environ:
            os.environ["RAY_AUTH_TOKEN"] = token_hex(32)  # or Ray keeps one in the home folder
    elif address != "auto":
        _require_listener(address)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for last in (address != "local", True):  # a busy machine may exceed the 30 s that Ray takes
        try:
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
            break
        except Exception as error:  # some of Ray's own are of no other class
            ray.shutdown()
            if last:
                text = str(error).strip().partition("\n")[0]
                raise LinkError(f"Ray does not start: {text}") from None
    for number, handler in handlers.items():  # Ray has put its own in place
        signal.signal(number, handler)


def _require_listener(address: str) -> None:
    """Raise unless somebody listens at ``[ray://]HOST:PORT``; Ray itself waits for a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LinkError(f"no Ray cluster at {address}: {reason}") from None


def spread(
    function: Callable[[_Common, _Job], _Result],
    common: _Common,
    jobs: Sequence[_Job],
    *,
    address: str,
    modules: Sequence[Path] = (),
) -> Iterator[tuple[_Job, _Result]]:
    """Yield each job with ``function(common, job)``, computed by a core somewhere, as they end.

    A job whose machine is lost is done again elsewhere.

    Parameters
    ----------
    function : callable
        Of a module that the machines have, or that is in ``modules``.
    common : object
        The same for all jobs; it goes to each machine once.
    jobs : sequence
    address : str
        ``local``, ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``, as for :func:`start_ray`.
    modules : sequence of Path
        Folders of further packages that the machines take from here.

    Raises
    ------
    WeftError
        What ``function`` raised, or if Ray fails.
    """
    packages = [str(folder) for folder in (*_own_packages(), *modules)]
    start_ray(address, runtime_env={"py_modules": packages}, **_options(address))
    import ray
    from ray.exceptions import RayError

    waiting: dict[Any, _Job] = {}
    try:
        shared, task = ray.put(common), ray.remote(_call)
        waiting = {task.remote(function, shared, job): job for job in jobs}
        while waiting:
            [done], _ = ray.wait(list(waiting), num_returns=1)
            result, error = ray.get(done)
            if error is not None:
                raise error
            yield waiting.pop(done), result
    except RayError as error:
        text = str(error).strip().partition("\n")[0]
        raise LinkError(f"Ray failed: {text}") from None
    finally:
        for under_way in waiting:
            ray.cancel(under_way)
        if waiting:
            ray.wait(list(waiting), num_returns=len(waiting), timeout=_END_SECONDS)
        ray.shutdown()


def _call(
    function: Callable[[Any, Any], Any], common: Any, job: Any
) -> tuple[Any, WeftError | None]:
    try:
        return function(common, job), None
    except WeftError as error:
        return None, error


def _options(address: str) -> dict[str, Any]:
    return {"include_dashboard": False} if address == "local" else {}


def _own_packages() -> list[Path]:
    """Return the folders of Weft's packages, so that all machines run the same code."""
    import weft_hw

    import weft

    return [Path(package.__path__[0]) for package in (weft, weft_hw)]
