"""Faults for `test_planted_faults.py`, a module a subject: each has a list FAULTS."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """`old` becomes `new` in `module`; `check` must then fail."""

    name: str
    module: str
    old: str
    new: str
    check: Callable

    def __str__(self):
        return f"{self.name} → {self.check.__name__.removeprefix('check_')}"
