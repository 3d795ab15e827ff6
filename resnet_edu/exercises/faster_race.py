"""The check of the exercise card in *Faster* that is about a fair race; its clock is not real."""

import statistics
from collections.abc import Callable
from itertools import pairwise

from . import Verdict, ask, check


class _Machine:
    """A clock and a device that nobody waits for: calls are queued, and take their time.

    The first call of each step takes long, as where something is compiled; the machine gets slower
    and slower, as a laptop does; and once something else comes between.
    """

    COST = {"a": 6.0, "b": 4.0}
    LAUNCH = 0.25

    def __init__(self):
        self.now, self.free, self.calls = 0.0, 0.0, ""

    def step(self, name: str) -> Callable[[], None]:
        def call() -> None:
            cost = self.COST[name] * (1 + len(self.calls) / 40)
            cost *= 30 if name not in self.calls else 1
            cost += 60 if len(self.calls) == 7 else 0
            self.calls += name
            self.now += self.LAUNCH
            self.free = max(self.free, self.now) + cost

        return call

    def clock(self) -> float:
        self.now += 0.001  # a look at the clock takes time, too
        return self.now

    def wait(self) -> None:
        self.now = max(self.now, self.free)


@check
def race(answer: Callable[..., tuple[float, float, float]]) -> Verdict:
    """Checks `answer(a, b, rounds, clock, wait)`: (median, lowest, highest) ratio of the rounds."""
    for rounds in (5, 6, 9):
        machine = _Machine()
        a, b = machine.step("a"), machine.step("b")
        given = ask(answer, a, b, rounds, machine.clock, machine.wait)
        if fault := _misrun(given, machine.calls, rounds):
            return Verdict(False, f"With {rounds} rounds: {fault}")
    return Verdict(True, "Three races on a machine that does all it can to be unfair.")


def _misrun(given: object, calls: str, rounds: int) -> str:
    """What is wrong with a race, or "" if nothing is."""
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return f"the answer should be (median, lowest, highest), not {given!r}."
    if _same(given, _run(_fair, rounds)):
        return ""
    each = {name: calls.count(name) for name in "ab"}
    if each == {"a": rounds, "b": rounds} or each == {"a": rounds, "b": rounds + 1}:
        return "each step is called once before anything is timed: the first call is like no other."
    if each != {"a": rounds + 1, "b": rounds + 1}:
        return (
            f"you call a {each['a']} and b {each['b']} times. Once before, and once a round, makes "
            f"{rounds + 1} each."
        )
    timed = calls[2:]
    if timed in ("a" * rounds + "b" * rounds, "b" * rounds + "a" * rounds):
        return "first all of one, then all of the other: who comes later meets a slower machine."
    if calls[: rounds + 1] == calls[0] * (rounds + 1):
        return "first all of one, then all of the other: who comes later meets a slower machine."
    if all(
        x + y == z + w for (x, y), (z, w) in pairwise(zip(timed[::2], timed[1::2], strict=True))
    ):
        return "the same step goes first in every round. Let them take turns."
    for message, wrong in _WRONG.items():
        if _same(given, _run(wrong, rounds)):
            return message
    return (
        "the calls are right, the numbers are not. Wait, look at the clock, call, wait, look again."
    )


def _same(given: object, truth: tuple[float, ...]) -> bool:
    try:
        return all(abs(x - y) <= 1e-9 * abs(y) for x, y in zip(given, truth, strict=True))
    except TypeError:
        return False


def _run(how: Callable[..., tuple], rounds: int) -> tuple:
    machine = _Machine()
    return how(machine.step("a"), machine.step("b"), rounds, machine.clock, machine.wait)


def _times(a, b, rounds, clock, wait, before=True, after=True, warm=True) -> tuple:  # noqa: ANN001
    """The seconds of both, round by round, waiting where it is said."""
    a()
    b()
    if warm:
        wait()
    seconds = {a: [], b: []}
    for i in range(rounds):
        for step in (a, b) if i % 2 == 0 else (b, a):
            if before:
                wait()
            started = clock()
            step()
            if after:
                wait()
            seconds[step].append(clock() - started)
    return seconds[a], seconds[b]


def _summed_up(slow: list[float], fast: list[float]) -> tuple[float, float, float]:
    ratios = [x / y for x, y in zip(slow, fast, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def _fair(*told) -> tuple:  # noqa: ANN002
    return _summed_up(*_times(*told))


def _of(summary: Callable[[list, list], tuple], **waits: bool) -> Callable[..., tuple]:
    return lambda *told: summary(*_times(*told, **waits))


def _mean(slow: list[float], fast: list[float]) -> tuple:
    ratios = [x / y for x, y in zip(slow, fast, strict=True)]
    return statistics.mean(ratios), min(ratios), max(ratios)


def _of_medians(slow: list[float], fast: list[float]) -> tuple:
    return statistics.median(slow) / statistics.median(fast), *_summed_up(slow, fast)[1:]


def _one_of_two(slow: list[float], fast: list[float]) -> tuple:
    ratios = sorted(x / y for x, y in zip(slow, fast, strict=True))
    return ratios[len(ratios) // 2], ratios[0], ratios[-1]


def _upside_down(slow: list[float], fast: list[float]) -> tuple:
    median, low, high = _summed_up(slow, fast)
    return median, high, low


_WRONG: dict[str, Callable[..., tuple]] = {
    "nobody waits for the device before the second look at the clock: that times the telling.": (
        _of(_summed_up, after=False)
    ),
    "what was told before the first round is still being done when its clock starts: wait.": (
        _of(_summed_up, before=False, warm=False)
    ),
    "that is the mean of the ratios. One interruption moves it; the median does not care.": (
        _of(_mean)
    ),
    "that is the ratio of two medians. Pair what stood side by side, then take the median.": (
        _of(_of_medians)
    ),
    "with an even number of rounds the median lies half-way between the two in the middle.": (
        _of(_one_of_two)
    ),
    "you have turned the ratio over: seconds of a over seconds of b.": (
        lambda *told: _summed_up(*reversed(_times(*told)))
    ),
    "lowest and highest have changed places.": _of(_upside_down),
}
