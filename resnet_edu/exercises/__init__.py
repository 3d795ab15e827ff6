"""The checks of the exercise cards, a module a chapter.

Each takes an answer and says what is right or wrong with it in a `Verdict`, which a notebook shows
as its message. A check never raises for a wrong answer, takes under five seconds, and leaves the
random numbers as it found them.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and what to tell whoever gave it."""

    right: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Right.' if self.right else 'Not yet.'} {self.message}"


NOT_STARTED = Verdict(False, "Nothing is here so far: replace the `...` with your answer.")


def nothing(answer: Callable, otherwise: str = "") -> Verdict:
    """The verdict on an answer of which nothing came: a stub, or one that has lost its result.

    A stub is a function, or a class with methods, that still has a line of `...` in it.
    """
    functions = vars(answer).values() if isinstance(answer, type) else [answer]
    for function in functions:
        try:
            lines = inspect.getsource(function).splitlines()
        except (OSError, TypeError):
            continue  # there is no source to look at
        if any(line.strip() == "..." for line in lines):
            return NOT_STARTED
    return Verdict(False, otherwise or "Your function returned None: is there a `return`?")


def raised(error: Exception) -> Verdict:
    """The verdict on an answer that raised `error`."""
    return Verdict(False, f"Your answer raised {type(error).__name__}: {error}")


class _Ended(Exception):
    """A check is over: nothing came that could be looked at."""

    def __init__(self, verdict: Verdict):
        self.verdict = verdict


def ask(answer: Callable, *case: Any) -> Any:
    """What the answer gives for a case. Where it raises or gives None, the check ends with that.

    Only inside a function that is marked with `check`.
    """
    try:
        given = answer(*case)
    except Exception as error:
        raise _Ended(raised(error)) from error
    if given is None:
        raise _Ended(nothing(answer))
    return given


def check(function: Callable[..., Verdict]) -> Callable[..., Verdict]:
    """Marks a check that asks its answer by `ask`."""

    @functools.wraps(function)
    def checked(*answers: Callable) -> Verdict:
        try:
            return function(*answers)
        except _Ended as ended:
            return ended.verdict

    return checked


@contextmanager
def own_dice() -> Iterator[None]:
    """Random numbers from a fixed seed inside, and outside none used up."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@torch.no_grad()
def lived_in(module: nn.Module) -> nn.Module:
    """The module as training might leave it: in its batch norms no scale is 1 and no shift is 0."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(std=0.5)
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 1.5)
    return module
