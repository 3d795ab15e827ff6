"""The check of the exercise card in *The recipe* that is about the learning rate."""

import math
from collections.abc import Callable, Sequence

from . import Verdict, ask, check

LOOK, BELOW, LR, MILESTONES = 5, 80, 0.1, (22, 30)


@check
def rates(answer: Callable[..., Sequence[float]]) -> Verdict:
    """Checks `answer(errors, lr, milestones, below, look)`: the rate that each update used."""
    falling = [95, 92, 90, 91, 88] + [85, 86, 84, 87, 79] + [60, 90, 81, 84, 85]
    late = falling + [78, 80, 79, 81, 79] + [50.0] * 20
    relapse = [90.0] * 5 + [70.0] * 5 + [95.0] * 10 + [60.0] * 20
    edge = [90.0] * 5 + [80.0] * 10 + [79.0] * 25
    after_a_milestone = [90.0] * 22 + [70.0] * 18
    cases = (late, relapse, edge, after_a_milestone, [90.0] * 40, [])
    given = []
    for errors in cases:
        rate = ask(answer, list(errors), LR, MILESTONES, BELOW, LOOK)
        if not isinstance(rate, (list, tuple)) or len(rate) != len(errors):
            return Verdict(False, "Return a list: one rate for each update, as many as errors.")
        given.append(list(rate))
    if _alike(given, [_rates(errors) for errors in cases]):
        return Verdict(True, "Six runs; each warm-up ends where it should, or never, and for good.")
    for message, wrong in _WRONG_RATES.items():
        if _alike(given, [wrong(errors) for errors in cases]):
            return Verdict(False, message)
    truth = [_rates(errors) for errors in cases]
    pairs = ((c, i) for c in range(len(cases)) for i in range(len(cases[c])))
    c, i = next((c, i) for c, i in pairs if not _alike([given[c][i : i + 1]], [[truth[c][i]]]))
    return Verdict(
        False,
        f"With errors {', '.join(f'{error:g}' for error in cases[c][: i + 1])} update {i} should "
        f"use {truth[c][i]:g}; you use {given[c][i]}.",
    )


def _alike(given: list, wanted: list) -> bool:
    """Whether two lists of lists of rates are the same, but for rounding."""
    pairs = [(a, b) for one, other in zip(given, wanted, strict=True) for a, b in zip(one, other)]  # noqa: B905
    try:
        return all(math.isclose(a, b, rel_tol=1e-9) for a, b in pairs)
    except TypeError:
        return False


def _rates(
    errors: Sequence[float],
    below: float = BELOW,
    look: int = LOOK,
    *,
    shift: int = 0,  # of the update that first has the new rate
    mean_of: Callable[[Sequence[float], int], float] | None = None,
    ends: Callable[[float], bool] | None = None,
    latched: bool = True,
    from_the_end: bool = False,
    chained: bool = False,
    through: bool = False,
    late: int = 0,
    count: Callable[[int], int] = lambda passed: passed,
) -> list[float]:
    """The rates as they should be, or with one thing changed."""
    mean_of = mean_of or (lambda seen, now: sum(seen[now - look : now]) / look)
    ends = ends or (lambda error: error < below)
    used, ended = [], None
    for i in range(len(errors)):
        done = i - shift  # errors that this update may know of
        if done > 0 and done % look == 0 and (ended is None or not latched):
            ended = i if ends(mean_of(errors, done)) else None
        at = i - (ended if from_the_end and ended is not None else 0) - late
        drop = 0.1 ** count(sum(at >= milestone for milestone in MILESTONES))
        warm = ended is None
        used.append(LR / 10 * (drop if through else 1) if warm else LR * drop)
        if chained:
            used[-1] = LR / 10 * drop
    return used


_WRONG_RATES = {
    "A warm-up that never ends: the rate stays at a tenth when the error is low enough.": (
        lambda e: _rates(e, chained=True)
    ),
    "Your warm-up never ends: are the errors in per cent, and 80 a share?": (
        lambda e: _rates(e, ends=lambda error: error < 0.8)
    ),
    "Your warm-up ends at the first look, whatever the error: 80 is per cent, not a share.": (
        lambda e: _rates(e, ends=lambda error: error / 100 < BELOW)
    ),
    "You end it when the error is 80 exactly. It should be below.": (
        lambda e: _rates(e, ends=lambda error: error <= BELOW)
    ),
    "You average since the start. The first errors never leave that mean.": (
        lambda e: _rates(e, mean_of=lambda seen, now: sum(seen[:now]) / now)
    ),
    "You look at one batch. One lucky batch must not end a warm-up: average over the look.": (
        lambda e: _rates(e, mean_of=lambda seen, now: seen[now - 1])
    ),
    "It begins to warm up again when the error rises. Once ended, it has ended.": (
        lambda e: _rates(e, latched=False)
    ),
    "You count the milestones from the end of the warm-up. They count from the first update.": (
        lambda e: _rates(e, from_the_end=True)
    ),
    "While it warms up the rate is lr / 10, milestone or not.": lambda e: _rates(e, through=True),
    "Your rate is divided an update late: update number 22, from 0, has it already.": (
        lambda e: _rates(e, late=1)
    ),
    "At the second milestone the rate is divided again, by 100 in all.": (
        lambda e: _rates(e, count=lambda passed: min(passed, 1))
    ),
    "The warm-up ends an update late: the look after five updates decides about the sixth.": (
        lambda e: _rates(e, shift=1)
    ),
    "You know the future: update number 4 comes before its own error is known.": (
        lambda e: _rates(e, shift=-1)
    ),
    "You look after every update. It should be after every `look` of them.": (
        lambda e: _rolling(e)
    ),
}


def _rolling(errors: Sequence[float]) -> list[float]:
    """The rates where the last errors are looked at after every update."""
    low = (i for i in range(LOOK, len(errors)) if sum(errors[i - LOOK : i]) / LOOK < BELOW)
    end = next(low, len(errors))
    drops = [0.1 ** sum(i >= m for m in MILESTONES) for i in range(len(errors))]
    return [LR / 10 if i < end else LR * drops[i] for i in range(len(errors))]
