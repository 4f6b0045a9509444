"""Digits as requests, and answers held to ONNX Runtime."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from weft.models.digits import MODEL, held_out_inputs

__all__ = ["EXPECTED", "IMAGES", "burst", "digits", "steady"]

IMAGES = held_out_inputs()[0]
_UNDER_WAY_SECONDS = 0.2
_RUNTIME: Any = onnxruntime.InferenceSession(MODEL)
EXPECTED: NDArray[Any] = np.concatenate(
    [_RUNTIME.run(None, {"image": image[None]})[0] for image in IMAGES]
)


def digits(number: int, images: int) -> list[int]:
    """Return which images request ``number`` is of."""
    return [(16 * number + at) % len(IMAGES) for at in range(images)]


async def _infer(client: Any, number: int, images: int) -> str:
    """Ask for ``images`` digits, compare the scores, and return the board that made them."""
    from tritonclient.grpc import InferInput

    chosen = digits(number, images)
    tensor = InferInput("image", [images, *IMAGES.shape[1:]], "FP32")
    tensor.set_data_from_numpy(IMAGES[chosen])
    answer = await client.infer("digits", [tensor], request_id=str(number))
    response = answer.get_response()
    assert response.id == str(number)
    np.testing.assert_array_equal(answer.as_numpy("scores"), EXPECTED[chosen])
    return response.parameters["board"].string_param


def burst(grpc: str, sizes: Sequence[int], first: int) -> Counter[str]:
    """Send the ``first`` requests, and all others once those are under way.

    Each is of so many images as ``sizes`` says. Returns how many each board has answered.
    """
    return asyncio.run(_burst(grpc, sizes, first))


async def _burst(grpc: str, sizes: Sequence[int], first: int) -> Counter[str]:
    from tritonclient.grpc.aio import InferenceServerClient

    client, tasks = InferenceServerClient(grpc), []
    try:
        for number, size in enumerate(sizes):
            if number == first:  # long messages come after short ones that are sent with them
                await asyncio.sleep(_UNDER_WAY_SECONDS)
            tasks.append(asyncio.create_task(_infer(client, number, size)))
        return Counter(await asyncio.gather(*tasks))
    finally:
        await client.close()


def steady(
    grpc: str, requests: int, at_once: int, between: Callable[[int], object] = lambda number: None
) -> Counter[str]:
    """Keep ``at_once`` requests of one image under way; call ``between(n)`` before number n."""
    return asyncio.run(_steady(grpc, requests, at_once, between))


async def _steady(
    grpc: str, requests: int, at_once: int, between: Callable[[int], object]
) -> Counter[str]:
    from tritonclient.grpc.aio import InferenceServerClient

    boards: Counter[str] = Counter()
    left = iter(range(requests))

    async def work() -> None:
        for number in left:
            between(number)
            boards[await _infer(client, number, 1)] += 1

    client = InferenceServerClient(grpc)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    finally:
        await client.close()
    return boards
