#!/usr/bin/env bash
# Ray Serve 2.60.0: with serve.batch one would expect requests that wait while a batch is carried out to
# be in the next one. With max_concurrent_batches=1 and no time to wait, the next batches are formed as
# requests come, and then wait for their turn as they are: 16 requests that come one by one behind a
# batch of 2 s are carried out alone, 16 times, though up to 8 may go together and all of them waited.
# Output seen: batches: [1, 1, ..., 1] (17 of them).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "ray[serve]==2.60.0"
cat > "$folder/batches.py" <<'PY'
import asyncio
import logging

import ray
from ray import serve


@serve.deployment(max_ongoing_requests=32)
class Batches:
    def __init__(self):
        self.sizes = []

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.0, max_concurrent_batches=1)
    async def carry_out(self, requests):
        self.sizes.append(len(requests))
        await asyncio.sleep(2 if len(self.sizes) == 1 else 0.01)
        return requests

    async def measure(self):
        tasks = []
        for number in range(17):
            tasks.append(asyncio.create_task(self.carry_out(number)))
            await asyncio.sleep(0.05)
        assert await asyncio.gather(*tasks) == list(range(17))
        return self.sizes


ray.init(address="local", include_dashboard=False, logging_level=logging.ERROR)
sizes = serve.run(Batches.bind(), route_prefix=None).measure.remote().result()
ray.shutdown()
print(f"batches: {sizes}")
assert sizes == [1] * 17, "the behaviour changed"
PY
cd "$folder"
HOME="$folder" RAY_USAGE_STATS_ENABLED=0 "$folder/venv/bin/python" batches.py
