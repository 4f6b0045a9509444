"""Command line: one command a file, errors of one sentence, exit codes 0 to 3.

Here is what stands around every command: signals and standard streams, from the first import on.
"""

import sys

__all__ = ["Ended", "main"]

_SIGNALS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
_REPEAT_SECONDS = 1.0
_OBJECTS = 200_000  # between two searches for cycles: graphs and programs are trees, and large


class Ended(BaseException):
    """A signal ends this process; on its way out every ``finally`` puts things in order."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def main(arguments: "list[str] | None" = None) -> int:
    """Run the command line and return its exit code.

    0: done; 1: outputs differ; 2: bad usage or input; 3: device or link; 128 and its number for a
    signal. An error is one sentence on stderr; ``--debug`` anywhere before ``--`` adds the
    traceback.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process, which then has nothing left to do but to exit.
    """
    signals = _Signals()
    try:
        # Imports take a while, so that even those of the standard library stand in here.
        if arguments is None:
            _keep_lost(signals)
        signals.catch()
        if arguments is None:
            _prepare_process()
        from weft.cli.app import run

        code = run(sys.argv[1:] if arguments is None else arguments)
        signals.over = True
    except (Ended, KeyboardInterrupt) as end:  # the latter where no signal was caught yet
        signals.over = True
        from weft.cli.terminal import say_error

        number = getattr(end, "number", 2)
        say_error(f"weft: {signals.words.get(number, 'interrupted')}")
        code = 128 + number
    if arguments is None:
        from weft.cli.terminal import close_streams

        close_streams()
    signals.release(to_nothing=arguments is None)
    return code


class _Signals:
    """Signals that raise :class:`Ended`, until ``over`` is set."""

    def __init__(self):
        self.over = False
        self.words: dict[int, str] = {}
        self._before: dict = {}
        self._last = 0.0

    def catch(self) -> None:
        """Catch what is not ignored, as SIGHUP is by nohup."""
        import signal
        import time

        self._clock = time.monotonic
        for name, word in _SIGNALS.items():
            number = getattr(signal, name, None)
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                continue
            try:
                self._before[number] = signal.signal(number, self._raise)
            except ValueError:  # not in the main thread, which alone gets signals
                return
            self.words[int(number)] = word

    def release(self, *, to_nothing: bool) -> None:
        """Let signals do what they did before, or nothing while Python shuts down."""
        import signal

        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if to_nothing else handler)

    def _raise(self, number: int, _frame: object) -> None:
        # One more while the first one's way out is taken would leave things half done.
        now = self._clock()
        if not self.over and (not self._last or now - self._last > _REPEAT_SECONDS):
            self._last = now
            raise Ended(number)

    def again(self, number: int) -> None:
        """Send a signal that got lost."""
        import os
        import threading

        self._last = 0.0
        threading.Timer(0.01, os.kill, (os.getpid(), number)).start()


def _prepare_process() -> None:
    import gc
    import warnings

    from weft.cli.terminal import open_streams

    open_streams()
    gc.set_threshold(_OBJECTS)
    if not sys.warnoptions:  # as of Amaranth's components that a signal left unused
        warnings.simplefilter("ignore")


def _keep_lost(signals: _Signals) -> None:
    """Send again what Python drops because it is raised in a __del__ or a callback.

    The import of a module has such a callback, so this comes before the first of them.
    """
    usual = sys.unraisablehook

    def hook(lost):
        if isinstance(lost.exc_value, Ended):
            signals.again(lost.exc_value.number)
        else:
            usual(lost)

    sys.unraisablehook = hook
