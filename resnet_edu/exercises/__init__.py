"""The checks of the exercise cards, a module a chapter.

Each takes an answer and says what is right or wrong with it in a `Verdict`, which a notebook shows
as its message. A check never raises for a wrong answer, takes under five seconds, and leaves the
random numbers as it found them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and what to tell whoever gave it."""

    right: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Right.' if self.right else 'Not yet.'} {self.message}"


NOT_STARTED = Verdict(False, "Nothing is here so far: replace the `...` with your answer.")


def raised(error: Exception) -> Verdict:
    """The verdict on an answer that raised `error`."""
    return Verdict(False, f"Your answer raised {type(error).__name__}: {error}")


@contextmanager
def own_dice() -> Iterator[None]:
    """Random numbers from a fixed seed inside, and outside none used up."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
