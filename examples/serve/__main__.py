"""A fleet of two boards, asked by Triton's client; one board is unplugged while it works.

``python -m examples.serve`` starts everything, and writes the page's table.
"""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import weft
from numpy.typing import NDArray
from weft.models.digits import held_out_inputs

from examples.training import table, write_block

HERE = Path(__file__).parent
TOGETHER = 10  # digits in a request
AT_ONCE = 6  # requests under way


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``weft`` with ``arguments`` until the end; give the process, and the line it prints."""
    words = [sys.executable, "-m", "weft", *arguments]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()


def ask(place: str, images: NDArray[np.float32]) -> NDArray[Any]:
    """Return the scores that the fleet at ``place`` gives ``images``."""
    import tritonclient.grpc as triton

    client: Any = triton.InferenceServerClient(place)
    tensor = triton.InferInput("image", list(images.shape), "FP32")
    tensor.set_data_from_numpy(images)
    scores = client.infer("digits", [tensor]).as_numpy("scores")
    client.close()
    return scores


def result() -> str:
    """Return the page's table."""
    images, labels = held_out_inputs()
    parts = [images[at : at + TOGETHER] for at in range(0, len(images), TOGETHER)]
    with ExitStack() as stack:
        first, name = stack.enter_context(started("serve-sim"))
        _, other = stack.enter_context(started("serve-sim"))
        boards = f"{name},{other}"
        words = ["serve", "digits", "--boards", boards, "--port", "0", "--grpc-port", "0"]
        _, places = stack.enter_context(started(*words))
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        answers = [pool.submit(ask, places.rpartition("://")[2], part) for part in parts]
        answers[len(parts) // 3].result()
        first.kill()  # the plug is pulled
        scores = np.concatenate([answer.result() for answer in answers])
    with weft.InferenceSession("digits") as session:
        [expected] = session.run(None, {"image": images})
    rows = [
        ["digits sent", len(images)],
        ["digits answered", len(scores)],
        ["answers equal to those of the golden model", int((scores == expected).all(1).sum())],
        ["digits read rightly", int((scores.argmax(1) == labels).sum())],
    ]
    return table(["", "two boards, one of them unplugged"], rows)


if __name__ == "__main__":
    found = result()
    write_block(HERE / "README.md", found)
    print(found)
