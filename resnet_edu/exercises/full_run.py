"""The checks of the exercise cards in *The full run*."""

import math
from collections.abc import Callable, Sequence

import torch

from . import Verdict, ask, check
from .full_run_average import average

__all__ = ["average", "quote", "spread_of_mean"]

Look = tuple[int, float, float]

# Iteration, validation error, test error. The lowest validation error comes twice, with a tie on
# the test pictures nowhere; the last look is best at nothing.
LOOKS: dict[str, list[Look]] = {
    "a run": [
        *((1000, 30.0, 31.0), (2000, 9.0, 9.6), (3000, 8.2, 9.1), (4000, 8.6, 8.5)),
        *((5000, 8.2, 8.8), (6000, 8.4, 9.0)),
    ],
    "a run whose first look is its best": [(10, 5.0, 6.5), (20, 7.0, 6.0), (30, 6.0, 7.5)],
    "a run with one look": [(500, 12.0, 13.0)],
}


@check
def quote(answer: Callable[[list[Look]], object]) -> Verdict:
    """Checks `answer(looks)`: the test errors of the last iterate and of those two picks choose."""
    for what, looks in LOOKS.items():
        given = ask(answer, list(looks))
        right = tuple(_test(look) for look in _picks(looks))
        if not isinstance(given, (tuple, list)) or len(given) != 3:
            return Verdict(False, f"Return three test errors; this is {given!r}.")
        if tuple(given) == right:
            continue
        said = f"For {what}: {_quote_fault(tuple(given), looks)}"
        return Verdict(False, f"{said} Wanted are {right}, yours are {tuple(given)}.")
    return Verdict(True, "Three numbers for one run, and only the first chose nothing.")


def _test(look: Look) -> float:
    return look[2]


def _picks(looks: Sequence[Look]) -> tuple[Look, Look, Look]:
    """The last look, the earliest of the best on validation, the best on the test pictures."""
    return looks[-1], min(looks, key=lambda look: look[1]), min(looks, key=_test)


def _quote_fault(given: tuple, looks: Sequence[Look]) -> str:
    last, validation, test = _picks(looks)
    latest = min(reversed(looks), key=lambda look: look[1])
    known = {
        (last[2], latest[2], test[2]): "of two looks with the same validation error the earlier "
        "one counts: training may be stopped there. `<=` keeps the later one.",
        (last[2], validation[1], test[2]): "the second is a validation error. Validation chooses "
        "the iterate; what is quoted of it is its test error.",
        (last[1], validation[1], test[1]): "these are validation errors, all three.",
        (last[0], validation[0], test[0]): "these are iterations. Wanted are test errors.",
        (last[2], test[2], validation[2]): "the second and the third have changed places.",
        (min(looks)[2], validation[2], test[2]): "the first is of the first look, not of the last.",
    }
    return known.get(given, "that is not it.")


# Correlation of one iterate with the next, and how many there are.
PROCESSES = ((0.5, 3), (0.9, 1), (0.9, 20), (0.0, 7), (0.99, 400))


@check
def spread_of_mean(answer: Callable[[float, int], object]) -> Verdict:
    """Checks `answer(rho, n)`: the variance of a mean of n iterates, in units of one's variance."""
    for rho, n in PROCESSES:
        given = ask(answer, rho, n)
        if isinstance(given, torch.Tensor) and given.numel() == 1:
            given = given.item()
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            return Verdict(False, f"Return one number; this is {type(given).__name__}.")
        right = _variance(rho, n)
        if not math.isclose(given, right, rel_tol=1e-6):
            fault = _spread_fault(given, rho, n)
            return Verdict(False, f"{n} iterates, ρ = {rho}: {fault} You have {given:.4g}.")
    return Verdict(True, "So many correlated iterates, and what they are worth.")


def _variance(rho: float, n: int) -> float:
    """Of the mean of n values, each with variance 1 and correlation rho to the power of the gap."""
    return (n + 2 * sum((n - gap) * rho**gap for gap in range(1, n))) / n**2


def _spread_fault(given: float, rho: float, n: int) -> str:
    right = _variance(rho, n)
    pairs = sum((n - gap) * rho**gap for gap in range(1, n))
    known = [
        (math.sqrt(right), "that is the root of it, a standard deviation. Wanted is the variance."),
        (right * n**2, "that is the variance of the sum. Of the mean it is n² times smaller."),
        (right * n, "a mean divides by n, so its variance divides by n², not by n."),
        ((n + pairs) / n**2, "each pair counts twice, as i with j and as j with i."),
        (2 * pairs / n**2, "each iterate is paired with itself as well, n times, and fully."),
        (1 / n, "that would be so if they were independent. Neighbours are alike."),
        (
            (1 + rho) / (1 - rho) / n if rho < 1 else math.inf,
            "that is the limit for many. With few iterates the far ends are missing.",
        ),
    ]
    for value, fault in known:
        if math.isclose(given, value, rel_tol=1e-6):
            return fault
    return "not it. Take n = 2 by hand: three different covariances, one of them twice."
