"""Counters of the gateway, in the text format of Prometheus."""

from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from weft.serving.replica import Reply

__all__ = ["Measures"]


class Measures:
    """Counters since the gateway began; those of a board begin again with its replica."""

    def __init__(self):
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "weft_requests",
            "Inference requests answered, by HTTP status.",
            ["model", "protocol", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "weft_request_seconds", "From a request to its answer.", ["model"], registry=registry
        )
        self._repeats = Counter(
            "weft_repeats", "Requests repeated because their board died.", registry=registry
        )
        self._running = Gauge(
            "weft_boards_running", "Boards that can take requests.", registry=registry
        )
        self._images = Gauge("weft_board_images", "Inferences.", ["board"], registry=registry)
        self._busy = Gauge(
            "weft_board_busy_seconds", "Time spent on them.", ["board"], registry=registry
        )
        self._cycles = Gauge(
            "weft_board_simulated_cycles",
            "Clock cycles in which a simulated board had something to do.",
            ["board"],
            registry=registry,
        )

    def request(self, model: str, protocol: str, status: HTTPStatus, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(model, protocol, str(status.value)).inc()
        if status is HTTPStatus.OK:
            self._seconds.labels(model).observe(seconds)

    def repeated(self) -> None:
        """Count a repetition."""
        self._repeats.inc()

    def board(self, reply: Reply) -> None:
        """Keep what a board has done so far."""
        self._images.labels(reply.board).set(reply.images)
        self._busy.labels(reply.board).set(reply.seconds)
        self._cycles.labels(reply.board).set(reply.cycles)

    def text(self, running: int) -> bytes:
        """Return everything, with the number of boards that are ``running``."""
        self._running.set(running)
        return generate_latest(self._registry)
