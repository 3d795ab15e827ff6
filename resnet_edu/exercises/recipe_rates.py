"""The check of the exercise card in *The recipe* that is about the learning rate."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from . import Verdict, ask, check


class _Run(NamedTuple):
    """What the answer is given."""

    errors: list[float]
    lr: float = 0.1
    milestones: tuple[int, ...] = (22, 30)
    below: float = 80
    look: int = 5


@check
def rates(answer: Callable[..., Sequence[float]]) -> Verdict:
    """Checks `answer(errors, lr, milestones, below, look)`: the rate that each update used."""
    falling = [95, 92, 90, 91, 88] + [85, 86, 84, 87, 79] + [60, 90, 81, 84, 85]
    late = falling + [78, 80, 79, 81, 79] + [50.0] * 20
    relapse = [90.0] * 5 + [70.0] * 5 + [95.0] * 10 + [60.0] * 20
    edge = [90.0] * 5 + [80.0] * 10 + [79.0] * 25
    after_a_milestone = [90.0] * 22 + [70.0] * 18
    runs = [_Run(errors) for errors in (late, relapse, edge, after_a_milestone, [90.0] * 40, [])]
    runs.append(_Run([75.0] * 4 + [55.0] * 16, 0.2, (9, 12, 15), below=60, look=4))
    given = []
    for run in runs:
        rate = ask(answer, *run._replace(errors=list(run.errors)))
        if not isinstance(rate, (list, tuple)) or len(rate) != len(run.errors):
            return Verdict(False, "Return a list: one rate for each update, as many as errors.")
        given.append(list(rate))
    truth = [_rates(run) for run in runs]
    if _alike(given, truth):
        return Verdict(
            True, "Seven runs; each warm-up ends where it should, or never, and for good."
        )
    if _alike(given[:-1], truth[:-1]):
        return Verdict(
            False,
            "Right for lr 0.1, milestones (22, 30), below 80 and look 5, and for no others. Is one "
            "of these numbers written into your function, or that there are two milestones?",
        )
    for message, wrong in _WRONG_RATES.items():
        if _alike(given, [wrong(run) for run in runs]):
            return Verdict(False, message)
    pairs = ((c, i) for c, run in enumerate(runs) for i in range(len(run.errors)))
    c, i = next((c, i) for c, i in pairs if not _alike([given[c][i : i + 1]], [[truth[c][i]]]))
    return Verdict(
        False,
        f"With errors {', '.join(f'{error:g}' for error in runs[c].errors[: i + 1])} update {i} "
        f"should use {truth[c][i]:g}; you use {given[c][i]}.",
    )


def _alike(given: list, wanted: list) -> bool:
    """Whether two lists of lists of rates are the same, but for rounding."""
    pairs = [(a, b) for one, other in zip(given, wanted, strict=True) for a, b in zip(one, other)]  # noqa: B905
    try:
        return all(math.isclose(a, b, rel_tol=1e-9) for a, b in pairs)
    except TypeError:
        return False


def _rates(
    run: _Run,
    *,
    shift: int = 0,  # of the update that first has the new rate
    mean_of: Callable[[Sequence[float], int], float] | None = None,
    ends: Callable[[float, float], bool] = lambda error, below: error < below,
    latched: bool = True,
    from_the_end: bool = False,
    chained: bool = False,
    through: bool = False,
    late: int = 0,
    count: Callable[[int], int] = lambda passed: passed,
) -> list[float]:
    """The rates as they should be, or with one thing changed."""
    look, lr = run.look, run.lr
    mean_of = mean_of or (lambda seen, now: sum(seen[now - look : now]) / look)
    used, ended = [], None
    for i in range(len(run.errors)):
        done = i - shift  # errors that this update may know of
        if done > 0 and done % look == 0 and (ended is None or not latched):
            ended = i if ends(mean_of(run.errors, done), run.below) else None
        at = i - (ended if from_the_end and ended is not None else 0) - late
        drop = 0.1 ** count(sum(at >= milestone for milestone in run.milestones))
        warm = ended is None
        used.append(lr / 10 * (drop if through else 1) if warm else lr * drop)
        if chained:
            used[-1] = lr / 10 * drop
    return used


_WRONG_RATES = {
    "A warm-up that never ends: the rate stays at a tenth when the error is low enough.": (
        lambda run: _rates(run, chained=True)
    ),
    "Your warm-up never ends: are the errors in per cent, and 80 a share?": (
        lambda run: _rates(run, ends=lambda error, below: error < below / 100)
    ),
    "Your warm-up ends at the first look, whatever the error: 80 is per cent, not a share.": (
        lambda run: _rates(run, ends=lambda error, below: error / 100 < below)
    ),
    "You end it when the error is 80 exactly. It should be below.": (
        lambda run: _rates(run, ends=lambda error, below: error <= below)
    ),
    "You average since the start. The first errors never leave that mean.": (
        lambda run: _rates(run, mean_of=lambda seen, now: sum(seen[:now]) / now)
    ),
    "You look at one batch. One lucky batch must not end a warm-up: average over the look.": (
        lambda run: _rates(run, mean_of=lambda seen, now: seen[now - 1])
    ),
    "It begins to warm up again when the error rises. Once ended, it has ended.": (
        lambda run: _rates(run, latched=False)
    ),
    "You count the milestones from the end of the warm-up. They count from the first update.": (
        lambda run: _rates(run, from_the_end=True)
    ),
    "While it warms up the rate is lr / 10, milestone or not.": lambda run: _rates(
        run, through=True
    ),
    "Your rate is divided an update late: update number 22, from 0, has it already.": (
        lambda run: _rates(run, late=1)
    ),
    "At the second milestone the rate is divided again, by 100 in all.": (
        lambda run: _rates(run, count=lambda passed: min(passed, 1))
    ),
    "The warm-up ends an update late: the look after five updates decides about the sixth.": (
        lambda run: _rates(run, shift=1)
    ),
    "You know the future: update number 4 comes before its own error is known.": (
        lambda run: _rates(run, shift=-1)
    ),
    "You look after every update. It should be after every `look` of them.": (
        lambda run: _rolling(run)
    ),
}


def _rolling(run: _Run) -> list[float]:
    """The rates where the last errors are looked at after every update."""
    errors, lr, look = run.errors, run.lr, run.look
    low = (i for i in range(look, len(errors)) if sum(errors[i - look : i]) / look < run.below)
    end = next(low, len(errors))
    drops = [0.1 ** sum(i >= m for m in run.milestones) for i in range(len(errors))]
    return [lr / 10 if i < end else lr * drops[i] for i in range(len(errors))]
