"""The host's side of the protocol: a window of numbered requests, answered in order.

The board carries out a request only if its sequence number is the next, so requests may be sent
ahead of the replies, and sent again when in doubt (go-back-N). It answers every request that
reaches it whole; for one out of order the answer says which number it expects, which tells
whether that one was carried out before or something before it was lost.
"""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from weft_hw.contract.fields import pack, unpack
from weft_hw.contract.packet import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    OVERHEAD_BYTES,
    PROTOCOL_VERSION,
    REPLY,
    REPLY_FIELDS,
    REQUEST_FIELDS,
    Request,
    Status,
    field_bytes,
)

from weft.driver.call import Call, ReplyLost
from weft.driver.frames import Frames, LinkStatistics
from weft.driver.transports.base import Transport
from weft.errors import LinkError

__all__ = ["Link"]

_ANSWERED = (Request.READ, Request.STATUS, Request.WAIT)  # what a lost reply takes with it


@dataclass
class Link:
    """Numbered requests over a transport that may lose and damage bytes.

    Parameters
    ----------
    transport : Transport
    timeout : float
        Seconds without a reply after which requests are sent again.
    retries : int
        How often in a row, before the link is given up.
    """

    transport: Transport
    timeout: float = 0.5
    retries: int = 8
    statistics: LinkStatistics = field(default_factory=LinkStatistics)
    is_open: bool = False
    buffer_bytes: int = 64
    buffer_frames: int = 1

    def __post_init__(self):
        self._frames = Frames(self.transport, self.statistics)
        self._waiting: deque[Call] = deque()  # not sent yet
        self._window: deque[Call] = deque()  # sent, not known to be carried out
        self._next = 0
        self._went_back_to: int | None = None
        self._attempts = 0

    def open(self) -> dict[str, int]:
        """Begin a session, whatever state the board is in; return what HELLO tells.

        Raises
        ------
        LinkError
            If nothing answers, or something that is no board of this version.
        """
        self.is_open = False
        self._waiting.clear()
        self._window.clear()
        session = secrets.randbits(32)
        body = pack(REQUEST_FIELDS[Request.RESET], {"session": session}).to_bytes(4, "little")
        self._ask(Request.RESET, body, body)
        hello = self._ask(Request.HELLO, b"")
        if hello[0] != PROTOCOL_VERSION:
            raise LinkError(
                f"the board speaks version {hello[0]} of the protocol, this host "
                f"version {PROTOCOL_VERSION}"
            )
        facts = unpack(REPLY_FIELDS[Request.HELLO], int.from_bytes(hello, "little"))
        self.buffer_bytes, self.buffer_frames = facts["buffer_bytes"], facts["buffer_frames"]
        self._next, self._went_back_to, self._attempts = 1, None, 0
        self.is_open = True
        return facts

    @property
    def payload_bytes(self) -> int:
        """Data bytes per request, so that two requests fit the board's buffer."""
        overhead = OVERHEAD_BYTES + field_bytes(REQUEST_FIELDS[Request.PIXELS])
        return min(MAX_PAYLOAD_BYTES, self.buffer_bytes // 2 - overhead)

    def submit(
        self, kind: Request, fields: Mapping[str, int] | None = None, data: bytes = b""
    ) -> Call:
        """Queue a request; it is sent when there is room and somebody waits.

        Parameters
        ----------
        kind : Request
        fields : mapping
            Its fields by name (:data:`~weft_hw.contract.packet.REQUEST_FIELDS`).
        data : bytes
            What follows them.
        """
        table = REQUEST_FIELDS[kind]
        head = pack(table, fields or {}).to_bytes(field_bytes(table), "little")
        call = Call(kind, head + data)
        if call.size > self.buffer_bytes:
            raise ValueError(
                f"a request must be at most {self.buffer_bytes} bytes, not {call.size}"
            )
        self._waiting.append(call)
        return call

    def finish(self, call: Call, timeout: float | None = None) -> bytes:
        """Wait for the reply to ``call`` and return its fields and data.

        Parameters
        ----------
        call : Call
        timeout : float, optional
            Seconds after which to give up, if the board may take long over it.

        Raises
        ------
        LinkError
            If the board refuses the request, has lost the session, or does not answer; the link
            is closed then.
        ReplyLost
            If the board did what it was asked, but the answer is gone.
        """
        if not self.is_open:
            raise LinkError("the link is closed after an error")
        deadline = self.transport.now() + (timeout or 0.0)
        # The oldest request may be a WAIT, whose board is silent for as long as the engine runs.
        attempts = self.retries + int((timeout or 0.0) / self.timeout)
        try:
            while not call.done:
                self._send_more()
                self._take_reply(deadline, attempts)
        except LinkError:
            self.is_open = False
            raise
        if call.reply is None:
            if call.kind in _ANSWERED:
                raise ReplyLost(f"the reply to {call.kind.name} was lost")
            return b""
        return call.reply

    # Without a session.

    def _ask(self, kind: Request, body: bytes, answer: bytes | None = None) -> bytes:
        """Return the reply to a request without a number, sent until it is answered."""
        for attempt in range(self.retries + 1):
            self.statistics.retries += attempt > 0
            # A zero ends whatever the last host, or noise, left unfinished.
            self.transport.write(b"\0")
            self._frames.send([bytes([kind, 0]) + body])
            now = self.transport.now
            deadline = now() + self.timeout
            while (content := self._frames.receive(max(0.0, deadline - now()))) is not None:
                reply = content[HEADER_BYTES + 1 :]
                fits = len(reply) == field_bytes(REPLY_FIELDS[kind]) and answer in (None, reply)
                if content[:3] == bytes([kind | REPLY, 0, Status.OK]) and fits:
                    return reply
        raise LinkError(
            f"the board does not answer (tried {self.retries + 1} times){self.transport.silence}"
        )

    # The window.

    def _send_more(self):
        frames = []
        used = sum(call.size for call in self._window)
        while self._waiting and len(self._window) < self.buffer_frames:
            used += self._waiting[0].size
            if used > self.buffer_bytes:
                break
            call = self._waiting.popleft()
            call.sequence, self._next = self._next, (self._next + 1) % 256
            self._window.append(call)
            frames.append(call.frame)
        if frames:
            self._frames.send(frames)

    def _send_again(self):
        self.statistics.retries += 1
        self._frames.send([call.frame for call in self._window])

    def _patience(self) -> float:
        """Seconds to wait for the next reply before the window is sent again."""
        rate = self.transport.bytes_per_second
        under_way = sum(call.size + OVERHEAD_BYTES for call in self._window)
        replies = sum(64 + 1024 * (call.kind == Request.READ) for call in self._window)
        return self.timeout + (2 * (under_way + replies) / rate if rate else 0.0)

    def _take_reply(self, deadline: float, attempts: int):
        content = self._frames.receive(self._patience())
        if content is None:
            late = self.transport.now() >= deadline
            if self._attempts >= attempts or (late and self._attempts >= self.retries):
                raise LinkError(
                    f"the board did not answer {self._window[0].kind.name} "
                    f"(sent {self._attempts + 1} times)"
                )
            self._attempts += 1
            self._send_again()
            return
        kind, sequence, status = content[:3]
        call = next(
            (
                call
                for call in self._window
                if call.sequence == sequence and call.kind | REPLY == kind
            ),
            None,
        )
        if call is None:
            return  # the reply to a request that is answered already
        if status == Status.OK:
            while self._window[0] is not call:
                self._pop_lost()
            self._window.popleft().reply = content[3:]
            self._attempts, self._went_back_to = 0, None
        elif status == Status.SEQUENCE and len(content) == 4:
            self._resume_from(content[3])
        elif status == Status.SESSION:
            raise LinkError(
                "the board has lost the session: it was reset, or nobody spoke to it for too long"
            )
        else:
            name = Status(status).name if status in list(Status) else str(status)
            raise LinkError(f"the board refused {call.kind.name}: {name}")

    def _resume_from(self, expected: int):
        """Drop what was carried out before ``expected``; send the rest again, once."""
        executed = (expected - (self._window[0].sequence or 0)) % 256
        if executed > len(self._window):
            raise LinkError(f"the board expects request {expected}, which was answered long ago")
        for _ in range(executed):
            self._pop_lost()
        if self._window and self._went_back_to != expected:
            self._went_back_to = expected
            self._send_again()

    def _pop_lost(self):
        self._window.popleft().lost = True
        self._attempts = 0
        self._went_back_to = None
