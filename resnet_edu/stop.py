"""When work that takes hours comes to a tidy end before its own."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Says whether work should end now: a signal came, `minutes` are over, or `asked()` is true.

    A first SIGINT or SIGTERM is only noted, so that nothing is cut in two, which a line on stderr
    says unless `quiet`; a second one interrupts, unless it comes within `TOGETHER` seconds.
    """

    # `timeout` signals a process and then its group, so that one signal comes twice.
    TOGETHER = 1.0

    def __init__(
        self,
        minutes: float | None = None,
        asked: Callable[[], bool] = lambda: False,
        quiet: bool = False,
    ):
        self.asked, self.quiet = asked, quiet
        self.until = time.monotonic() + 60 * minutes if minutes is not None else None
        self.signal: signal.Signals | None = None
        self.heard = 0.0  # when it came

    @property
    def reason(self) -> str:
        """Why to end, "SIGINT", "SIGTERM", "time" or "asked"; "" while there is no reason."""
        if self.signal is not None:
            return self.signal.name
        if self.until is not None and time.monotonic() >= self.until:
            return "time"
        return "asked" if self.asked() else ""

    def listen(self) -> dict[int, Any]:
        """From now on signals are noted; returns what they did before, by number.

        Only the main thread may ask for this: Python hands signals to no other.
        """
        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number in before:
            signal.signal(number, self._note)
        return before

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Signals inside are noted; outside they do what they did before."""
        before = self.listen()
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            if time.monotonic() - self.heard < self.TOGETHER:
                return
            raise KeyboardInterrupt
        self.signal, self.heard = signal.Signals(number), time.monotonic()
        if not self.quiet:
            # `print` may be in the middle of a line of its own, and must not be entered twice; and
            # that nobody is there to read it must not cut the work in two.
            with suppress(OSError, ValueError, AttributeError):
                os.write(sys.__stderr__.fileno(), b"\nstopping tidily; once more stops at once\n")
