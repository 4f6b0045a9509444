"""Commands in processes that may write files of a few bytes only, as on a full disk."""

import multiprocessing
import os
import resource
import subprocess
import sys

from weft.cli import main

__all__ = ["main_limited", "weft"]


def weft(*arguments, file_bytes=resource.RLIM_INFINITY, stdout=subprocess.PIPE):
    """Run the command in a process that may write files of ``file_bytes`` at most."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    return subprocess.run(
        [sys.executable, "-m", "weft", *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=600,
        check=False,
        preexec_fn=limit,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )


def main_limited(arguments, file_bytes):
    """Run the command in a fork, which has this process's patches; return code and stderr."""
    receive, send = os.pipe()

    def run():
        os.dup2(send, 2)
        sys.stderr = os.fdopen(2, "w")
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        os._exit(main([str(argument) for argument in arguments]))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    os.close(send)
    with os.fdopen(receive) as stream:
        text = stream.read()
    process.join()
    return process.exitcode, text
