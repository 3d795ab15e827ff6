"""What a run says while it works, to whoever is still there to read it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, Literal, TextIO

from tqdm import tqdm

Progress = Literal["bar", "lines", "none"]


class Steady:
    """A text stream that passes everything on at once, and drops what cannot be passed on.

    A log is read while the run goes on; and that its disk is full, or that its reader has gone,
    must not end hours of work.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> int:
        """The text, now; its length, whatever became of it."""
        with suppress(OSError):
            self.stream.write(text)
            self.stream.flush()
        return len(text)

    def flush(self) -> None:
        """What the stream could not take so far, once more."""
        with suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def steady() -> Iterator[None]:
    """Inside, stdout and stderr are `Steady`; what they could not take by the end is given up."""
    out, err = sys.stdout, sys.stderr
    try:
        with redirect_stdout(Steady(out)), redirect_stderr(Steady(err)):
            yield
    finally:
        for stream in (out, err):
            try:
                stream.flush()
            except OSError:
                give_up(stream)


def give_up(stream: TextIO) -> None:
    """From now on nothing more is asked of whoever read the stream, nor of the disk it went to."""
    with suppress(OSError):  # it may be no file at all
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def note(message: Warning | str, *_: Any) -> None:
    """A warning as a line for somebody who did not write the code it comes from."""
    print(f"note: {message}", file=sys.stderr)


def open_all() -> None:
    """Where stdout or stderr is closed (`>&-`), what goes there goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


def voice(name: str, progress: Progress) -> Callable[[str], None]:
    """How the run of that name says something, a line at a time."""
    if progress == "none":
        return lambda line: None
    if progress == "bar":
        return tqdm.write
    # In one piece: several runs may write to one log.
    return lambda line: print(f"{name}: {line}\n", end="", flush=True)
