"""How work ends early: by Ctrl-C, or by SIGTERM and SIGHUP, which end it as Ctrl-C does."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def ended_by_signals(instead: Callable[[], object] | None = None) -> Iterator[Callable[[], None]]:
    """Signals that end a process raise KeyboardInterrupt, with their number, so that what is done is kept.

    Signals that are ignored (by ``nohup``) or that somebody handles already stay what they are.

    Parameters
    ----------
    instead : callable, optional
        Called for the first signal instead of raising: it lets a loop end.

    Yields
    ------
    callable
        Raises it again: to be called where work waits, for an exception inside a compiled callback is not passed on.
    """
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        received.append(number)
        if instead is None or len(received) > 1:
            raise KeyboardInterrupt(number)
        instead()

    def check() -> None:
        if received:
            raise KeyboardInterrupt(received[-1])

    before = {}
    if threading.current_thread() is threading.main_thread():  # the only one that may
        usual = signal.SIG_DFL, signal.default_int_handler
        before = {number: signal.signal(number, end) for number in SIGNALS if signal.getsignal(number) in usual}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def deaf() -> None:
    """Let a worker ignore what ends its parent, which then tells it to stop, and with which it ends in any case."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
