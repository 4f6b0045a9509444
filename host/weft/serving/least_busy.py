"""Which board gets a request: the one with the fewest under way; of equals, whose turn it is.

Ray Serve's own choice is the better one of two at random, by queue lengths as boards told them a
while ago. But the gateway sends all requests, so it knows how many each board has.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import count

from ray.serve.request_router import (
    FIFOMixin,
    PendingRequest,
    ReplicaID,
    RequestRouter,
    RunningReplica,
)

__all__ = ["LeastBusy"]


class LeastBusy(FIFOMixin, RequestRouter):
    """Orders the replicas for each request; Ray Serve sends it to the first that takes it."""

    def initialize_state(self, **_options: object) -> None:
        """Begin with nothing under way."""
        self._under_way, self._last = Counter[ReplicaID](), Counter[ReplicaID]()
        self._turns = count(1)

    @property
    def max_num_routing_tasks(self) -> int:
        """Choose for one request after the other."""
        return 1

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """Return the replicas, each a choice of its own, the best one first."""
        await asyncio.sleep(0)  # requests whose replica was chosen are sent, and counted, first
        names = [replica.replica_id for replica in candidate_replicas]
        order = self.order(names)
        return [[candidate_replicas[at]] for at in order]

    def order(self, replicas: Sequence[ReplicaID]) -> list[int]:
        """Return the indices of ``replicas``, the best one first, whose turn then is over."""

        def rank(at: int) -> tuple[int, int]:
            return self._under_way[replicas[at]], self._last[replicas[at]]

        order = sorted(range(len(replicas)), key=rank)
        if order:
            self._last[replicas[order[0]]] = next(self._turns)
        return order

    def on_send_request(self, replica_id: ReplicaID) -> None:
        """Count a request that goes to a replica."""
        super().on_send_request(replica_id)
        self._under_way[replica_id] += 1

    def on_request_completed(self, replica_id: ReplicaID, internal_request_id: str) -> None:
        """Count it no more, however it ended."""
        self._under_way[replica_id] -= 1
